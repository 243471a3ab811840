"""The HTTP service and what service and batch share: settings, logging, database, migrations."""
