"""What leaves the server: SNS over HTTP."""

from __future__ import annotations

import json
import queue
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Subscriber:
    def __init__(self) -> None:
        received: queue.Queue[tuple[str, dict]] = queue.Queue()
        self.received = received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.put((self.headers["x-amz-sns-message-type"], json.loads(body)))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def next(self) -> tuple[str, dict]:
        return self.received.get(timeout=15)


@pytest.fixture
def subscriber() -> Iterator[Subscriber]:
    made = Subscriber()
    yield made
    made.server.shutdown()


def test_sns_confirms_and_then_notifies_over_http(serve, tmp_path, subscriber):
    # Signatures are on: visiting the SubscribeURL needs none all the same.
    server = serve("--data", tmp_path).use_key_of(tmp_path)
    sns = server.client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=subscriber.url)
    kind, body = subscriber.next()
    assert (kind, body["TopicArn"]) == ("SubscriptionConfirmation", topic)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    assert opener.open(body["SubscribeURL"], timeout=10).status == 200
    message = sns.publish(TopicArn=topic, Message="hello", Subject="s")["MessageId"]
    kind, body = subscriber.next()
    assert (kind, body["Message"], body["Subject"], body["MessageId"]) == ("Notification", "hello", "s", message)
    assert subscriber.received.empty()


def test_sns_to_sqs_arrives_once(server):
    sns, sqs = server.client("sns"), server.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    sns.publish(TopicArn=topic, Message="hello")
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert [json.loads(m["Body"])["Message"] for m in messages] == ["hello"]
