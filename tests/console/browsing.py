"""What the tests of the console share."""

from __future__ import annotations

from pathlib import Path

from conftest import kiban

PREFIX = "/_kiban/console/"
BUTTON = "((text) => [...document.querySelectorAll('button')].find((each) => each.innerText === text))"


def link_of(data: Path) -> str:
    printed = kiban("console", "--data", data)
    assert printed.returncode == 0, printed.stderr
    return printed.stdout.strip()


def check_quiet(browser, server) -> None:
    """No violation of the policy, no error, and nothing asked of anybody else."""
    # A server that keeps no record of decisions answers 404, which a browser calls an error.
    complaints = [each for each in browser.complaints() if "own/decisions" not in each]
    assert complaints == [], complaints
    foreign = [url for url in browser.requested() if not url.startswith((server.endpoint + "/", "data:"))]
    assert foreign == [], foreign
