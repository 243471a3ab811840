from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, func, select

from app.database import create_database_engine
from app.migrate import main, migrate
from app.settings import Settings
from sales.models import Base, Order
from tests.conftest import NOW


@contextmanager
def connected(settings: Settings) -> Iterator[Connection]:
    engine = create_database_engine(settings)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def test_migrating_again_changes_nothing(settings: Settings) -> None:
    assert migrate(settings, NOW) > 1000
    assert migrate(settings, NOW) == 0


def test_schema_is_what_the_models_say(settings: Settings) -> None:
    migrate(settings, NOW, with_seed=False)
    with connected(settings) as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_without_seed_there_are_no_orders(settings: Settings) -> None:
    assert migrate(settings, NOW, with_seed=False) == 0
    with connected(settings) as connection:
        assert connection.scalar(select(func.count()).select_from(Order)) == 0


def test_two_tasks_may_start_at_once(settings: Settings) -> None:
    with ThreadPoolExecutor(2) as pool:
        added = list(pool.map(lambda _: migrate(settings, NOW), range(2)))
    assert sorted(added)[0] == 0
    assert sorted(added)[1] > 1000


def test_command_line(environment: Settings) -> None:
    assert main([]) == 0
    with connected(environment) as connection:
        assert (connection.scalar(select(func.count()).select_from(Order)) or 0) > 1000
