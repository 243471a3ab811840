"""Schedules that came due while no server ran: kiban serve --missed-schedules."""

from __future__ import annotations

import json
import subprocess
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from conftest import kiban
from test_events import queue

# The host's clock, set forward for one process.
CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

int clock_gettime(clockid_t id, struct timespec* now) {
  int (*const real)(clockid_t, struct timespec*) = dlsym(RTLD_NEXT, "clock_gettime");
  const int result = real(id, now);
  if (id == CLOCK_REALTIME) now->tv_sec += atol(getenv("SECONDS_LATER"));
  return result;
}
"""
HOUR = 3600


@pytest.fixture(scope="module")
def later(tmp_path_factory):
    """The environment of a server that begins so many seconds later."""
    directory = tmp_path_factory.mktemp("clock")
    (directory / "clock.c").write_text(CLOCK)
    library = directory / "clock.so"
    subprocess.run(["clang-19", "-shared", "-fPIC", "-o", library, directory / "clock.c", "-ldl"], check=True)
    return lambda seconds: {"LD_PRELOAD": str(library), "SECONDS_LATER": str(seconds)}


def make_rule(server, name: str, expression: str) -> str:
    url, arn = queue(server, name)
    events = server.client("events")
    events.put_rule(Name=name, ScheduleExpression=expression)
    events.put_targets(Rule=name, Targets=[{"Id": "t", "Arn": arn}])
    return url


def times(server, url: str, seconds: float = 2) -> list[datetime]:
    """Scheduled times of what came until nothing more does, in order."""
    sqs = server.client("sqs")
    found = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:  # No long poll: a frozen clock would hold it.
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for message in messages:
            found.append(datetime.fromisoformat(json.loads(message["Body"])["time"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            end = time.monotonic() + seconds
        time.sleep(0 if messages else 0.1)
    return found


def seconds_between(found: list[datetime]) -> list[float]:
    return [(b - a).total_seconds() for a, b in pairwise(found)]


@pytest.mark.parametrize(
    ("how", "starts"), [((), 1), (("--missed-schedules", "all"), 9), (("--missed-schedules", "none"), 0)]
)
def test_a_night_without_power(serve, tmp_path, later, how, starts):
    server = serve("--data", tmp_path, "--auth", "any")
    made = datetime.now(UTC)
    url = make_rule(server, "hourly", "rate(1 hour)")
    server.kill()
    server = serve("--data", tmp_path, "--auth", "any", *how, extra=later(9 * HOUR + 600))
    found = times(server, url)
    assert len(found) == starts
    assert seconds_between(found) == [HOUR] * max(starts - 1, 0)
    if found:
        assert abs(found[-1] - made - timedelta(hours=9)) < timedelta(seconds=10)
    listed = json.loads(kiban("schedule", "next", "--count", "1", "--json", "--data", tmp_path).stdout)[0]
    assert listed["missed"]["due"] == 9 and listed["missed"]["starts"] == starts
    shown = kiban("schedule", "next", "--data", tmp_path).stdout.splitlines()[-1]
    assert shown.startswith("hourly: 9 firings were missed, from ") and f"; {starts} started at " in shown
    metrics = server.client("cloudwatch").list_metrics(Namespace="kiban/Events")["Metrics"]
    assert {m["MetricName"] for m in metrics} == {"MissedFirings", "CaughtUpFirings"}
    server.kill()
    assert f"rule hourly: 9 firings were missed, from {made:%Y-%m-%dT}" in server.process.stderr.read()
    # It does not fire for the same night again.
    server = serve("--data", tmp_path, "--auth", "any", *how, extra=later(9 * HOUR + 660))
    assert times(server, url, 1) == []


def test_kill_while_it_catches_up_neither_repeats_nor_loses_one(serve, tmp_path, later):
    server = serve("--data", tmp_path, "--auth", "any")
    names = [f"rule-{i}" for i in range(4)]
    made = datetime.now(UTC)
    urls = [make_rule(server, name, "rate(1 minute)") for name in names]
    server.kill()
    options = ("--data", tmp_path, "--auth", "any", "--missed-schedules", "all")
    for pause in (0.0, 0.02, 0.1):
        server = serve(*options, extra=later(20 * HOUR))
        time.sleep(pause)
        server.kill()
    server = serve(*options, extra=later(20 * HOUR))
    for url in urls:
        found = times(server, url)
        assert len(found) >= 20 * 60 - 1
        assert seconds_between(found) == [60] * (len(found) - 1)
        assert abs(found[0] - made - timedelta(minutes=1)) < timedelta(seconds=10)


def test_nothing_is_missed_by_a_virtual_clock(serve, tmp_path, later):
    options = ("--data", tmp_path, "--auth", "any", "--clock", "virtual", "--missed-schedules", "all")
    server = serve(*options)
    url = make_rule(server, "hourly", "rate(1 hour)")
    server.kill()
    # The clock stands while no server runs, so nothing came due.
    server = serve(*options, extra=later(9 * HOUR))
    assert times(server, url, 1) == []
    assert kiban("clock", "advance", "5h", "--data", tmp_path).returncode == 0
    assert len(times(server, url)) == 5
    assert kiban("clock", "scale", "36000", "--data", tmp_path).returncode == 0
    time.sleep(0.5)
    assert kiban("clock", "freeze", "--data", tmp_path).returncode == 0
    found = times(server, url)
    assert len(found) >= 4 and seconds_between(found) == [HOUR] * (len(found) - 1)
    listed = json.loads(kiban("schedule", "next", "--json", "--data", tmp_path).stdout)
    assert "missed" not in listed[0]


def test_the_host_clock_that_follows_a_virtual_one_makes_up_for_what_lay_between(serve, tmp_path, later):
    server = serve("--data", tmp_path, "--auth", "any", "--clock", "virtual")
    url = make_rule(server, "hourly", "rate(1 hour)")
    server.kill()
    server = serve("--data", tmp_path, "--auth", "any", extra=later(3 * HOUR + 600))
    assert len(times(server, url)) == 1
