"""Alembic's entry: migrates on the connection that app.migrate hands over, in its transaction."""

from __future__ import annotations

from alembic import context

from sales.models import Base

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("run `python -m app.migrate`: it hands the connection over")
context.configure(connection=connection, target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
