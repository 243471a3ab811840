"""The fixtures of tests/e2e, and a browser."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from browser import CHROMIUM, Browser

E2E = Path(__file__).resolve().parent.parent / "e2e"
sys.path.insert(0, str(E2E))
# By its path: in this folder the name `conftest` means this file.
spec = importlib.util.spec_from_file_location("e2e_conftest", E2E / "conftest.py")
fixtures = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fixtures)
globals().update({name: value for name, value in vars(fixtures).items() if not name.startswith("__")})


@pytest.fixture
def browse(tmp_path: Path) -> Iterator[Callable[..., Browser]]:
    if CHROMIUM is None:
        pytest.fail("chromium is not there: tools/setup test installs it")
    open_ones: list[Browser] = []

    def start(**options: str) -> Browser:
        open_ones.append(Browser(tmp_path / f"profile-{len(open_ones)}", **options))
        return open_ones[-1]

    yield start
    for each in open_ones:
        each.close()
