"""A headless Chromium, driven by its own protocol over two pipes: no driver and no package is needed."""

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-pipe",
)  # fmt: skip


class Browser:
    """One page. `problems` gathers console errors, exceptions and failed loads, `requests` what goes over a network."""

    def __init__(self, width: int, height: int = 900):
        self.problems: list[str] = []
        self.requests: list[str] = []
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        to_child, self.write = os.pipe()
        self.read, from_child = os.pipe()

        def hand_over() -> None:
            """Chromium reads commands from 3 and answers on 4."""
            high = [os.dup(each) for each in (to_child, from_child)]
            while min(high) < 5:
                high = [os.dup(each) for each in high]
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        command = [CHROMIUM, *FLAGS, f"--user-data-dir={self.profile.name}", f"--window-size={width},{height}"]
        self.process = subprocess.Popen(
            command, preexec_fn=hand_over, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(to_child)
        os.close(from_child)
        self.number, self.rest, self.answers = 0, b"", {}
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = None
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", **size)

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for end in (self.read, self.write):
            os.close(end)
        self.profile.cleanup()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Give a command and wait for its answer."""
        self.number += 1
        message: dict[str, Any] = {"id": self.number, "method": method, "params": parameters}
        if getattr(self, "session", None):
            message["sessionId"] = self.session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + 60
        while self.number not in self.answers:
            if time.monotonic() > end:
                raise TimeoutError(f"Chromium didn't answer {method}")
            self.listen(1.0)
        answer = self.answers.pop(self.number)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def listen(self, seconds: float) -> None:
        """Take in what Chromium says within so many seconds."""
        if not select.select([self.read], [], [], seconds)[0]:
            return
        self.rest += os.read(self.read, 1 << 20)
        *whole, self.rest = self.rest.split(b"\0")
        for text in whole:
            message = json.loads(text)
            if "id" in message:
                self.answers[message["id"]] = message
            else:
                self.notice(message["method"], message.get("params", {}))

    def notice(self, event: str, facts: dict[str, Any]) -> None:
        """Keep what a test wants to know."""
        if event == "Runtime.exceptionThrown":
            self.problems.append(str(facts["exceptionDetails"].get("exception", facts["exceptionDetails"]))[:500])
        elif event == "Runtime.consoleAPICalled" and facts["type"] in ("error", "assert"):
            self.problems.append(str([one.get("value", one.get("description")) for one in facts["args"]])[:500])
        elif event == "Log.entryAdded" and facts["entry"]["level"] == "error":
            self.problems.append(str(facts["entry"])[:500])
        elif event == "Network.loadingFailed" and not facts.get("canceled"):
            self.problems.append(f"not loaded: {facts}"[:500])
        elif event == "Network.requestWillBeSent":
            address = facts["request"]["url"]
            if not address.startswith(("file:", "data:", "about:", "blob:")):
                self.requests.append(address)

    def open(self, path: Path) -> None:
        """Load a file and wait until it is still."""
        self.call("Page.navigate", url=path.resolve().as_uri())
        self.wait(lambda: self.run("document.readyState") == "complete")

    def wait(self, ready: Any, seconds: float = 30) -> None:
        """Until `ready()` holds."""
        end = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > end:
                raise TimeoutError("the page isn't ready")
            self.listen(0.1)

    def run(self, code: str) -> Any:
        """Value of an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"])[:1000])
        return answer["result"].get("value")

    def run_in_frame(self, code: str) -> Any:
        """Value of an expression in the page's only frame, whatever its origin."""
        frame = self.call("Page.getFrameTree")["frameTree"]["childFrames"][0]["frame"]["id"]
        world = self.call("Page.createIsolatedWorld", frameId=frame)["executionContextId"]
        return self.call("Runtime.evaluate", expression=code, contextId=world, returnByValue=True)["result"].get(
            "value"
        )

    def picture(self, path: Path, whole: bool = False) -> None:
        """A screenshot as PNG."""
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        Path(path).write_bytes(base64.b64decode(data))
