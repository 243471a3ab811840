"""What people do in the console: by keyboard alone, a definition edited and run, a night passed, a Map of 10,000."""

from __future__ import annotations

import json

import machines
import pytest
import world
from browsing import BUTTON, PREFIX, check_quiet, link_of
from conftest import kiban
from waiting import finished

EDITOR = "document.querySelector('.editor').shadowRoot"


@pytest.fixture
def small(serve, tmp_path):
    """A server with a role; clients of Step Functions; its data directory."""
    data = tmp_path / "data"
    server = serve("--data", data, "--clock", "virtual").use_key_of(data)
    return server, server.client("stepfunctions"), machines.create_role(server.client("iam"), "workflows"), data


def opened(browse, data, language: str = "en"):
    browser = browse(language=language)
    browser.size(1440, 900)
    browser.open(link_of(data))
    browser.wait("document.querySelector('.feed.live') !== null")
    return browser


def test_a_definition_is_edited_checked_saved_and_run(small, browse):
    server, states, role, data = small
    machine = machines.create(
        states, role, "greet", {"StartAt": "Hello", "States": {"Hello": {"Type": "Pass", "End": True}}}
    )
    browser = opened(browse, data)
    browser.open(server.endpoint + PREFIX + "machines/greet")
    browser.wait(f"{EDITOR}?.querySelector('.cm-content') !== undefined")
    browser.wait_text("No diagnostics.")

    def write(text: str) -> None:
        browser.evaluate(f"{EDITOR}.querySelector('.cm-content').focus()")
        browser.send(
            "Input.dispatchKeyEvent", type="keyDown", key="a", code="KeyA", modifiers=2, commands=["selectAll"]
        )
        browser.send("Input.dispatchKeyEvent", type="keyUp", key="a", code="KeyA", modifiers=2)
        browser.send("Input.insertText", text=text)

    wrong = {"StartAt": "Hello", "States": {"Hello": {"Type": "Pass", "Next": "Nowhere"}}}
    write(json.dumps(wrong, indent=2))
    browser.wait_text("MISSING_TRANSITION_TARGET")
    browser.wait(f"{BUTTON}('Save as a new revision').disabled")
    browser.wait(f"{EDITOR}.querySelector('.cm-lintRange-error') !== null")
    right = {
        "StartAt": "Hello",
        "States": {"Hello": {"Type": "Pass", "Result": "good morning", "Next": "Bye"}, "Bye": {"Type": "Succeed"}},
    }
    write(json.dumps(right, indent=2))
    browser.wait_text("No diagnostics.")
    browser.wait("document.querySelector('[data-state=Bye]') !== null")
    # One state alone.
    browser.click("[data-state='Hello']")
    browser.wait_text("Try the state Hello")
    browser.evaluate("document.querySelector('.test-state button[type=submit]').click()")
    browser.wait_text("next state: Bye")
    browser.wait("document.querySelector('.test-state').innerText.includes('good morning')")
    # While the text is no JSON the graph, and the state that is tried, stay.
    write('{"StartAt": ')
    browser.wait_text("INVALID_JSON_DESCRIPTION")
    assert browser.evaluate("document.querySelector('[data-state=Bye]') !== null")
    write(json.dumps(right, indent=2))
    browser.wait_text("No diagnostics.")
    browser.evaluate(f"{BUTTON}('Save as a new revision').click()")
    browser.wait(f"{BUTTON}('Start execution').disabled === false")
    assert json.loads(states.describe_state_machine(stateMachineArn=machine)["definition"]) == right
    browser.evaluate(f"{BUTTON}('Start execution').click()")
    browser.wait("document.querySelector('.run-again button.main') !== null")
    browser.evaluate("document.querySelector('.run-again button.main').click()")
    browser.wait("document.querySelector('.head .pill')?.innerText === 'SUCCEEDED'")
    browser.wait("[...document.querySelectorAll('.node.succeeded')].length === 2")
    check_quiet(browser, server)


