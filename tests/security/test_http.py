"""HTTP as an attacker or an unusual client speaks it, byte by byte, to a real server."""

from __future__ import annotations

import contextlib
import resource
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.config import Config
from raw import request, send, status


def test_an_empty_object_does_not_stall_the_next_put(server):
    """botocore keeps an early final reply for the next request that says Expect, so 100 Continue must come first."""
    s3 = server.client("s3", config=Config(read_timeout=8, retries={"total_max_attempts": 1}, proxies={}))
    s3.create_bucket(Bucket="bkt", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
    began = time.monotonic()
    s3.put_object(Bucket="bkt", Key="empty", Body=b"")
    s3.put_object(Bucket="bkt", Key="full", Body=b"x")
    assert time.monotonic() - began < 5
    assert s3.get_object(Bucket="bkt", Key="full")["Body"].read() == b"x"


MALFORMED = {
    "no Host": (b"GET /_kiban/health HTTP/1.1\r\n\r\n", 400),
    "two Hosts": (b"GET /_kiban/health HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400),
    "an absolute target": (b"GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "another encoding": (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n", 501),
    "two encodings": (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
    "chunked first": (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, identity\r\n\r\n", 501),
    "xchunked and a length": (
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\nContent-Length: 1\r\n\r\nx",
        400,
    ),
    "chunked and a length": (
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        400,
    ),
    "a bad chunk size": (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
    "another Expect": (b"POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 200-ok\r\nContent-Length: 0\r\n\r\n", 417),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_an_ambiguous_request_is_refused_and_the_connection_closed(server, name):
    sent, expected = MALFORMED[name]
    reply = send(server.port, sent + b"GET /_kiban/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert status(reply) == expected, reply
    assert reply.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("name", ["content-type", "content-disposition", "cache-control", "expires"])
def test_a_url_puts_no_header_into_the_reply(server, name):
    s3 = server.client("s3")
    s3.create_bucket(Bucket="bkt", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
    s3.put_object(Bucket="bkt", Key="k", Body=b"x")
    for injected in ("a%0d%0aX-Evil:%20yes", "a%0aX-Evil:%20yes", "a%0dX", "a%00b"):
        target = f"/bkt/k?response-{name}={injected}"
        reply = send(server.port, request("GET", target, {"Host": "localhost"}))
        assert status(reply) == 400, (injected, reply)
        assert b"InvalidArgument" in reply
        assert b"\nX-Evil" not in reply.split(b"\r\n\r\n")[0]


def test_bodies_have_bounds(serve):
    server = serve("--ephemeral", "--auth", "any")
    host = {"Host": "localhost", "Content-Type": "application/x-amz-json-1.0"}
    head = {**host, "X-Amz-Target": "AWSStepFunctions.StartExecution", "Content-Length": str(2 << 20)}
    reply = send(server.port, request("POST", "/", head))
    assert status(reply) == 413
    assert b"RequestEntityTooLarge" in reply
    chunked = {**host, "X-Amz-Target": "AWSStepFunctions.StartExecution", "Transfer-Encoding": "chunked"}
    reply = send(server.port, request("POST", "/", chunked, b"200000\r\n" + b"x" * (2 << 20) + b"\r\n0\r\n\r\n"))
    assert status(reply) == 413
    unknown = {"Host": "localhost", "Content-Length": str(1 << 30)}
    assert status(send(server.port, request("POST", "/", unknown))) in (400, 413)


def test_who_has_no_key_is_refused_before_a_large_body(serve, tmp_path):
    server = serve("--data", tmp_path)
    for method, target, length in (("PUT", "/bkt/key", 5 << 30), ("POST", "/", 3 << 20), ("PUT", "/bkt/key", 10)):
        began = time.monotonic()
        reply = send(server.port, request(method, target, {"Host": "localhost", "Content-Length": str(length)}))
        assert status(reply) == 403, reply
        assert time.monotonic() - began < 5
    assert list((tmp_path / "uploads").iterdir()) == []


def test_a_large_body_does_not_stop_the_others(server):
    body = b'{"Tags":[' + b"{}," * 1_300_000 + b"{}]}"
    headers = {
        "Host": "localhost",
        "X-Amz-Target": "AmazonSQS.CreateQueue",
        "Content-Type": "application/x-amz-json-1.0",
    }
    with ThreadPoolExecutor(1) as pool:
        large = pool.submit(send, server.port, request("POST", "/", headers, body), 60)
        slowest = 0.0
        while not large.done():
            began = time.monotonic()
            assert status(send(server.port, request("GET", "/_kiban/health", {"Host": "localhost"}), 60)) == 200
            slowest = max(slowest, time.monotonic() - began)
    assert status(large.result()) == 400
    assert slowest < 2


def test_idle_connections_do_not_lock_the_owner_out(server):
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit[1], limit[1]))
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(4_300)]
    try:
        for half in idle[::2]:
            with contextlib.suppress(OSError):  # Some are closed already.
                half.sendall(b"GET / HT")
        began = time.monotonic()
        assert status(send(server.port, request("GET", "/_kiban/health", {"Host": "localhost"}))) == 200
        assert time.monotonic() - began < 5
    finally:
        for each in idle:
            each.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)
