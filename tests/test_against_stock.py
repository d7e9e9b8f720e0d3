"""Stock and strict side by side: what stock grants, strict grants, and every difference has a name.

Thousands of seeded random policies and requests go through both. Each answer is taken apart into
aspects: status, body, Vary, one per Access-Control-* header. An aspect in which the two differ
must be claimed by one of `KINDS`, the table of what is stricter or better and why; and each kind
must occur, so that the table cannot outlive the differences it documents.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.middleware.cors import CORSMiddleware

from .asgi_harness import APP, STRANGER, Answer, StrictCORSMiddleware, handshake, request

SEEDS = range(20)
POLICIES_PER_SEED = 30
REQUESTS_PER_POLICY = 12

ORIGINS = [
    APP,
    "https://admin.acme.com",
    "http://localhost:5173",
    "capacitor://localhost",
    "https://xn--bcher-kva.acme.com",
]
PATTERNS = [r"https://pr-\d+\.acme\.com", r"https://.*\.acme\.com", r".*", r"null", APP]
SENT_ORIGINS = [
    *ORIGINS,
    STRANGER,
    "null",
    "",
    "*",
    "https://pr-7.acme.com",
    "https://pr-7.acme.com.evil.net",
    "https://evil.net/.acme.com",
    "https://APP.acme.com",
    "https://\xe0.acme.com",
    "https://" + "a" * 400 + ".acme.com",
]
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "QUERY"]
HEADERS = ["Authorization", "X-Request-Id", "Content-Type", "if-match"]
REQUESTED = [
    "authorization",
    "authorization,content-type",
    "x-request-id",
    "X-REQUEST-ID , if-match",
    "x-evil",
    "x-evil,,x-other",
    "",
    "x evil",
    ",".join(f"x-{i}" for i in range(100)),
]
INNER_HEADERS = [
    (b"vary", b"Accept-Encoding"),
    (b"Vary", b"origin"),
    (b"vary", b"*"),
    (b"access-control-allow-origin", b"https://evil.net"),
    (b"Access-Control-Allow-Origin", b"*"),
    (b"access-control-allow-credentials", b"true"),
    (b"access-control-max-age", b"1"),
    (b"x-total", b"3"),
]


@dataclass
class Case:
    """One policy, one request, and both answers taken apart."""

    policy: dict[str, Any]
    method: str
    sent: list[tuple[str, str]]
    inner: list[tuple[bytes, bytes]]
    stock: dict[str, Any] = field(default_factory=dict)
    strict: dict[str, Any] = field(default_factory=dict)

    def values(self, name: str) -> list[str]:
        """Return the values of a request header, whatever its spelling."""
        return [value for key, value in self.sent if key.lower() == name]

    @property
    def origins(self) -> list[str]:
        """Return the Origin lines."""
        return self.values("origin")

    @property
    def is_preflight(self) -> bool:
        """Tell whether this is a preflight for a server that reads headers in any spelling."""
        asked = self.values("access-control-request-method")
        return self.method == "OPTIONS" and bool(self.origins) and bool(asked)

    @property
    def any_origin(self) -> bool:
        """Tell whether the policy lets in everyone."""
        return "*" in self.policy["allow_origins"]

    @property
    def listed(self) -> bool:
        """Tell whether one origin was sent and is on the list."""
        return len(self.origins) == 1 and self.origins[0] in self.policy["allow_origins"]

    @property
    def matched(self) -> bool:
        """Tell whether one origin was sent and fits the pattern, as stock reads it."""
        pattern = self.policy["allow_origin_regex"]
        return (
            pattern is not None
            and len(self.origins) == 1
            and re.fullmatch(pattern, self.origins[0]) is not None
        )

    @property
    def odd(self) -> bool:
        """Tell whether the origin is one that no browser sends, or `null`."""
        origin = self.origins[0] if self.origins else ""
        return re.fullmatch(r"[a-z]+://[a-z0-9.-]{1,253}(:[0-9]+)?", origin) is None

    @property
    def welcome(self) -> bool:
        """Tell whether the policy lets the sender in, by the documented rules."""
        return self.any_origin or self.listed or (self.matched and not self.odd)

    @property
    def unusual_spelling(self) -> bool:
        """Tell whether a request header is not in lower case."""
        return any(name != name.lower() for name, _ in self.sent)

    @property
    def inner_names(self) -> set[str]:
        """Return the names that the app sets by itself."""
        return {name.decode().lower() for name, _ in self.inner}


def is_disclosed_less(case: Case, aspect: str) -> bool:
    """Tell whether strict treats the sender as a stranger in this aspect."""
    return aspect in {"status", "body", "vary"} or aspect not in case.strict


@dataclass
class Kind:
    """A difference that is meant, and how to recognise it."""

    name: str
    why: str
    claims: Callable[[Case, str], bool]


KINDS = [
    Kind(
        "a stranger learns nothing",
        "stock tells a stranger whether credentials are allowed and which headers are exposed",
        lambda c, aspect: (
            bool(c.origins)
            and not c.welcome
            and not c.is_preflight
            and aspect in {"allow-credentials", "expose-headers"}
            and aspect not in c.strict
        ),
    ),
    Kind(
        "a stranger's preflight is refused without the policy",
        "stock answers 400 with the methods, headers and max-age it would allow others",
        lambda c, aspect: (
            c.is_preflight
            and not c.welcome
            and c.strict["status"] == 403
            and (aspect in {"status", "body", "vary"} or aspect not in c.strict)
        ),
    ),
    Kind(
        "an allowed preflight is answered 204 with the policy, whatever it asks",
        "on the 400 of stock a browser reports a bad status instead of the method or header",
        lambda c, aspect: (
            c.is_preflight
            and c.welcome
            and aspect in {"status", "body"}
            and c.strict["status"] == 204
            and c.stock["status"] in {200, 400}
        ),
    ),
    Kind(
        "a preflight varies by what its answer depends on",
        "stock names four headers, though the method never matters and the others rarely do",
        lambda c, aspect: (
            c.is_preflight
            and aspect == "vary"
            and "Origin" in c.strict["vary"]
            and set(c.strict["vary"]) <= set(c.stock["vary"])
        ),
    ),
    Kind(
        "an empty list of methods is no header",
        "stock sends Access-Control-Allow-Methods without a value, which allows as little",
        lambda c, aspect: (
            aspect == "allow-methods" and c.stock.get(aspect) == [""] and aspect not in c.strict
        ),
    ),
    Kind(
        "headers that inner code sets are removed",
        "stock lets them through, to strangers too",
        lambda c, aspect: (
            not c.is_preflight
            and f"access-control-{aspect}" in c.inner_names
            and (c.welcome or aspect not in c.strict)
        ),
    ),
    Kind(
        "Vary names everything once, or is just `*`",
        "stock appends, so two layers or an app that knows about Origin give `Origin, Origin`",
        lambda c, aspect: (
            aspect == "vary"
            and "vary" in c.inner_names
            and c.strict["vary"]
            == (["*"] if "*" in c.stock["vary"] else list(dict.fromkeys(c.stock["vary"])))
        ),
    ),
    Kind(
        "two Origin lines are a stranger",
        "stock believes the first",
        lambda c, aspect: len(c.origins) > 1 and not c.any_origin and is_disclosed_less(c, aspect),
    ),
    Kind(
        "a pattern sees only what browsers send as an origin",
        "stock lets a lax pattern match null, paths, user names, control characters, upper case "
        "and any length",
        lambda c, aspect: c.matched and c.odd and not c.welcome and is_disclosed_less(c, aspect),
    ),
    Kind(
        "all lines of requested headers are mirrored, one clean list within bounds",
        "stock echoes the first line as it is, whatever it holds and however long it is",
        lambda c, aspect: (
            aspect == "allow-headers" and c.is_preflight and "*" in c.policy["allow_headers"]
        ),
    ),
    Kind(
        "request headers are read in any usual spelling",
        "stock overlooks `Origin` in a scope that is not in lower case, which ASGI permits",
        lambda c, aspect: c.unusual_spelling,
    ),
]

# The kinds by which strict grants less than stock. Under any other, what stock grants is granted.
NARROWER = {
    "two Origin lines are a stranger",
    "a pattern sees only what browsers send as an origin",
}


def names(value: str) -> list[str]:
    """Split a list header."""
    return [name.strip() for name in value.split(",") if name.strip()]


def aspects(answer: Answer) -> dict[str, Any]:
    """Take an answer apart; several lines of one header stay several, because browsers mind."""
    parts: dict[str, Any] = {"status": answer.status, "body": answer.body}
    for name, value in answer.start["headers"]:
        lower = name.decode().lower()
        if lower.startswith("access-control-"):
            parts.setdefault(lower.removeprefix("access-control-"), []).append(
                value.decode("latin-1")
            )
    parts["vary"] = [
        "Origin" if name.lower() == "origin" else name
        for value in answer.all("vary")
        for name in names(value)
    ]
    return parts


def random_policy(rng: random.Random) -> dict[str, Any]:
    """Return keyword arguments that both middlewares take."""
    return {
        "allow_origins": rng.choice([["*"], [*rng.sample(ORIGINS, 2), "*"], *[None] * 8])
        or rng.sample(ORIGINS, rng.randrange(len(ORIGINS))),
        "allow_methods": rng.choice([["*"], (), *[None] * 4])
        or rng.sample(METHODS, rng.randrange(len(METHODS))),
        "allow_headers": rng.choice([["*"], *[None] * 3])
        or rng.sample(HEADERS, rng.randrange(len(HEADERS))),
        "allow_credentials": rng.random() < 0.5,
        "allow_origin_regex": rng.choice([None, None, *PATTERNS]),
        "allow_private_network": rng.random() < 0.3,
        "expose_headers": rng.choice([(), ["X-Total"], ["X-Total", "ETag"], ["*"]]),
        "max_age": rng.choice([0, 600, 7200]),
    }


def random_case(rng: random.Random, policy: dict[str, Any]) -> Case:
    """Return a request that fits the policy more often than chance would have it."""
    likely = [o for o in policy["allow_origins"] if o != "*"] or SENT_ORIGINS
    sent = [("host", "api.acme.com")]
    for _ in range(rng.choice([0, 1, 1, 1, 1, 1, 1, 2])):
        name = "Origin" if rng.random() < 0.05 else "origin"
        sent.append((name, rng.choice(likely if rng.random() < 0.4 else SENT_ORIGINS)))
    method = rng.choice([*METHODS, "OPTIONS", "OPTIONS", "OPTIONS", "OPTIONS", "OPTIONS"])
    if method == "OPTIONS" and rng.random() < 0.85:
        sent.append(("access-control-request-method", rng.choice([*METHODS, "put"])))
        for _ in range(rng.choice([0, 1, 1, 2])):
            sent.append(("access-control-request-headers", rng.choice(REQUESTED)))
        if rng.random() < 0.2:
            sent.append(("access-control-request-private-network", "true"))
    inner = rng.sample(INNER_HEADERS, rng.choice([0, 0, 1, 2, 4]))
    return Case(policy, method, sent, inner)


def app_with(headers: list[tuple[bytes, bytes]]) -> Any:
    """Return an app that answers with these headers."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(headers)})
        await send({"type": "http.response.body", "body": scope["method"].encode()})

    return app


