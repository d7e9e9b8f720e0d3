"""What is asked of a deployed service, and in which order.

A page's real URL is asked once for each of a few things only. Whatever could spoil a cache that
forgets to look at `Origin` is asked under a query that nobody else uses.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field

from ...origin import Pattern
from ...origin_errors import parse
from ...policy import CORSPolicy
from ..browser import Fetch
from ..browser.headers import SAFELISTED_METHODS, is_forbidden_request_header

MOST_REQUESTS = 40
MOST_PATHS = 3
STRANGER = "https://evil.net"
# Neither is in anybody's list, so that every answer shows the whole policy, or none of it.
UNLISTED_METHOD = "PURGE"
UNLISTED_HEADER = "X-CORS-Probe"


@dataclass(frozen=True, slots=True)
class Question:
    """A fetch by some page, which may be one of the service itself. Its path has no mount.

    `reused` is a URL that a cache may have an answer for, from us or from others; `error` one that
    the service has nothing for.
    """

    fetch: Fetch
    reused: bool = False
    error: bool = False


@dataclass(slots=True)
class Questions:
    """Makes the questions for a policy; `own` is the origin of the service."""

    policy: CORSPolicy
    own: str
    token: str = field(default_factory=lambda: secrets.token_hex(4))
    _count: int = 0

    def ask(self, paths: tuple[str, ...]) -> tuple[list[Question], list[str]]:
        """Return the questions about these paths, and the callers there was no room to ask for."""
        callers = self.callers()
        asked = [*self.about(paths[0], callers, thorough=True), *self.once(paths[0], callers)]
        for path in paths[1:MOST_PATHS]:
            asked += self.about(path, callers, thorough=False)
        room = MOST_REQUESTS - len(asked)
        more = callers[2:]
        asked += [self.preflight(origin, self.fresh(paths[0])) for origin in more[:room]]
        return asked, more[room:]

    def callers(self) -> list[str]:
        """Return who may call: every exact origin, and one that fits for each pattern."""
        entries = map(parse, self.policy.allow_origins)
        origins = [sample(entry) if isinstance(entry, Pattern) else str(entry) for entry in entries]
        # A page of the service itself needs no leave, and is not asked to show any.
        return [origin for origin in dict.fromkeys(origins) if origin != self.own]

    def about(self, path: str, callers: list[str], *, thorough: bool) -> Iterator[Question]:
        """Yield what is asked about a path: answers, caches, preflights, an error."""
        first, second = callers[:1], callers[1:2]
        for origin in first:
            yield self.get(origin, path, reused=True)
        # One query for all: a cache that keeps the first answer shows it to the others.
        shared = self.fresh(path)
        for number, origin in enumerate((*first, *second, *first, STRANGER)):
            yield self.get(origin, shared, reused=number > 0)
        for origin in (*second, STRANGER) if thorough else ():
            yield self.get(origin, self.fresh(path))
        for origin in first:
            yield self.preflight(origin, path)
            below = f"{path.rstrip('/')}/cors-probe-{self.token}"
            yield Question(self.page(origin, below), error=True)
        for origin in (*second, STRANGER) if thorough else ():
            yield self.preflight(origin, self.fresh(path))

    def once(self, path: str, callers: list[str]) -> Iterator[Question]:
        """Yield what need not be asked for every path: others, look-alikes, the public."""
        yield self.get(self.own, self.fresh(path))
        for origin in callers[:1]:
            fetch = self.page(origin, self.fresh(path), UNLISTED_METHOD, (UNLISTED_HEADER,))
            yield Question(fetch)
            for attacker in lookalikes(origin):
                yield self.get(attacker, self.fresh(path))
        for prefix in self.policy.public_paths[:1]:
            yield self.get(STRANGER, self.fresh(prefix))
            yield self.preflight(STRANGER, self.fresh(prefix))

    def fresh(self, path: str) -> str:
        """Return the path with a query that no cache has seen."""
        self._count += 1
        return f"{path}?cors-probe={self.token}-{self._count}"

    def get(self, origin: str, path: str, *, reused: bool = False) -> Question:
        """Return a plain read."""
        return Question(self.page(origin, path), reused=reused)

    def preflight(self, origin: str, path: str) -> Question:
        """Return a fetch that needs a preflight, of all that the policy allows at once."""
        listed = [
            method for method in self.policy.allow_methods if method not in SAFELISTED_METHODS
        ]
        method = next((method for method in listed if method != "*"), "PUT" if listed else "GET")
        names = tuple(
            name
            for name in self.policy.allow_headers
            if name != "*" and not is_forbidden_request_header(name, "")
        )
        if method == "GET" and not names:
            names = (UNLISTED_HEADER,)
        return Question(self.page(origin, path, method, names))

    def page(
        self, origin: str, path: str, method: str = "GET", names: tuple[str, ...] = ()
    ) -> Fetch:
        """Return what a page does: one that may call sends its cookies, if any may be sent."""
        # A value that no form could send makes even Content-Type a reason for a preflight.
        headers = tuple((name, "application/json") for name in names)
        may_call = self.policy.allow_credentials and origin in self.callers()
        credentials = "include" if may_call else "same-origin"
        return Fetch(origin, method, path, headers, credentials)  # type: ignore[arg-type]


def sample(pattern: Pattern) -> str:
    """Return an origin that fits a pattern."""
    return str(pattern).replace(":*", ":4711").replace("*", "pr-12")


def lookalikes(origin: str) -> Iterator[str]:
    """Yield origins that a careless comparison takes for this one."""
    site = parse(origin)
    scheme, host, port = site.scheme, site.host, f":{site.port}" if site.port else ""
    parent = host.partition(".")[2]
    yield "null"
    yield f"{'http' if scheme == 'https' else 'https'}://{host}{port}"
    # Without an anchor at the end, without one at the start, with a dot that fits any character.
    yield f"{scheme}://{host}.evil.net{port}"
    yield f"{scheme}://evil{host}{port}"
    if "." in parent:
        yield f"{scheme}://evil{parent}{port}"
        yield f"{scheme}://{host.replace('.', 'x', 1)}{port}"
