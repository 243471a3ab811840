"""Reads engine/services/NAME/access.txt for tools/generate_models.py (engine/api/access.h).

A line: OPERATION [action=PREFIX:NAME] [on=TEMPLATE]... [KEY=TEMPLATE]... [pass={MEMBER}:SERVICE]...
        [inside='REASON'] [open='REASON'] [unlisted='REASON']
KEY is a condition key, which has a colon. Without action= it is PREFIX:OPERATION, where the line
'prefix PREFIX' gives PREFIX. pass= is iam:PassRole of the role that MEMBER names, for SERVICE.
inside= leaves the decision to the operation, open= needs no permission. unlisted= says why a line
differs from the reference, which tools/iam_actions.json has. An operation may have several lines.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

Model = dict[str, Any]
FILTERS = {"last", "bare", "machine", "qualifier", "group", "bus", "object", "ec2", "function", "sources", "types"}
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
TAG_LISTS = ("Tags", "tags", "TagList", "TagSpecifications")
TAG_KEYS = ("TagKeys", "tagKeys")


class Line:
    def __init__(self, operation: str, prefix: str) -> None:
        self.operation = operation
        self.kind = "Decide"
        self.action = f"{prefix}:{operation}"
        self.resources: list[str] = []
        self.keys: list[tuple[str, str]] = []
        self.passes: list[tuple[str, str]] = []
        self.unlisted = False


class Access:
    def __init__(self, path: Path, model: Model, listed: list[str], stop: Callable[[str], None]) -> None:
        self.path = path
        self.model = model
        self.stop = stop
        reference = json.loads((Path(__file__).resolve().parent / "iam_actions.json").read_text(encoding="utf-8"))
        self.reference: Model = reference["actions"]
        self.lines: list[Line] = []
        prefix = ""
        if not path.exists():
            stop(f"{path} is missing: every operation needs an entry in it")
        for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            words = shlex.split(text, comments=text.startswith("#"))
            if not words:
                continue
            if words[0] == "prefix":
                prefix = words[1]
                continue
            self.lines.append(self.read(f"{path}:{number}", words, prefix))
        named = {line.operation for line in self.lines}
        missing = sorted(set(listed) - named)
        unknown = sorted(name for name in named - set(listed) if not name.startswith("kiban:"))
        if missing or unknown:
            stop(f"{path}: without an entry: {', '.join(missing) or '-'}; not served: {', '.join(unknown) or '-'}")
        self.lines.sort(key=lambda line: line.operation)

    def read(self, where: str, words: list[str], prefix: str) -> Line:
        line = Line(words[0], prefix)
        for word in words[1:]:
            name, equals, value = word.partition("=")
            if not equals:
                self.stop(f"{where}: '{word}' has no =")
            if name == "action":
                line.action = value
            elif name == "on":
                line.resources.append(value)
            elif name == "pass":
                role, _, service = value.rpartition("}:")
                line.passes.append((role + "}", service))
            elif name in ("inside", "open"):
                line.kind = name.capitalize()
            elif name == "unlisted":
                line.unlisted = True
            elif ":" in name:
                line.keys.append((name, value))
            else:
                self.stop(f"{where}: unknown word {name}")
        self.check(where, line)
        return line

    def check(self, where: str, line: Line) -> None:
        for template in [*line.resources, *(value for _, value in line.keys), *(role for role, _ in line.passes)]:
            for placeholder in PLACEHOLDER.findall(template):
                self.check_placeholder(where, line.operation, placeholder)
        if line.kind == "Open":
            return
        entry = self.reference.get(line.action)
        if entry is None:
            self.stop(f"{where}: the reference has no action {line.action}; after a new line, run tools/iam_actions.py")
        if line.unlisted or line.kind == "Inside":
            return
        if line.resources and not entry["arns"]:
            self.stop(f"{where}: {line.action} has no resource types: leave on= out, or say why by unlisted=")
        if entry["required"] and not line.resources:
            self.stop(f"{where}: {line.action} needs a resource")
        for template in line.resources:
            if template.startswith("arn:") and not any(fits(template, arn) for arn in entry["arns"]):
                self.stop(
                    f"{where}: {line.action} has no resource type for {template}: {', '.join(entry['arns'])[:400]}"
                )
        for key, _ in line.keys:
            if key not in entry["keys"]:
                self.stop(f"{where}: {line.action} has no condition key {key}")

    def check_placeholder(self, where: str, operation: str, placeholder: str) -> None:
        names, _, chosen = placeholder.partition(":")
        if chosen and chosen not in FILTERS:
            self.stop(f"{where}: unknown filter {chosen}")
        for path in names.partition("=")[0].split("|"):
            if path not in ("region", "account", "username") and not self.has_member(operation, path):
                self.stop(f"{where}: the input of {operation} has no {path}")

    def has_member(self, operation: str, path: str) -> bool:
        found = self.model["operations"].get(operation, {})
        if operation.startswith("kiban:"):
            return True
        if "input" not in found:
            return False
        shapes = self.model["shapes"]
        shape = shapes[found["input"]["shape"]]
        for step in path.split("."):
            member = shape.get("members", {}).get(step.removesuffix("[]"))
            if member is None:
                return False
            shape = shapes[member["shape"]]
            if (shape["type"] == "list") != step.endswith("[]"):
                return False
            if shape["type"] == "list":
                shape = shapes[shape["member"]["shape"]]
        return True

    def members(self, line: Line) -> set[str]:
        found = self.model["operations"].get(line.operation, {}).get("input")
        return set(self.model["shapes"][found["shape"]].get("members", {})) if found else set()

    def tag_members(self, line: Line) -> tuple[str, str]:
        """The members that give aws:RequestTag and aws:TagKeys, where the action has these keys."""
        keys = self.reference.get(line.action, {}).get("keys", [])
        if "aws:TagKeys" not in keys:
            return "", ""
        members = self.members(line)
        tags = next((name for name in TAG_LISTS if name in members), "")
        tag_keys = next((name for name in TAG_KEYS if name in members), "")
        if line.operation == "UntagLogGroup":
            return "", "tags"
        return tags, tag_keys


def fits(template: str, arn: str) -> bool:
    """Whether the template's text may be an ARN of that form."""
    form = re.sub(r"\\\$\\\{[^}]*\\\}", r"[^\\n]*", re.escape(arn))
    # What a member may hold: a name, a path, a name with a revision, an alias, an id with its type.
    values = ("x", "x/x", "x:x", "alias/x", "vpc/x")
    return any(re.fullmatch(form, PLACEHOLDER.sub(value, template)) for value in values)
