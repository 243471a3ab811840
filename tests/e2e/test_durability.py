"""What docs/durability.md promises of kill -9, kind by kind."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import urlopen

import pytest
from conftest import kiban
from waiting import finished, until

ROLE = "arn:aws:iam::000000000000:role/any"
OPTIONS = ("--auth", "any")


def machine(server, name: str, state: dict) -> str:
    definition = json.dumps({"StartAt": "A", "States": {"A": {**state, "End": True}}})
    return server.client("stepfunctions").create_state_machine(name=name, definition=definition, roleArn=ROLE)[
        "stateMachineArn"
    ]


def test_values_lines_metrics_and_mails_survive_kill(serve, tmp_path):
    server = serve("--data", tmp_path, *OPTIONS)
    server.client("secretsmanager").create_secret(Name="s", SecretString="hush")
    server.client("ssm").put_parameter(Name="/p", Value="v", Type="SecureString")
    logs = server.client("logs")
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    now = datetime.now(UTC)
    logs.put_log_events(
        logGroupName="g", logStreamName="s", logEvents=[{"timestamp": int(now.timestamp() * 1000), "message": "line"}]
    )
    server.client("cloudwatch").put_metric_data(Namespace="n", MetricData=[{"MetricName": "m", "Value": 3}])
    topic = server.client("sns").create_topic(Name="t")["TopicArn"]
    server.client("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint="a@example.com")
    mails = until(lambda: json.loads(kiban("mail", "--json", "--data", tmp_path).stdout), "no mail came")
    server.kill()

    server = serve("--data", tmp_path, *OPTIONS)
    assert server.client("secretsmanager").get_secret_value(SecretId="s")["SecretString"] == "hush"
    assert server.client("ssm").get_parameter(Name="/p", WithDecryption=True)["Parameter"]["Value"] == "v"
    events = server.client("logs").get_log_events(logGroupName="g", logStreamName="s")["events"]
    assert [event["message"] for event in events] == ["line"]
    points = server.client("cloudwatch").get_metric_statistics(
        Namespace="n", MetricName="m", StartTime=now - timedelta(minutes=5), EndTime=now + timedelta(minutes=5),
        Period=60, Statistics=["Sum"],
    )["Datapoints"]  # fmt: skip
    assert [point["Sum"] for point in points] == [3]
    assert json.loads(kiban("mail", "--json", "--data", tmp_path).stdout) == mails


def test_a_token_and_a_taken_activity_task_are_answered_after_kill(serve, tmp_path):
    server = serve("--data", tmp_path, *OPTIONS)
    states = server.client("stepfunctions")
    url = server.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    activity = states.create_activity(name="a")["activityArn"]
    by_token = machine(
        server,
        "token",
        {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Parameters": {"QueueUrl": url, "MessageBody.$": "$$.Task.Token"},
        },
    )
    by_worker = machine(server, "worker", {"Type": "Task", "Resource": activity})
    waiting = [states.start_execution(stateMachineArn=arn)["executionArn"] for arn in (by_token, by_worker)]
    taken = states.get_activity_task(activityArn=activity)["taskToken"]
    server.kill()

    server = serve("--data", tmp_path, *OPTIONS)
    states = server.client("stepfunctions")
    (message,) = server.client("sqs").receive_message(QueueUrl=url)["Messages"]
    for token in (message["Body"], taken):
        states.send_task_success(taskToken=token, output='"done"')
    for arn in waiting:
        described = finished(states, arn)
        assert (described["status"], described["output"]) == ("SUCCEEDED", '"done"')


def test_a_deployment_goes_on_after_kill(serve, tmp_path):
    server = serve("--data", tmp_path, *OPTIONS)
    resources = {f"Q{i}": {"Type": "AWS::SQS::Queue"} for i in range(100)}
    for i in range(1, 100):
        resources[f"Q{i}"]["DependsOn"] = f"Q{i - 1}"
    server.client("cloudformation").create_stack(StackName="s", TemplateBody=json.dumps({"Resources": resources}))
    server.kill()

    server = serve("--data", tmp_path, *OPTIONS)
    stacks = server.client("cloudformation")

    def status() -> str:
        return stacks.describe_stacks(StackName="s")["Stacks"][0]["StackStatus"]

    until(lambda: status() == "CREATE_COMPLETE", status)
    assert len(server.client("sqs").list_queues()["QueueUrls"]) == 100


@pytest.fixture
def receiver():
    """Answers what confirms at once, and notifications once it is let; keeps ids and bodies."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kind = self.headers.get("x-amz-sns-message-type")
            self.server.seen.append((kind, self.headers.get("x-amz-sns-message-id"), body))
            if kind == "Notification":
                self.server.hold.wait(20)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.seen, server.hold = [], threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.hold.set()
    server.shutdown()


def test_an_http_delivery_under_way_comes_again_with_the_same_id(serve, tmp_path, receiver):
    server = serve("--data", tmp_path, *OPTIONS)
    sns = server.client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=f"http://127.0.0.1:{receiver.server_port}/")
    until(lambda: receiver.seen, "nothing asks for a confirmation")
    with urlopen(json.loads(receiver.seen[0][2])["SubscribeURL"]) as confirmed:
        assert confirmed.status == 200
    published = sns.publish(TopicArn=topic, Message="hello")["MessageId"]

    def ids() -> list[str]:
        return [message for kind, message, _ in receiver.seen if kind == "Notification"]

    until(ids, "the notification does not come")
    server.kill()
    serve("--data", tmp_path, *OPTIONS)
    receiver.hold.set()
    until(lambda: len(ids()) == 2, "it does not come again")
    assert ids() == [published, published]
