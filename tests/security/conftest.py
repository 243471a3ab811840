"""The servers and clients of tests/e2e, for the tests of what an attacker may try."""

from __future__ import annotations

import importlib.util
from pathlib import Path

_path = Path(__file__).resolve().parent.parent / "e2e" / "conftest.py"
_spec = importlib.util.spec_from_file_location("e2e_conftest", _path)
assert _spec is not None and _spec.loader is not None
_e2e = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_e2e)

BINARY = _e2e.BINARY
environment = _e2e.environment
serve = _e2e.serve
server = _e2e.server
pytest_configure = _e2e.pytest_configure
