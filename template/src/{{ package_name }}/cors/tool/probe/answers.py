"""One question asked: what came, what was promised, and in what the two differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from ..browser import Browser, Exchange, Outcome, Request, Response
from ..browser.checks import REDIRECTS
from ..browser.headers import get, list_values, values
from .questions import Question
from .target import Target

ALLOW_ORIGIN = "Access-Control-Allow-Origin"
ALLOW_CREDENTIALS = "Access-Control-Allow-Credentials"
ALLOW_METHODS = "Access-Control-Allow-Methods"
ALLOW_HEADERS = "Access-Control-Allow-Headers"
MAX_AGE = "Access-Control-Max-Age"
EXPOSE_HEADERS = "Access-Control-Expose-Headers"

Aspect = Literal[
    "origin", "credentials", "methods", "headers", "max age", "exposed", "vary", "status"
]


# eq=False: two answers are never the same one, and each can be a key.
@dataclass(frozen=True, eq=False)
class Answer:
    """A question with the answer that came over the network, and the promised one.

    The outcomes say what a browser makes of either.
    """

    question: Question
    request: Request
    response: Response
    promised: Response
    outcome: Outcome
    promised_outcome: Outcome

    @property
    def origin(self) -> str | None:
        """The Origin that was sent; None for a page of the service itself."""
        return get(self.request.headers, "origin")

    @property
    def is_preflight(self) -> bool:
        """Whether this is the answer to OPTIONS."""
        return self.request.method == "OPTIONS"

    @property
    def is_redirect(self) -> bool:
        """Whether the answer sends the browser elsewhere."""
        return self.response.status in REDIRECTS and self.location != ""

    @property
    def location(self) -> str:
        """Where a redirect leads to."""
        return get(self.response.headers, "location") or ""

    @property
    def is_fine(self) -> bool:
        """Whether the status is one that says so."""
        return 200 <= self.response.status <= 299

    @cached_property
    def grants(self) -> list[str]:
        """Every value of Access-Control-Allow-Origin, of one line or of several."""
        lines = values(self.response.headers, ALLOW_ORIGIN.lower())
        return [part for line in lines for part in line.replace(",", " ").split()]

    @property
    def promised_grant(self) -> str | None:
        """What Access-Control-Allow-Origin was to say, if anything."""
        return get(self.promised.headers, ALLOW_ORIGIN.lower())

    @property
    def is_marked(self) -> bool:
        """Whether the answer says `Vary: Origin`, as all of the service's own answers do."""
        return varies(self.response)

    @cached_property
    def differs(self) -> frozenset[Aspect]:
        """In what the answer is not as promised, one name for each aspect."""
        found: set[Aspect] = set()
        for aspect, read in ASPECTS.items():
            if read(self.response) != read(self.promised):
                found.add(aspect)
        promised_fine = 200 <= self.promised.status <= 299
        # How a method that is not listed is refused matters to nobody, if only it is.
        refused_alike = promised_fine and not self.promised_outcome.allowed
        if self.is_preflight and self.is_fine != promised_fine and not refused_alike:
            found.add("status")
        # Answers to OPTIONS are not cached, so what they vary by matters to nobody.
        if not self.is_preflight and not self.is_marked:
            found.add("vary")
        return frozenset(found)

    @property
    def blocks(self) -> bool:
        """Whether a browser blocks what was promised."""
        return self.promised_outcome.allowed and not self.outcome.allowed

    @property
    def lets_in(self) -> bool:
        """Whether a browser lets in who was to stay out."""
        return self.outcome.allowed and not self.promised_outcome.allowed


def varies(response: Response) -> bool:
    """Whether a response says that it depends on Origin."""
    listed = (get(response.headers, "vary") or "").lower().replace(",", " ").split()
    return "origin" in listed or "*" in listed


def names(header: str) -> Callable[[Response], object]:
    """Return a reader of a list of header names, whose order and case mean nothing."""

    def read(response: Response) -> object:
        listed = list_values(response.headers, header.lower())
        return None if listed is None else {name.lower() for name in listed}

    return read


def tokens(header: str) -> Callable[[Response], object]:
    """Return a reader of a list of methods, whose order means nothing."""

    def read(response: Response) -> object:
        listed = list_values(response.headers, header.lower())
        return None if listed is None else set(listed)

    return read


def lines(header: str) -> Callable[[Response], object]:
    """Return a reader of every line of a header, exactly as it came."""
    return lambda response: values(response.headers, header.lower())


ASPECTS: dict[Aspect, Callable[[Response], object]] = {
    "origin": lines(ALLOW_ORIGIN),
    "credentials": lines(ALLOW_CREDENTIALS),
    "methods": tokens(ALLOW_METHODS),
    "headers": names(ALLOW_HEADERS),
    "max age": lines(MAX_AGE),
    "exposed": names(EXPOSE_HEADERS),
}


def ask(question: Question, target: Target, wire: Exchange, promise: Exchange) -> Answer:
    """Ask one question over the network, and the same of the promise."""
    asked: list[tuple[Request, Response]] = []

    def promised(request: Request) -> Response:
        below = request.path.removeprefix(target.mount)
        return promise(replace(request, path=below if below.startswith("/") else f"/{below}"))

    def first_only(request: Request) -> Response:
        # Only one request goes out: a PUT after its preflight, or what a redirect leads to, is
        # answered as promised, so that the outcome tells of the one answer that did come.
        if asked:
            return promised(request)
        asked.append((request, wire(request)))
        return asked[0][1]

    fetch = replace(question.fetch, path=target.mount + question.fetch.path)
    outcome = Browser(first_only, target.origin).fetch(fetch)
    request, response = asked[0]
    return Answer(
        question=question,
        request=request,
        response=response,
        promised=promised(request),
        outcome=outcome,
        promised_outcome=Browser(promised, target.origin).fetch(fetch),
    )
