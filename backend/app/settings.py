"""One typed object from the environment that the task definition gives."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import URL


class SettingsError(Exception):
    """The environment lacks a variable or holds one that makes no sense."""


@dataclass(frozen=True)
class Settings:
    stage: str
    db_host: str
    db_port: int
    db_name: str
    db_username: str
    db_password: str = field(repr=False)
    # A paused serverless database takes a while to wake.
    connect_timeout_seconds: float = 30.0

    @property
    def database_url(self) -> URL:
        return URL.create(
            "postgresql+psycopg",
            username=self.db_username,
            password=self.db_password,
            host=self.db_host,
            port=self.db_port,
            database=self.db_name,
        )


def load_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    names = ("DB_HOST", "DB_PORT", "DB_NAME", "DB_USERNAME", "DB_PASSWORD")
    missing = [name for name in names if not environment.get(name)]
    if missing:
        raise SettingsError(f"environment variables not set: {', '.join(missing)}")
    try:
        port = int(environment["DB_PORT"])
        timeout = float(environment.get("DB_CONNECT_TIMEOUT", "30"))
    except ValueError as error:
        raise SettingsError(f"DB_PORT and DB_CONNECT_TIMEOUT must be numbers: {error}") from error
    return Settings(
        stage=environment.get("APP_STAGE", "dev"),
        db_host=environment["DB_HOST"],
        db_port=port,
        db_name=environment["DB_NAME"],
        db_username=environment["DB_USERNAME"],
        db_password=environment["DB_PASSWORD"],
        connect_timeout_seconds=timeout,
    )
