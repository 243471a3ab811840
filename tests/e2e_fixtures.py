"""The fixtures of tests/e2e for the conftest.py of another folder."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

E2E = Path(__file__).resolve().parent / "e2e"


def names() -> dict[str, Any]:
    """E2E, the module `fixtures`, and all names of tests/e2e/conftest.py, which its modules import from `conftest`."""
    sys.path.insert(0, str(E2E))
    # By its path: in the other folder the name `conftest` means the file there.
    spec = importlib.util.spec_from_file_location("e2e_conftest", E2E / "conftest.py")
    fixtures = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fixtures)
    public = {name: value for name, value in vars(fixtures).items() if not name.startswith("__")}
    return {"E2E": E2E, "fixtures": fixtures, **public}
