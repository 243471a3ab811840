"""The fixtures of tests/e2e, for tests of what an attacker may try."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

E2E = Path(__file__).resolve().parent.parent / "e2e"
sys.path.append(str(E2E))  # For its helpers, such as waiting.py.
specification = importlib.util.spec_from_file_location("kiban_e2e_fixtures", E2E / "conftest.py")
assert specification is not None
assert specification.loader is not None
fixtures = importlib.util.module_from_spec(specification)
sys.modules[specification.name] = fixtures
specification.loader.exec_module(fixtures)

REGION = fixtures.REGION
Server = fixtures.Server
kiban = fixtures.kiban
pytest_configure = fixtures.pytest_configure
serve = fixtures.serve
server = fixtures.server
