# fmt: off
"""What the responses of a deployed service show: the findings of `cors probe`, each with its cause.

The causes are tried in the order in which they stand here. What one explains, the next ones do not
see: a redirect lacks every header, but that is not what is wrong with it. An id never changes,
wherever its cause may move.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal
from urllib.parse import urlsplit

from ..findings import shown
from .browser import Fetch, Outcome, Request, Response, console_message
from .cors_check import REDIRECTS, Headers, get, list_values, values

OTHER_SITE = "https://evil.net"
GATEWAY_STATUSES = (429, 502, 503, 504)
# How the service, and Starlette's own middleware, refuse the preflight of another site.
REFUSALS = (400, 403)

ALLOW_ORIGIN = "Access-Control-Allow-Origin"
ALLOW_CREDENTIALS = "Access-Control-Allow-Credentials"
ALLOW_METHODS = "Access-Control-Allow-Methods"
ALLOW_HEADERS = "Access-Control-Allow-Headers"
MAX_AGE = "Access-Control-Max-Age"
EXPOSE_HEADERS = "Access-Control-Expose-Headers"


# --- Questions and answers --------------------------------------------------------------------


Aspect = Literal[
    "origin", "credentials", "methods", "headers", "max age", "exposed", "vary", "status"
]


def policy_in(headers: Headers) -> dict[Aspect, object]:
    """Return what a response says of the policy. In lists, order does not matter."""
    return {
        "origin": values(headers, ALLOW_ORIGIN.lower()),
        "credentials": values(headers, ALLOW_CREDENTIALS.lower()),
        "methods": listed(headers, ALLOW_METHODS),
        "headers": listed(headers, ALLOW_HEADERS, lower=True),
        "max age": values(headers, MAX_AGE.lower()),
        "exposed": listed(headers, EXPOSE_HEADERS, lower=True),
    }


def listed(headers: Headers, name: str, *, lower: bool = False) -> set[str] | None:
    """Return the items of a list; None if it is malformed."""
    items = list_values(headers, name.lower())
    return None if items is None else {item.lower() if lower else item for item in items}


@dataclass(frozen=True, slots=True)
class Question:
    """What a page asks for, which may be a page of the service itself. Its path has no mount.

    `reused` is a URL for which a cache may have a response, `missing` one that does not exist.
    """

    fetch: Fetch
    reused: bool = False
    missing: bool = False


# eq=False: each answer is a key of its own.
@dataclass(frozen=True, eq=False)
class Answer:
    """A question with the response that came and the one that the policy promises.

    The outcomes are what a browser does with each.
    """

    question: Question
    request: Request
    response: Response
    expected: Response
    outcome: Outcome
    expected_outcome: Outcome

    @property
    def origin(self) -> str | None:
        """The Origin that was sent; None for a page of the service itself."""
        return get(self.request.headers, "origin")

    @property
    def is_preflight(self) -> bool:
        """Whether the request was a preflight."""
        return self.request.method == "OPTIONS"

    @property
    def location(self) -> str | None:
        """Where a redirect leads to; None if it is not one."""
        return get(self.response.headers, "location") if self.response.status in REDIRECTS else None

    @cached_property
    def grants(self) -> list[str]:
        """Each value of Access-Control-Allow-Origin, from one line or from several."""
        lines = values(self.response.headers, ALLOW_ORIGIN.lower())
        return [part for line in lines for part in line.replace(",", " ").split()]

    @property
    def expected_grant(self) -> str | None:
        """The expected Access-Control-Allow-Origin, if any."""
        return get(self.expected.headers, ALLOW_ORIGIN.lower())

    @property
    def varies(self) -> bool:
        """Whether it says `Vary: Origin`, as each response of the service does."""
        listed = (get(self.response.headers, "vary") or "").lower().replace(",", " ").split()
        return "origin" in listed or "*" in listed

    @cached_property
    def differs(self) -> frozenset[Aspect]:
        """In which aspects the response is not the expected one."""
        expected = policy_in(self.expected.headers)
        found: set[Aspect] = {
            aspect
            for aspect, said in policy_in(self.response.headers).items()
            if said != expected[aspect]
        }
        # Any refusal of an unlisted method counts as correct.
        may_differ = self.expected.is_ok and not self.expected_outcome.allowed
        if self.is_preflight and self.response.is_ok != self.expected.is_ok and not may_differ:
            found.add("status")
        # Responses to OPTIONS are not cached, so their Vary does not matter.
        if not self.is_preflight and not self.varies:
            found.add("vary")
        return frozenset(found)

    @property
    def blocks(self) -> bool:
        """Whether a browser blocks what the policy allows."""
        return self.expected_outcome.allowed and not self.outcome.allowed

    @property
    def lets_in(self) -> bool:
        """Whether a browser allows what the policy does not."""
        return self.outcome.allowed and not self.expected_outcome.allowed


# --- Causes -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Evidence:
    """All answers, and those that no cause explains yet."""

    all: Sequence[Answer]
    left: Sequence[Answer]

    @property
    def reads(self) -> list[Answer]:
        """The answers to GET that should have a grant, other than those to missing URLs."""
        return [
            answer
            for answer in self.all
            if answer.expected_grant and not answer.is_preflight and not answer.question.missing
        ]

    @property
    def nothing_is_granted(self) -> bool:
        """Whether no read has the grant that it should have."""
        return bool(self.reads) and not any(answer.grants for answer in self.reads)

    @property
    def refuses_other_sites(self) -> bool:
        """Whether preflights of other sites get 403, and those of allowed origins do not.

        Only the service itself does that, whatever happens to its headers on the way.
        """
        refused = [each for each in self.all if each.is_preflight and each.response.status == 403]
        wrongly = any(answer.expected.is_ok for answer in refused)
        return not wrongly and any(answer.expected.status == 403 for answer in refused)


# Only whether the result is true counts.
Explains = Callable[[Answer, Evidence], object]


@dataclass(frozen=True, slots=True)
class Cause:
    """Something that goes wrong between a service and browsers.

    `explains` tells whether it is the cause of what is wrong with an answer. `aspect` is the only
    one that it explains; None if it explains an answer as a whole. `shows` are the response headers
    to look at. A cause that adds a grant mostly adds the other headers too, for every origin; with
    `adds_headers` it explains those as well.
    """

    id: str
    title: str
    explains: Explains
    shows: tuple[str, ...]
    why: str
    fix: str
    aspect: Aspect | None = None
    adds_headers: bool = False


CAUSES: list[Cause] = []


def cause(id: str, title: str, **more: Any) -> Callable[[Explains], Explains]:
    """Return a decorator that adds a cause with the decorated function as its `explains`."""

    def add(explains: Explains) -> Explains:
        CAUSES.append(Cause(id, title, explains, **more))
        return explains

    return add


def is_redirect(answer: Answer, evidence: Evidence, change: str) -> bool:
    """Whether it is a redirect, and redirects change this; those of preflights decide."""
    redirects = [each for each in evidence.left if each.location]
    first = max(redirects, key=lambda each: each.is_preflight, default=None)
    return answer in redirects and first is not None and redirect_changes(first) == change


def redirect_changes(answer: Answer) -> str:
    """Return what a redirect changes: the scheme, a final slash, or more."""
    path, there = urlsplit(answer.outcome.fetch.path).path, urlsplit(answer.location or "")
    if there.path == path and there.scheme == "https" and answer.outcome.url.startswith("http:"):
        return "scheme"
    return "slash" if there.path != path and there.path.rstrip("/") == path.rstrip("/") else "more"


@cause(
    "PROBE001",
    "Requests are redirected from http to https",
    shows=("Location",),
    why="Browsers do not follow a redirect of a preflight.",
    fix="let the front end call the https URL, and probe that one",
)
def redirected_to_https(answer: Answer, evidence: Evidence) -> object:
    return is_redirect(answer, evidence, "scheme")


@cause(
    "PROBE002",
    "Requests are redirected to add or remove a final slash",
    shows=("Location",),
    why="Browsers do not follow a redirect of a preflight. A proxy adds or removes the slash "
    "(nginx: a `location /items/` for `/items`, or a `rewrite`).",
    fix="remove the rewrite, or write `location /items` without the slash; front ends should call "
    "the path as the service has it",
)
def redirected_to_slash(answer: Answer, evidence: Evidence) -> object:
    return is_redirect(answer, evidence, "slash")


@cause(
    "PROBE003",
    "Requests are redirected to another address",
    shows=("Location",),
    why="Browsers do not follow a redirect of a preflight. Often a login stands in front of the "
    "service, and a preflight never has cookies or tokens.",
    fix="let OPTIONS through to the service without a login, and call the final address",
)
def redirected_elsewhere(answer: Answer, evidence: Evidence) -> object:
    return is_redirect(answer, evidence, "more")


@cause(
    "PROBE004",
    "A proxy responds because the service does not",
    shows=("Server", "Content-Type"),
    why="The service is down, too slow, or not where the proxy looks for it. Or there were too "
    "many requests.",
    fix="check that the service runs and that the proxy has its address; then probe again",
)
def service_unavailable(answer: Answer, evidence: Evidence) -> object:
    return answer.response.status in GATEWAY_STATUSES and not answer.varies


@cause(
    "PROBE005",
    "Something other than the service responds",
    shows=("Server", "Content-Type", "Vary", ALLOW_ORIGIN),
    why="No response has a mark of the service, such as `Vary: Origin`. It may be another service, "
    "a file server, or a proxy that responds by itself or removes all headers.",
    fix="check that the URL leads to this service (it may need a path), and whether a proxy asks "
    "for a login first",
)
def something_else(answer: Answer, evidence: Evidence) -> object:
    return not evidence.refuses_other_sites and not any(
        each.varies or (each.expected_grant and each.differs <= {"vary"}) for each in evidence.all
    )


@cause(
    "PROBE006",
    "A cache gives one site's response to another site",
    shows=(ALLOW_ORIGIN, "Vary"),
    why="The response is correct when no cache has stored the URL. The cache keeps one response "
    "for all origins, though the service says `Vary: Origin`. Or several releases respond in turn.",
    fix="remove `proxy_ignore_headers Vary`, or put the origin into the key: `proxy_cache_key "
    "$scheme$host$request_uri$http_origin`; then empty the cache",
)
def wrong_from_cache(answer: Answer, evidence: Evidence) -> object:
    return (
        answer.question.reused
        and "origin" in answer.differs
        and any(
            "origin" not in each.differs
            and (each.origin, each.expected_grant) == (answer.origin, answer.expected_grant)
            for each in evidence.all
            if not (each.is_preflight or each.question.reused or each.question.missing)
        )
    )


@cause(
    "PROBE007",
    "Access-Control-Allow-Origin is sent twice",
    shows=(ALLOW_ORIGIN,),
    why="A proxy adds its own to the service's, and browsers accept only one.",
    fix="remove `add_header Access-Control-…` from the proxy: the service sends these headers",
    adds_headers=True,
)
def sent_twice(answer: Answer, evidence: Evidence) -> object:
    added = {grant for each in evidence.left if len(each.grants) > 1 for grant in each.grants}
    # Where the service itself grants nothing, the added line stands alone.
    alone = not answer.expected_grant and len(answer.grants) == 1
    return len(answer.grants) > 1 or (alone and answer.grants[0] in added - {"*", answer.origin})


@cause(
    "PROBE008",
    "Something in front of the service answers preflights",
    shows=(ALLOW_ORIGIN, ALLOW_METHODS),
    why="OPTIONS never reaches the service. The proxy has another policy, or none (nginx: `if "
    "($request_method = OPTIONS) { return 204; }`, `limit_except`).",
    fix="pass OPTIONS on like any other method: remove the `if` or `limit_except`, and let OPTIONS "
    "through without a login",
)
def options_answered(answer: Answer, evidence: Evidence) -> object:
    reads = [each for each in evidence.all if not each.is_preflight]
    correct = {each.origin for each in reads if each.differs <= {"vary"}}
    unlike_the_service = any(
        not each.varies
        or (each.response.is_ok and not each.expected.is_ok and each.origin in correct)
        for each in evidence.left
        if each.is_preflight
    )
    return answer.is_preflight and unlike_the_service and not evidence.refuses_other_sites


@cause(
    "PROBE009",
    "Every site is allowed by `*`",
    shows=(ALLOW_ORIGIN, ALLOW_CREDENTIALS),
    why="A proxy sends `*` in place of the origin. With credentials browsers refuse it; without "
    "them any site can read.",
    fix="remove `add_header Access-Control-Allow-Origin *` and `proxy_hide_header "
    "Access-Control-…` from the proxy",
    adds_headers=True,
)
def every_site_by_wildcard(answer: Answer, evidence: Evidence) -> object:
    return answer.grants == ["*"] and answer.expected_grant != "*"


def is_wrongly_granted(answer: Answer) -> bool:
    """Whether an origin has a grant that should have none, or none of its own."""
    expected_none = answer.expected_grant in (None, "*") and answer.origin is not None
    return expected_none and answer.grants == [answer.origin]


@cause(
    "PROBE010",
    "Every site is allowed",
    shows=(ALLOW_ORIGIN, ALLOW_CREDENTIALS),
    why="Each origin that asks gets a grant: a proxy sends `$http_origin` back, or the deployed "
    "release allows every origin.",
    fix="remove `add_header Access-Control-Allow-Origin $http_origin` from the proxy at once: with "
    "credentials any site can act for a user who is logged in",
    adds_headers=True,
)
def every_origin_allowed(answer: Answer, evidence: Evidence) -> object:
    granted = filter(is_wrongly_granted, evidence.left)
    return is_wrongly_granted(answer) and OTHER_SITE in [each.origin for each in granted]


@cause(
    "PROBE011",
    "Look-alikes of an allowed origin are allowed",
    shows=(ALLOW_ORIGIN, ALLOW_CREDENTIALS),
    why="A pattern matches more than it should: it is not anchored, or its dot stands for any "
    "character (nginx: `map $http_origin` or `if ($http_origin ~ …)`).",
    fix="remove the pattern from the proxy: the service compares origins exactly",
    adds_headers=True,
)
def lookalikes_allowed(answer: Answer, evidence: Evidence) -> object:
    return is_wrongly_granted(answer)


@cause(
    "PROBE012",
    "Every response allows the same origin",
    shows=(ALLOW_ORIGIN,),
    why="A proxy puts one origin into every response, or a cache keeps one response for all and "
    "ignores Origin and the query.",
    fix="remove `add_header Access-Control-Allow-Origin …` from the proxy, and empty its cache",
    adds_headers=True,
)
def same_for_every_site(answer: Answer, evidence: Evidence) -> object:
    return len(answer.grants) == 1 and answer.grants[0] not in ("*", answer.origin)


OLD = (
    "was started with other settings: an older release, another environment, or CORS_* variables "
    "of its process, which override the dotenv file"
)
DEPLOY = (
    "deploy the release that has this .env file, check the CORS_* variables of its process, and "
    "probe with the environment that the URL belongs to"
)


def is_refused_by_service(answer: Answer) -> bool:
    """Whether a preflight was refused by what knows of origins, and not by a proxy."""
    return answer.is_preflight and answer.varies and answer.response.status in REFUSALS


@cause(
    "PROBE013",
    "An allowed origin is refused",
    shows=(ALLOW_ORIGIN, "Vary"),
    why=f"The service has another list of origins, because it {OLD}. Or a proxy changes Origin.",
    fix=DEPLOY,
)
def origin_refused(answer: Answer, evidence: Evidence) -> object:
    return not answer.grants and any(
        each.origin == answer.origin and is_refused_by_service(each)
        for each in evidence.left
        if each.expected_grant not in (None, "*")
    )


@cause(
    "PROBE014",
    "A public path is not public",
    shows=(ALLOW_ORIGIN,),
    why=f"The service has other public paths, because it {OLD}.",
    fix=DEPLOY,
)
def public_path_closed(answer: Answer, evidence: Evidence) -> object:
    public = [each for each in evidence.left if each.expected_grant == "*"]
    return answer in public and not answer.grants and any(map(is_refused_by_service, public))


@cause(
    "PROBE015",
    "The service does not see the Origin header",
    shows=(ALLOW_ORIGIN, "Vary"),
    why="A proxy removes it from requests (nginx: `proxy_set_header Origin ''`), so to the service "
    "no request comes from another site.",
    fix="remove that line; nginx passes Origin on by itself",
)
def origin_removed(answer: Answer, evidence: Evidence) -> object:
    # The service treats a preflight as any OPTIONS, also one that it would refuse.
    return evidence.nothing_is_granted and all(
        each.varies and not each.grants and each.response.status != each.expected.status
        for each in evidence.all
        if each.is_preflight
    )


@cause(
    "PROBE016",
    "The service's Access-Control headers are removed",
    shows=(ALLOW_ORIGIN, "Vary"),
    why="A proxy removes them from responses (nginx: `proxy_hide_header Access-Control-…`).",
    fix="remove those lines: the service sends these headers for the policy",
)
def headers_removed(answer: Answer, evidence: Evidence) -> object:
    lost = evidence.nothing_is_granted and answer.expected_grant and not answer.grants
    by_service = answer.varies or not answer.is_preflight or evidence.refuses_other_sites
    return lost and by_service


@cause(
    "PROBE017",
    "Error responses have no CORS headers",
    shows=(ALLOW_ORIGIN,),
    why="A proxy replaces the service's headers, but not on errors (nginx: `add_header` without "
    "`always`). The front end sees a CORS error instead of a 404.",
    fix="remove `add_header` and `proxy_hide_header` for Access-Control-…: the service sends these "
    "headers on errors too",
)
def errors_stripped(answer: Answer, evidence: Evidence) -> object:
    is_error = answer.question.missing and answer.response.status >= 400
    lost = answer.expected_grant and not answer.grants
    return is_error and lost and any(each.grants for each in evidence.reads)


def is_expected_grant(answer: Answer, evidence: Evidence) -> object:
    return answer.expected_grant


HEADERS: tuple[tuple[str, str, str, Aspect], ...] = (
    ("PROBE018", f"{ALLOW_CREDENTIALS} differs", ALLOW_CREDENTIALS, "credentials"),
    ("PROBE019", "Different methods are allowed", ALLOW_METHODS, "methods"),
    ("PROBE020", "Different request headers are allowed", ALLOW_HEADERS, "headers"),
    ("PROBE021", "The preflight cache lifetime differs", MAX_AGE, "max age"),
    ("PROBE022", "Different response headers can be read", EXPOSE_HEADERS, "exposed"),
)
CAUSES += [
    Cause(
        *(id, title, is_expected_grant),
        shows=(header,),
        why=f"The service {OLD}. Or a proxy changes the header (nginx: `proxy_hide_header`).",
        fix=f"{DEPLOY}; remove the proxy's lines about {header}",
        aspect=aspect,
    )
    for id, title, header, aspect in HEADERS
]


@cause(
    "PROBE023",
    "Vary does not name Origin",
    shows=("Vary",),
    why="A proxy removes the service's Vary (nginx: `proxy_hide_header Vary`), so any cache on the "
    "way may give one site's response to another.",
    fix="remove that line; what adds to Vary must keep Origin",
    aspect="vary",
)
def vary_removed(answer: Answer, evidence: Evidence) -> object:
    return True


@cause(
    "PROBE024",
    "Origins that are not allowed get CORS headers",
    shows=(ALLOW_ORIGIN, ALLOW_CREDENTIALS, ALLOW_METHODS, EXPOSE_HEADERS),
    why="The responder sends headers of the policy to other sites: a proxy's `add_header`, or a "
    "release that used Starlette's own CORSMiddleware.",
    fix=f"remove `add_header Access-Control-…` from the proxy; {DEPLOY}",
)
def headers_without_grant(answer: Answer, evidence: Evidence) -> object:
    told = answer.differs & {"credentials", "methods", "headers", "max age", "exposed"}
    return not answer.expected_grant and not answer.grants and told


@cause(
    "PROBE025",
    "A response differs for an unknown reason",
    shows=(ALLOW_ORIGIN, ALLOW_CREDENTIALS, ALLOW_METHODS, "Vary"),
    why="Something changes the response on its way, or something else sends it.",
    fix="compare it with the response of the service when you ask it directly",
)
def unexplained(answer: Answer, evidence: Evidence) -> object:
    return True


# --- Findings ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Finding:
    """A cause that was found, with one question as an example, and for how many answers."""

    id: str
    title: str
    asked: str
    expected: str
    came: str
    why: str
    fix: str
    answers: int
    blocks: bool
    lets_in: bool
    console: str


def diagnose(answers: Sequence[Answer]) -> Iterator[Finding]:
    """Yield what is wrong with the answers: nothing if all are as the policy promises."""
    left: dict[Answer, set[Aspect]] = {each: set(each.differs) for each in answers if each.differs}
    for cause in CAUSES:
        open_to_it = [each for each in left if cause.aspect is None or cause.aspect in left[each]]
        evidence = Evidence(answers, open_to_it)
        explained = [each for each in open_to_it if cause.explains(each, evidence)]
        if explained and cause.adds_headers:
            explained += [each for each in open_to_it if headers_without_grant(each, evidence)]
        for answer in explained:
            left[answer] -= {cause.aspect} if cause.aspect else left[answer]
        left = {answer: aspects for answer, aspects in left.items() if aspects}
        if explained:
            yield finding(cause, explained)


def finding(cause: Cause, answers: Sequence[Answer]) -> Finding:
    """Return the finding, with the answer that matters most as its example."""
    example = max(answers, key=lambda answer: (answer.lets_in, answer.blocks))
    came, expected = (
        headers_of(each, cause.shows) for each in (example.response, example.expected)
    )
    # The service chooses the status of a GET; only the policy is compared.
    if example.is_preflight:
        expected = f"{example.expected.status}, {expected}"
    return Finding(
        id=cause.id,
        title=cause.title,
        asked=described(example),
        expected=expected,
        came=f"{example.response.status}, {came}",
        why=cause.why,
        fix=cause.fix,
        answers=len(answers),
        blocks=any(answer.blocks for answer in answers),
        lets_in=any(answer.lets_in for answer in answers),
        console=(console_message(example.outcome) or "") if example.blocks else "",
    )


def described(answer: Answer) -> str:
    """Return what was asked, as a phrase."""
    fetch, path = answer.question.fetch, answer.request.path
    who = f"from {answer.origin}" if answer.origin else "from a page of the service itself"
    if not answer.is_preflight:
        return f"GET {path} {who}"
    headers = ", ".join(name for name, _ in fetch.headers)
    return f"preflight of {fetch.method} {path} {who}" + (f" with {headers}" if headers else "")


def headers_of(response: Response, names: Iterable[str]) -> str:
    """Return every line of these headers."""
    lines = []
    for name in names:
        found = values(response.headers, name.lower())
        if name == "Location":
            # What follows the path may be a secret, such as the state of a login.
            found = [shown(value.partition("?")[0].partition("#")[0]) for value in found]
        lines += [f"{name}: {value}" for value in found] or [f"no {name}"]
    return ", ".join(lines)
