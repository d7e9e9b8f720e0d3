# fmt: off
"""The table of `cors lab`: its requests, and what the policy and the service say to each.

Every row is one request. A cell is that request from one page, with or without credentials. The
model of a browser sends each cell twice: to the service behind the policy alone, and to the service
as it is. So whatever the service's own middleware and handlers do to the headers shows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import product
from typing import Any, Literal, NamedTuple, TypedDict
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Receive, Scope, Send

from ..audit import (
    CREDENTIALS,
    EXPOSED_HEADERS,
    GUARD_WRITES,
    METHODS,
    ORIGINS,
    PUBLIC_PATHS,
    REQUEST_HEADERS,
)
from ..fetch_standard import SAFE_METHODS, SAFELISTED_METHODS
from ..middleware import StrictCORSMiddleware
from ..origin_errors import near_miss
from ..policy import CORSPolicy
from ..sources import Sources
from .asgi_transport import ASGITransport
from .browser import Browser, Fetch, Outcome, Reason, console_message
from .development_rules import app_routes
from .explain_question import VARIABLE_OF

# Where the lab's own routes are: paths that no service has.
LAB_PATH = "/cors-lab"
ERROR_PATH = f"{LAB_PATH}/error"
SOCKET_PATH = f"{LAB_PATH}/socket"

# Enough to see the policy at work. More rows would hide it.
MOST_ROUTES = 4
MOST_OF_A_KIND = 3

OTHER_METHODS = ("DELETE", "PATCH", "PUT", "PURGE")
UNLISTED_HEADER = "X-Not-Listed"
UNEXPOSED_HEADER = "X-Not-Exposed"
# The lab's routes do not set these. Browsers show the last two in any case.
NOT_SET_BY_THE_LAB = frozenset({"*", "content-length", "content-type"})
SAMPLE_VALUES = {"content-type": "application/json", "authorization": "Bearer lab"}


# --- The rows ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """One request. `reads` names the response header that the page tries to read.

    `socket` opens a WebSocket: without fetch(), and always with credentials.
    """

    section: str
    label: str
    path: str = LAB_PATH
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    reads: str = ""
    socket: bool = False


def rows(policy: CORSPolicy, app: object) -> Iterator[Row]:
    """Yield all rows for a policy and the app that it protects."""
    for method in methods(policy):
        yield Row("Methods", method, method=method)
    settable = [name for name in policy.allow_headers if name != "*"]
    for name in (*settable[:MOST_OF_A_KIND], UNLISTED_HEADER):
        value = SAMPLE_VALUES.get(name.lower(), "lab")
        yield Row("Request headers", name, headers={name: value})
    for name in exposed_headers(policy):
        yield Row("Responses", f"read {name}", reads=name)
    yield Row("Responses", "server error (500)", ERROR_PATH)
    for prefix in policy.public_paths[:MOST_OF_A_KIND]:
        yield Row("Responses", f"public: {prefix}", prefix.rstrip("/") + LAB_PATH)
    for path in own_paths(app):
        yield Row("Your routes", f"GET {path}", path)
    yield Row("WebSocket", "handshake", SOCKET_PATH, socket=True)


def methods(policy: CORSPolicy) -> list[str]:
    """Return the allowed methods and one that is not; with `*`, several that are not listed."""
    listed = [method for method in policy.allow_methods if method != "*"]
    allowed = [*dict.fromkeys((*sorted(SAFELISTED_METHODS), *listed))]
    others = [method for method in OTHER_METHODS if method not in allowed]
    return [*allowed, *(others if "*" in policy.allow_methods else others[:1])]


def exposed_headers(policy: CORSPolicy) -> list[str]:
    """Return the first response headers that a page may read, and one that is not listed."""
    listed = [name for name in policy.expose_headers if name.lower() not in NOT_SET_BY_THE_LAB]
    return [*listed[:MOST_OF_A_KIND], UNEXPOSED_HEADER]


def own_paths(app: object) -> list[str]:
    """Return the first paths of the service's own GET routes that need no parameter."""
    paths = (
        route.path
        for route in app_routes(app)
        if "GET" in route.methods
        and "{" not in route.path
        # People read the pages of the API documentation. Scripts of other sites do not call them.
        and not route.endpoint.__module__.startswith("fastapi.")
    )
    return [path for path in dict.fromkeys(paths) if LAB_PATH not in path][:MOST_ROUTES]


