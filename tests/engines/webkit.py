"""WebKitGTK's MiniBrowser under Xvfb.

WebKitWebDriver says nothing of the console. So the page asks for scripts (`servers.py`), and the
browser prints its console.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from glob import glob
from queue import Empty
from tempfile import TemporaryDirectory
from threading import Thread
from typing import IO, Any

from real_browser import UnavailableError

from .engine import PATIENCE
from .servers import Polls, Servers

PROGRAMS = ("/usr/lib/*/webkit2gtk-4.*/MiniBrowser", "/usr/libexec/webkit2gtk-4.*/MiniBrowser")
FIRST = "https://start.acme-pages.net"


class WebKit:
    """The page of a running MiniBrowser."""

    def __init__(self, polls: Polls, output: IO[str]) -> None:
        self._polls = polls
        self._console: list[str] = []
        Thread(target=self._listen, args=(output,), daemon=True).start()
        self._wait_for(FIRST)
        # The version of Safari that it corresponds to.
        self.version = str(self.run("navigator.userAgent.match(/Version.([0-9.]+)/)[1]"))

    def _listen(self, output: IO[str]) -> None:
        for line in output:
            self._console.append(line.rstrip("\n"))

    def _wait_for(self, origin: str) -> None:
        """Wait until a page of the origin asks for a script."""
        try:
            while self._polls.pages.get(timeout=60) != origin:
                pass
        except Empty:
            raise UnavailableError(f"WebKit does not open {origin} within 60 s") from None

    def open(self, origin: str) -> None:
        """Open a page. The page before asks for no more scripts."""
        while not self._polls.pages.empty():
            self._polls.pages.get()
        self._polls.orders.put(("open", origin))
        self._wait_for("/".join(origin.split("/")[:3]))

    def run(self, script: str) -> Any:
        """Run an expression on the page."""
        self._polls.orders.put(("run", script))
        return json.loads(self._polls.results.get(timeout=PATIENCE))

    def console(self) -> list[str]:
        """Return the lines of the console."""
        return [line for line in self._console if line.startswith("CONSOLE ")]


@contextmanager
def webkit(servers: Servers) -> Iterator[WebKit]:
    """Start MiniBrowser on a screen of its own."""
    program = next((path for pattern in PROGRAMS for path in glob(pattern)), None)
    if program is None:
        raise UnavailableError(f"no WebKitGTK: there is no {PROGRAMS[0]}")
    if shutil.which("Xvfb") is None:
        raise UnavailableError("no WebKitGTK: Xvfb, its screen, is not on the PATH")
    with TemporaryDirectory(ignore_cleanup_errors=True) as home, screen() as display:
        flags = (
            "--enable-write-console-messages-to-stdout=true",
            "--ignore-tls-errors",
            f"--proxy=http://127.0.0.1:{servers.proxy}",
        )
        folders = {"HOME": home, "XDG_RUNTIME_DIR": home, "XDG_CACHE_HOME": f"{home}/cache"}
        process = subprocess.Popen(
            [program, *flags, FIRST],
            env=os.environ | folders | {"DISPLAY": display, "GDK_BACKEND": "x11"},
            # Whatever the flag says, the console goes to the standard error.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        assert process.stderr is not None
        try:
            yield WebKit(servers.polls, process.stderr)
        finally:
            process.terminate()
            process.wait(timeout=30)


@contextmanager
def screen() -> Iterator[str]:
    """Start an X server without a screen, and return its display."""
    receiving, sending = os.pipe()
    process = subprocess.Popen(
        ["Xvfb", "-displayfd", str(sending), "-screen", "0", "800x600x24", "-nolisten", "tcp"],
        pass_fds=[sending],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(sending)
    try:
        with os.fdopen(receiving) as reader:
            number = reader.readline().strip()
        if not number:
            raise UnavailableError("no WebKitGTK: Xvfb does not start")
        yield f":{number}"
    finally:
        process.terminate()
        process.wait(timeout=30)
