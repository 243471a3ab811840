"""tools/clang_tidy.py on a project of two files: what is looked at again, and what is found."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
import clang_tidy


@pytest.fixture
def project(tmp_path):
    engine = tmp_path / "engine"
    engine.mkdir()
    (tmp_path / ".clang-tidy").write_text(
        "Checks: '-*,bugprone-integer-division'\nWarningsAsErrors: '*'\nHeaderFilterRegex: '.*'\n"
    )
    (engine / "shared.h").write_text("inline int two() { return 2; }\n")
    (engine / "apart.cc").write_text("int one() { return 1; }\n")
    (engine / "user.cc").write_text('#include "shared.h"\nint three() { return two() + 1; }\n')
    write_commands(tmp_path, "-std=c++20")
    return tmp_path


def write_commands(root, flags):
    entries = [
        {"directory": str(root), "file": str(file), "command": f"clang++-19 {flags} -c {file}"}
        for file in sorted((root / "engine").glob("*.cc"))
    ]
    (root / "build").mkdir(exist_ok=True)
    (root / "build/compile_commands.json").write_text(json.dumps(entries))


@pytest.fixture
def checked(project, capsys):
    """Runs it; gives the exit code, the files it looked at and all it said."""

    def run(*arguments):
        code = clang_tidy.main(list(arguments), root=project, build=project / "build")
        said = capsys.readouterr().out
        looked_at = {line.split("engine/")[1].split(":")[0] for line in said.splitlines() if line.startswith("[")}
        return code, looked_at, said

    return run


def test_looks_only_at_what_changed(project, checked):
    assert checked()[:2] == (0, {"apart.cc", "user.cc"})
    assert checked()[:2] == (0, set())
    (project / "engine/apart.cc").touch()
    assert checked()[:2] == (0, set())
    (project / "engine/apart.cc").write_text("int one() { return 11; }\n")
    assert checked()[:2] == (0, {"apart.cc"})


def test_a_header_counts_for_those_that_include_it(project, checked):
    checked()
    (project / "engine/shared.h").write_text("inline int two() { return 3; }\n")
    assert checked()[:2] == (0, {"user.cc"})


def test_settings_and_commands_count(project, checked):
    checked()
    write_commands(project, "-std=c++23")
    assert checked()[1] == {"apart.cc", "user.cc"}
    (project / ".clang-tidy").write_text("Checks: '-*,bugprone-unused-raii'\n")
    assert checked()[1] == {"apart.cc", "user.cc"}


def test_a_finding_fails_until_it_is_mended(project, checked):
    (project / "engine/shared.h").write_text("inline double two(int x) { return x / 2; }\n")
    (project / "engine/user.cc").write_text('#include "shared.h"\n')
    code, _, said = checked()
    assert code == 1
    assert "bugprone-integer-division" in said
    assert "1 passed, 1 failed" in said
    assert checked()[:2] == (1, {"user.cc"})
    (project / "engine/shared.h").write_text("inline int two(int x) { return x; }\n")
    assert checked()[:2] == (0, {"user.cc"})


def test_only_the_named_ones(project, checked):
    assert checked("engine/apart.cc")[:2] == (0, {"apart.cc"})


def test_a_file_that_nothing_compiles_fails(project, checked):
    (project / "engine/stray.cc").write_text("int x;\n")
    code, _, said = checked()
    assert code == 1
    assert "stray.cc: no target" in said
