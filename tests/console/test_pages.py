"""Every page of the console: shown, accessible, in both languages and themes, by keyboard alone.

With KIBAN_SCREENSHOTS=DIR the pages are written there as pictures, in both themes.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import world
from browsing import PREFIX, check_quiet, link_of
from conftest import Server

AXE = Path(__file__).resolve().parents[2] / "console/node_modules/axe-core/axe.min.js"
PICTURES = os.environ.get("KIBAN_SCREENSHOTS", "")
HOURS = 30 if PICTURES else 2
# Of pages(): those that the documents show.
PICTURED = [
    *("overview", "executions", "execution", "execution-task", "execution-jsonata", "execution-map", "definition"),
    *("schedules", "rules", "ecs", "stacks", "logs", "metrics", "queues", "mailbox", "roles", "clock", "cost"),
]


@pytest.fixture(scope="module")
def furnished(tmp_path_factory):
    data = tmp_path_factory.mktemp("world") / "data"
    server = Server("--data", data, "--clock", "virtual", "--tasks", "process", "--source", data.parent)
    try:
        yield server.use_key_of(data), data, world.furnish(server, data, HOURS)
    finally:
        server.stop()


def pages(made: world.World) -> dict[str, tuple[str, str]]:
    """Name to path and to a text that shows that the page is there."""
    return {
        "overview": ("", "order-1042"),
        "executions": ("executions", "invoice-7"),
        "execution": (f"executions/{made.order}", "State Tell customer failed"),
        "execution-task": (f"executions/{made.batch}", "no such store: 17"),
        "execution-jsonata": (f"executions/{made.invoice}?state=Sum%20up", "as written"),
        "execution-map": (f"executions/{made.many}?state=Each%20item", "40 items"),
        "machines": ("machines", "invoice"),
        "definition": ("machines/invoice?state=Sum%20up", "Try the state Sum up"),
        "schedules": ("schedules", "nightly-batch"),
        "rules": ("schedules?tab=rules&id=nightly-batch", "at 17:00, every day"),
        "scheduler": ("schedules?tab=schedules", "weekday-report"),
        "pattern": ("schedules?tab=pattern", "Pattern"),
        "ecs": (f"ecs?tab=tasks&id={made.task}", "no such store: 17"),
        "ecs-services": ("ecs?tab=services", "No service runs"),
        "stacks": ("stacks?id=dev-orders", "dev-orders-dead"),
        "stack-events": ("stacks?id=dev-orders&view=events", "CREATE_COMPLETE"),
        "stack-parameters": ("stacks?id=dev-orders&view=parameters", "Stage"),
        "stack-template": ("stacks?id=dev-orders&view=template", "Orders and what they need"),
        "logs": ("logs?group=/dev/api", "checking 120 rows"),
        "metrics": ("metrics?namespace=AWS/States&range=24+h", "ExecutionsStarted"),
        "queues": ("storage?tab=queues", "dev-orders-dead"),
        "topics": ("storage?tab=topics&id=arn:aws:sns:ap-northeast-1:000000000000:dev-alerts", "operator@example.com"),
        "buckets": ("storage?tab=buckets&id=dev-reports", "README.txt"),
        "secrets": ("storage?tab=secrets", "dev/database"),
        "parameters": ("storage?tab=parameters&id=/dev/zone", "Asia/Tokyo"),
        "mailbox": ("mailbox?id=1", "operator@example.com"),
        "iam": ("iam", "Decisions"),
        "roles": ("iam?tab=roles&id=workflows", "states.amazonaws.com"),
        "clock": ("clock", "Waits for the clock"),
        "cost": ("cost", "Asia Pacific (Tokyo)"),
    }


# Not asked: the experimental rule that joins the texts of an SVG group without spaces. The names of states begin with
# what is seen.
RUN_AXE = """axe.run(document, {
  resultTypes: ['violations'], iframes: false, rules: {'label-content-name-mismatch': {enabled: false}},
}).then((result) => {
  const told = (node) => node.html.slice(0, 160) + ' ' + node.any.map((each) => each.message).join(' ').slice(0, 200);
  return result.violations
    .filter((each) => ['serious', 'critical'].includes(each.impact))
    .map((each) => `${each.id}: ${each.nodes.slice(0, 3).map(told).join(' | ')}`);
})"""


def without_animation(browser) -> None:
    browser.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}])


def show(browser, server, page: tuple[str, str], theme: str = "light") -> None:
    browser.open(server.endpoint + PREFIX + page[0])
    browser.wait_text(page[1])
    browser.evaluate(f"document.documentElement.dataset.theme = '{theme}'")


def test_axe_finds_nothing_serious_on_any_page(furnished, browse):
    server, data, made = furnished
    browser = browse()
    browser.size(1440, 900)
    without_animation(browser)
    browser.open(link_of(data))
    browser.wait_text("Overview")
    # The policy of the page admits no foreign script, so the tool comes by the debugger.
    browser.send("Page.addScriptToEvaluateOnNewDocument", source=AXE.read_text())
    found = {}
    for name, page in pages(made).items():
        show(browser, server, page)
        browser.pump(0.1)
        found[f"{name} light"] = browser.evaluate(RUN_AXE)
        browser.evaluate("document.documentElement.dataset.theme = 'dark'")
        found[f"{name} dark"] = browser.evaluate(
            RUN_AXE.replace("resultTypes", "runOnly: ['color-contrast'], resultTypes")
        )
    found = {page: violations for page, violations in found.items() if violations}
    assert not found, json.dumps(found, indent=1)
    check_quiet(browser, server)


def test_every_page_speaks_japanese_and_fits_a_phone(furnished, browse):
    server, data, made = furnished
    browser = browse(language="ja")
    browser.size(390, 844)
    browser.open(link_of(data))
    browser.wait_text("最近の失敗")
    wide = {}
    for name, (path, _) in pages(made).items():
        browser.open(server.endpoint + PREFIX + path)
        browser.wait("document.querySelector('h1') !== null")
        browser.wait("!document.body.innerText.includes('読み込み中')")
        heading = browser.evaluate("document.querySelector('.side [aria-current]').innerText")
        assert heading in {"ECS", "IAM"} or not heading.isascii(), (name, heading)
        if width := browser.evaluate(
            "document.documentElement.scrollWidth > innerWidth && document.documentElement.scrollWidth"
        ):
            wide[name] = width
    assert wide == {}, "pages that are wider than the phone"
    browser.open(server.endpoint + PREFIX + "schedules?tab=rules&id=nightly-batch")
    browser.wait_text("毎日 17:00")
    check_quiet(browser, server)


@pytest.mark.skipif(not PICTURES, reason="pictures are made on demand: KIBAN_SCREENSHOTS=DIR")
def test_pictures(furnished, browse):
    server, data, made = furnished
    browser = browse()
    browser.size(1440, 900)
    without_animation(browser)
    browser.open(link_of(data))
    browser.wait_text("Overview")
    for name in PICTURED:
        for theme in ("light", "dark"):
            show(browser, server, pages(made)[name], theme)
            browser.pump(0.8)
            browser.screenshot(Path(PICTURES) / f"console-{name}-{theme}.webp")
