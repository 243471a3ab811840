"""Reads the orders of a trading day, sums them up, writes the summary. The caller commits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import case, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from sales.business_date import trading_day_of
from sales.models import BatchRun, DailySales, Order, Store


@dataclass(frozen=True)
class StoreSummary:
    store_code: str
    order_count: int
    gross_amount: int
    refunded_amount: int

    @property
    def net_amount(self) -> int:
        return self.gross_amount - self.refunded_amount


def lock_business_date(session: Session, business_date: date) -> None:
    """Two runs for one business date go one after the other; the lock ends with the transaction."""
    session.execute(
        text("select pg_advisory_xact_lock(hashtext('daily_sales'), :day)"),
        {"day": business_date.toordinal()},
    )


def summarise(session: Session, business_date: date) -> list[StoreSummary]:
    """One summary a store, in the order of their codes. Cancelled orders do not count."""
    day = trading_day_of(business_date)
    counts = Order.status != "cancelled"
    refunded = case((Order.status == "refunded", Order.amount), else_=0)
    query = (
        select(
            Store.code,
            func.count(Order.id),
            func.coalesce(func.sum(Order.amount), 0),
            func.coalesce(func.sum(refunded), 0),
        )
        .outerjoin(
            Order,
            (Order.store_code == Store.code)
            & (Order.placed_at >= day.starts_at)
            & (Order.placed_at < day.ends_at)
            & counts,
        )
        .group_by(Store.code)
        .order_by(Store.code)
    )
    return [
        StoreSummary(code, int(count), int(gross), int(refunds))
        for code, count, gross, refunds in session.execute(query)
    ]


def write_summaries(session: Session, business_date: date, summaries: list[StoreSummary]) -> int:
    """Insert or update: running twice leaves the same rows. Answers how many rows it wrote."""
    if not summaries:
        return 0
    statement = insert(DailySales).values(
        [
            {
                "business_date": business_date,
                "store_code": summary.store_code,
                "order_count": summary.order_count,
                "gross_amount": summary.gross_amount,
                "refunded_amount": summary.refunded_amount,
                "net_amount": summary.net_amount,
            }
            for summary in summaries
        ]
    )
    columns = ("order_count", "gross_amount", "refunded_amount", "net_amount")
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[DailySales.business_date, DailySales.store_code],
            set_={**{name: statement.excluded[name] for name in columns}, "updated_at": func.now()},
        )
    )
    return len(summaries)


def record_run(
    session: Session, job_name: str, business_date: date, scheduled_at: datetime, rows: int
) -> None:
    statement = insert(BatchRun).values(
        job_name=job_name,
        business_date=business_date,
        scheduled_at=scheduled_at,
        rows_written=rows,
        run_count=1,
        finished_at=func.now(),
    )
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[BatchRun.job_name, BatchRun.business_date],
            set_={
                "scheduled_at": statement.excluded.scheduled_at,
                "rows_written": statement.excluded.rows_written,
                "run_count": BatchRun.run_count + 1,
                "finished_at": func.now(),
            },
        )
    )


def delete_orders_before(session: Session, oldest_kept: datetime) -> int:
    """Answers how many orders it deleted. Summaries are kept."""
    gone = session.execute(
        delete(Order).where(Order.placed_at < oldest_kept).returning(Order.id)
    ).all()
    return len(gone)