# --- What reaches the service -----------------------------------------------------------------


@dataclass(slots=True)
class Received:
    """What the service received for one cell: methods in order, and whether a handler ran."""

    requests: list[str] = field(default_factory=list)
    ran: bool = False


class Watch:
    """Notes what reaches an app, by the `cell` in the query of each request."""

    def __init__(self) -> None:
        self.received: dict[str, Received] = {}

    def take(self, cell: str) -> Received:
        """Return what was noted for a cell, and forget it."""
        return self.received.pop(cell, Received())

    def around(self, app: ASGIApp) -> ASGIApp:
        """Return an app that notes every request and passes it on.

        The scope has the note as `cors_lab`, in which the lab's routes write that they ran.
        """

        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "lifespan":
                query = parse_qs(scope["query_string"].decode("latin-1"))
                received = self.received.setdefault(query.get("cell", [""])[0], Received())
                received.requests.append(scope.get("method", "WebSocket"))
                scope["cors_lab"] = received
            await app(scope, receive, send)

        return watched


# --- The plan ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Page:
    """The origin of a page, and whether the policy allows it."""

    origin: str
    allowed: bool


class Verdict(TypedDict):
    """What can be observed of a request; the table compares all of it.

    `readable` is None where the row reads no header, `ran` where the route is not the lab's.
    """

    allowed: bool
    readable: bool | None
    requests: list[str]
    ran: bool | None


class Judged(NamedTuple):
    """A verdict, how a browser comes to it, and what Chromium's console prints where it blocks.

    A WebSocket has no outcome: it is no fetch.
    """

    verdict: Verdict
    outcome: Outcome | None
    console: str


class Planner:
    """Plans the table for an app with the lab's routes, to be served at the origin `service`."""

    def __init__(self, app: ASGIApp, policy: CORSPolicy, sources: Sources, service: str) -> None:
        self.app, self.policy, self.sources, self.service = app, policy, sources, service
        self.watch = Watch()
        arguments = policy.middleware_arguments() | {"describe_stranger": None}
        behind_policy = StrictCORSMiddleware(app, **arguments)
        self.by_policy = ASGITransport(self.watch.around(behind_policy), service)
        self.by_service = ASGITransport(self.watch.around(app), service)

    def plan(self, pages: Sequence[Page]) -> dict[str, Any]:
        """Return what the table is drawn from.

        Raises RuntimeError if the app's start-up fails.
        """
        with self.by_service:
            planned = [
                asdict(row) | {"cells": [*self.cells(row, number, pages)]}
                for number, row in enumerate(rows(self.policy, self.app))
            ]
        return {
            "service": self.service,
            "environment": self.policy.environment,
            "pages": [asdict(page) for page in pages],
            "rows": [row for row in planned if row["cells"]],
        }

    def cells(self, row: Row, number: int, pages: Sequence[Page]) -> Iterator[dict[str, Any]]:
        """Yield the cells of a row: its request from each page, with and without credentials.

        One that gets no response in time or leads to another server is left out.
        """
        choices: list[Literal["omit", "include"]] = ["omit", "include"]
        if row.socket:
            choices.remove("omit")
        for at, (page, credentials) in enumerate(product(pages, choices)):
            # The id is in the URL, so that no browser responds from its cache.
            id = f"{number}-{at}"
            path, headers = f"{row.path}?cell={id}", tuple(row.headers.items())
            fetch = Fetch(page.origin, row.method, path, headers, credentials)
            try:
                said = self.judge(row, fetch, id, self.by_policy)
                actual = self.judge(row, fetch, id, self.by_service)
            except TimeoutError:
                continue
            if said.outcome and said.outcome.reason is Reason.REDIRECT_ELSEWHERE:
                continue
            sentence, variable = why(row, page, said, self.policy)
            found = self.sources.variables.get(variable)
            where = found.where if found else f".env.{self.sources.environment}"
            yield {
                "id": id,
                "column": at * (2 if row.socket else 1),
                "origin": page.origin,
                "credentials": credentials,
                "url": self.url(row, fetch),
                "policy": said.verdict,
                "service": actual.verdict,
                "console": actual.console,
                "why": sentence,
                "change": f"`{variable}` in {where}",
            }

    def judge(self, row: Row, fetch: Fetch, id: str, transport: ASGITransport) -> Judged:
        """Return what a browser would make of a request."""
        outcome, readable, console = None, None, ""
        if row.socket:
            status = transport.websocket(fetch.path, (("origin", fetch.origin),)).status
            allowed = status == 101
            if not allowed:
                console = (
                    f"WebSocket connection to '{self.url(row, fetch)}' failed: Error during "
                    f"WebSocket handshake: Unexpected response code: {status}"
                )
        else:
            outcome = Browser(transport, self.service).fetch(fetch)
            allowed, console = outcome.allowed, console_message(outcome) or ""
            if row.reads and allowed:
                readable = row.reads.lower() in outcome.readable_headers
        received = self.watch.take(id)
        verdict = Verdict(
            allowed=allowed,
            readable=readable,
            requests=received.requests,
            ran=received.ran if LAB_PATH in row.path else None,
        )
        return Judged(verdict, outcome, console)

    def url(self, row: Row, fetch: Fetch) -> str:
        """Return the URL that the page calls."""
        service = self.service.replace("http", "ws", 1) if row.socket else self.service
        return service + fetch.path


