from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from app.main import app
from app.settings import Settings
from batch import sample_batch


@pytest.fixture
def client(database: Engine) -> Iterator[TestClient]:
    assert database is not None
    with TestClient(app) as client:
        yield client


def test_health(client: TestClient) -> None:
    reply = client.get("/health")
    assert (reply.status_code, reply.json()) == (200, {"status": "ok", "stage": "test"})
    assert client.get("/ready").status_code == 200


def test_reads_what_the_batch_wrote(client: TestClient) -> None:
    assert client.get("/daily-sales/2026-11-25").status_code == 404
    assert sample_batch.main(["--scheduled-at", "2026-11-24T17:00:00Z"]) == 0
    rows = client.get("/daily-sales/2026-11-25").json()
    assert [row["store_code"] for row in rows] == ["FUK01", "NGO01", "OSA01", "TYO01"]
    assert all(row["net_amount"] == row["gross_amount"] - row["refunded_amount"] for row in rows)
    runs = client.get("/batch-runs").json()
    assert [(run["business_date"], run["rows_written"]) for run in runs] == [("2026-11-25", 4)]


def test_healthy_without_database_but_not_ready(
    environment: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert environment.stage == "test"
    monkeypatch.setenv("DB_PORT", "1")
    with TestClient(app) as client:
        assert client.get("/health").status_code == 200
        assert client.get("/ready").status_code == 503
