"""The fixtures of tests/e2e, and a browser."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from browser import CHROMIUM, Browser

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import e2e_fixtures

globals().update(e2e_fixtures.names())


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
