"""No web page acts on the server, in either mode, on any route."""

from __future__ import annotations

import hashlib
import subprocess

import pytest
from raw import request, send, status

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
CREATE = b"Action=CreateTopic&Version=2010-03-31&Name=evil"
FOREIGN = {
    "another site": {"Origin": "http://evil.example"},
    "an opaque origin": {"Origin": "null"},
    "another port": {"Origin": "http://localhost:3000"},
    "a referer": {"Referer": "http://evil.example/page"},
    "an image": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    "a link": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
    "the same site": {"Sec-Fetch-Site": "same-site"},
    "a rebound name": {"Host": "evil.example"},
    "a name that ends alike": {"Host": "evillocalhost"},
    "a name that begins alike": {"Host": "127.0.0.1.evil.example"},
}
ROUTES = {
    "an operation": ("POST", "/", FORM, CREATE),
    "an operation by GET": ("GET", f"/?{CREATE.decode()}", {}, b""),
    "an object": ("PUT", "/bucket/key", {}, b"x"),
    "the registry": ("GET", "/v2/", {}, b""),
    "health": ("GET", "/_kiban/health", {}, b""),
    "the clock": ("POST", "/_kiban/clock", {}, b'{"freeze": true}'),
    "credentials": ("GET", "/_kiban/tasks/credentials/x", {}, b""),
    "metadata": ("GET", "/v4/x", {}, b""),
    "the console": ("GET", "/_kiban/console/", {}, b""),
    "a call of the console": ("POST", "/_kiban/console/api", {"X-Kiban-Console": "1"}, b"{}"),
    "a link to the console": ("POST", "/_kiban/console-link", {}, b""),
    "a preflight": ("OPTIONS", "/", {"Access-Control-Request-Method": "POST"}, b""),
}


@pytest.mark.parametrize("auth", ["any", "sigv4"])
def test_no_foreign_page_is_served(serve, auth):
    server = serve("--ephemeral", "--auth", auth)
    host = {"Host": f"127.0.0.1:{server.port}"}
    for who, foreign in FOREIGN.items():
        for route, (method, target, headers, body) in ROUTES.items():
            reply = send(server.port, request(method, target, {**host, **headers, **foreign}, body))
            assert status(reply) == 403, (who, route, reply)
            assert b"access-control-allow" not in reply.lower(), (who, route)
    if auth == "any":
        assert server.client("sns").list_topics()["Topics"] == []


def test_own_names_and_pages_are_served(server):
    port = server.port
    bucket = f"000000000000.localhost:{port}"
    for host in (f"127.0.0.1:{port}", "localhost", f"[::1]:{port}", bucket, f"bucket.s3.localhost:{port}"):
        assert status(send(port, request("GET", "/_kiban/health", {"Host": host}))) == 200, host
    for own in ({"Origin": f"http://localhost:{port}"}, {"Sec-Fetch-Site": "none"}, {"Sec-Fetch-Site": "same-origin"}):
        assert status(send(port, request("POST", "/", {"Host": f"localhost:{port}", **FORM, **own}, CREATE))) == 200


def test_options_admit_more(serve):
    server = serve("--ephemeral", "--auth", "any", "--allow-host", "kiban", "--allow-host", "*.example.com",
                   "--allow-origin", "http://localhost:3000")  # fmt: skip
    for host, expected in {"kiban:1": 200, "a.example.com": 200, "example.com": 403, "evil": 403}.items():
        assert status(send(server.port, request("GET", "/_kiban/health", {"Host": host}))) == expected, host
    page = {"Host": "kiban", "Origin": "http://localhost:3000", "Sec-Fetch-Site": "cross-site"}
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-amz-target,authorization"}
    answer = send(server.port, request("OPTIONS", "/", {**page, **asks}))
    assert status(answer) == 204
    assert b"Access-Control-Allow-Origin: http://localhost:3000\r\n" in answer
    assert b"Access-Control-Allow-Headers: x-amz-target,authorization\r\n" in answer
    reply = send(server.port, request("POST", "/", {**page, **FORM}, CREATE))
    assert status(reply) == 200
    assert b"Access-Control-Allow-Origin: http://localhost:3000\r\n" in reply
    assert status(send(server.port, request("POST", "/", {**page, **FORM, "Origin": "http://x"}, CREATE))) == 403


@pytest.mark.parametrize("auth", ["any", "sigv4"])
@pytest.mark.parametrize("path", ["/_kiban/decisions", "/_kiban/timers/events/rule/r/x", "/_kiban/clock",
                                  "/_kiban/metrics", "/_kiban/missed/r/x"])  # fmt: skip
def test_own_routes_want_the_token(serve, tmp_path, auth, path):
    server = serve("--data", tmp_path, "--auth", auth).use_key_of(tmp_path)
    host = {"Host": f"127.0.0.1:{server.port}"}
    assert status(send(server.port, request("GET", path, host))) == 403
    assert status(send(server.port, request("GET", path, {**host, "X-Kiban-Token": "0" * 64}))) == 403
    token = hashlib.sha256(f"kiban token {server.secret}".encode()).hexdigest()
    assert status(send(server.port, request("GET", path, {**host, "X-Kiban-Token": token}))) == 200


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0"])
def test_any_key_is_not_served_to_the_network_unless_it_is_meant(address):
    from conftest import fixtures

    command = [fixtures.BINARY, "serve", "--ephemeral", "--auth", "any", "--tasks", "none", "--listen", address]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert refused.returncode == 2
    assert "--allow-remote" in refused.stderr
    with subprocess.Popen([*command, "--allow-remote"], stdout=subprocess.PIPE, text=True) as meant:
        assert meant.stdout is not None
        assert "serving on" in meant.stdout.readline()
        meant.terminate()