# --- Why the policy says that -----------------------------------------------------------------


def why(row: Row, page: Page, said: Judged, policy: CORSPolicy) -> tuple[str, str]:
    """Return why the policy allows or blocks a request, and the variable that decides it."""
    if said.outcome and said.outcome.allowed and row.reads:
        if said.verdict["readable"]:
            return f"`{row.reads}` is listed in `{EXPOSED_HEADERS}`.", EXPOSED_HEADERS
        hidden = f"The page gets the response but cannot read `{row.reads}`"
        return f"{hidden}: `{EXPOSED_HEADERS}` does not list it.", EXPOSED_HEADERS
    if said.verdict["allowed"]:
        return why_allowed(page, said.outcome)
    sentence, variable = why_blocked(page, said.outcome, policy)
    method = row.method
    if method in SAFE_METHODS or method not in said.verdict["requests"]:
        return sentence, variable
    if not said.verdict["ran"]:
        sentence += f" The handler did not run: `{GUARD_WRITES}` refuses writes from other sites."
        return sentence, variable
    sentence += f" The {method} ran anyway: CORS hides its response, but not its effect."
    if variable == ORIGINS and not policy.guard_writes:
        return f"{sentence} `{GUARD_WRITES}=true` would refuse it.", GUARD_WRITES
    return sentence, variable


def why_allowed(page: Page, outcome: Outcome | None) -> tuple[str, str]:
    """Return what lets a request through."""
    if not page.allowed:
        return "The path is public: every site may use it without credentials.", PUBLIC_PATHS
    sentence = f"`{page.origin}` is listed in `{ORIGINS}`"
    if outcome is None:
        return f"{sentence}, which also decides who may open a WebSocket.", ORIGINS
    if outcome.preflight_due:
        due = " and ".join(outcome.preflight_due)
        return f"{sentence}, and the preflight allows the request ({due}).", ORIGINS
    return f"{sentence}. This request needs no preflight.", ORIGINS


def why_blocked(page: Page, outcome: Outcome | None, policy: CORSPolicy) -> tuple[str, str]:
    """Return why a request is blocked."""
    if outcome is None or outcome.reason in (None, Reason.ALLOW_ORIGIN_MISSING):
        near = near_miss(page.origin, policy.entries)
        unlisted = f"`{page.origin}` is not listed in `{ORIGINS}`"
        return f"{near.sentence if near else unlisted}.", ORIGINS
    variable = VARIABLE_OF.get(outcome.reason, ORIGINS)
    if outcome.reason is Reason.ALLOW_ORIGIN_WILDCARD:
        sentence = (
            "The path is public, but only for requests without credentials: leave them out, or "
            f"list the origin in `{ORIGINS}`."
        )
    elif variable == CREDENTIALS:
        sentence = (
            f"The page includes credentials, and `{CREDENTIALS}` is false. "
            "Cookies need it to be true; a token in `Authorization` does not."
        )
    elif variable in (METHODS, REQUEST_HEADERS):
        sentence = f"`{variable}` does not list `{outcome.detail}`."
    else:
        sentence = f"{outcome.message}."
    return sentence, variable