def test_each_processing_step_and_the_variables_of_a_state(small, browse):
    server, states, role, data = small
    server.client("sqs").create_queue(QueueName="dev-orders")
    machine = machines.create(states, role, "invoice", world.INVOICE)
    ran = machines.start(states, machine, "one", {"items": [{"price": 1200}, {"price": 300}]})
    assert finished(states, ran)["status"] == "SUCCEEDED"
    browser = opened(browse, data)
    browser.open(f"{server.endpoint}{PREFIX}executions/{ran}?state=Record")
    browser.wait_text("Variables in scope")
    opens = (
        "((words) => [...document.querySelectorAll('.step')].find((e) => e.innerText.startsWith(words)).open = true)"
    )
    browser.evaluate(f"{opens}('Variables in scope')")
    browser.wait("document.querySelector('.detail').innerText.includes('\"rate\": 0.1')")
    browser.evaluate(f"{opens}('Each processing step')")
    browser.wait_text("After Arguments")
    browser.wait("document.querySelector('.detail').innerText.includes('\"sent\": true')")
    # As a case of kiban asl test, which passes.
    browser.evaluate("navigator.clipboard.writeText = async (text) => void (window.copied = text)")
    browser.evaluate("document.querySelector('.menu').open = true")
    browser.evaluate(f"{BUTTON}('test case of kiban asl test').click()")
    browser.wait_text("Copied: test case")
    case = browser.evaluate("window.copied")
    folder = data.parent / "case"
    folder.mkdir()
    (folder / "case.json").write_text(case)
    tested = kiban("asl", "test", folder)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    check_quiet(browser, server)


def test_everything_is_reached_by_keyboard_alone(small, browse):
    server, states, role, data = small
    machine = machines.create(states, role, "order", machines.ORDER)
    failed = machines.start(states, machine, "order-1", machines.ORDER_INPUT)
    assert kiban("clock", "advance", "1m", "--data", data).returncode == 0
    assert finished(states, failed)["status"] == "FAILED"
    browser = opened(browse, data)

    def key(name: str, modifiers: int = 0, code: int = 0) -> None:
        text = {"text": "\r"} if name == "Enter" else {}
        pressed = {"key": name, "modifiers": modifiers, "windowsVirtualKeyCode": code}
        browser.send("Input.dispatchKeyEvent", type="keyDown", **pressed, **text)
        browser.send("Input.dispatchKeyEvent", type="keyUp", **pressed)

    key("k", modifiers=2)
    browser.wait("document.activeElement.role === 'combobox'")
    browser.send("Input.insertText", text="order-1")
    browser.wait("document.querySelectorAll('[role=option]').length === 1")
    key("Enter")
    browser.wait_text("State Tell customer failed")
    # The tab key reaches the actions and the states.
    reached = set()
    for _ in range(90):
        key("Tab", code=9)
        reached.add(
            browser.evaluate(
                "document.activeElement.dataset?.state ?? document.activeElement.innerText?.split('\\n')[0] ?? ''"
            )
        )
    assert {"Redrive", "Run again…", "Check order", "Tell customer"} - reached == set()
    browser.evaluate("document.querySelector('[data-state=\"Check order\"]').focus()")
    key("Enter")
    browser.wait("document.querySelector('.detail h2').textContent === 'Check order'")
    for page in ("Stacks", "Logs", "Cost"):
        key("k", modifiers=2)
        browser.wait("document.activeElement.role === 'combobox'")
        browser.send("Input.insertText", text=page)
        browser.wait("document.querySelectorAll('[role=option]').length >= 1")
        key("Enter")
        browser.wait(f"document.querySelector('h1').innerText === {json.dumps(page)}")
    check_quiet(browser, server)


