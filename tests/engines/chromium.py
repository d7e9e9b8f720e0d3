"""Chromium, driven by Playwright. Its host names are mapped, so it needs no proxy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Error, Page, sync_playwright
from real_browser import FLAGS, UnavailableError, find_chromium

from .engine import is_root
from .servers import SERVICE_HOST, Servers


class Chromium:
    """A tab of a running Chromium."""

    def __init__(self, page: Page, version: str) -> None:
        self.version = version
        self._page = page
        self._console: list[str] = []
        page.on("console", lambda message: self._console.append(message.text))

    def open(self, origin: str) -> None:
        """Open a page."""
        self._page.goto(origin)

    def run(self, script: str) -> Any:
        """Run an expression on the page."""
        return self._page.evaluate(script)

    def console(self) -> list[str]:
        """Return the lines of the console."""
        # Playwright takes in what has arrived while it waits for something.
        self._page.wait_for_timeout(50)
        return list(self._console)


@contextmanager
def chromium(servers: Servers) -> Iterator[Chromium]:
    """Start a headless Chromium."""
    names = f"MAP {SERVICE_HOST} 127.0.0.1:{servers.service}, MAP * 127.0.0.1:{servers.pages}"
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(
                executable_path=find_chromium(),
                chromium_sandbox=not is_root(),
                args=[*FLAGS, f"--host-resolver-rules={names}"],
            )
        except Error as error:
            raise UnavailableError(f"no Chromium: {error.message.splitlines()[0]}") from None
        yield Chromium(browser.new_page(), browser.version)
        browser.close()
