"""A running `cors lab`, and a real Chromium to open it in."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from .project import clean_environment

QUIET = (
    *("--disable-gpu", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--no-first-run"),
)


def found_chromium() -> str | None:
    """Return the browser of the variable CHROMIUM or of PATH; None: Playwright's own."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = filter(None, map(shutil.which, names))
    return os.environ.get("CHROMIUM") or next(found, None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start a headless Chromium. Raises playwright's Error where there is none."""
    # Chromium's sandbox does not run as root, which is the user in many containers.
    as_root = ("--no-sandbox",) if hasattr(os, "geteuid") and os.geteuid() == 0 else ()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found_chromium(), args=[*QUIET, *as_root]
        )
        yield browser
        browser.close()


class Lab:
    """A running `cors lab` in a rendered project."""

    def __init__(self, project: Path, *arguments: str) -> None:
        package = next(path.name for path in (project / "src").iterdir() if path.is_dir())
        self.process = subprocess.Popen(
            [sys.executable, "-m", f"{package}.cors", "lab", "--no-open", *arguments],
            cwd=project,
            env=clean_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.output = ""
        self.address = ""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line
            if found := re.search(r"Open (http://\S+)/ ", line):
                self.address = found[1]
                break

    def interrupt(self) -> int:
        """Press Ctrl-C, and return the exit status."""
        self.process.send_signal(signal.SIGINT)
        self.output += self.process.communicate(timeout=10)[0]
        return self.process.returncode


@contextmanager
def running_lab(project: Path, *arguments: str) -> Iterator[Lab]:
    """Run the lab until the end of the block."""
    lab = Lab(project, *arguments)
    assert lab.address, lab.output
    try:
        yield lab
    finally:
        if lab.process.poll() is None:
            lab.interrupt()


def wait_until_done(page: Page) -> str:
    """Wait for the last cell, and return the summary."""
    # Playwright's wait_for_function needs the eval that the page's own policy forbids.
    page.wait_for_selector("#summary:not([data-state=running])", timeout=20_000)
    return page.inner_text("#summary")


def free_ports(count: int) -> list[int]:
    """Return ports that nothing listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
