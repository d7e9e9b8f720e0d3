"""What the policy says of each cell, and what the service answers: both by the model of a browser.

The policy's word is that of the policy alone, put in front of the service once more: whatever the
service's own middleware and handlers do to the headers does not reach it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from starlette.types import ASGIApp

from ...middleware import StrictCORSMiddleware
from ...policy import CORSPolicy
from ..asgi_transport import ASGITransport
from ..browser import Browser, Fetch, Outcome, Reason, console_message
from .pages import Page
from .probe import Seen, Watch
from .rows import Row

Credentials = Literal["omit", "include"]


@dataclass(frozen=True, slots=True)
class Cell:
    """A row's request from one page, with or without credentials."""

    id: str
    row: Row
    page: Page
    credentials: Credentials

    @property
    def path(self) -> str:
        """The path with the cell's id, which also keeps every cache of a browser out of it."""
        return f"{self.row.path}?cell={self.id}"

    @property
    def fetch(self) -> Fetch:
        """The request as the model takes it."""
        row, origin = self.row, str(self.page.origin)
        return Fetch(origin, row.method, self.path, row.headers, self.credentials)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What can be observed of a request. The table compares `COMPARED` of it.

    `readable` is None where no header is asked for, `ran` where nobody could know.
    """

    allowed: bool
    status: int | None
    readable: bool | None
    requests: list[str]
    ran: bool | None


COMPARED = ("allowed", "readable", "requests", "ran")


@dataclass(frozen=True, slots=True)
class Judged:
    """A cell with what the policy says and what the service answers.

    `outcome` is how the policy comes to that, `console` what the answers make Chromium print.
    """

    cell: Cell
    policy: Verdict
    service: Verdict
    # None for a WebSocket, which is no fetch.
    outcome: Outcome | None
    console: str


def cells(rows: Sequence[Row], pages: Sequence[Page]) -> list[Cell]:
    """Return every cell of the table, row by row."""
    choices: tuple[Credentials, ...] = ("omit", "include")
    return [
        Cell(f"{row_number}-{page_number}-{credentials}", row, page, credentials)
        for row_number, row in enumerate(rows)
        for page_number, page in enumerate(pages)
        for credentials in (choices[1:] if row.is_socket else choices)
    ]


def judge(
    app: ASGIApp, policy: CORSPolicy, watch: Watch, service: str, cells: Sequence[Cell]
) -> Iterator[Judged]:
    """Yield each cell with its verdicts; `watch` is what the app's probe notes in.

    Raises RuntimeError if the app's start-up fails. A cell is left out that has no answer in time,
    or one that leads to another server.
    """
    arguments = policy.middleware_arguments() | {"describe_stranger": None}
    by_policy = ASGITransport(watch.around(StrictCORSMiddleware(app, **arguments)), service)
    with ASGITransport(watch.around(app), service) as by_service:
        for cell in cells:
            try:
                said, outcome = verdict(cell, by_policy, watch, service)
                answered, actual = verdict(cell, by_service, watch, service)
            except TimeoutError:
                continue
            if outcome is None or outcome.reason is not Reason.REDIRECT_ELSEWHERE:
                yield Judged(
                    cell, said, answered, outcome, console(cell, answered, actual, service)
                )


def verdict(
    cell: Cell, transport: ASGITransport, watch: Watch, service: str
) -> tuple[Verdict, Outcome | None]:
    """Return what a browser after the Fetch Standard makes of a cell."""
    if cell.row.is_socket:
        status = transport.websocket(cell.path, (("origin", str(cell.page.origin)),)).status
        return observed(cell, watch.take(cell.id), status == 101, status, frozenset()), None
    outcome = Browser(transport, service).fetch(cell.fetch)
    answered = outcome.response.status if outcome.response and outcome.allowed else None
    seen = watch.take(cell.id)
    readable = frozenset(outcome.readable_headers)
    return observed(cell, seen, outcome.allowed, answered, readable), outcome


def observed(
    cell: Cell, seen: Seen, allowed: bool, status: int | None, names: frozenset[str]
) -> Verdict:
    """Return the verdict on a cell, with only what its row asks for."""
    reads = cell.row.reads.lower()
    return Verdict(
        allowed=allowed,
        status=status,
        readable=reads in names if reads and allowed else None,
        requests=seen["requests"],
        ran=seen["ran"] if cell.row.is_probe else None,
    )


def console(cell: Cell, answered: Verdict, outcome: Outcome | None, service: str) -> str:
    """Return what Chromium's console prints where it blocks, else nothing."""
    if outcome is not None:
        return console_message(outcome) or ""
    if answered.allowed:
        return ""
    url = f"{service.replace('http', 'ws', 1)}{cell.path}"
    return (
        f"WebSocket connection to '{url}' failed: Error during WebSocket handshake: "
        f"Unexpected response code: {answered.status}"
    )
