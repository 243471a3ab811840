"""The web console in Chromium: opened by its link, a failure found, nothing foreign asked for."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import machines
import pytest
from browsing import BUTTON, PREFIX, check_quiet, link_of
from conftest import kiban
from ecs_tasks import make_machine, register, start
from waiting import finished


@pytest.fixture
def served(serve, tmp_path):
    """A server with two machines, of which one has failed; its data directory; ARNs."""
    data = tmp_path / "data"
    server = serve("--data", data, "--clock", "virtual").use_key_of(data)
    states = server.client("stepfunctions")
    role = machines.create_role(server.client("iam"))
    order = machines.create(states, role, "order", machines.ORDER)
    waiting = machines.create(states, role, "waiting", machines.WAIT)
    failed = machines.start(states, order, "order-1", machines.ORDER_INPUT)
    running = machines.start(states, waiting, "waiting-1", {})
    server.client("events").put_rule(Name="nightly", ScheduleExpression="cron(0 17 * * ? *)")
    assert kiban("clock", "advance", "1m", "--data", data).returncode == 0
    assert states.describe_execution(executionArn=failed)["status"] == "FAILED"
    return server, data, failed, running


def test_a_failure_is_found_from_the_link_on(served, browse):
    server, data, failed, _ = served
    browser = browse()
    browser.open(link_of(data))
    browser.wait_text("Failed lately")
    browser.wait_text("order-1")
    assert "code=" not in browser.evaluate("location.href"), "the code does not stay in the URL"
    assert browser.evaluate("document.cookie") == "", "no script reads the session"
    browser.wait_text("nightly")
    browser.click(f"a[href='{PREFIX}executions/{failed}']")
    browser.wait_text("State Tell customer failed")
    browser.wait_text("SQS.QueueDoesNotExist")
    # It opens on the failed state: the graph, the timeline and the detail agree.
    assert browser.evaluate("document.querySelector('.node.selected').dataset.state") == "Tell customer"
    assert browser.evaluate("document.querySelector('.detail h2').textContent") == "Tell customer"
    browser.wait_text("Attempt 3")
    browser.wait("document.querySelector('.detail').innerText.includes('\"MessageBody\": \"Ada\"')")
    assert browser.evaluate("document.querySelectorAll('.node.caught').length") == 1
    assert browser.evaluate("document.querySelectorAll('.edge.catch.taken').length") == 1
    browser.click("[data-state='Pack']")
    browser.wait("document.querySelector('.detail h2').textContent === 'Pack'")
    assert "visit=" in browser.evaluate("location.search")
    check_quiet(browser, server)


def test_a_running_execution_is_followed(served, browse):
    server, data, _, running = served
    browser = browse()
    browser.open(link_of(data))
    browser.wait_text("Overview")
    browser.open(f"{server.endpoint}{PREFIX}executions/{running}")
    browser.wait("document.querySelector('.node.running')?.dataset.state === 'Wait a while'")
    assert kiban("clock", "advance", "2h", "--data", data).returncode == 0
    browser.wait("document.querySelector('.head .pill').innerText === 'SUCCEEDED'", 5)
    browser.wait("document.querySelector('.node.succeeded')?.dataset.state === 'Wait a while'")
    check_quiet(browser, server)


def test_a_failed_task_shows_its_exit_code_and_its_log(serve, browse, tmp_path):
    data = tmp_path / "data"
    server = serve("--data", data, "--tasks", "process", "--source", tmp_path).use_key_of(data)
    machines.create_role(server.client("iam"), "task")
    register(server, "unused")
    machine = make_machine(server)
    failed = start(server, machine, "sh", "-c", "echo 'reading orders'; echo 'no such store: 17' >&2; exit 3")
    assert finished(server.client("stepfunctions"), failed)["status"] == "FAILED"
    browser = browse()
    browser.open(link_of(data))
    browser.wait_text("Failed lately")
    browser.open(f"{server.endpoint}{PREFIX}executions/{failed}")
    browser.wait_text("ecs:runTask.sync")
    browser.wait("document.querySelector('.ecs .bad').innerText === '3'")
    browser.wait_text("Essential container in task exited")
    browser.wait("document.querySelector('.log').innerText === 'reading orders\\nno such store: 17\\n'")
    check_quiet(browser, server)


def test_a_failed_execution_is_redriven_and_run_again(served, browse):
    server, data, failed, _ = served
    states = server.client("stepfunctions")
    browser = browse()
    browser.open(link_of(data))
    browser.wait_text("Overview")
    browser.open(f"{server.endpoint}{PREFIX}executions/{failed}")
    browser.wait_text("Attempt 3")
    browser.evaluate(f"{BUTTON}('Redrive').click()")
    browser.wait("document.querySelector('.head .pill').innerText === 'RUNNING'")
    assert states.describe_execution(executionArn=failed)["redriveCount"] == 1
    browser.evaluate("window.confirm = () => true")
    browser.evaluate(f"{BUTTON}('Stop').click()")
    browser.wait("document.querySelector('.head .pill').innerText === 'ABORTED'")
    browser.evaluate(f"{BUTTON}('Run again…').click()")
    browser.wait("document.querySelector('dialog textarea')?.value.includes('Ada')")
    browser.evaluate("document.querySelector('dialog textarea').select()")
    browser.send("Input.insertText", text='{"amount": 7')
    browser.wait("document.querySelector('dialog button.main').disabled")
    browser.send("Input.insertText", text="}")
    browser.wait("!document.querySelector('dialog button.main').disabled")
    browser.evaluate("document.querySelector('dialog button.main').click()")
    browser.wait_text("State Too small failed")
    assert failed not in browser.evaluate("location.href")
    check_quiet(browser, server)


def test_list_keys_schedules_and_clock(served, browse):
    server, data, _, _ = served
    browser = browse()
    browser.open(link_of(data))
    browser.wait_text("Overview")
    browser.open(server.endpoint + PREFIX + "executions?status=FAILED")
    browser.wait_text("1 executions")
    browser.press("/")
    assert browser.evaluate("document.activeElement.type") == "search"
    browser.send("Input.insertText", text="order")
    browser.wait("location.search.includes('name=order')")
    browser.evaluate("document.activeElement.blur()")
    browser.press("j")
    assert "order-1" in browser.evaluate("document.activeElement.innerText")
    browser.press("Enter")
    browser.wait_text("State Tell customer failed")
    browser.open(server.endpoint + PREFIX + "schedules?tab=rules&id=nightly")
    browser.wait_text("at 17:00, every day")
    browser.evaluate(f"{BUTTON}('Disable').click()")
    browser.wait_text("Enable")
    assert server.client("events").describe_rule(Name="nightly")["State"] == "DISABLED"
    before = json.loads(server.get("/_kiban/clock")[1])
    browser.open(server.endpoint + PREFIX + "clock")
    browser.wait_text("execution waiting-1")
    browser.evaluate(f"{BUTTON}('+1 h').click()")
    browser.wait("!document.body.innerText.includes('execution waiting-1')")  # Its Wait state is over.
    assert json.loads(server.get("/_kiban/clock")[1])["now"] > before["now"]
    check_quiet(browser, server)


def test_a_browser_of_japan_is_answered_in_japanese_on_a_phone(served, browse):
    server, data, failed, _ = served
    browser = browse(language="ja")
    browser.size(390, 844)
    browser.open(link_of(data))
    browser.wait_text("最近の失敗")
    browser.open(f"{server.endpoint}{PREFIX}executions/{failed}")
    browser.wait_text("ステート Tell customer が失敗しました")
    assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is wider than the phone"
    controls = "[...document.querySelectorAll('button, a, select, input')]"
    unnamed = f"{controls}.filter((e) => !(e.textContent || e.ariaLabel || e.labels?.length)).map((e) => e.outerHTML)"
    assert browser.evaluate(unnamed) == []
    check_quiet(browser, server)


def ask(server, method: str, path: str, headers: dict[str, str], body: str = "") -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request(method, PREFIX + path, body, headers)
    reply = connection.getresponse()
    return reply.status, dict(reply.getheaders()), reply.read()


def test_a_link_works_once(served, browse):
    server, data, _, _ = served
    link = link_of(data)
    first = browse()
    first.open(link)
    first.wait_text("Overview")
    second = browse()
    second.open(link)
    second.wait_text("LinkUsed")
    second.wait_text("kiban console")
    assert "order-1" not in second.evaluate("document.body.innerText")
    own = {"X-Kiban-Console": "1"}
    assert ask(server, "POST", "session", own, json.dumps({"code": link.split("code=")[1]}))[0] == 403


CALL = json.dumps({"service": "states", "operation": "ListStateMachines", "input": {}})


def test_nobody_else_uses_the_session(served):
    server, data, _, _ = served
    own = {"X-Kiban-Console": "1"}
    code = link_of(data).split("code=")[1]
    status, headers, _ = ask(server, "POST", "session", own, json.dumps({"code": code}))
    assert status == 200
    cookie = headers["Set-Cookie"].split(";")[0]
    good = {**own, "Cookie": cookie, "Sec-Fetch-Site": "same-origin"}
    assert ask(server, "POST", "api", good, CALL)[0] == 200
    name, token = cookie.split("=", 1)
    expires, nonce, signature = token.split(".")
    attacks = {
        "no cookie": own,
        "no header": {"Cookie": cookie},
        "another site": {**good, "Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"},
        "another port": {**good, "Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:1"},
        "an opaque origin": {**good, "Origin": "null"},
        "a rebound name": {**good, "Host": "evil.example", "Origin": "http://evil.example"},
        "an expired session": {**good, "Cookie": f"{name}=1.{nonce}.{signature}"},
        "a prolonged session": {**good, "Cookie": f"{name}={int(expires) + 1}.{nonce}.{signature}"},
        "another data directory": {**good, "Cookie": f"{name}={expires}.{nonce}.{'0' * 64}"},
    }
    for who, headers in attacks.items():
        for method, path in (("POST", "api"), ("GET", "stream"), ("GET", "own/clock"), ("POST", "own/clock")):
            status, replied, body = ask(server, method, path, headers, CALL)
            assert status in {401, 403}, (who, path, status)
            assert "Set-Cookie" not in replied
            assert b"stateMachines" not in body
    assert ask(server, "POST", "own/backup", good, "{}")[0] == 404, "no other route of the server's own"


def test_a_page_of_another_origin_gets_nowhere(served, browse):
    """With the session's cookie in the browser: another port is the same site."""
    server, data, _, _ = served

    class Page(BaseHTTPRequestHandler):
        def do_GET(self):  # The name is the library's.
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<p>evil</p>")

        def log_message(self, *_):
            pass

    evil = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=evil.serve_forever, daemon=True).start()
    browser = browse()
    browser.open(link_of(data))
    browser.wait_text("Overview")
    browser.open(f"http://127.0.0.1:{evil.server_port}/")
    browser.wait_text("evil")
    api = f"{server.endpoint}{PREFIX}api"
    for options in (
        {"method": "POST", "body": CALL, "credentials": "include", "headers": {"X-Kiban-Console": "1"}},
        {"method": "POST", "body": CALL, "credentials": "include", "mode": "no-cors"},
    ):
        tried = f"fetch({json.dumps(api)}, {json.dumps(options)}).then((r) => r.type + r.status, () => 'refused')"
        assert browser.evaluate(tried) in {"refused", "opaque0"}
    statuses = [
        event["params"]["response"]["status"]
        for event in browser.events
        if event.get("method") == "Network.responseReceived" and event["params"]["response"]["url"] == api
    ]
    assert set(statuses[-2:]) <= {403}, statuses
    frame = f"document.body.innerHTML = '<iframe src=\"{server.endpoint}{PREFIX}\"></iframe>'"
    browser.evaluate(frame)
    browser.pump(1)
    assert "Overview" not in json.dumps(browser.send("Page.getFrameTree"))
    evil.shutdown()


