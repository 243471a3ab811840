"""The tables. Money is whole yen."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import BigInteger, CheckConstraint, Date, DateTime, ForeignKey, Index, String, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Store(Base):
    __tablename__ = "stores"

    code: Mapped[str] = mapped_column(String(8), primary_key=True)
    name: Mapped[str] = mapped_column(String(80))


class Order(Base):
    __tablename__ = "orders"
    __table_args__ = (
        CheckConstraint("amount >= 0", name="orders_amount_not_negative"),
        CheckConstraint("status in ('paid', 'refunded', 'cancelled')", name="orders_status_known"),
        Index("orders_placed_at", "placed_at"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    store_code: Mapped[str] = mapped_column(ForeignKey("stores.code"))
    placed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    amount: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(String(12))


class DailySales(Base):
    """What the batch writes: one row a business date and store, also for a store without orders."""

    __tablename__ = "daily_sales"

    business_date: Mapped[date] = mapped_column(Date, primary_key=True)
    store_code: Mapped[str] = mapped_column(ForeignKey("stores.code"), primary_key=True)
    order_count: Mapped[int]
    gross_amount: Mapped[int] = mapped_column(BigInteger)
    refunded_amount: Mapped[int] = mapped_column(BigInteger)
    net_amount: Mapped[int] = mapped_column(BigInteger)
    updated_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), onupdate=func.now()
    )


class BatchRun(Base):
    """The latest successful run of a job for a business date, written in the same transaction."""

    __tablename__ = "batch_runs"

    job_name: Mapped[str] = mapped_column(String(80), primary_key=True)
    business_date: Mapped[date] = mapped_column(Date, primary_key=True)
    scheduled_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    rows_written: Mapped[int]
    run_count: Mapped[int]
    finished_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