def test_a_night_passes_and_the_schedule_has_fired(small, browse):
    server, states, role, data = small
    machine = machines.create(states, role, "nightly", {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
    events = server.client("events")
    events.put_rule(Name="nightly-rule", ScheduleExpression="cron(0 17 * * ? *)")
    events.put_targets(
        Rule="nightly-rule", Targets=[{"Id": "1", "Arn": machine, "RoleArn": role, "Input": '{"by": "rule"}'}]
    )
    browser = opened(browse, data)
    browser.open(server.endpoint + PREFIX + "schedules?tab=rules&id=nightly-rule")
    browser.wait_text("at 17:00, every day")
    browser.evaluate(f"{BUTTON}('Run now').click()")
    browser.wait_text('"by": "rule"')
    assert len(states.list_executions(stateMachineArn=machine)["executions"]) == 1
    browser.open(server.endpoint + PREFIX + "clock")
    browser.wait_text("Waits for the clock")
    browser.evaluate(f"{BUTTON}('+24 h').click()")
    browser.wait(f"{BUTTON}('+24 h').disabled === false")
    browser.open(server.endpoint + PREFIX + "executions?machine=nightly")
    browser.wait_text("2 executions")
    browser.evaluate("document.querySelector('[data-row]').click()")
    browser.wait_text("What led to it")
    browser.wait("document.querySelector('.chain').innerText.includes('nightly-rule')")
    check_quiet(browser, server)


def test_a_pattern_is_tried_against_an_event(small, browse):
    server, _, _, data = small
    browser = opened(browse, data)
    browser.open(server.endpoint + PREFIX + "schedules?tab=pattern")
    browser.wait(f"{BUTTON}('Try') !== undefined")
    browser.evaluate(f"{BUTTON}('Try').click()")
    browser.wait_text("The pattern matches.")
    browser.evaluate("document.querySelector('textarea').select()")
    browser.send("Input.insertText", text='{"source": ["aws.ecs"]}')
    browser.evaluate(f"{BUTTON}('Try').click()")
    browser.wait_text("The pattern does not match.")
    browser.evaluate("document.querySelector('textarea').select()")
    browser.send("Input.insertText", text='{"source": "aws.ecs"}')
    browser.evaluate(f"{BUTTON}('Try').click()")
    browser.wait_text("InvalidEventPatternException")


def test_a_map_of_10_000_items_is_paged_and_smooth(small, browse):
    server, states, role, data = small
    many = machines.create(states, role, "import", world.distributed())
    ran = machines.start(states, many, "all", {"items": [{"n": n % 1000} for n in range(10_000)]})
    inline = machines.create(states, role, "inline", world.inline())
    squares = machines.start(states, inline, "squares", {"items": list(range(5_000))})
    assert finished(states, squares, 120)["status"] == "SUCCEEDED"
    assert finished(states, ran, 120)["status"] == "SUCCEEDED"
    browser = opened(browse, data)
    browser.open(f"{server.endpoint}{PREFIX}executions/{ran}?state=Each%20item")
    browser.wait_text("10000 items")
    browser.wait("document.querySelector('.map-run').innerText.includes('FAILED 10')")
    browser.evaluate(
        "[...document.querySelectorAll('.map-run button')].find((e) => e.innerText.includes('SUCCEEDED')).click()"
    )
    browser.wait_text("100+ executions")
    browser.evaluate("document.querySelector('.map-run .virtual').scrollTop = 1e6")
    browser.wait_text("200+ executions")
    assert browser.evaluate("document.querySelectorAll('.child-row').length") < 60, "only the rows in view are there"
    browser.open(f"{server.endpoint}{PREFIX}executions/{squares}?state=Each")
    browser.wait("document.querySelector('.strip .virtual') !== null")
    browser.wait_text("20006 events")
    assert browser.evaluate("document.querySelectorAll('.squares button').length") < 1500
    frames = browser.evaluate(world.FRAMES_WHILE_SCROLLING)
    assert frames["p95"] < 400, frames  # Milliseconds, on shared processors; bench/console.py measures quiet ones.
    browser.evaluate("document.querySelector('.squares button').click()")
    browser.wait("document.querySelector('.detail h2').textContent === 'One'")
    check_quiet(browser, server)


DENIED = {
    "id": "7",
    "time": 1_764_000_000.5,
    "principal": "arn:aws:iam::000000000000:role/workflows",
    "session": "",
    "actsFor": "",
    "action": "sns:Publish",
    "resource": "arn:aws:sns:ap-northeast-1:000000000000:alerts",
    "keys": {"aws:SourceArn": ["arn:x"]},
    "verdict": "ImplicitlyDenied",
    "enforced": True,
    "statements": [],
    "missing": ["identity"],
    "text": "User is not authorized to perform: SNS:Publish",
}


def test_a_denied_permission_is_explained(small, browse):
    """By lines as GET /_kiban/decisions gives them."""
    server, _, _, data = small
    lines = "\n".join(
        json.dumps(each) for each in ({**DENIED, "id": "6", "action": "sqs:SendMessage", "verdict": "Allowed"}, DENIED)
    )
    browser = browse()
    browser.open(link_of(data))
    browser.wait("document.querySelector('.feed.live') !== null")
    answer = f"""const real = window.fetch; window.fetch = (url, init) => String(url).includes('own/decisions')
      ? Promise.resolve(new Response(String(url).includes('after') ? '' : {json.dumps(lines)})) : real(url, init);"""
    browser.send("Page.addScriptToEvaluateOnNewDocument", source=answer)
    browser.open(server.endpoint + PREFIX + "iam")
    browser.wait("document.querySelector('.list tbody')?.innerText.includes('sns:Publish')")
    assert "sqs:SendMessage" not in browser.evaluate("document.querySelector('.list tbody').innerText")
    browser.click("[data-row]")
    browser.wait_text("No policy of the role allows it.")
    browser.wait("document.querySelector('.detail').innerText.includes('\"sns:Publish\"')")
    browser.wait_text("role.addToPrincipalPolicy")
    browser.open(server.endpoint + PREFIX + "iam?tab=roles&id=workflows")
    browser.wait("document.querySelector('.detail').innerText.includes('sqs:SendMessage')")
    check_quiet(browser, server)