def test_pages_left_behind_hold_no_connection(served, browse):
    """A browser keeps them for the back button, and has six connections for all of them."""
    server, data, _, _ = served
    browser = browse()
    browser.open(link_of(data))
    for page in ("schedules", "executions", "clock") * 3:
        browser.wait("document.querySelector('.feed.live') !== null")
        browser.pump(0.4)  # The long poll is under way.
        browser.open(server.endpoint + PREFIX + page)
    browser.wait_text("Waits for the clock")
    check_quiet(browser, server)


def test_the_server_ends_at_once_though_a_page_waits(served, browse):
    server, data, _, _ = served
    browser = browse()
    browser.open(link_of(data))
    browser.wait_text("Overview")
    browser.pump(1)  # The long poll is under way.
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 3
    browser.wait_text("connection lost")


def test_idle_pages_cost_no_connection_for_ever(served):
    server, data, _, _ = served
    own = {"X-Kiban-Console": "1"}
    _, headers, _ = ask(server, "POST", "session", own, json.dumps({"code": link_of(data).split("code=")[1]}))
    cookie = headers["Set-Cookie"].split(";")[0]
    _, _, body = ask(server, "GET", "stream", {**own, "Cookie": cookie})
    last = body.decode().split("id: ")[1].split("\n")[0]
    request = f"GET {PREFIX}stream HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\nX-Kiban-Console: 1\r\n"
    request += f"Last-Event-ID: {last}\r\n\r\n"
    pages = []
    for _ in range(40):  # More than may wait: the first are answered with nothing.
        page = socket.create_connection(("127.0.0.1", server.port))
        page.sendall(request.encode())
        pages.append(page)
    pages[0].settimeout(10)
    assert b"200 OK" in pages[0].recv(4096)
    assert kiban("clock", "advance", "1m", "--data", data).returncode == 0
    pages[-1].settimeout(10)
    assert b'"kind":"clock"' in pages[-1].recv(4096)
