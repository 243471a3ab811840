"""The business date of a run, and the trading day that it closes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

TOKYO = ZoneInfo("Asia/Tokyo")


@dataclass(frozen=True)
class TradingDay:
    """Half open: starts_at <= placed_at < ends_at."""

    starts_at: datetime
    ends_at: datetime


def parse_instant(text: str) -> datetime:
    """ISO 8601 with an offset; EventBridge sends 2026-11-24T17:00:00Z."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no offset; write 2026-11-24T17:00:00Z")
    return instant.astimezone(UTC)


def business_date_of(instant: datetime) -> date:
    """The calendar date in Tokyo at that instant, whatever the clock of the machine says."""
    return instant.astimezone(TOKYO).date()


def trading_day_of(business_date: date) -> TradingDay:
    """The day that had ended as the business date began: a run at 02:00 sums up yesterday."""
    ends_at = datetime.combine(business_date, time.min, TOKYO)
    starts_at = datetime.combine(business_date - timedelta(days=1), time.min, TOKYO)
    return TradingDay(starts_at.astimezone(UTC), ends_at.astimezone(UTC))
