"""A small Chromium driver over the DevTools protocol: real tabs, real focus, real hiding, a camera from a file.

Playwright reports every page as visible and focused, so hidden tabs could not be tested with it. Here a tab that
is not in front is hidden, as for a learner.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--lang=zh-CN",
    "--accept-lang=zh-CN",
    "--ignore-certificate-errors",
)


def find_chromium() -> str | None:
    """The browser's path, or None when this machine has none."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path:
            return path
    return None


class PageError(AssertionError):
    """The page threw, or something expected did not appear in time."""


class Browser:
    """One Chromium process with its own profile. Use as an async context manager."""

    def __init__(
        self, *, camera: Path | None = None, headed: bool = False, flags: tuple[str, ...] = (), display: str = ""
    ) -> None:
        self._display = display
        self._camera = camera
        self._headed = headed
        self._flags = flags
        self._id = 0
        self._waiting: dict[int, asyncio.Future] = {}
        self._pages: dict[str, Page] = {}

    async def __aenter__(self) -> Browser:
        self._profile = tempfile.mkdtemp(prefix="zx-chromium-")
        camera = (f"--use-file-for-fake-video-capture={self._camera}",) if self._camera else ()
        mode = () if self._headed else ("--headless=new",)
        self._process = await asyncio.create_subprocess_exec(
            find_chromium() or "chromium",
            *FLAGS, *mode, *camera, *self._flags,
            f"--user-data-dir={self._profile}", "--remote-debugging-port=0", "about:blank",
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, start_new_session=True,
            env={**os.environ, **({"DISPLAY": self._display} if self._display else {})},
        )  # fmt: skip
        address = await asyncio.wait_for(self._address(), 30)
        self._socket = await connect(address, max_size=64_000_000, ping_interval=None)
        self._reader = asyncio.create_task(self._read())
        return self

    async def _address(self) -> str:
        assert self._process.stderr
        async for line in self._process.stderr:
            text = line.decode(errors="replace")
            if "DevTools listening on " in text:
                self._drain = asyncio.create_task(self._swallow())
                return text.split("DevTools listening on ")[1].strip()
        raise PageError("Chromium did not start")

    async def _swallow(self) -> None:
        assert self._process.stderr
        async for _ in self._process.stderr:
            pass

    async def __aexit__(self, *exc: object) -> None:
        self._reader.cancel()
        self._drain.cancel()
        with contextlib.suppress(Exception):
            await self._socket.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        shutil.rmtree(self._profile, ignore_errors=True)

    async def _read(self) -> None:
        async for raw in self._socket:
            message = json.loads(raw)
            if "id" in message:
                future = self._waiting.pop(message["id"], None)
                if future and not future.done():
                    future.set_result(message)
            elif message.get("sessionId") in self._pages:
                self._pages[message["sessionId"]].on_event(message["method"], message.get("params", {}))

    async def call(self, method: str, session: str | None = None, **params: Any) -> dict:
        """One DevTools command; raises PageError with its message."""
        self._id += 1
        number = self._id
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        frame: dict[str, Any] = {"id": number, "method": method, "params": params}
        if session:
            frame["sessionId"] = session
        await self._socket.send(json.dumps(frame))
        answer = await asyncio.wait_for(future, 60)
        if "error" in answer:
            raise PageError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    async def page(self, *, context: str | None = None, new_window: bool = False) -> Page:
        """A new tab in front (or a new window); `context` from `profile()` has its own cookies."""
        extra = {"browserContextId": context} if context else {}
        made = await self.call(
            "Target.createTarget", url="about:blank", newWindow=new_window or bool(context), **extra
        )
        target = made["targetId"]
        session = (await self.call("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        page = self._pages[session] = Page(self, target, session)
        await page.start()
        return page

    async def profile(self) -> str:
        """A second person's browser: separate cookies and storage in the same process."""
        return (await self.call("Target.createBrowserContext"))["browserContextId"]


COMPLETE = """document.readyState === 'complete'
  && [...document.querySelectorAll('link[rel=stylesheet]')].every(link => link.sheet)"""


class Page:
    """One tab. Errors of its scripts are kept in `errors`."""

    def __init__(self, browser: Browser, target: str, session: str) -> None:
        self._browser = browser
        self.target = target
        self._session = session
        self.errors: list[str] = []
        self.frames: list[dict] = []  # text frames of its sockets, newest last

    async def start(self) -> None:
        for domain in ("Page", "Runtime", "Network", "Log"):
            await self.call(f"{domain}.enable")

    def on_event(self, method: str, params: dict) -> None:
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Log.entryAdded" and params["entry"]["source"] == "security":
            self.errors.append(params["entry"]["text"])
        elif method in ("Network.webSocketFrameSent", "Network.webSocketFrameReceived"):
            self.frames.append({"sent": method.endswith("Sent"), "data": params["response"]["payloadData"]})
            del self.frames[:-500]

    async def call(self, method: str, **params: Any) -> dict:
        return await self._browser.call(method, self._session, **params)

    async def goto(self, url: str) -> None:
        """Navigate and wait until the new document is complete, with its styles."""
        await self.js("window.left = true")
        await self.call("Page.navigate", url=url)
        await asyncio.sleep(0.05)
        await self.until(f"!window.left && location.href !== 'about:blank' && {COMPLETE}", 30)

    async def reload(self) -> None:
        await self.js("window.left = true")
        await self.call("Page.reload")
        await asyncio.sleep(0.2)
        await self.until(f"!window.left && {COMPLETE}", 30)

    async def js(self, expression: str) -> Any:
        """The value of an expression (promises are awaited)."""
        result = await self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True, userGesture=True
        )
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise PageError(details.get("exception", {}).get("description") or details["text"])
        return result["result"].get("value")

    async def until(self, expression: str, seconds: float = 15) -> Any:
        """Wait until the expression is truthy; raises PageError with the page's words otherwise."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                value = await self.js(expression)
                if value:
                    return value
            except PageError as error:
                # The page navigates: the old world is gone, the new one answers in a moment.
                if "context" not in str(error) and "Cannot find" not in str(error) and "null" not in str(error):
                    raise
            if time.monotonic() > deadline:
                words = await self.js("location.href + '\\n' + (document.body ? document.body.innerText : '')")
                raise PageError(f"not within {seconds} s: {expression}\n{words[:1500]}\nerrors: {self.errors}")
            await asyncio.sleep(0.1)

    async def click(self, selector: str, seconds: float = 15) -> None:
        """A trusted click in the middle of the element, once it is visible."""
        probe = f"""(() => {{ const e = document.querySelector({json.dumps(selector)}); if (!e) return null;
          const r = e.getBoundingClientRect();
          if (!r.width || !r.height || e.disabled || getComputedStyle(e).visibility === 'hidden') return null;
          e.scrollIntoView({{block: 'center', behavior: 'instant'}}); const b = e.getBoundingClientRect();
          return [b.x + b.width / 2, b.y + b.height / 2]; }})()"""
        await self.until(probe, seconds)
        await asyncio.sleep(0.15)  # A sheet may still slide into its place.
        x, y = await self.js(probe)
        for kind in ("mousePressed", "mouseReleased"):
            await self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    async def fill(self, selector: str, text: str) -> None:
        await self.until(f"!!document.querySelector({json.dumps(selector)})")
        await self.js(f"(e => {{ e.focus(); e.value = ''; }})(document.querySelector({json.dumps(selector)}))")
        await self.call("Input.insertText", text=text)

    async def press(self, key: str) -> None:
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowRight": 39, "ArrowLeft": 37, "ArrowDown": 40, " ": 32}
        text = {"Enter": "\r", " ": " "}.get(key, "")
        for kind in ("keyDown", "keyUp"):
            await self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, code="Space" if key == " " else key,
                windowsVirtualKeyCode=codes.get(key, 0), **({"text": text} if text and kind == "keyDown" else {}),
            )  # fmt: skip

    async def front(self) -> None:
        """Bring this tab to the front; the others of its window become hidden."""
        await self.call("Page.bringToFront")

    async def window(self, kind: str) -> None:
        """minimized or normal: what the window manager does with this tab's window."""
        found = await self.call("Browser.getWindowForTarget")
        await self.call("Browser.setWindowBounds", windowId=found["windowId"], bounds={"windowState": kind})

    async def view(self, width: int, height: int, *, dark: bool = False, mobile: bool = False) -> None:
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile
        )
        await self.call(
            "Emulation.setEmulatedMedia",
            features=[
                {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
                {"name": "prefers-reduced-motion", "value": "reduce"},
            ],
        )

    async def offline(self, on: bool) -> None:
        """No HTTP from this page while on. Sockets that are open already are not touched by Chromium."""
        await self.call("Network.enable")
        await self.call(
            "Network.emulateNetworkConditions", offline=on, latency=0, downloadThroughput=-1, uploadThroughput=-1
        )

    async def user_agent(self, value: str) -> None:
        await self.call("Emulation.setUserAgentOverride", userAgent=value, acceptLanguage="zh-CN")

    async def before_load(self, source: str) -> None:
        """Run this in every new document before its own scripts."""
        await self.call("Page.addScriptToEvaluateOnNewDocument", source=source)

    async def shot(self, path: Path, *, full: bool = False) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        data = await self.call("Page.captureScreenshot", format="png", captureBeyondViewport=full)
        path.write_bytes(base64.b64decode(data["data"]))

    async def upload(self, selector: str, file: Path) -> None:
        document = await self.call("DOM.getDocument")
        found = await self.call("DOM.querySelector", nodeId=document["root"]["nodeId"], selector=selector)
        await self.call("DOM.setFileInputFiles", files=[str(file)], nodeId=found["nodeId"])

    async def close(self) -> None:
        with contextlib.suppress(PageError):
            await self._browser.call("Target.closeTarget", targetId=self.target)
