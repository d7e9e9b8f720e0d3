# fmt: off
"""Refusals: what the policy refused, told to whoever runs the service.

A browser tells its user that something was blocked, and tells the service nothing. So each refusal
leaves a line in the log, as often as no flood of requests can abuse, and may be counted.
"""

import inspect
import logging
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from time import monotonic
from typing import Literal
from urllib.parse import quote

from starlette.types import Scope

from .findings import LONGEST_SHOWN, shown
from .origin_errors import NearMiss

Kind = Literal["request", "preflight", "write", "reported-write", "handshake"]
Reason = Literal["origin", "method", "header", "provider", "provider-failed", "credentials"]
# A reason, and what is missing.
Why = tuple[Reason, str]

# Refusals of one kind, origin and reason get one line in so many seconds.
INTERVAL = 60
# So many lines are remembered. While they are, other refusals get none.
REMEMBERED_LINES = 256
# What is longer is cut. Browsers send less.
LONGEST_ORIGIN, LONGEST_PATH, LONGEST_MISSING = 300, 200, 250
# What would end a word in a shell that a line is pasted into, even in quotes.
UNSAFE = re.compile("[ '\"`$]")

NOT_LISTED: Why = ("origin", "")

CAUSES: dict[Reason, str] = {
    "origin": "CORS_ALLOWED_ORIGINS does not list the origin",
    "method": "CORS_ALLOW_METHODS does not list the method",
    "header": "CORS_ALLOW_HEADERS does not list what is missing",
    "provider": "no list has the origin, and origin_provider does not allow it",
    "provider-failed": "origin_provider raised an exception or was too slow",
    "credentials": "the origins of origin_provider get no credentials, and it carries a login",
}
EFFECTS: dict[Kind, str] = {
    "request": "the browser hides the response from the page",
    "preflight": "the browser does not send the request",
    "write": "no handler ran",
    "reported-write": "CORS_GUARD_WRITES=true would refuse it; with =report its handler ran",
    "handshake": "no handler ran",
}

# `<package>.cors`, not the module's name, because owners configure it.
logger = logging.getLogger(__package__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What was refused. All text is safe to print: escaped, cut, without query and blanks.

    `kind` is a `request` whose response the browser hides, a `preflight`, a `write` that the guard
    stopped, a `reported-write` that it would stop, or the `handshake` of a WebSocket. `reason` says
    what is not allowed first: the origin, or the method or a header that a preflight asks for;
    `missing` names all of these. It is `provider` where that refused an origin, `provider-failed`
    where it raised the exception in `missing`, and `credentials` for a login that its origins must
    not use. `origin` is "-" where the request has none. `method` is that of the request which a
    preflight is for.
    """

    kind: Kind
    origin: str
    method: str
    path: str
    reason: Reason
    missing: str


OnRefusal = Callable[[Refusal], object]
# Returns the allowed origin that a refused one resembles.
FindNearMiss = Callable[[str], NearMiss | None]


@dataclass(slots=True)
class Line:
    """When a line was last written, and how many refusals like it were held back since."""

    written: float
    held: int = 0


class Trace:
    """Writes refusals to the log, and hands each one to `on_refusal`.

    Raises TypeError for an `on_refusal` that nothing would await.
    """

    def __init__(self, on_refusal: OnRefusal | None, near_miss: FindNearMiss | None) -> None:
        if is_async(on_refusal):
            raise TypeError("on_refusal is an async function, which nothing awaits: write def.")
        self._on_refusal = on_refusal
        self._near_miss = near_miss
        self._has_failed = False
        # By kind, origin, reason and what is missing.
        self._lines: dict[tuple[str, bytes, str, str], Line] = {}
        self._without_room = 0
        self._next_summary = 0.0

    def refused(
        self,
        kind: Kind,
        scope: Scope,
        origins: list[bytes],
        why: Why = NOT_LISTED,
        method: bytes = b"",
    ) -> None:
        """Record that the request with these Origin lines was refused.

        `method` is for preflights, which ask for another than their own.
        """
        reason, missing = why
        origin = b", ".join(origins)
        key = (kind, origin[:LONGEST_ORIGIN], reason, missing)
        now, line, count = monotonic(), self._lines.get(key), 0
        if now >= self._next_summary:
            self._sum_up(now, line)
        if line is None and len(self._lines) >= REMEMBERED_LINES:
            self._without_room += 1
        elif line is None:
            count = 1
            self._lines[key] = Line(now)
        elif now - line.written < INTERVAL:
            line.held += 1
        else:
            count = 1 + line.held
            line.written, line.held = now, 0
        if not count and self._on_refusal is None:
            return
        text = origin.decode("latin-1")
        refusal = Refusal(
            kind=kind,
            origin=visible(text) or "-",
            method=visible(method.decode("latin-1") or scope.get("method", "GET")),
            path=quote(scope["path"], safe="/:@,+=~", errors="replace")[:LONGEST_PATH] or "/",
            reason=reason,
            missing=missing,
        )
        if count:
            self._write(refusal, count, text)
        if self._on_refusal is not None:
            try:
                self._on_refusal(refusal)
            except (Exception, SystemExit):
                if not self._has_failed:
                    logger.exception("on_refusal failed. It is called again, but not logged again.")
                self._has_failed = True

    def _sum_up(self, now: float, kept: Line | None) -> None:
        """Forget old lines but one, and say how many refusals were held back without a line."""
        lines = self._lines.items()
        old = [key for key, each in lines if now - each.written >= INTERVAL and each is not kept]
        held = self._without_room + sum(self._lines.pop(key).held for key in old)
        if held:
            text = "CORS refused %d more: repetitions, or beyond %d different ones in %d seconds"
            logger.warning(text, held, REMEMBERED_LINES, INTERVAL, extra={"cors_count": held})
        self._without_room = 0
        self._next_summary = now + INTERVAL

    def _write(self, refusal: Refusal, count: int, origin: str) -> None:
        """Write the line of a refusal that stands for `count` of them."""
        is_asked = refusal.reason in ("origin", "provider")
        near = self._near_miss(origin) if self._near_miss and is_asked else None
        fields = asdict(refusal) | {"near": str(near.allowed) if near else "", "count": count}
        text = " ".join(f"{name}={value}" for name, value in fields.items() if value != "")
        hint = f" ({shown(near.difference)})" if near else ""
        extra = {f"cors_{name}": value for name, value in fields.items()}
        why = f"{CAUSES[refusal.reason]}, so {EFFECTS[refusal.kind]}{hint}"
        verb = "would refuse" if refusal.kind == "reported-write" else "refused"
        logger.warning("CORS %s %s: %s", verb, text, why, extra=extra)


def visible(text: str, longest: int = LONGEST_SHOWN) -> str:
    """Return what a client sent as one word: escaped, cut, without user name and password."""
    return UNSAFE.sub(lambda found: rf"\x{ord(found[0]):x}", shown(text, longest))


def is_async(function: object) -> bool:
    """Whether it has to be awaited: an async function, or an object with an async `__call__`."""
    return any(map(inspect.iscoroutinefunction, (function, type(function).__call__)))
