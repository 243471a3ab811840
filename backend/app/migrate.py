"""`python -m app.migrate`: brings the schema up to date, then loads the sample data.

Safe to run again and at the same time from several tasks: an advisory lock lets one in at a time,
Alembic applies what is missing, and sample rows that are there stay as they are.
"""

from __future__ import annotations

import argparse
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from app.database import DatabaseUnreachable, create_database_engine, wait_for_database
from app.json_log import configure_logging
from app.seed import seed
from app.settings import Settings, SettingsError, load_settings

log = logging.getLogger(__name__)
LOCK = 7_305_091  # Any number that nothing else in this database takes.


def upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def migrate(settings: Settings, now: datetime, with_seed: bool = True) -> int:
    """Answers how many sample rows were new."""
    engine = create_database_engine(settings)
    try:
        wait_for_database(engine, settings)
        with engine.begin() as connection:
            connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": LOCK})
            upgrade(connection)
            return seed(connection, now) if with_seed else 0
    finally:
        engine.dispose()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m app.migrate", description=__doc__)
    parser.add_argument("--no-seed", action="store_true", help="schema only, no sample data")
    options = parser.parse_args(arguments)
    configure_logging(job_name="migrate")
    try:
        rows = migrate(load_settings(), datetime.now(UTC), with_seed=not options.no_seed)
    except SettingsError as error:
        log.error("settings are wrong", extra={"reason": str(error)})
        return 2
    except DatabaseUnreachable as error:
        log.error("database not reachable", extra={"reason": str(error)})
        return 3
    log.info("schema is up to date", extra={"sample_rows_added": rows})
    return 0


if __name__ == "__main__":
    sys.exit(main())