def is_refused(policy: dict[str, Any]) -> bool:
    """Tell whether strict does not start with this policy: `*` beside credentials."""
    lists = ("allow_origins", "allow_methods", "allow_headers", "expose_headers")
    return policy["allow_credentials"] and any("*" in policy[name] for name in lists)


def cases(seed: int) -> list[Case]:
    """Return the answered cases of one seed."""
    rng = random.Random(seed)
    answered = []
    for _ in range(POLICIES_PER_SEED):
        policy = random_policy(rng)
        if is_refused(policy):
            with pytest.raises(ValueError, match="allow_credentials is on"):
                StrictCORSMiddleware(app_with([]), **policy)
            policy = {**policy, "allow_credentials": False}
        for _ in range(REQUESTS_PER_POLICY):
            case = random_case(rng, policy)
            for kind, into in ((CORSMiddleware, case.stock), (StrictCORSMiddleware, case.strict)):
                app = kind(app_with(case.inner), **policy)
                into.update(aspects(request(app, case.method, headers=case.sent)))
            answered.append(case)
    return answered


@pytest.fixture(scope="module", params=SEEDS)
def seed(request: pytest.FixtureRequest) -> list[Case]:
    """Return the cases of each seed in turn."""
    return cases(request.param)


SEEN: Counter[str] = Counter()


