"""The domain: orders of stores and their daily summary. Knows no web framework and no clock."""
