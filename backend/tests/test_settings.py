from __future__ import annotations

import pytest

from app.settings import SettingsError, load_settings

COMPLETE = {
    "APP_STAGE": "prod",
    "DB_HOST": "db.example",
    "DB_PORT": "5432",
    "DB_NAME": "app",
    "DB_USERNAME": "app",
    "DB_PASSWORD": "p@ss/word",
}


def test_reads_what_the_task_definition_gives() -> None:
    settings = load_settings(COMPLETE)
    assert settings.stage == "prod"
    assert settings.database_url.render_as_string(hide_password=False) == (
        "postgresql+psycopg://app:p%40ss%2Fword@db.example:5432/app"
    )


def test_never_shows_the_password() -> None:
    assert "p@ss" not in repr(load_settings(COMPLETE))


def test_names_each_missing_variable() -> None:
    with pytest.raises(SettingsError, match="DB_HOST, DB_PASSWORD"):
        load_settings({k: v for k, v in COMPLETE.items() if k not in ("DB_HOST", "DB_PASSWORD")})


def test_refuses_a_port_that_is_no_number() -> None:
    with pytest.raises(SettingsError, match="DB_PORT"):
        load_settings({**COMPLETE, "DB_PORT": "five"})