def claimed_by(case: Case) -> set[str]:
    """Return the kinds of all differences of a case, and fail on one that has none."""
    found = set()
    for aspect in sorted(case.stock.keys() | case.strict.keys()):
        if case.stock.get(aspect) != case.strict.get(aspect):
            claims = {kind.name for kind in KINDS if kind.claims(case, aspect)}
            assert claims, f"undocumented difference in {aspect}: {case}"
            found |= claims
    return found


def test_every_difference_is_of_a_documented_kind(seed: list[Case]) -> None:
    for case in seed:
        SEEN.update(claimed_by(case))


def readable(parts: dict[str, Any], origin: str, credentials: bool) -> bool:
    """Tell whether a browser hands this response to the page (Fetch, "CORS check")."""
    allowed = parts.get("allow-origin", [])
    if not credentials and allowed == ["*"]:
        return True
    if allowed != [origin]:
        return False
    return not credentials or parts.get("allow-credentials") == ["true"]


def permitted(parts: dict[str, Any], case: Case, credentials: bool) -> bool:
    """Tell whether a browser sends the real request after this preflight."""
    if not 200 <= parts["status"] <= 299 or not readable(parts, case.origins[0], credentials):
        return False
    method = case.values("access-control-request-method")[0]
    methods = names(",".join(parts.get("allow-methods", [])))
    headers = {name.lower() for name in names(",".join(parts.get("allow-headers", [])))}
    # Of several lines stock reads the first only; a browser sends one.
    asked = names(",".join(case.values("access-control-request-headers")[:1]))
    return (method in {"GET", "HEAD", "POST", *methods}) and headers.issuperset(
        name.lower() for name in asked
    )


