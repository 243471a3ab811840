"""The fixtures of tests/e2e, for tests of what an attacker may try."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

E2E = Path(__file__).resolve().parent.parent / "e2e"
sys.path.insert(0, str(E2E))
# By its path: in this folder the name `conftest` means this file.
spec = importlib.util.spec_from_file_location("e2e_conftest", E2E / "conftest.py")
fixtures = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fixtures)
# Modules of tests/e2e import these from `conftest`.
globals().update({name: value for name, value in vars(fixtures).items() if not name.startswith("__")})
