"""The rows of the table in docs/performance.md: one module for each group of scenarios."""
