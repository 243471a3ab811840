"""A real PostgreSQL 15 for the tests, started once, on a free port of 127.0.0.1."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine

from app.database import create_database_engine
from app.migrate import migrate
from app.settings import Settings

BIN = Path(os.environ.get("KIBAN_POSTGRES_BIN", "/usr/lib/postgresql/15/bin"))
NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Server:
    port: int


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def unprivileged() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root, so root lends it another user."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise RuntimeError("neither postgres nor nobody is a user here")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    if not (BIN / "initdb").exists():
        pytest.fail(f"no PostgreSQL 15 in {BIN}: apt-get install postgresql-15")
    user = unprivileged()
    folder = Path(tempfile.mkdtemp(prefix="backend-test-"))
    data, port = folder / "data", free_port()
    user_id = None if user is None else user.pw_uid
    group_id = None if user is None else user.pw_gid
    if user_id is not None and group_id is not None:
        os.chown(folder, user_id, group_id)
    initdb: list[str | Path] = [
        BIN / "initdb",
        "-D",
        data,
        "-U",
        "app",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--no-sync",
    ]
    options = f"-c fsync=off -c unix_socket_directories={folder} -c listen_addresses=127.0.0.1"
    process = None
    try:
        subprocess.run(
            [*initdb, "--locale=C.UTF-8"],
            user=user_id,
            group=group_id,
            extra_groups=None if user is None else [],
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [BIN / "postgres", "-D", data, "-p", str(port), *options.split()],
                user=user_id,
                group=group_id,
                extra_groups=None if user is None else [],
                cwd=folder,
                stdout=log,
                stderr=log,
            )
        wait_until_ready(process, port, folder / "log")
        yield Server(port)
    finally:
        if process is not None:
            process.send_signal(signal.SIGINT)  # "Fast" shutdown: does not wait for clients.
            process.wait(timeout=30)
        shutil.rmtree(folder)


def wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(host="127.0.0.1", port=port, user="app", dbname="postgres").close()
            return
        time.sleep(0.1)
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}")


@pytest.fixture
def settings(server: Server, request: pytest.FixtureRequest) -> Iterator[Settings]:
    """A database of its own for each test."""
    name = f"t{abs(hash(request.node.nodeid)):x}"
    admin = psycopg.connect(
        host="127.0.0.1", port=server.port, user="app", dbname="postgres", autocommit=True
    )
    admin.execute(f'create database "{name}"'.encode())
    yield Settings(
        stage="test",
        db_host="127.0.0.1",
        db_port=server.port,
        db_name=name,
        db_username="app",
        db_password="not-checked",
        connect_timeout_seconds=5,
    )
    admin.execute(f'drop database "{name}" with (force)'.encode())
    admin.close()


@pytest.fixture
def environment(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings as the environment variables of the task definition."""
    monkeypatch.setenv("APP_STAGE", settings.stage)
    monkeypatch.setenv("DB_HOST", settings.db_host)
    monkeypatch.setenv("DB_PORT", str(settings.db_port))
    monkeypatch.setenv("DB_NAME", settings.db_name)
    monkeypatch.setenv("DB_USERNAME", settings.db_username)
    monkeypatch.setenv("DB_PASSWORD", settings.db_password)
    monkeypatch.setenv("DB_CONNECT_TIMEOUT", "5")
    return settings


@pytest.fixture
def database(environment: Settings) -> Iterator[Engine]:
    """Migrated, with the sample data around NOW."""
    migrate(environment, NOW)
    engine = create_database_engine(environment)
    yield engine
    engine.dispose()
