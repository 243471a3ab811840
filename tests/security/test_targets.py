"""What kiban calls for others: not this host's loopback, unless the caller could do so itself."""

from __future__ import annotations

import http.server
import threading
import time

import pytest
from waiting import until


@pytest.fixture
def receiver():
    heard: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port, heard
    server.shutdown()


def subscribe(server, port: int, host: str) -> None:
    sns = server.client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=f"http://{host}:{port}/hook")


@pytest.mark.parametrize("choice", [(), ("--loopback-targets", "allow")])
def test_a_server_on_loopback_calls_loopback(serve, receiver, choice):
    port, heard = receiver
    subscribe(serve("--ephemeral", "--auth", "any", *choice), port, "127.0.0.1")
    until(lambda: heard == ["/hook"], lambda: heard)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])
def test_loopback_is_refused_when_told_to(serve, receiver, host):
    port, heard = receiver
    subscribe(serve("--ephemeral", "--auth", "any", "--loopback-targets", "refuse"), port, host)
    time.sleep(1.5)
    assert heard == []
