"""Sample data: four stores and some orders for each day around now.

The orders of a day depend on the date alone, so loading them again adds nothing.
"""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from sales.business_date import TOKYO, business_date_of
from sales.models import Order, Store

STORES = {
    "TYO01": "Tokyo Marunouchi",
    "OSA01": "Osaka Umeda",
    "NGO01": "Nagoya Sakae",
    "FUK01": "Fukuoka Tenjin",
}
DAYS_BACK = 45
DAYS_AHEAD = 14


def sample_orders(day: date) -> list[dict[str, Any]]:
    """The orders of one calendar day in Tokyo; always the same ones."""
    dice = random.Random(day.toordinal())
    opening = datetime.combine(day, time(9), TOKYO)
    orders: list[dict[str, Any]] = []
    for code in sorted(STORES):
        for number in range(dice.randint(6, 14)):
            placed_at = opening + timedelta(seconds=dice.randrange(12 * 3600))
            orders.append(
                {
                    "id": f"{day:%Y%m%d}-{code}-{number:03d}",
                    "store_code": code,
                    "placed_at": placed_at.astimezone(UTC),
                    "amount": dice.randrange(480, 24_000, 10),
                    "status": dice.choices(("paid", "refunded", "cancelled"), (90, 5, 5))[0],
                }
            )
    return orders


def seed(connection: Connection, now: datetime) -> int:
    """Answers how many orders were new."""
    stores = [{"code": code, "name": name} for code, name in STORES.items()]
    connection.execute(insert(Store).values(stores).on_conflict_do_nothing())
    today = business_date_of(now)
    orders: list[dict[str, Any]] = []
    for offset in range(-DAYS_BACK, DAYS_AHEAD + 1):
        orders.extend(sample_orders(today + timedelta(days=offset)))
    new = connection.execute(
        insert(Order).values(orders).on_conflict_do_nothing().returning(Order.id)
    ).all()
    return len(new)
