"""Deletes orders that are older than the retention, counted from the business date."""

from __future__ import annotations

import argparse
import sys
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from batch.job import Context, create_parser, run_job
from sales.business_date import trading_day_of
from sales.daily_sales import delete_orders_before, record_run

KEEP_DAYS_DEFAULT = 400


def clean_up(context: Context) -> dict[str, Any]:
    begins_at = trading_day_of(context.business_date).ends_at
    oldest_kept = begins_at - timedelta(days=context.options.keep_days)
    with Session(context.engine) as session:
        deleted = delete_orders_before(session, oldest_kept)
        record_run(session, context.job_name, context.business_date, context.scheduled_at, deleted)
        if context.options.dry_run:
            session.rollback()
        else:
            session.commit()
    return {"orders_deleted": deleted, "oldest_kept": oldest_kept.isoformat()}


def days(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 36_500:
        raise argparse.ArgumentTypeError(f"{text} is not between 1 and 36500")
    return value


def main(arguments: list[str] | None = None) -> int:
    parser = create_parser("batch.cleanup_batch", __doc__, "cleanup")
    parser.add_argument(
        "--keep-days",
        type=days,
        default=KEEP_DAYS_DEFAULT,
        metavar="DAYS",
        help=f"how long orders are kept (default {KEEP_DAYS_DEFAULT})",
    )
    return run_job(parser.parse_args(arguments), clean_up)


if __name__ == "__main__":
    sys.exit(main())
