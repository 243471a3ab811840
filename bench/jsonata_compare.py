"""Made-up expressions in `kiban jsonata eval` and in jsonata-js: what they answer must agree.

python3 bench/jsonata_compare.py [--seed N] [--count N] [--kiban 'COMMAND'] [--only KIND] [--positions]

Prints each difference and ends with 1 when there was one. A kind is one of KINDS below.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from peers import PEERS, ROOT, install

PEER = "jsonata@2.2.2"
DATA = {
    "name": "Mika",
    "n": 7,
    "f": -2.5,
    "t": True,
    "z": None,
    "empty": [],
    "words": ["pear", "Apple", "fig", "apple"],
    "nums": [3, 1, 2, 10, -4],
    "nested": [[1, 2], [3, [4]]],
    "orders": [
        {"id": "a", "lines": [{"sku": "x", "price": 2.5, "count": 4}]},
        {"id": "b", "lines": [{"sku": "y", "price": 10, "count": 1}, {"sku": "z", "price": 1, "count": 3}]},
        {"id": "c", "lines": {"sku": "x", "price": 7, "count": 2}},
    ],
    "map": {"k1": 1, "k2": [2, 3], "k3": {"k1": "deep"}},
}
NAMES = ["name", "n", "f", "t", "z", "empty", "words", "nums", "nested", "orders", "map", "id", "lines", "sku", "price"]
NAMES += ["count", "k1", "k2", "k3", "absent", "*", "**"]
ONE = [
    "string",
    "length",
    "uppercase",
    "lowercase",
    "trim",
    "number",
    "abs",
    "floor",
    "ceil",
    "sqrt",
    "sum",
    "max",
    "min",
]
ONE += [
    "average",
    "boolean",
    "not",
    "exists",
    "count",
    "reverse",
    "distinct",
    "keys",
    "spread",
    "merge",
    "type",
    "sort",
]
ONE += ["base64encode", "encodeUrlComponent", "encodeUrl", "decodeUrl", "round", "formatBase", "zip", "single", "each"]
TWO = [
    "substring",
    "substringBefore",
    "substringAfter",
    "pad",
    "contains",
    "split",
    "join",
    "power",
    "append",
    "lookup",
]
TWO += ["round", "formatBase", "formatNumber", "formatInteger", "parseInteger", "match", "shuffle"]
HIGHER = ["map", "filter", "single", "sift", "each"]


class Maker:
    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def pick(self, *of: str | Callable[[], str]) -> str:
        chosen = self.chance.choice(of)
        return chosen if isinstance(chosen, str) else chosen()

    def number(self) -> str:
        return self.pick("0", "1", "2", "3", "-1", "2.5", "1e3", "0.1", "100", "-0.5", "1e20", "12345.678", "7")

    def text(self) -> str:
        texts = [
            "'a'",
            "''",
            "'pear'",
            "'a,b,c'",
            "'Hello World'",
            "' x  y '",
            "'10'",
            "'1e2'",
            "'#,##0.00'",
            "'w'",
            "'é😀'",
            "'I'",
        ]
        return self.chance.choice(texts)

    def regex(self) -> str:
        return self.pick("/a/", "/[a-e]+/", "/P/i", "/(p)(.)/", "/o.*l/", "/^[A-Z]/", "/\\s+/", "/,/", "/l+/", "/\\d+/")

    def literal(self) -> str:
        return self.pick(self.number, self.text, "true", "false", "null", "[]", "{}")

    def path(self, depth: int) -> str:
        steps = [self.chance.choice(NAMES) for _ in range(self.chance.randint(1, 3))]
        steps = [step + self.stage(depth) for step in steps]
        start = self.pick("", "", "", "$.", "$$.", "$v.")
        return start + ".".join(steps)

    def stage(self, depth: int) -> str:
        if self.chance.random() < 0.65 or depth <= 0:
            return ""
        kinds = [
            lambda: f"[{self.number()}]",
            lambda: f"[{self.expression(depth - 1)}]",
            lambda: "[]",
            lambda: f"[{self.chance.choice(NAMES[:-2])} > {self.number()}]",
            lambda: f"^({self.pick('', '<', '>')}{self.chance.choice(NAMES[:-2])})",
            lambda: f"^({self.pick('', '>')}sku, {self.pick('', '>')}price)",
            lambda: f"{{{self.pick('sku', 'id', 'name', self.text)}: {self.expression(depth - 1)}}}",
            lambda: "#$i",
            lambda: "@$v",
            lambda: f".({self.expression(depth - 1)})",
            lambda: f".[{self.expression(depth - 1)}]",
            lambda: f".{{'k': {self.expression(depth - 1)}, 'p': %.id}}",
            lambda: ".%",
        ]
        return self.chance.choice(kinds)()

    def expression(self, depth: int) -> str:
        if depth <= 0:
            return self.pick(self.literal, lambda: self.path(0), "$", "$v", "$i")
        inner = lambda: self.expression(depth - 1)  # noqa: E731
        operator = ["+", "-", "*", "/", "%", "=", "!=", "<", "<=", ">", ">=", "&", "and", "or", "in", "??", "?:"]
        kinds = [
            lambda: self.path(depth),
            lambda: self.path(depth),
            lambda: f"{inner()} {self.chance.choice(operator)} {inner()}",
            lambda: f"({inner()} {self.chance.choice(operator)} {inner()})",
            lambda: f"{inner()} ? {inner()} : {inner()}",
            lambda: f"({inner()}; {inner()})",
            lambda: f"($v := {inner()}; {inner()})",
            lambda: f"[{inner()}, {inner()}]",
            lambda: f"[{self.number()}..{self.pick('3', '5', inner)}]",
            lambda: f"{{{self.text()}: {inner()}, 'b': {inner()}}}",
            lambda: f"${self.chance.choice(ONE)}({inner()})",
            lambda: f"${self.chance.choice(TWO)}({inner()}, {self.pick(inner, self.text, self.number, self.regex)})",
            lambda: f"$replace({self.pick(inner, self.text)}, {self.pick(self.text, self.regex)}, {self.text()})",
            lambda: f"${self.chance.choice(HIGHER)}({inner()}, function($v, $i) {{ {inner()} }})",
            lambda: f"$reduce({inner()}, function($v, $i) {{ {inner()} }}{self.pick('', ', 1')})",
            lambda: f"$sort({inner()}, function($v, $i) {{ {inner()} }})",
            lambda: f"({inner()}) ~> ${self.chance.choice(ONE)}",
            lambda: f"({inner()}) ~> ${self.chance.choice(TWO)}({inner()})",
            lambda: f"$ ~> |{self.path(0)}|{{'new': {inner()}}}{self.pick('', ', ' + self.text())}|",
            lambda: f"-{inner()}",
            lambda: f"(function($v{self.pick('', ', $i')}){self.signature()}{{ {inner()} }})({inner()})",
            lambda: f"($q := function($v, $i) {{ {inner()} }}; $p := $q(?, {inner()}); $p({inner()}))",
        ]
        return self.chance.choice(kinds)()

    def garbled(self) -> str:
        """An expression with a part lost, doubled or replaced."""
        text = self.expression(2)
        at = self.chance.randrange(len(text) + 1)
        end = min(len(text), at + self.chance.randint(0, 4))
        return (
            text[:at]
            + self.pick(
                "",
                "(",
                ")",
                "[",
                "}",
                "'",
                '"',
                "`",
                "/",
                "$",
                ".",
                "..",
                ":=",
                "?",
                "~>",
                "!",
                "|",
                "@",
                "#",
                "^",
                ",",
            )
            + text[end:]
        )

    def format_number(self) -> str:
        fraction = self.pick("", "", ".0", ".00", ".##", ".0#", ".#", ".000,0")
        whole = self.chance.choice(["0", "#", "#,##0", "#0", "00", "#,#", "0,0"])
        picture = whole + fraction + self.pick("", "", "e0", "e00", "%", "‰", " x")
        if "e" not in picture:  # Behind a prefix jsonata-js looks for the exponent at the wrong place,
            picture = self.pick("", "", "", "$", "a", "-") + picture
        if re.fullmatch("[#,]+e.*", picture):  # and here it cuts the digit off instead of the point.
            picture = "0" + picture[-2:]
        if self.chance.random() < 0.2:
            picture += ";" + self.pick("(0)", "-0.0", "#", "x0y")
        numbers = [
            "1",
            "2",
            "100",
            "12345.678",
            "1234567.891",
            "-1234.5",
            "0.00012",
            "0",
            "0.5",
            "1.5",
            "99.995",
            "-0.001",
        ]
        return f"$formatNumber({self.pick(*numbers)}, '{picture}'{self.pick('', '', '', ', {}')})"

    def integer(self) -> str:
        pictures = ["w", "W", "Ww", "I", "i", "A", "a", "0", "00", "000", "#,##0", "#:#0", "1", "#0", "0,000"]
        picture = self.pick("٠", "０", *[text + self.pick("", "", ";o", ";c", ";c(x)", ";a") for text in pictures])
        positive = "0 1 2 3 4 9 10 11 12 13 19 20 21 40 99 100 101 112 999 1000 1001 1999 2024 3999 12345 100000"
        if self.chance.random() < 0.3 and ":" not in picture:
            return f"$parseInteger($formatInteger({self.pick(*positive.split())}, '{picture}'), '{picture}')"
        number = self.pick("1000000", "1234567890", "-1", "-21", "1.5", "-5.9", "1e15", *positive.split())
        return f"$formatInteger({number}, '{picture}')"

    def date(self) -> str:
        parts = "Y Y,2 Y0001 Y,2-2 YI Yw M M01 MNn MN Mn MNn,3-3 MI D D01 D1o Dw Dwo DWwo d d001 do F FNn FN F0 F1 "
        parts += "FNn,3-3 Fo W W01 Wo w w1 X X0001 x xNn H H01 h h1 P Pn PN m m1 m01 s s01 f f001 f01 Z Z0 Z01:01 "
        parts += "Z0101 Z0101t z z0 C E EN"
        joints = ["-", "/", " ", ":", ", ", "T", " [[x]] ", ""]
        picture = "".join(
            f"[{self.chance.choice(parts.split())}]{self.chance.choice(joints)}"
            for _ in range(self.chance.randint(1, 5))
        )
        instants = "0 1521801216617 1709164800000 1735603200000 1230768000000 946684799999 -1 951782400000 "
        instants += "253402300799000 1483228800000 1451606400000 1293840000000"
        instant = self.pick(*instants.split(), str(self.chance.randrange(-2_000_000_000_000, 4_000_000_000_000)))
        zone = self.pick("", "", ", '+0100'", ", '-0500'", ", '+1400'", ", '0000'")
        made = f"$fromMillis({instant}, '{picture}'{zone})"
        stamps = "2018 2018-03 2018-03-27 2018-03-27T14:03:00 2018-03-27T14:03:00.123Z 2018-03-27T14:03:00.123+01:00 "
        stamps += "2018-W13 March x"
        # Read back only with a year and with names as jsonata-js knows them: the rest depends on now.
        odd = re.search(r"MN\]|Mn\]|FN\]|0101t|\]\[", picture) or not picture.startswith("[Y")
        read = made if odd else f"$fromMillis($toMillis({made}, '{picture}'))"
        return self.pick(made, made, read, f"$fromMillis({instant})", f"$toMillis('{self.pick(*stamps.split())}')")

    def signature(self) -> str:
        return self.pick("", "<n:n>", "<a<n>:x>", "<s-n?:s>", "<(sn)j?:x>")

    def replacement(self) -> str:
        functions = ("function($m) { $m.match & $string($m.groups) }", "function($m) { 1 }")
        return self.pick(self.text, "'$2-$1'", "'$0$$'", "'$12'", *functions)

    def matching(self) -> str:
        text = self.pick(self.text, "'ababbcc'", "'line\\none'", "'John Smith'", "name", "words")
        pattern = self.pick(
            self.regex,
            "/(a)(b+)/",
            "/(\\w+)\\s(\\w+)/",
            "/b*/",
            "/$/",
            "/^o/m",
            "/A/im",
            "/(x)?a/",
            "/[/",
            "/a/g",
            "/\\//",
            "/(?<y>a)/",
            "/\\u0061/",
            "/é/",
            "//",
        )
        kinds = [
            f"$match({text}, {pattern}{self.pick('', ', 1', ', 0', ', -1')})",
            f"$contains({text}, {pattern})",
            f"$split({text}, {pattern}{self.pick('', ', 1', ', 0', ', -1', ', 2.5')})",
            f"$replace({text}, {pattern}, {self.replacement()}{self.pick('', ', 1', ', 0', ', -1')})",
            f"{pattern}($string({text}))",
            f"words[{pattern}($)]",
            f"name ~> {pattern}",
        ]
        return self.chance.choice(kinds)


KINDS: dict[str, Callable[[Maker], str]] = {
    "expression": lambda maker: maker.expression(maker.chance.randint(1, 4)),
    "syntax": Maker.garbled,
    "number": Maker.format_number,
    "integer": Maker.integer,
    "date": Maker.date,
    "matching": Maker.matching,
}


def same(a: object, b: object) -> bool:
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, int | float) and isinstance(b, int | float):
        return a == b or math.isclose(a, b, rel_tol=1e-14)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    return a == b


def agree(mine: dict[str, object], theirs: dict[str, object], positions: bool, concurrent: bool) -> bool:
    if "error" in theirs and theirs["error"]["code"] == "none":
        return True  # An exception of JavaScript's own says nothing.
    if "error" not in theirs or "error" not in mine:
        return same(mine, theirs)
    # Elements and arguments are evaluated side by side there, one by one here: of two errors either may come first.
    if concurrent and theirs["error"]["code"][0] != "S":
        return True
    fields = ("code", "position") if positions else ("code",)
    return all(mine["error"].get(field) == theirs["error"].get(field) for field in fields)


def answers(command: list[str], lines: str, seconds: float = 300) -> list[str]:
    environment = {**os.environ, "NODE_PATH": str(PEERS / "node_modules")}
    done = subprocess.run(
        command, input=lines, capture_output=True, text=True, env=environment, timeout=seconds, check=False
    )
    return done.stdout.splitlines()


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--count", type=int, default=2000)
    options.add_argument("--kiban", default=f"{ROOT}/build/release/kiban jsonata eval")
    options.add_argument("--only", choices=KINDS)
    options.add_argument("--positions", action="store_true", help="compare where errors are, too")
    given = options.parse_args()
    install(PEER)
    maker = Maker(random.Random(given.seed))
    kinds = [given.only] if given.only else list(KINDS)
    expressions = [KINDS[kinds[i % len(kinds)]](maker) for i in range(given.count)]
    lines = "".join(json.dumps({"expr": text, "data": DATA}) + "\n" for text in expressions)
    mine = answers(shlex.split(given.kiban), lines)
    theirs = answers(["node", str(Path(__file__).with_suffix(".js"))], lines)
    if not len(mine) == len(theirs) == len(expressions):
        print(
            f"{len(expressions)} were asked; {len(mine)} and {len(theirs)} answers: "
            f"the next is {expressions[min(len(mine), len(theirs))]}"
        )
        return 1
    different = 0
    for text, ours, peers in zip(expressions, map(json.loads, mine), map(json.loads, theirs), strict=True):
        if agree(ours, peers, given.positions, concurrent=any(mark in text for mark in "[{")):
            continue
        different += 1
        print(f"{text}\n  kiban   {json.dumps(ours)[:300]}\n  jsonata {json.dumps(peers)[:300]}")
    print(f"{len(expressions) - different} agree, {different} differ (seed {given.seed})")
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main())
