"""Chromium, driven over a pipe by the DevTools protocol: no driver and no port.

https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

CHROMIUM = next((found for name in ("chromium", "chromium-browser") if (found := shutil.which(name))), None)
PATIENCE = 20.0


class BrowserError(Exception):
    pass


class Browser:
    """One headless Chromium with a profile of its own and one page."""

    def __init__(self, profile: Path, language: str = "en") -> None:
        assert CHROMIUM, "chromium is not there: tools/setup test installs it"
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()
        arguments = [
            CHROMIUM,
            "--headless=new",
            "--remote-debugging-pipe",
            "--no-sandbox",  # Containers and root have no sandbox; only our own pages are opened.
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--no-first-run",
            "--no-proxy-server",
            f"--user-data-dir={profile}",
            "about:blank",
        ]

        def give_pipes() -> None:  # The browser reads commands on descriptor 3 and answers on 4.
            high = [fcntl.fcntl(each, fcntl.F_DUPFD, 10) for each in (to_browser, from_browser)]
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        self.process = subprocess.Popen(
            arguments,
            preexec_fn=give_pipes,  # It takes no lock.  # noqa: PLW1509
            pass_fds=(3, 4),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._unread = b""
        self._last = 0
        self.events: list[dict[str, Any]] = []
        self._session = ""
        targets = self.send("Target.getTargets")["targetInfos"]
        page = next(target for target in targets if target["type"] == "page")
        attached = self.send("Target.attachToTarget", targetId=page["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")
        agent = self.evaluate("navigator.userAgent")
        self.send("Emulation.setUserAgentOverride", userAgent=agent, acceptLanguage=language)

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self._out)
        os.close(self._in)

    def _read(self, until: float) -> dict[str, Any] | None:
        while b"\0" not in self._unread:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self._in], [], [], left)[0]:
                return None
            piece = os.read(self._in, 1 << 16)
            if not piece:
                raise BrowserError("chromium has ended")
            self._unread += piece
        message, self._unread = self._unread.split(b"\0", 1)
        return json.loads(message)

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + PATIENCE
        while (reply := self._read(until)) is not None:
            if reply.get("id") == self._last:
                if "error" in reply:
                    raise BrowserError(f"{method}: {reply['error']}")
                return reply["result"]
            self.events.append(reply)
        raise BrowserError(f"{method}: no answer")

    def pump(self, seconds: float) -> None:
        """Takes in what happens meanwhile."""
        until = time.monotonic() + seconds
        while (event := self._read(until)) is not None:
            self.events.append(event)

    def evaluate(self, expression: str) -> Any:
        reply = self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in reply:
            raise BrowserError(f"{expression}: {reply['exceptionDetails']}")
        return reply["result"].get("value")

    def open(self, url: str) -> None:
        if self.send("Page.navigate", url=url).get("errorText"):
            raise BrowserError(f"{url} can't be opened")

    def wait(self, expression: str, seconds: float = PATIENCE) -> Any:
        """Until the expression is true."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                if value := self.evaluate(expression):
                    return value
            except BrowserError:
                pass  # While a page is being left.
            self.pump(0.05)
        text = self.evaluate("document.body.innerText")
        raise BrowserError(f"not in {seconds} s: {expression}\n{text}")

    def wait_text(self, text: str, seconds: float = PATIENCE) -> None:
        self.wait(f"document.body.innerText.includes({json.dumps(text)})", seconds)

    def click(self, selector: str) -> None:
        found = json.dumps(selector)
        self.wait(f"document.querySelector({found}) !== null")
        # Nodes of an SVG have no click().
        event = "new MouseEvent('click', {bubbles: true, cancelable: true})"
        self.evaluate(f"document.querySelector({found}).dispatchEvent({event})")

    def press(self, key: str) -> None:
        text = {"text": "\r"} if key == "Enter" else {"text": key} if len(key) == 1 else {}
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key)

    def size(self, width: int, height: int, scale: float = 1) -> None:
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=False,
        )

    def screenshot(self, path: Path) -> None:
        """As WebP."""
        taken = self.send("Page.captureScreenshot", format="webp", quality=86)
        path.write_bytes(base64.b64decode(taken["data"]))

    def requested(self) -> list[str]:
        """URLs of all requests so far."""
        return [
            event["params"]["request"]["url"]
            for event in self.events
            if event.get("method") == "Network.requestWillBeSent"
        ]

    def complaints(self) -> list[str]:
        """Uncaught exceptions, errors of the console, violations of the policy."""
        found = []
        for event in self.events:
            parameters = event.get("params", {})
            if event.get("method") == "Runtime.exceptionThrown":
                found.append(json.dumps(parameters["exceptionDetails"])[:400])
            if event.get("method") == "Log.entryAdded" and parameters["entry"]["level"] == "error":
                found.append(f"{parameters['entry']['text']} {parameters['entry'].get('url', '')}")
            if event.get("method") == "Runtime.consoleAPICalled" and parameters["type"] == "error":
                found.append(json.dumps(parameters["args"])[:400])
        return found
