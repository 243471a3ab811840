"""Durable workflow engines: ten durable steps, as one at a time and with 64 at a time."""

from __future__ import annotations

import functools
import json
import os
import platform
import pwd
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from peers import PEERS, install

from .base import ROOT, Measured, NotMeasurable, Settings
from .peers import process, python_with
from .server import answers, directory, free_port

SCRIPTS = ROOT / "bench" / "durable"
RESTATE = "1.7.12"
SDK = "1.17.2"


def output(command: list[object], seconds: float, **options: object) -> dict[str, float]:
    """The JSON in the last line that the command prints."""
    done = subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        check=False,
        timeout=60 + 10 * seconds,
        **options,  # type: ignore[call-overload]
    )
    if done.returncode != 0 or not done.stdout.strip():
        raise NotMeasurable(f"failed: {done.stderr.strip()[-200:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


@functools.cache
def restate(seconds: float) -> dict[str, float]:
    if platform.machine() != "x86_64":
        raise NotMeasurable("its server's npm package is fetched for x86_64 only")
    try:
        install(f"@restatedev/restate-server-linux-x64@{RESTATE}")
        install(f"@restatedev/restate-sdk@{SDK}")
    except subprocess.CalledProcessError:
        raise NotMeasurable("not installed: npm failed") from None
    modules = PEERS / "node_modules"
    binary = modules / "@restatedev" / "restate-server-linux-x64" / "bin" / "restate-server"
    service, ingress, admin, node = (free_port() for _ in range(4))
    settings = {
        "RESTATE_INGRESS__BIND_ADDRESS": f"127.0.0.1:{ingress}",
        "RESTATE_ADMIN__BIND_ADDRESS": f"127.0.0.1:{admin}",
        "RESTATE_BIND_ADDRESS": f"127.0.0.1:{node}",
        "RESTATE_ADVERTISED_ADDRESS": f"http://127.0.0.1:{node}",
        "RESTATE_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "1",
    }
    with (
        directory() as folder,
        process([binary, "--base-dir", folder / "data"], lambda: answers(admin, "/health"), folder, **settings),
    ):
        # ES modules are found beside the script alone, so the script runs from a folder of its own.
        shutil.copy(SCRIPTS / "restate.mjs", folder)
        (folder / "node_modules").symlink_to(modules)
        return output(["node", folder / "restate.mjs", service, ingress, admin, seconds], seconds)


def postgres_binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        raise NotMeasurable("needs PostgreSQL, which is not installed")
    return found[-1].parent


@functools.cache
def dbos(seconds: float) -> dict[str, float]:
    python = python_with("dbos==3.4.0")
    binaries = postgres_binaries()
    owner = pwd.getpwnam("postgres") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    identity = {"user": owner.pw_uid, "group": owner.pw_gid} if os.geteuid() == 0 else {}
    port = free_port()
    with directory() as folder:
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        data = folder / "data"
        subprocess.run(
            [binaries / "initdb", "-D", data, "-A", "trust", "-U", "bench"], check=True, capture_output=True, **identity
        )
        command = [binaries / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **identity)
        try:
            url = f"postgresql://bench@127.0.0.1:{port}/dbos"
            ready = [binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port), "-t", "5"]
            for _ in range(200):
                if subprocess.run(ready, check=False).returncode == 0:
                    break
            return output([python, SCRIPTS / "dbos_ten.py", url, seconds], seconds, cwd=folder)
        finally:
            server.terminate()
            server.wait(30)


def measured(run: Callable[[float], dict[str, float]], key: str) -> Callable[[Settings], Measured]:
    def measure(settings: Settings) -> Measured:
        return Measured({key: run(settings.pick(10, 3))[key]})

    return measure


def peers(key: str) -> dict[str, Callable[[Settings], Measured]]:
    return {"Restate": measured(restate, key), "DBOS": measured(dbos, key)}
