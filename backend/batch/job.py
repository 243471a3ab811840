"""What every job shares: its command line, its log lines, its exit codes.

0    done (or, with --dry-run, would have been)
1    the job failed; nothing was written, the transaction was rolled back
2    wrong usage or settings
3    the database was not reachable in time
4    the schema is missing or older than the job: run `python -m app.migrate`
143  stopped by SIGTERM; nothing was written
"""

from __future__ import annotations

import argparse
import logging
import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import IntEnum
from types import FrameType
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from app.database import DatabaseUnreachable, create_database_engine, wait_for_database
from app.json_log import configure_logging
from app.settings import SettingsError, load_settings
from sales.business_date import business_date_of, parse_instant

log = logging.getLogger("batch")


class Exit(IntEnum):
    DONE = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    SCHEMA = 4
    STOPPED = 143


class JobFailed(Exception):
    """The job cannot do what it was asked for."""


class Stopped(BaseException):
    """SIGTERM: ECS stops the task. Not an Exception, so that nothing on the way swallows it."""


@dataclass(frozen=True)
class Context:
    engine: Engine
    options: argparse.Namespace
    scheduled_at: datetime
    business_date: date
    job_name: str


def instant(text: str) -> datetime:
    try:
        return parse_instant(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def create_parser(module: str, description: str | None, job_name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=description,
        epilog=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--scheduled-at",
        type=instant,
        metavar="TIME",
        help="ISO 8601 with offset; its date in Asia/Tokyo is the business date "
        "(default: now, for a run by hand)",
    )
    parser.add_argument("--job-name", default=job_name, help="name in the logs and in batch_runs")
    parser.add_argument("--dry-run", action="store_true", help="do everything, then roll back")
    return parser


def stop(_signal: int, _frame: FrameType | None) -> None:
    raise Stopped("SIGTERM")


def run_job(options: argparse.Namespace, work: Callable[[Context], dict[str, Any]]) -> int:
    """Runs `work`, whose answer goes into the last log line. Answers the exit code."""
    scheduled_at: datetime = options.scheduled_at or datetime.now(UTC)
    business_date = business_date_of(scheduled_at)
    configure_logging(job_name=options.job_name, business_date=business_date.isoformat())
    # The first process of a container has no default action for SIGTERM.
    signal.signal(signal.SIGTERM, stop)
    try:
        settings = load_settings()
        engine = create_database_engine(settings)
        log.info(
            "job started",
            extra={
                "stage": settings.stage,
                "scheduled_at": scheduled_at.isoformat().replace("+00:00", "Z"),
                "manual": options.scheduled_at is None,
                "dry_run": options.dry_run,
            },
        )
        wait_for_database(engine, settings)
        context = Context(engine, options, scheduled_at, business_date, options.job_name)
        outcome = work(context)
    except (Exception, Stopped) as error:
        return report_failure(error)
    log.info("job finished", extra={**outcome, "exit_code": int(Exit.DONE)})
    return Exit.DONE


# The first that fits counts.
FAILURES: list[tuple[type[BaseException], Exit, str]] = [
    (SettingsError, Exit.USAGE, "settings are wrong"),
    (DatabaseUnreachable, Exit.UNREACHABLE, "database not reachable"),
    (ProgrammingError, Exit.SCHEMA, "schema does not fit: run python -m app.migrate"),
    (OperationalError, Exit.FAILED, "connection lost, nothing was written"),
    (JobFailed, Exit.FAILED, "job failed, nothing was written"),
    (Stopped, Exit.STOPPED, "job stopped, nothing was written"),
]


def report_failure(error: BaseException) -> int:
    for kind, code, message in FAILURES:
        if isinstance(error, kind):
            reason = error.orig if isinstance(error, DBAPIError) else error
            log.error(message, extra={"reason": str(reason).strip(), "exit_code": int(code)})
            return code
    log.error(
        "job failed, nothing was written",
        exc_info=error,
        extra={"reason": repr(error), "exit_code": int(Exit.FAILED)},
    )
    return Exit.FAILED
