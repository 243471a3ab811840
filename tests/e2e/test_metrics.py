"""GET /_kiban/metrics, as a Prometheus server scrapes it."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError
from prometheus_client.parser import text_string_to_metric_families
from waiting import finished, until

ROLE = "arn:aws:iam::000000000000:role/any"
PASS = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})
FAIL = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Fail", "Error": "E"}}})
WAIT = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 3600, "End": True}}})


def scrape(server, token: str | None, path: str = "/_kiban/metrics") -> tuple[int, str, str]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(server.endpoint + path, headers=headers), timeout=10) as reply:
            return reply.status, reply.headers["Content-Type"], reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, "", error.read().decode()


class Samples:
    def __init__(self, text: str) -> None:
        self.families = list(text_string_to_metric_families(text))
        assert len({family.name for family in self.families}) == len(self.families)
        self.all = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in self.families
            for sample in family.samples
        }
        assert len(self.all) == sum(len(family.samples) for family in self.families)

    def __call__(self, name: str, **labels: str) -> float:
        return self.all.get((name, frozenset(labels.items())), 0)

    def check_histograms(self) -> None:
        for family in (f for f in self.families if f.type == "histogram"):
            last: dict[frozenset, tuple[float, float]] = {}
            for sample in (s for s in family.samples if s.name.endswith("_bucket")):
                series = frozenset((k, v) for k, v in sample.labels.items() if k != "le")
                bound, count = last.get(series, (-1, 0))
                assert float(sample.labels["le"]) > bound and sample.value >= count
                last[series] = (float(sample.labels["le"]), sample.value)
            assert last, family.name
            for series, (bound, count) in last.items():
                assert bound == float("inf")
                assert count == self.all[(family.name + "_count", series)]


def test_a_scraper_sees_requests_executions_timers_and_the_disk(serve, tmp_path):
    server = serve("--data", tmp_path, "--iam", "observe").use_key_of(tmp_path)
    states = server.client("stepfunctions")
    machines = {
        name: states.create_state_machine(name=name, definition=definition, roleArn=ROLE)["stateMachineArn"]
        for name, definition in {"pass": PASS, "fail": FAIL, "wait": WAIT}.items()
    }
    for name, starts in {"pass": 3, "fail": 2, "wait": 4}.items():
        for _ in range(starts):
            states.start_execution(stateMachineArn=machines[name])
    sqs = server.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    with pytest.raises(ClientError):
        sqs.get_queue_url(QueueName="none")
    token = (tmp_path / "metrics-token").read_text().strip()
    assert (tmp_path / "metrics-token").stat().st_mode & 0o777 == 0o600

    status, kind, text = scrape(server, token)
    assert status == 200 and kind == "text/plain; version=0.0.4; charset=utf-8"
    samples = Samples(text)
    samples.check_histograms()
    assert samples("kiban_build_info", version="0.1.0") == 1
    start = {"service": "states", "operation": "StartExecution"}
    assert samples("kiban_requests_total", **start, code="2xx") == 9
    assert samples("kiban_request_duration_seconds_count", **start) == 9
    assert 0 < samples("kiban_request_duration_seconds_sum", **start) < 60
    assert samples("kiban_requests_total", service="sqs", operation="GetQueueUrl", code="4xx") == 1
    assert samples("kiban_executions_started_total") == 9
    assert samples("kiban_executions_ended_total", status="SUCCEEDED") == 3
    assert samples("kiban_executions_ended_total", status="FAILED") == 2
    assert samples("kiban_executions_open") == 4
    assert samples("kiban_timers_pending") >= 4
    assert samples("kiban_connections") >= 1
    assert samples("kiban_batch_duration_seconds_count") >= 9
    assert samples("kiban_batch_inputs_sum") >= 9
    assert samples("kiban_commit_duration_seconds_count") >= 9
    assert samples("kiban_commit_rows_sum") > samples("kiban_commit_rows_count")
    assert samples("kiban_commit_bytes_total") > 1000
    assert 0 < samples("kiban_batch_longest_seconds") < 60
    assert samples("kiban_disk_bytes", kind="rows") > 0
    assert samples("kiban_disk_free_bytes") > 0
    assert samples("process_resident_memory_bytes") > 1e6
    assert samples("process_cpu_seconds_total") > 0
    assert samples("process_open_fds") > 3

    states.stop_execution(
        executionArn=states.list_executions(stateMachineArn=machines["wait"])["executions"][0]["executionArn"]
    )
    later = Samples(scrape(server, token)[2])
    assert later("kiban_executions_ended_total", status="ABORTED") == 1
    assert later("kiban_requests_total", **start, code="2xx") == 9
    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])


def test_the_bearer_token_reads_metrics_and_nothing_else(serve, tmp_path):
    server = serve("--data", tmp_path).use_key_of(tmp_path)
    token = (tmp_path / "metrics-token").read_text().strip()
    assert scrape(server, None)[0] == 403
    assert scrape(server, "0" * 64)[0] == 403
    assert scrape(server, token, "/_kiban/clock")[0] == 403
    assert scrape(server, token, "/_kiban/backup")[0] == 403
    assert scrape(server, token, "/_kiban/metricsandmore")[0] == 404
    assert server.get("/_kiban/metrics")[0] == 200  # With the data directory's own token.


def test_a_waiting_poll_and_a_server_in_memory_are_shown(server):
    url = server.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    states = server.client("stepfunctions")
    machine = states.create_state_machine(name="wait", definition=WAIT, roleArn=ROLE)["stateMachineArn"]
    states.start_execution(stateMachineArn=machine)
    from threading import Thread

    poll = Thread(target=lambda: server.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=3))
    poll.start()

    def shown() -> Samples | None:
        samples = Samples(server.get("/_kiban/metrics")[1].decode())
        return samples if samples("kiban_long_polls") == 1 else None

    samples = until(shown, "the poll is not shown")
    assert samples("kiban_executions_open") == 1
    assert samples("kiban_timers_pending") >= 1
    poll.join()


def test_what_is_counted_survives_nothing_but_is_not_shown_twice(serve, tmp_path):
    """Counters begin at 0 with each start, as Prometheus expects; gauges tell what there is."""
    server = serve("--data", tmp_path, "--auth", "any")
    states = server.client("stepfunctions")
    machine = states.create_state_machine(name="m", definition=PASS, roleArn=ROLE)["stateMachineArn"]
    finished(states, states.start_execution(stateMachineArn=machine)["executionArn"])
    states.start_execution(
        stateMachineArn=states.create_state_machine(name="w", definition=WAIT, roleArn=ROLE)["stateMachineArn"]
    )
    server.kill()
    began = time.monotonic()
    server = serve("--data", tmp_path, "--auth", "any").use_key_of(tmp_path)
    samples = Samples(server.get("/_kiban/metrics")[1].decode())
    assert samples("kiban_executions_started_total") == 0
    assert samples("kiban_executions_open") == 1
    assert time.monotonic() - began < 20
