"""What ./run says before it does anything; what it does is test_stack.py."""

from __future__ import annotations

import socket
import subprocess

import pytest
from conftest import ROOT, environment


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "run", *arguments], env=environment(), capture_output=True, text=True, timeout=30, check=False
    )


def test_help_teaches():
    shown = run("--help")
    assert shown.returncode == 0
    assert "--once" in shown.stdout and "--process" in shown.stdout


@pytest.mark.parametrize(
    "arguments",
    [("--now",), ("--port", "high"), ("--port", "0"), ("--port", "65536"), ("--port",), ("--stage", "test")],
)
def test_wrong_usage_is_told(arguments):
    refused = run(*arguments)
    assert refused.returncode == 2
    assert refused.stderr.startswith("kiban: run: ")


def test_a_taken_port_is_told_before_anything_is_installed():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = run("--process", "--port", port)
    assert refused.returncode == 1
    assert f"port {port} is taken" in refused.stderr and "--port" in refused.stderr
    assert "Installing" not in refused.stdout