def test_what_stock_grants_strict_grants(seed: list[Case]) -> None:
    for case in seed:
        # What the app grants by itself is not what stock grants.
        if not case.origins or any(name.startswith("access-control") for name in case.inner_names):
            continue
        if claimed_by(case) & NARROWER:
            continue
        for credentials in (False, True):
            if case.is_preflight:
                # 100 names are beyond the bounds, and no browser sends anything but names.
                asked = case.values("access-control-request-headers")
                usual = sum(map(len, asked)) < 200 and "x evil" not in asked
                if usual and permitted(case.stock, case, credentials):
                    assert permitted(case.strict, case, credentials), case
            elif readable(case.stock, case.origins[0], credentials):
                assert readable(case.strict, case.origins[0], credentials), case
                assert case.stock.get("expose-headers") == case.strict.get("expose-headers"), case


def test_the_app_sees_the_same_requests(seed: list[Case]) -> None:
    for case in seed:
        if not case.is_preflight:
            assert case.strict["body"] == case.stock["body"] == case.method.encode()


def test_every_documented_kind_occurs() -> None:
    if not SEEN:
        pytest.skip("counts what the tests before it saw")
    missing = [kind.name for kind in KINDS if not SEEN[kind.name]]
    assert missing == []


def test_websockets_are_guarded_where_stock_lets_everyone_in() -> None:
    """Keep this difference apart: it has no aspects to compare."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})

    for origin in SENT_ORIGINS:
        sent = {"host": "api.acme.com", "origin": origin}
        stock = handshake(CORSMiddleware(app, allow_origins=ORIGINS), sent)
        strict = handshake(StrictCORSMiddleware(app, allow_origins=ORIGINS), sent)
        assert stock.messages[0]["type"] == "websocket.accept"
        expected = "websocket.accept" if origin in ORIGINS else "websocket.close"
        assert strict.messages[0]["type"] == expected
