"""Bytes that are not text: refused at every door, and never the end of the server or of its data."""

from __future__ import annotations

import http.client
import json
import subprocess
import urllib.parse

import pytest
from botocore.config import Config
from waiting import finished

NOT_UTF8 = [b"\xff", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"\xe3\x81"]
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def send(server, method: str, path: str, body: bytes = b"", headers: dict | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


def alarm(description: bytes) -> bytes:
    return (
        b"Action=PutMetricAlarm&Version=2010-08-01&AlarmName=a&Namespace=n&MetricName=m&Statistic=Sum&Period=60"
        b"&EvaluationPeriods=1&Threshold=1&ComparisonOperator=GreaterThanThreshold&AlarmDescription=" + description
    )


def tagging(value: bytes) -> bytes:
    return b"<Tagging><TagSet><Tag><Key>k</Key><Value>" + value + b"</Value></Tag></TagSet></Tagging>"


def requests(bad: bytes) -> list[tuple]:
    quoted = urllib.parse.quote_from_bytes(bad).encode()
    name = quoted.decode()
    scope = "AWS4-HMAC-SHA256 Credential=AKID/20261130/{}/s3/aws4_request, SignedHeaders=host, Signature=00"
    return [
        ("POST", "/", alarm(quoted), FORM),
        ("POST", "/", alarm(bad), FORM),
        ("GET", "/?" + alarm(quoted).decode()),
        (
            "POST",
            "/",
            b"Action=PutRolePermissionsBoundary&Version=2010-05-08&RoleName=r&PermissionsBoundary=" + quoted,
            FORM,
        ),
        ("POST", "/", b"Action=CreateTags&Version=2016-11-15&ResourceId.1=vpc-1&Tag.1.Key=" + quoted, FORM),
        ("PUT", "/bucket?tagging", tagging(bad)),
        ("PUT", f"/bucket/{name}", b"x"),
        ("GET", f"/bucket?list-type=2&prefix={name}"),
        ("PUT", "/bucket/k", b"x", {"x-amz-meta-a": bad}),
        ("PUT", "/bucket/k", b"x", {"x-amz-tagging": bad}),
        ("POST", "/", b'{"Name":"' + bad + b'"}', {"X-Amz-Target": "AmazonSSM.GetParameter"}),
        (
            "POST",
            "/service/GraniteServiceVersion20100801/operation/DeleteDashboards",
            b"\xa1\x6eDashboardNames\x81" + bytes([0x60 + len(bad)]) + bad,
            {"smithy-protocol": "rpc-v2-cbor"},
        ),
        ("GET", "/", b"", {"Authorization": scope.format("\u00ff")}),
    ]


@pytest.mark.parametrize("bad", NOT_UTF8, ids=lambda bad: bad.hex())
def test_every_protocol_refuses_bytes_that_are_not_utf8(server, bad):
    server.client("s3").create_bucket(
        Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"}
    )
    for request in requests(bad)[:-1]:
        status, body = send(server, *request)
        assert 400 <= status < 500, (request, status, body)
        if not request[1].startswith("/service/"):  # CBOR.
            body.decode()  # What quotes it is text itself.
    send(server, *requests(bad)[-1])
    assert server.get("/_kiban/health")[0] == 200


@pytest.mark.parametrize("reference", [b"&#55296;", b"&#xDFFF;", b"&#0;", b"&#x1F;", b"&#xFFFF;", b"&#1114112;"])
def test_xml_refuses_references_to_what_is_no_character(server, reference):
    server.client("s3").create_bucket(
        Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"}
    )
    status, body = send(server, "PUT", "/bucket?tagging", tagging(reference))
    assert status == 400 and b"MalformedXML" in body


def test_data_survives_a_bad_request(serve, tmp_path):
    server = serve("--data", tmp_path, "--auth", "any")
    for bad in NOT_UTF8:
        for request in requests(bad):
            send(server, *request)
    server.stop()
    again = serve("--data", tmp_path, "--auth", "any")
    assert again.client("cloudwatch").describe_alarms()["MetricAlarms"] == []
    again.client("iam").list_roles()
    again.client("s3").list_buckets()


def test_what_random_shows_does_not_repeat(server):
    states = server.client("stepfunctions", config=Config(inject_host_prefix=False, proxies={}))
    definition = {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% [$random(),$random()] %}", "End": True}
    seen = [
        states.test_state(definition=json.dumps(definition), roleArn="arn:aws:iam::000000000000:role/r")["output"]
        for _ in range(20)
    ]
    assert len({number for output in seen for number in json.loads(output)}) == 40


def test_doctor_counts_the_rows_that_can_be_read(serve, tmp_path):
    from conftest import BINARY, environment

    serve("--data", tmp_path, "--auth", "any").stop()
    shown = subprocess.run(
        [str(BINARY), "doctor", "--data", str(tmp_path), "--json"],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    rows = next(check for check in json.loads(shown.stdout) if check["check"] == "rows")
    assert rows["ok"] and "can be read" in rows["text"], rows


def test_half_a_surrogate_pair_ends_no_execution(server):
    """JSONata can make one; neither a row nor a reply can hold it."""
    states = server.client("stepfunctions")
    wait = {"Type": "Wait", "Seconds": 1, "Next": "Make"}
    make = {"Type": "Pass", "Output": "{% {'\\uD800': 'a\\uD800b'} %}", "End": True}
    definition = {"QueryLanguage": "JSONata", "StartAt": "Wait", "States": {"Wait": wait, "Make": make}}
    machine = states.create_state_machine(
        name="half", definition=json.dumps(definition), roleArn="arn:aws:iam::000000000000:role/any"
    )["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine)["executionArn"]
    ended = finished(states, execution)
    assert ended["status"] == "SUCCEEDED"
    assert "\ufffd" in ended["output"]
