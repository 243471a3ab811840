"""The fixtures of tests/e2e, for tests of what an attacker may try."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import e2e_fixtures

globals().update(e2e_fixtures.names())
