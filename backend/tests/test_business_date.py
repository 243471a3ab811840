from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from sales.business_date import business_date_of, parse_instant, trading_day_of


@pytest.mark.parametrize(
    ("scheduled_at", "expected"),
    [
        ("2026-11-24T17:00:00Z", date(2026, 11, 25)),  # 02:00 in Tokyo, the prod schedule.
        ("2026-11-24T14:59:59Z", date(2026, 11, 24)),
        ("2026-11-24T15:00:00Z", date(2026, 11, 25)),
        ("2026-12-31T15:00:00Z", date(2027, 1, 1)),
        ("2026-11-25T02:00:00+09:00", date(2026, 11, 25)),
    ],
)
def test_business_date_is_the_date_in_tokyo(scheduled_at: str, expected: date) -> None:
    assert business_date_of(parse_instant(scheduled_at)) == expected


@pytest.mark.parametrize("text", ["2026-11-24T17:00:00", "today", ""])
def test_an_instant_needs_an_offset(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_instant(text)


def test_trading_day_is_the_day_before_from_midnight_to_midnight_in_tokyo() -> None:
    day = trading_day_of(date(2026, 11, 25))
    assert day.starts_at == datetime(2026, 11, 23, 15, tzinfo=UTC)
    assert day.ends_at == datetime(2026, 11, 24, 15, tzinfo=UTC)
