"""The connection to PostgreSQL."""

from __future__ import annotations

import logging
import time

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError

from app.settings import Settings

log = logging.getLogger(__name__)
ATTEMPT_SECONDS = 5
PAUSE_SECONDS = 1.0


class DatabaseUnreachable(Exception):
    """No connection within the time allowed."""


def create_database_engine(settings: Settings) -> Engine:
    return create_engine(
        settings.database_url,
        pool_pre_ping=True,
        pool_size=5,
        connect_args={"connect_timeout": ATTEMPT_SECONDS, "application_name": "backend"},
    )


def wait_for_database(engine: Engine, settings: Settings) -> None:
    """Tries until a query works, at most connect_timeout_seconds."""
    deadline = time.monotonic() + settings.connect_timeout_seconds
    while True:
        try:
            with engine.connect() as connection:
                connection.execute(text("select 1"))
                return
        except OperationalError as error:
            reason = str(error.orig).strip()
            if time.monotonic() + PAUSE_SECONDS > deadline:
                raise DatabaseUnreachable(reason) from error
            log.warning("database not reachable yet", extra={"reason": reason})
            time.sleep(PAUSE_SECONDS)
