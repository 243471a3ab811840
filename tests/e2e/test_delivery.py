"""What leaves the server: SNS over HTTP."""

from __future__ import annotations

import base64
import json
import queue
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

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


NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


def is_signed(body: dict, names: tuple[str, ...], folder: Path) -> bool:
    """As https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html tells."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    (folder / "certificate.pem").write_bytes(opener.open(body["SigningCertURL"], timeout=10).read())
    (folder / "signature").write_bytes(base64.b64decode(body["Signature"]))
    text = "".join(f"{name}\n{body[name]}\n" for name in names if name in body)
    x509 = ["openssl", "x509", "-pubkey", "-noout", "-in", folder / "certificate.pem", "-out", folder / "key.pem"]
    subprocess.run(x509, check=True)
    digest = {"1": "-sha1", "2": "-sha256"}[body["SignatureVersion"]]
    verify = ["openssl", "dgst", digest, "-verify", folder / "key.pem", "-signature", folder / "signature"]
    return subprocess.run(verify, input=text.encode(), capture_output=True, check=False).returncode == 0


def test_sns_signs_what_it_posts(serve, tmp_path, subscriber):
    data = tmp_path / "data"
    server = serve("--data", data).use_key_of(data)
    sns = server.client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=subscriber.url)
    confirmation = subscriber.next()[1]
    assert is_signed(confirmation, CONFIRMATION, tmp_path)
    sns.confirm_subscription(TopicArn=topic, Token=confirmation["Token"])
    urls = {confirmation["SigningCertURL"]}
    for version in ("1", "2"):
        sns.set_topic_attributes(TopicArn=topic, AttributeName="SignatureVersion", AttributeValue=version)
        sns.publish(TopicArn=topic, Message="two\nlines: \u57fa\u76e4", Subject="s")
        body = subscriber.next()[1]
        assert body["SignatureVersion"] == version
        assert is_signed(body, NOTIFICATION, tmp_path)
        assert not is_signed({**body, "Message": "forged"}, NOTIFICATION, tmp_path)
        urls.add(body["SigningCertURL"])
    assert len(urls) == 1
    assert server.get("/SimpleNotificationService-other.pem")[0] == 404
    server.kill()
    again = serve("--data", data).use_key_of(data)
    again.client("sns").publish(TopicArn=topic, Message="m")
    path = urls.pop().removeprefix(server.endpoint)
    assert subscriber.next()[1]["SigningCertURL"] == again.endpoint + path  # One key a data directory.


def test_sns_to_sqs_arrives_once(server):
    sns, sqs = server.client("sns"), server.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    sns.publish(TopicArn=topic, Message="hello")
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert [json.loads(m["Body"])["Message"] for m in messages] == ["hello"]
