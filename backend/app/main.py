"""The HTTP service: its health, and what the batch wrote. `python -m app.serve` runs it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Query, Request
from pydantic import BaseModel
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.database import create_database_engine
from app.json_log import configure_logging
from app.settings import load_settings
from sales.models import BatchRun, DailySales, Store


class Health(BaseModel):
    status: str
    stage: str


class StoreSales(BaseModel):
    store_code: str
    store_name: str
    order_count: int
    gross_amount: int
    refunded_amount: int
    net_amount: int
    updated_at: datetime


class Run(BaseModel):
    job_name: str
    business_date: date
    scheduled_at: datetime
    rows_written: int
    run_count: int
    finished_at: datetime


@asynccontextmanager
async def lifespan(application: FastAPI) -> AsyncIterator[None]:
    settings = load_settings()
    configure_logging(stage=settings.stage)
    application.state.settings = settings
    application.state.engine = create_database_engine(settings)
    yield
    application.state.engine.dispose()


app = FastAPI(title="Daily sales", lifespan=lifespan)


def open_session(request: Request) -> Iterator[Session]:
    with Session(request.app.state.engine) as session:
        yield session


Database = Annotated[Session, Depends(open_session)]


@app.get("/health")
def health(request: Request) -> Health:
    """The process answers. It does not ask the database, whose outage no new task would cure."""
    return Health(status="ok", stage=request.app.state.settings.stage)


@app.get("/ready")
def ready(request: Request, session: Database) -> Health:
    try:
        session.execute(text("select 1"))
    except SQLAlchemyError as error:
        raise HTTPException(503, "database not reachable") from error
    return Health(status="ready", stage=request.app.state.settings.stage)


@app.get("/daily-sales/{business_date}")
def daily_sales(business_date: date, session: Database) -> list[StoreSales]:
    """The summary of one business date, 404 when the batch has not run for it."""
    query = (
        select(DailySales, Store.name)
        .join(Store, Store.code == DailySales.store_code)
        .where(DailySales.business_date == business_date)
        .order_by(DailySales.store_code)
    )
    rows = [
        StoreSales(
            store_code=row.store_code,
            store_name=name,
            order_count=row.order_count,
            gross_amount=row.gross_amount,
            refunded_amount=row.refunded_amount,
            net_amount=row.net_amount,
            updated_at=row.updated_at,
        )
        for row, name in session.execute(query)
    ]
    if not rows:
        raise HTTPException(404, f"no summary for {business_date}")
    return rows


@app.get("/batch-runs")
def batch_runs(session: Database, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> list[Run]:
    """The latest runs first."""
    query = select(BatchRun).order_by(BatchRun.finished_at.desc()).limit(limit)
    return [
        Run(
            job_name=run.job_name,
            business_date=run.business_date,
            scheduled_at=run.scheduled_at,
            rows_written=run.rows_written,
            run_count=run.run_count,
            finished_at=run.finished_at,
        )
        for run in session.scalars(query)
    ]
