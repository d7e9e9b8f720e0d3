"""The command: start the service and the pages, open the browser, wait for Ctrl-C."""

import logging
import time
import webbrowser
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.text import Text

from ... import app as app_module
from ...cli import as_text, create_app, examine
from ...findings import ConfigurationError
from ...origin_errors import parse
from ...policy import CORSPolicy
from ...sources import Sources, environments, find_sources
from .pages import (
    SAMPLE_LABEL,
    Page,
    Sockets,
    UnavailableError,
    local_entries,
    page_for,
    stranger_page,
)
from .plan import plan
from .probe import Watch, add_probe, router_of
from .rows import rows
from .server import Served, pages_app
from .verdicts import Judged, cells, judge

# Where the table is.
HOST = "127.0.0.1"


class LabError(Exception):
    """The lab cannot be started; the text says why, `status` is the exit status."""

    def __init__(self, text: str, status: int = 2) -> None:
        super().__init__(text)
        self.status = status


def run_lab(name: str | None, port: int, console: Console, *, open_browser: bool) -> int:
    """Run the lab for an environment until Ctrl-C, and return the exit status."""
    environment = examine(name, with_app=False)
    if environment.policy is None or environment.refusals:
        for line in as_text(environment):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        return 1
    # It would warn of the lab's own routes.
    logging.getLogger(app_module.__name__).setLevel(logging.ERROR)
    lab = Lab(environment.policy, find_sources(environment.name))
    try:
        lab.start(port)
        print_addresses(lab, console)
        if open_browser:
            webbrowser.open(lab.address)
        while True:
            time.sleep(60)
    except LabError as error:
        console.print(Text(f"cors lab: {error}"), soft_wrap=True)
        return error.status
    except KeyboardInterrupt:
        console.print("\nStopped.")
        return 0
    finally:
        lab.stop()


def print_addresses(lab: "Lab", console: Console) -> None:
    """Say what is served where, what is not, and where to look."""
    rows = [("service", lab.service)]
    rows += [
        ("page", f"{page.origin}  {'listed' if page.is_listed else 'a stranger'}")
        for page in lab.pages
    ]
    rows += [("left out", text) for text in lab.left_out]
    for label, text in rows:
        console.print(Text(f"  {label:9} {text}"), soft_wrap=True)
    console.print(Text(f"Open {lab.address}/ in a browser. Ctrl-C ends it."), soft_wrap=True)


def without_local_origin(policy: CORSPolicy) -> str:
    """Say that no page can be served for an environment, and for which ones it can."""
    others = [
        name
        for name in environments()
        if (other := examine(name, with_app=False).policy) is not None and local_entries(other)
    ]
    listed = ", ".join(policy.allow_origins) or "no other site"
    hint = f"try --environment {' or '.join(others)}" if others else "no environment here lists one"
    return (
        f"{policy.environment} lists {listed}; pages can be served here only at origins such as "
        f"http://localhost:5173: {hint}."
    )


@dataclass(slots=True)
class Lab:
    """What is started: the service, and the pages that call it."""

    policy: CORSPolicy
    sources: Sources
    address: str = ""
    service: str = ""
    pages: list[Page] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    page_sockets: Sockets = field(default_factory=Sockets)
    service_sockets: Sockets = field(default_factory=Sockets)
    served: list[Served] = field(default_factory=list)

    def start(self, port: int) -> None:
        """Start everything. Raises LabError."""
        if not local_entries(self.policy):
            raise LabError(without_local_origin(self.policy))
        self.listen(port)
        judged = self.judge()
        app, watch = self.create_app()
        addresses = {"lab": self.address, "service": self.service}
        planned = plan(self.policy, self.sources, self.pages, self.left_out, judged, addresses)
        self.serve(watch.around(app), self.service_sockets)
        self.serve(pages_app(planned, watch), self.page_sockets)

    def listen(self, port: int) -> None:
        """Listen for the service and the table, at the origins served here, and at a stranger's."""
        # By the name of the pages: a cookie of localhost does not come back from 127.0.0.1.
        host = local_entries(self.policy)[0].host.replace("*", SAMPLE_LABEL)
        try:
            self.service = f"http://{host}:{self.service_sockets.listen(host, port)}"
        except UnavailableError as error:
            raise LabError(f"the service cannot be started: {error}.") from None
        for entry in map(parse, self.policy.allow_origins):
            try:
                self.pages.append(page_for(entry, self.page_sockets))
            except UnavailableError as error:
                self.left_out.append(f"{entry}: {error}")
        self.pages.append(stranger_page(self.policy, self.page_sockets))
        self.address = f"http://{HOST}:{self.page_sockets.listen(HOST)}"

    def judge(self) -> list[Judged]:
        """Ask the model of a browser, on an app of its own that nothing else has touched."""
        app, watch = self.create_app()
        planned = cells(rows(self.policy, app), self.pages)
        try:
            return [*judge(app, self.policy, watch, self.service, planned)]
        except RuntimeError as error:
            # What the app's start-up raised comes as the text of a traceback.
            last_line = str(error).strip().splitlines()[-1]
            raise LabError(f"the service does not start: {last_line}", 1) from None

    def create_app(self) -> tuple[Any, Watch]:
        """Create the service's app, with the lab's routes in it."""
        try:
            app: Any = create_app(self.policy.environment)
        except ConfigurationError as error:
            raise LabError(str(error), 1) from None
        router = router_of(app)
        if router is None:
            raise LabError(f"the app is a {type(app).__name__}, which no route can be added to.")
        watch = Watch()
        add_probe(router, self.policy, watch)
        return app, watch

    def serve(self, app: Any, sockets: Sockets) -> None:
        """Serve an app until the lab stops."""
        served = Served(app, sockets.open.values())
        self.served.append(served)
        if not served.start():
            raise LabError("the service does not start: its start-up failed.", 1)

    def stop(self) -> None:
        """Stop whatever was started."""
        for served in self.served:
            served.end()
        for served in self.served:
            served.wait()
        self.page_sockets.close()
        self.service_sockets.close()
