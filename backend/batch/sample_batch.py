"""Sums up the orders of a trading day, store by store, into daily_sales.

The whole business date is one transaction, and running it again leaves the same rows.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from typing import Any

from sqlalchemy.orm import Session

from batch.job import Context, JobFailed, create_parser, run_job
from sales.business_date import trading_day_of
from sales.daily_sales import lock_business_date, record_run, summarise, write_summaries

log = logging.getLogger("batch.sample_batch")
FAILURES = ("at-start", "before-commit")


def fail_if(options: argparse.Namespace, place: str) -> None:
    if options.fail == place:
        raise JobFailed(f"failed on purpose: --fail {place}")


def summarise_day(context: Context) -> dict[str, Any]:
    options = context.options
    fail_if(options, "at-start")
    day = trading_day_of(context.business_date)
    with Session(context.engine) as session:
        lock_business_date(session, context.business_date)
        summaries = summarise(session, context.business_date)
        log.info(
            "orders summed up",
            extra={
                "from": day.starts_at.isoformat(),
                "to": day.ends_at.isoformat(),
                "stores": len(summaries),
                "orders": sum(summary.order_count for summary in summaries),
            },
        )
        rows = write_summaries(session, context.business_date, summaries)
        for summary in summaries:
            log.info(
                "store summed up",
                extra={
                    "store": summary.store_code,
                    "orders": summary.order_count,
                    "net_amount": summary.net_amount,
                },
            )
        record_run(session, context.job_name, context.business_date, context.scheduled_at, rows)
        if options.sleep:
            log.info("sleeping on purpose", extra={"seconds": options.sleep})
            time.sleep(options.sleep)
        fail_if(options, "before-commit")
        if options.dry_run:
            session.rollback()
        else:
            session.commit()
    return {
        "rows_written": 0 if options.dry_run else rows,
        "net_amount": sum(summary.net_amount for summary in summaries),
    }


def seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 86_400:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 86400")
    return value


def main(arguments: list[str] | None = None) -> int:
    parser = create_parser("batch.sample_batch", __doc__, "daily-sales")
    parser.add_argument("--fail", choices=FAILURES, help="fail there, for demonstrations")
    parser.add_argument(
        "--sleep",
        type=seconds,
        default=0.0,
        metavar="SECONDS",
        help="pause before the commit, for demonstrations",
    )
    return run_job(parser.parse_args(arguments), summarise_day)


if __name__ == "__main__":
    sys.exit(main())
