from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, update

from app.seed import STORES, sample_orders
from app.settings import Settings
from batch import cleanup_batch, sample_batch
from sales.models import BatchRun, DailySales, Order

ROOT = Path(__file__).parent.parent
AT = ["--scheduled-at", "2026-11-24T17:00:00Z"]
BUSINESS_DATE = date(2026, 11, 25)
Captured = pytest.CaptureFixture[str]


def summaries(engine: Engine) -> list[tuple[Any, ...]]:
    query = select(
        DailySales.business_date,
        DailySales.store_code,
        DailySales.order_count,
        DailySales.gross_amount,
        DailySales.refunded_amount,
        DailySales.net_amount,
    ).order_by(DailySales.business_date, DailySales.store_code)
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query)]


def expected_summaries() -> list[tuple[Any, ...]]:
    """Reckoned apart, from the sample orders of the day before the business date."""
    rows = []
    for code in sorted(STORES):
        orders = [o for o in sample_orders(date(2026, 11, 24)) if o["store_code"] == code]
        kept = [o for o in orders if o["status"] != "cancelled"]
        gross = sum(o["amount"] for o in kept)
        refunded = sum(o["amount"] for o in kept if o["status"] == "refunded")
        rows.append((BUSINESS_DATE, code, len(kept), gross, refunded, gross - refunded))
    return rows


def lines(captured: Captured) -> list[dict[str, Any]]:
    return [json.loads(line) for line in captured.readouterr().out.splitlines()]


def test_sums_up_the_day_before_the_business_date(database: Engine) -> None:
    assert sample_batch.main(AT) == 0
    assert summaries(database) == expected_summaries()


def test_running_again_leaves_the_same_rows(database: Engine) -> None:
    assert sample_batch.main(AT) == 0
    assert sample_batch.main(AT) == 0
    assert summaries(database) == expected_summaries()
    with database.connect() as connection:
        assert connection.scalar(select(BatchRun.run_count)) == 2


def test_running_again_takes_later_changes_in(database: Engine) -> None:
    assert sample_batch.main(AT) == 0
    with database.begin() as connection:
        connection.execute(
            update(Order).where(Order.id.startswith("20261124-TYO01")).values(status="cancelled")
        )
    assert sample_batch.main(AT) == 0
    tokyo = [row for row in summaries(database) if row[1] == "TYO01"]
    assert tokyo == [(BUSINESS_DATE, "TYO01", 0, 0, 0, 0)]


def test_dry_run_writes_nothing(database: Engine, capsys: Captured) -> None:
    assert sample_batch.main([*AT, "--dry-run"]) == 0
    assert summaries(database) == []
    assert lines(capsys)[-1]["net_amount"] == sum(row[5] for row in expected_summaries())


@pytest.mark.parametrize("place", sample_batch.FAILURES)
def test_a_failure_writes_nothing_and_exits_1(
    database: Engine, capsys: Captured, place: str
) -> None:
    assert sample_batch.main([*AT, "--fail", place]) == 1
    assert summaries(database) == []
    last = lines(capsys)[-1]
    assert (last["level"], last["exit_code"]) == ("ERROR", 1)
    assert place in last["reason"]


def test_a_manual_run_takes_now(database: Engine, capsys: Captured) -> None:
    assert sample_batch.main(["--job-name", "by-hand"]) == 0
    started = lines(capsys)[0]
    assert started["manual"] is True
    assert started["job_name"] == "by-hand"
    age = datetime.now(UTC) - datetime.fromisoformat(started["scheduled_at"])
    assert age.total_seconds() < 60


@pytest.mark.usefixtures("database")
def test_each_log_line_names_job_and_business_date(capsys: Captured) -> None:
    assert sample_batch.main([*AT, "--job-name", "daily"]) == 0
    found = lines(capsys)
    assert len(found) >= 3
    assert {(line["job_name"], line["business_date"]) for line in found} == {
        ("daily", "2026-11-25")
    }
    assert found[-1]["message"] == "job finished"


def test_without_schema_it_exits_4(environment: Settings, capsys: Captured) -> None:
    assert environment.stage == "test"
    assert sample_batch.main(AT) == 4
    assert "app.migrate" in lines(capsys)[-1]["message"]


def test_without_database_it_exits_3(
    environment: Settings, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("DB_PORT", "1")
    monkeypatch.setenv("DB_CONNECT_TIMEOUT", "0")
    assert environment.stage == "test"
    assert sample_batch.main(AT) == 3
    assert lines(capsys)[-1]["message"] == "database not reachable"


def test_without_settings_it_exits_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DB_HOST", raising=False)
    assert sample_batch.main(AT) == 2


@pytest.mark.parametrize(
    "arguments",
    [["--scheduled-at", "2026-11-24"], ["--fail", "often"], ["--sleep", "-1"], ["--unknown"]],
)
def test_wrong_usage_exits_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        sample_batch.main(arguments)
    assert stopped.value.code == 2


def test_sigterm_rolls_back_and_exits_143(database: Engine) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "batch.sample_batch", *AT, "--sleep", "60"],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "sleeping" in line:
                process.send_signal(signal.SIGTERM)
                break
        rest = process.stdout.read()
    assert process.returncode == 143, rest
    assert summaries(database) == []


def test_cleanup_deletes_what_is_older_than_the_retention(database: Engine) -> None:
    with database.connect() as connection:
        query = select(func.count()).select_from(Order)
        before = connection.scalar(query) or 0
        boundary = datetime(2026, 11, 14, 15, tzinfo=UTC)  # Ten days before the business date.
        old = connection.scalar(query.where(Order.placed_at < boundary)) or 0
    assert old > 0
    assert cleanup_batch.main([*AT, "--keep-days", "10", "--dry-run"]) == 0
    with database.connect() as connection:
        assert connection.scalar(query) == before
    assert cleanup_batch.main([*AT, "--keep-days", "10"]) == 0
    with database.connect() as connection:
        assert connection.scalar(query) == before - old
        assert connection.scalar(query.where(Order.placed_at < boundary)) == 0
