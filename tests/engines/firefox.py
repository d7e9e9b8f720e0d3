"""Firefox, driven over WebDriver BiDi (https://w3c.github.io/webdriver-bidi/)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from real_browser import UnavailableError
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from .engine import PATIENCE, version_of
from .servers import Servers, listening, port_of

PROGRAMS = ("firefox-esr", "firefox")
QUIET = {
    "app.normandy.enabled": False,
    "browser.safebrowsing.downloads.remote.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.enabled": False,
    # The tests expect English.
    "intl.locale.requested": "en-US",
    # A page at http:// is what some tests ask for.
    "dom.security.https_first": False,
}


class Firefox:
    """A tab of a running Firefox."""

    def __init__(self, connection: ClientConnection, version: str) -> None:
        self.version = version
        self._connection = connection
        self._numbers = count(1)
        self._console: list[str] = []
        self.send("session.new", capabilities={"alwaysMatch": {"acceptInsecureCerts": True}})
        self.send("session.subscribe", events=["log.entryAdded"])
        self._tab = self.send("browsingContext.getTree")["contexts"][0]["context"]

    def send(self, method: str, **parameters: Any) -> Any:
        """Send a command and return its result. Events that come first are kept."""
        number = next(self._numbers)
        command = {"id": number, "method": method, "params": parameters}
        self._connection.send(json.dumps(command))
        while True:
            message = json.loads(self._connection.recv(timeout=PATIENCE))
            if message.get("method") == "log.entryAdded":
                self._console.append(message["params"]["text"] or "")
            if message.get("id") != number:
                continue
            if message["type"] == "error":
                raise RuntimeError(f"{method}: {message['error']}: {message['message']}")
            return message["result"]

    def open(self, origin: str) -> None:
        """Open a page."""
        self.send("browsingContext.navigate", context=self._tab, url=origin, wait="complete")

    def run(self, script: str) -> Any:
        """Run an expression on the page."""
        found = self.send(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await ({script})) ?? 'null')()",
            target={"context": self._tab},
            awaitPromise=True,
        )
        if found["type"] != "success":
            raise RuntimeError(found["exceptionDetails"]["text"])
        return json.loads(found["result"]["value"])

    def console(self) -> list[str]:
        """Return the lines of the console."""
        # Events that were sent before the result arrive with it.
        self.send("browsingContext.getTree")
        return list(self._console)


@contextmanager
def firefox(servers: Servers) -> Iterator[Firefox]:
    """Start a headless Firefox with a new profile."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        raise UnavailableError(f"no Firefox: none of {', '.join(PROGRAMS)} is on the PATH")
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        write_profile(Path(profile), servers.proxy)
        port = free_port()
        arguments = ("--headless", "--no-remote", f"--remote-debugging-port={port}")
        process = subprocess.Popen(
            [program, *arguments, "--profile", profile, "about:blank"],
            env=os.environ | {"HOME": profile},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            with connected(f"ws://127.0.0.1:{port}/session", process) as connection:
                yield Firefox(connection, version_of(program))
        finally:
            process.terminate()
            process.wait(timeout=30)


def write_profile(profile: Path, proxy: int) -> None:
    """Write the preferences: quiet, and all host names by way of the proxy."""
    preferences: dict[str, object] = {**QUIET, "network.proxy.type": 1}
    for scheme in ("http", "ssl"):
        preferences[f"network.proxy.{scheme}"] = "127.0.0.1"
        preferences[f"network.proxy.{scheme}_port"] = proxy
    preferences["network.proxy.allow_hijacking_localhost"] = True
    lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in preferences.items()]
    (profile / "user.js").write_text("".join(lines))


def free_port() -> int:
    """Return a port that was free a moment ago: Firefox does not say which one it takes."""
    with listening() as found:
        return port_of(found)


def connected(url: str, process: subprocess.Popen[bytes]) -> ClientConnection:
    """Connect to the browser, as soon as it listens."""
    for _ in range(600):
        if process.poll() is not None:
            raise UnavailableError(f"Firefox does not start: exit status {process.returncode}")
        try:
            return connect(url, max_size=None, proxy=None)
        except (OSError, WebSocketException):
            time.sleep(0.1)
    raise UnavailableError("Firefox does not open its remote port within 60 s")
