"""What the lab asks for: each row of its table is one request, made from every origin."""

from collections.abc import Iterator
from dataclasses import dataclass

from ...policy import CORSPolicy
from ...rules_for_app import app_routes

# Where the lab's own routes are: a path that no service has.
PROBE = "/cors-lab"
CRASH = f"{PROBE}/crash"
SOCKET = f"{PROBE}/socket"

# Enough to see the policy at work; a service of two hundred routes would hide it.
MOST_ROUTES = 4
MOST_OF_A_KIND = 3

OTHER_METHODS = ("DELETE", "PATCH", "PUT", "PURGE")
UNLISTED_HEADER = "X-Not-Listed"
UNEXPOSED_HEADER = "X-Not-Exposed"
# What no script of the service sets, and a browser shows in any case.
UNSETTABLE = frozenset({"*", "content-length", "content-type"})
SAMPLE_VALUES = {"content-type": "application/json", "authorization": "Bearer lab"}


@dataclass(frozen=True, slots=True)
class Row:
    """One request. `reads` is the response header whose visibility is the question."""

    section: str
    label: str
    path: str = PROBE
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    reads: str = ""

    @property
    def is_socket(self) -> bool:
        """Whether it opens a WebSocket: no fetch, and without a choice of credentials."""
        return self.path == SOCKET

    @property
    def is_probe(self) -> bool:
        """Whether it asks for a route of the lab, which notes that its handler ran."""
        return PROBE in self.path


def rows(policy: CORSPolicy, app: object) -> list[Row]:
    """Return all rows for a policy and the app that it protects."""
    return [
        *(Row("Methods", method, method=method) for method in methods(policy)),
        *(header_row(name) for name in request_headers(policy)),
        *answer_rows(policy),
        *(Row("Your routes", f"GET {path}", path) for path in own_paths(app)),
        Row("WebSocket", "handshake", SOCKET),
    ]


def methods(policy: CORSPolicy) -> list[str]:
    """Return the methods that may pass, and one that may not; all, where a `*` lets all pass."""
    listed = [method for method in policy.allow_methods if method != "*"]
    passing = [*dict.fromkeys(("GET", "HEAD", "POST", *listed))]
    others = [method for method in OTHER_METHODS if method not in passing]
    return [*passing, *(others if "*" in policy.allow_methods else others[:1])]


def request_headers(policy: CORSPolicy) -> list[str]:
    """Return the first headers that a script may set, and one that it may not."""
    listed = [name for name in policy.allow_headers if name != "*"]
    return [*listed[:MOST_OF_A_KIND], UNLISTED_HEADER]


def header_row(name: str) -> Row:
    """Return the row that sets a request header."""
    value = SAMPLE_VALUES.get(name.lower(), "lab")
    return Row("Request headers", name, headers=((name, value),))


def exposed_headers(policy: CORSPolicy) -> list[str]:
    """Return the first headers that a script may read, and one that it may not."""
    listed = [name for name in policy.expose_headers if name.lower() not in UNSETTABLE]
    return [*listed[:MOST_OF_A_KIND], UNEXPOSED_HEADER]


def answer_rows(policy: CORSPolicy) -> Iterator[Row]:
    """Yield what an answer can be special in: its headers, its status, its path."""
    for name in exposed_headers(policy):
        yield Row("Answers", f"read {name}", reads=name)
    yield Row("Answers", "a crash (500)", CRASH)
    for prefix in policy.public_paths[:MOST_OF_A_KIND]:
        yield Row("Answers", f"public: {prefix}", prefix.rstrip("/") + PROBE)


def own_paths(app: object) -> list[str]:
    """Return the first paths of the service's own GET routes that need no parameter."""
    paths = (
        route.path
        for route in app_routes(app)
        if "GET" in route.methods
        and "{" not in route.path
        # The pages of the documentation are for people, not for scripts of other sites.
        and not route.endpoint.__module__.startswith("fastapi.")
    )
    return [path for path in dict.fromkeys(paths) if PROBE not in path][:MOST_ROUTES]
