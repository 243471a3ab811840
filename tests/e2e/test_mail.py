"""Subscriptions by e-mail: the local mailbox, its links, and an SMTP server."""

from __future__ import annotations

import json
import queue
import re
import socketserver
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from conftest import kiban
from waiting import until

TEMPLATE = """
Resources:
  Topic:
    Type: AWS::SNS::Topic
  Operator:
    Type: AWS::SNS::Subscription
    Properties: {TopicArn: !Ref Topic, Protocol: email, Endpoint: operator@example.com}
Outputs:
  Topic: {Value: !Ref Topic}
  Subscription: {Value: !Ref Operator}
"""


def visit(url: str) -> int:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return opener.open(url, timeout=10).status


def mails(data) -> list[dict]:
    listed = kiban("mail", "--data", data, "--json")
    assert listed.returncode == 0, listed.stderr
    return json.loads(listed.stdout)


def link_in(text: str, action: str) -> str:
    return re.search(rf"http://\S+Action={action}\S+", text).group(0)


def test_a_stack_subscribes_an_address_and_its_owner_confirms(serve, tmp_path):
    server = serve("--data", tmp_path).use_key_of(tmp_path)
    cloudformation, sns = server.client("cloudformation"), server.client("sns")
    cloudformation.create_stack(StackName="s", TemplateBody=TEMPLATE)
    cloudformation.get_waiter("stack_create_complete").wait(StackName="s", WaiterConfig={"Delay": 1})
    outputs = cloudformation.describe_stacks(StackName="s")["Stacks"][0]["Outputs"]
    values = {output["OutputKey"]: output["OutputValue"] for output in outputs}
    assert values["Subscription"].startswith(values["Topic"] + ":")
    listed = sns.list_subscriptions_by_topic(TopicArn=values["Topic"])["Subscriptions"]
    assert listed[0]["SubscriptionArn"] == "PendingConfirmation"
    sns.publish(TopicArn=values["Topic"], Message="too soon")

    until(lambda: mails(tmp_path), "no mail came")
    shown = kiban("mail", "show", "1", "--data", tmp_path).stdout
    assert "To: operator@example.com\nSubject: AWS Notification - Subscription Confirmation\n" in shown
    assert len(list((tmp_path / "mail").glob("*.eml"))) == 1
    # The links need no signature, though the server verifies them.
    assert visit(link_in(shown, "ConfirmSubscription")) == 200
    sns.publish(TopicArn=values["Topic"], Message="It failed.", Subject="Nightly batch")
    until(lambda: len(mails(tmp_path)) == 2, "no notification came")
    assert [mail["subject"] for mail in mails(tmp_path)][1] == "Nightly batch"
    shown = json.loads(kiban("mail", "show", "2", "--data", tmp_path, "--json").stdout)
    assert shown["body"].startswith("It failed.\n")
    assert visit(link_in(shown["body"], "Unsubscribe")) == 200
    assert sns.list_subscriptions_by_topic(TopicArn=values["Topic"])["Subscriptions"] == []
    assert "no mail 9" in kiban("mail", "show", "9", "--data", tmp_path).stderr


def test_a_subscription_of_the_owner_ends_by_a_signed_request_only(serve, tmp_path):
    server = serve("--data", tmp_path).use_key_of(tmp_path)
    sns, sqs = server.client("sns"), server.client("sqs")
    topic = sns.create_topic(Name="t")["TopicArn"]
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)["SubscriptionArn"]
    with pytest.raises(urllib.error.HTTPError) as refused:
        visit(f"{server.endpoint}/?Action=Unsubscribe&SubscriptionArn={subscription}")
    assert refused.value.code == 403
    sns.unsubscribe(SubscriptionArn=subscription)


class Smtp:
    """Takes mails; the first try of each is put off when `busy`."""

    def __init__(self) -> None:
        received: queue.Queue[tuple[str, str]] = queue.Queue()
        self.received = received

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                to = ""
                self.say("220 ready")
                while line := self.rfile.readline().decode().strip():
                    verb = line.split(":")[0].upper()
                    if verb == "RCPT TO":
                        to = line
                    if verb != "DATA":
                        self.say("221 bye" if verb == "QUIT" else "250 ok")
                        continue
                    self.say("354 go on")
                    text = b""
                    while not text.endswith(b"\r\n.\r\n"):
                        text += self.rfile.readline()
                    received.put((to, text.decode()))
                    self.say("250 kept")

            def say(self, line: str) -> None:
                self.wfile.write(line.encode() + b"\r\n")

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def smtp() -> Iterator[Smtp]:
    made = Smtp()
    yield made
    made.server.shutdown()


def test_mails_go_to_the_smtp_server(serve, tmp_path, smtp):
    address = f"smtp://127.0.0.1:{smtp.port}"
    server = serve("--data", tmp_path, "--smtp", address, "--mail-from", "kiban@example.com").use_key_of(tmp_path)
    sns = server.client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="operator@example.com")
    to, text = smtp.received.get(timeout=30)
    assert "<operator@example.com>" in to
    assert 'From: "AWS Notifications" <kiban@example.com>\r\n' in text
    assert visit(link_in(text, "ConfirmSubscription").rstrip()) == 200
    sns.publish(TopicArn=topic, Message=".\nsecond line")
    _, text = smtp.received.get(timeout=30)
    assert "\r\n\r\n..\r\nsecond line\r\n" in text  # A lone dot is doubled on the way.
    assert f"goes to 127.0.0.1:{smtp.port}" in kiban("doctor", "--data", tmp_path).stdout
    assert mails(tmp_path) == []


def test_a_wrong_smtp_url_is_refused_at_the_start():
    refused = kiban("serve", "--ephemeral", "--smtp", "http://mail.example.com")
    assert (refused.returncode, "smtp://" in refused.stderr) == (2, True)
