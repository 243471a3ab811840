"""CloudWatch Logs over the wire: filter patterns, metric filters, and the pages of a stream."""

from __future__ import annotations

import json
import time

import pytest
from botocore.exceptions import ClientError


def put(logs, *messages: str) -> None:
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": message} for message in messages]
    logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=events)


@pytest.fixture
def logs(server):
    client = server.client("logs")
    client.create_log_group(logGroupName="g")
    client.create_log_stream(logGroupName="g", logStreamName="s")
    yield client
    client.delete_log_group(logGroupName="g")


def test_metric_filters_publish_what_they_find(server, logs):
    logs.put_metric_filter(
        logGroupName="g",
        filterName="latency",
        filterPattern="{ $.level = error && $.ms >= 10 }",
        metricTransformations=[
            {"metricName": "Latency", "metricNamespace": "App", "metricValue": "$.ms", "unit": "Milliseconds"}
        ],
    )
    put(logs, json.dumps({"level": "error", "ms": 12}), json.dumps({"level": "error", "ms": 5}), "text")
    now = time.time()
    [point] = server.client("cloudwatch").get_metric_statistics(
        Namespace="App",
        MetricName="Latency",
        StartTime=now - 300,
        EndTime=now + 300,
        Period=3600,
        Statistics=["Sum", "SampleCount"],
    )["Datapoints"]
    assert (point["Sum"], point["SampleCount"], point["Unit"]) == (12, 1, "Milliseconds")
    [shown] = logs.describe_metric_filters(logGroupName="g")["metricFilters"]
    assert shown["metricTransformations"][0]["metricValue"] == "$.ms"
    found = logs.filter_log_events(logGroupName="g", filterPattern="{ $.ms = 5 }")["events"]
    assert [json.loads(each["message"])["ms"] for each in found] == [5]


def test_patterns_are_tested_and_refused(logs):
    matches = logs.test_metric_filter(
        filterPattern="[ip, ..., status = 4*, bytes]",
        logEventMessages=['127.0.0.1 - "GET /a b" 404 12', '127.0.0.1 - "GET /" 200 3'],
    )["matches"]
    assert [(each["eventNumber"], each["extractedValues"]["$bytes"]) for each in matches] == [(0, "12")]
    with pytest.raises(ClientError) as refused:
        logs.filter_log_events(logGroupName="g", filterPattern="{ $.a = }")
    assert refused.value.response["Error"] == {
        "Code": "InvalidParameterException",
        "Message": "Invalid filter pattern",
    }
