"""The middleware from outside: what each kind of request is answered."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, Request, WebSocket
from fastapi.staticfiles import StaticFiles
from fastapi.testclient import TestClient
from service.cors.policy import CORSPolicy
from starlette.applications import Starlette
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.cors import ALL_METHODS, CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.websockets import WebSocketDisconnect

from .asgi_harness import (
    APP,
    STRANGER,
    Answer,
    CORSFastAPI,
    StrictCORSMiddleware,
    handshake,
    http_scope,
    middleware,
    preflight,
    request,
    send_scope,
)

POLICY: dict[str, Any] = {
    "allow_origins": [APP, "http://localhost:5173"],
    "allow_methods": ["GET", "POST", "PUT"],
    "allow_headers": ["Authorization", "X-Request-Id"],
    "allow_credentials": True,
    "expose_headers": ["X-Total", "ETag"],
    "max_age": 1200,
}
OPEN_POLICY: dict[str, Any] = {**POLICY, "allow_origins": ["*"], "allow_credentials": False}
OWN = "https://api.acme.com"


class Inner:
    """An app that counts what reaches it and answers 200 with the headers it was given."""

    def __init__(self, *headers: tuple[bytes, bytes]) -> None:
        """Remember what to answer."""
        self.headers = headers
        self.seen = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer 200, or accept a WebSocket."""
        self.seen += 1
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            return
        await send(
            {"type": "http.response.start", "status": 200, "headers": [*self.headers]},
        )
        await send({"type": "http.response.body", "body": b"hello"})


def strict(inner: Any = None, **changes: Any) -> Any:
    """Return the middleware with the policy above and these changes."""
    return StrictCORSMiddleware(inner or Inner(), **{**POLICY, **changes})


def assert_stranger(answer: Answer) -> None:
    """Check that an answer discloses nothing and cannot be mixed up by a cache."""
    assert answer.cors == {}
    assert answer.one("vary") == "Origin"


# --- Arguments ---


@pytest.mark.parametrize(
    "name",
    [
        *("allow_origins", "allow_methods", "allow_headers", "expose_headers", "public_paths"),
        "guard_exempt_paths",
    ],
)
@pytest.mark.parametrize("value", ["https://app.acme.com", b"GET", [7], [None]])
def test_a_string_where_a_list_is_due_is_a_type_error(name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=name):
        strict(**{name: value})


@pytest.mark.parametrize(
    "name", ["allow_origins", "allow_methods", "allow_headers", "expose_headers"]
)
def test_a_wildcard_beside_credentials_is_refused_with_the_way_out(name: str) -> None:
    with pytest.raises(ValueError, match=rf"{name} .*Write out the values of {name}"):
        strict(**{name: ["*"]})
    strict(**{name: ["*"], "allow_credentials": False})


def test_null_cannot_be_allowed() -> None:
    with pytest.raises(ValueError, match="sandboxed frame"):
        strict(allow_origins=["null"])


def test_a_public_path_without_its_slash_is_refused() -> None:
    with pytest.raises(ValueError, match="'/public'"):
        strict(public_paths=["public"])


def test_a_policy_needs_characters_that_a_header_can_hold() -> None:
    with pytest.raises(ValueError, match="ascii"):
        strict(allow_origins=["https://\N{CYRILLIC SMALL LETTER A}pp.acme.com"])


def test_the_arguments_are_those_of_the_stock_middleware_and_more() -> None:
    stock = inspect.signature(CORSMiddleware.__init__).parameters
    ours = inspect.signature(StrictCORSMiddleware.__init__).parameters
    assert list(ours)[: len(stock)] == list(stock)
    assert [ours[name].default for name in stock] == [stock[name].default for name in stock]
    own = ["public_paths", "guard_writes", "report_writes", "guard_exempt_paths"]
    own += ["describe_refused", "near_miss", "on_refusal"]
    assert list(ours)[len(stock) :] == [*own, "origin_provider", "provider_credentials"]


def test_the_policy_can_be_read_back() -> None:
    policy = strict(public_paths=["/public"], guard_writes=True)
    assert policy.allow_origins == frozenset(POLICY["allow_origins"])
    assert policy.allow_methods == ("GET", "POST", "PUT")
    assert policy.expose_headers == ("X-Total", "ETag")
    assert policy.max_age == 1200
    assert policy.public_paths == ("/public",)
    assert policy.guard_writes is True
    assert isinstance(policy, CORSMiddleware)


def test_is_allowed_origin_agrees_with_the_answers() -> None:
    policy = strict(allow_origin_regex=r"https://pr-\d+\.acme\.com")
    for origin, allowed in [
        (APP, True),
        ("https://pr-7.acme.com", True),
        (STRANGER, False),
        ("null", False),
        ("https://\N{CYRILLIC SMALL LETTER A}.acme.com", False),
    ]:
        assert policy.is_allowed_origin(origin) is allowed
    assert strict(**OPEN_POLICY).is_allowed_origin(STRANGER)


# --- Grants ---


def test_an_allowed_origin_gets_its_grant() -> None:
    answer = request(strict(), headers={"origin": APP})
    assert answer.body == b"hello"
    assert answer.one("vary") == "Origin"
    assert answer.cors == {
        "allow-origin": APP,
        "allow-credentials": "true",
        "expose-headers": "X-Total, ETag",
    }


def test_without_credentials_and_exposed_headers_the_grant_is_one_header() -> None:
    answer = request(strict(allow_credentials=False, expose_headers=()), headers={"origin": APP})
    assert answer.cors == {"allow-origin": APP}


def test_a_request_without_origin_gets_no_grant_but_vary() -> None:
    for policy in (strict(), strict(**OPEN_POLICY), strict(public_paths=["/"])):
        assert_stranger(request(policy))


BAD_ORIGINS = [
    "https://app.acme.com.evil.net",
    "https://app.acme.comevil.net",
    "https://evilapp.acme.com",
    "https://evil-app.acme.com",
    "h",
    "https://app.acme.co",
    "app.acme.com",
    "",
    "/",
    "https://appxacme.com",
    "https://acme.com",
    "http://app.acme.com",
    "HTTPS://app.acme.com",
    "https://APP.acme.com",
    "https://app.acme.com.",
    "https://app.acme.com:443",
    "https://app.acme.com/",
    "https://app.acme.com?",
    "https://app.acme.com#",
    "https://app.acme.com@evil.net",
    "https://evil.net/app.acme.com",
    "https://evil.net\\app.acme.com",
    "https://user@app.acme.com",
    " https://app.acme.com",
    "https://app.acme.com ",
    "https://app.acme.com\t",
    "https://app.acme.com\0",
    "https://app.acme.com\r\nx: y",
    "https://app.acme.com, https://evil.net",
    "https://app.acme.com https://evil.net",
    "https://\xe0pp.acme.com",
    "https://xn--pp-8cd.acme.com",
    "null",
    "NULL",
    "*",
    "https://*",
    "http://localhost",
    "http://localhost:51730",
    "https://app.acme.com." + "a" * 10_000,
    OWN,
]


@pytest.mark.parametrize("origin", BAD_ORIGINS)
def test_a_stranger_gets_nothing(origin: str) -> None:
    inner = Inner()
    policy = strict(inner, allow_origin_regex=r"https://pr-\d+\.acme\.com")
    for method in ("GET", "POST", "OPTIONS"):
        answer = request(policy, method, headers={"origin": origin, "host": "api.acme.com"})
        assert answer.status == 200
        assert_stranger(answer)
    assert inner.seen == 3
    answer = preflight(policy, origin)
    assert (answer.status, answer.body) == (403, b"Forbidden")
    assert_stranger(answer)
    assert inner.seen == 3


@pytest.mark.parametrize("second", [APP, STRANGER])
def test_two_origin_lines_are_a_stranger(second: str) -> None:
    lines = [("origin", APP), ("Origin", second)]
    assert_stranger(request(strict(), headers=lines))
    lines.append(("access-control-request-method", "PUT"))
    answer = request(strict(), "OPTIONS", headers=lines)
    assert answer.status == 403
    assert_stranger(answer)


@pytest.mark.parametrize("name", ["origin", "Origin", "ORIGIN"])
def test_request_header_names_may_be_written_in_any_usual_case(name: str) -> None:
    assert request(strict(), headers={name: APP}).cors["allow-origin"] == APP


def test_request_headers_may_be_any_iterable_and_still_reach_the_app() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(list(scope["headers"]))
        await Inner()(scope, receive, send)

    pairs = [(b"origin", APP.encode()), (b"x-a", b"b")]
    for make in (tuple, iter, lambda p: ([a, b] for a, b in p)):
        scope = http_scope()
        scope["headers"] = make(pairs)
        answer = send_scope(strict(app), scope)
        assert answer.cors["allow-origin"] == APP
        assert [tuple(pair) for pair in seen.pop()] == pairs


# --- Patterns ---


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://pr-7.acme.com", True),
        ("https://pr-7.acme.com.evil.net", False),
        ("xhttps://pr-7.acme.com", False),
        ("https://pr-7.acme.com\n", False),
        ("https://pr-.acme.com", False),
        ("https://pr-\xb2.acme.com", False),
    ],
)
def test_a_pattern_matches_the_whole_origin_or_not_at_all(origin: str, allowed: bool) -> None:
    policy = strict(allow_origin_regex=r"https://pr-\d+\.acme\.com")
    answer = request(policy, headers={"origin": origin})
    if allowed:
        assert answer.cors["allow-origin"] == origin
        assert answer.cors["allow-credentials"] == "true"
        assert preflight(policy, origin).status == 204
    else:
        assert_stranger(answer)


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "*",
        "https://",
        "HTTPS://a.acme.com",
        "https://A.acme.com",
        "https://evil.net/.acme.com",
        "https://user@evil.net:1.acme.com",
        "https://evil.net?.acme.com",
        "https://evil.net#.acme.com",
        "https://evil.net\\.acme.com",
        "https://a b.acme.com",
        "https://a\0.acme.com",
        "https://\xe0.acme.com",
        "https://" + "a" * 10_000 + ".acme.com",
    ],
)
def test_even_the_laxest_pattern_sees_only_what_browsers_send(origin: str) -> None:
    assert_stranger(request(strict(allow_origin_regex="(?s).*"), headers={"origin": origin}))


# --- The wildcard origin ---


@pytest.mark.parametrize("origin", [APP, STRANGER, "null", "https://\xe0.net"])
def test_the_wildcard_answers_everyone_with_itself(origin: str) -> None:
    policy = strict(**OPEN_POLICY)
    answer = request(policy, path="/a/../b", headers={"origin": origin})
    assert answer.cors == {"allow-origin": "*", "expose-headers": "X-Total, ETag"}
    assert answer.one("vary") == "Origin"
    answer = preflight(policy, origin)
    assert answer.status == 204
    assert answer.cors["allow-origin"] == "*"
    assert "allow-credentials" not in answer.cors


# --- Response headers of inner code ---


@pytest.mark.parametrize("origin", [None, APP, STRANGER])
@pytest.mark.parametrize(
    "name",
    [
        b"access-control-allow-origin",
        b"Access-Control-Allow-Credentials",
        b"ACCESS-CONTROL-ALLOW-PRIVATE-NETWORK",
        b"aCCESS-cONTROL-mAX-aGE",
        b"access-control-made-up",
        b"access-control-",
        b" Access-Control-Allow-Origin",
        b"access-control-allow-origin ",
        b"\t access-control-allow-credentials\t",
        b"\naccess-control-max-age",
        b"\x0b\x0caccess-control-allow-origin\r",
    ],
)
def test_inner_cors_headers_are_removed(name: bytes, origin: str | None) -> None:
    inner = Inner((b"x-total", b"3"), (name, b"true"))
    answer = request(strict(inner), headers={"origin": origin} if origin else {})
    assert answer.one("x-total") == "3"
    assert (name, b"true") not in answer.start["headers"]
    if origin == APP:
        assert answer.cors == request(strict(), headers={"origin": APP}).cors
    else:
        assert_stranger(answer)


@pytest.mark.parametrize(
    "name", ["access-controls", "Age", "accept-ch", "via", "X-Vary", " x-padded ", ""]
)
def test_other_headers_are_kept_as_they_are(name: str) -> None:
    answer = request(strict(Inner((name.encode(), b"kept"))), headers={"origin": APP})
    assert (name.encode(), b"kept") in answer.start["headers"]
    assert answer.one("vary") == "Origin"


def test_removed_headers_are_logged_once_each_and_only_locally(
    caplog: pytest.LogCaptureFixture,
) -> None:
    inner = Inner((b"Access-Control-Allow-Origin", b"*"), (b"access-control-max-age", b"1"))
    with caplog.at_level(logging.WARNING):
        request(strict(inner))
        assert caplog.messages == []
        local = strict(inner, describe_refused=str)
        for _ in range(3):
            request(local)
    assert len(caplog.messages) == 2
    assert "access-control-allow-origin" in caplog.messages[0]
    assert "access-control-max-age" in caplog.messages[1]


@pytest.mark.parametrize(
    ("inner", "merged"),
    [
        ([], "Origin"),
        ([b"Accept-Encoding"], "Accept-Encoding, Origin"),
        ([b"origin"], "Origin"),
        ([b"ORIGIN, Cookie, origin"], "Origin, Cookie"),
        ([b"Cookie", b"cookie,Accept"], "Cookie, Accept, Origin"),
        ([b"", b" , "], "Origin"),
        ([b"X-Origin"], "X-Origin, Origin"),
        ([b"*"], "*"),
        ([b"Accept", b"*"], "*"),
    ],
)
@pytest.mark.parametrize("name", [b"vary", b"Vary", b"VARY", b" vary", b"Vary\t"])
@pytest.mark.parametrize("origin", [APP, STRANGER])
def test_vary_is_one_line_with_every_name_once(
    inner: list[bytes], merged: str, name: bytes, origin: str
) -> None:
    app = Inner(*((name, value) for value in inner))
    assert request(strict(app), headers={"origin": origin}).one("vary") == merged


@pytest.mark.parametrize(
    "headers",
    [
        [(b"X-A", b"1"), (b"Vary", b"Cookie")],
        ([b"X-A", b"1"], [b"Vary", b"Cookie"]),
        ((name, value) for name, value in [(b"X-A", b"1"), (b"Vary", b"Cookie")]),
        iter([iter([b"X-A", b"1"]), iter([b"Vary", b"Cookie"])]),
    ],
    ids=["list", "tuple of lists", "generator", "iterator of iterators"],
)
def test_the_app_may_send_its_headers_in_any_iterable(headers: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body"})

    answer = request(strict(app), headers={"origin": APP})
    assert answer.all("x-a") == ["1"]
    assert answer.one("vary") == "Cookie, Origin"
    assert answer.cors["allow-origin"] == APP


@pytest.mark.parametrize("start", [{}, {"headers": None}, {"headers": ()}])
def test_the_app_may_send_no_headers(start: dict[str, Any]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, **start})
        await send({"type": "http.response.body"})

    assert request(strict(app), headers={"origin": APP}).cors["allow-origin"] == APP
    assert_stranger(request(strict(app)))


def test_an_app_that_reuses_its_message_serves_everybody_right() -> None:
    start: dict[str, Any] = {"type": "http.response.start", "status": 200}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start)
        await send({"type": "http.response.body"})

    policy = strict(app)
    assert request(policy, headers={"origin": APP}).cors["allow-origin"] == APP
    assert_stranger(request(policy, headers={"origin": STRANGER}))


def test_two_layers_are_as_good_as_one() -> None:
    answer = request(strict(strict(CORSMiddleware(Inner(), **POLICY))), headers={"origin": APP})
    assert answer.one("vary") == "Origin"
    assert answer.cors == request(strict(), headers={"origin": APP}).cors


@pytest.mark.parametrize("kind", ["lifespan", "made.up"])
def test_other_scopes_pass_straight_through(kind: str) -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope, send))

    async def send(message: Any) -> None:
        raise AssertionError

    scope = {"type": kind}
    asyncio.run(strict(app)(scope, None, send))
    assert seen == [(scope, send)]


# --- Preflight ---

FULL_POLICY = {
    "allow-origin": APP,
    "allow-credentials": "true",
    "allow-methods": "GET, POST, PUT",
    "allow-headers": "Accept, Accept-Language, Authorization, Content-Language, Content-Type, "
    "X-Request-Id",
    "max-age": "1200",
}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "put", "GET", "", "a b"])
@pytest.mark.parametrize("requested", [None, "authorization", "x-evil", ",,,", "a\x00b"])
def test_an_allowed_preflight_is_told_the_whole_policy_whatever_it_asks(
    method: str, requested: str | None
) -> None:
    inner = Inner()
    answer = preflight(strict(inner), method=method, requested=requested)
    assert (answer.status, answer.body, inner.seen) == (204, b"", 0)
    assert answer.cors == FULL_POLICY
    assert answer.one("vary") == "Origin"
    assert answer.all("content-length") == []


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": APP},
        {"access-control-request-method": "PUT"},
        {"origin": STRANGER},
    ],
)
def test_another_options_request_goes_to_the_app(headers: dict[str, str]) -> None:
    inner = Inner()
    answer = request(strict(inner), "OPTIONS", headers=headers)
    assert (answer.body, inner.seen) == (b"hello", 1)
    assert ("allow-origin" in answer.cors) == (headers.get("origin") == APP)


def test_only_options_is_a_preflight() -> None:
    headers = {"origin": APP, "access-control-request-method": "PUT"}
    assert request(strict(), "GET", headers=headers).body == b"hello"


def test_the_wildcard_among_methods_lists_all_of_starlette() -> None:
    policy = strict(**{**OPEN_POLICY, "allow_methods": ["*"]})
    assert preflight(policy).cors["allow-methods"] == ", ".join(ALL_METHODS)


def test_an_empty_list_of_methods_sends_no_header() -> None:
    assert "allow-methods" not in preflight(strict(allow_methods=())).cors


MIRRORING: dict[str, Any] = {**POLICY, "allow_credentials": False, "allow_headers": ["*"]}


@pytest.mark.parametrize(
    ("lines", "mirrored"),
    [
        ([], None),
        ([""], None),
        (["authorization,x-a"], "authorization, x-a"),
        (["x-a , ,x-b,"], "x-a, x-b"),
        (["x-a", "x-b,x-c"], "x-a, x-b, x-c"),
        (["x-a\x00"], None),
        (["x-a", "x b"], None),
        (["x:a"], None),
        ([",".join(f"x-{i}" for i in range(64))], ", ".join(f"x-{i}" for i in range(64))),
        ([",".join(f"x-{i}" for i in range(65))], None),
        ([f"x-{i}" for i in range(65)], None),
        (["x" * 4095], "x" * 4095),
        (["x" * 4096], None),
        (["," * 10_000], None),
        ([""] * 5000, None),
    ],
)
def test_the_wildcard_among_headers_mirrors_within_bounds(
    lines: list[str], mirrored: str | None
) -> None:
    policy = strict(**MIRRORING)
    assert (middleware.MAX_MIRRORED_NAMES, middleware.MAX_MIRRORED_BYTES) == (64, 4096)
    headers = [("origin", APP), ("access-control-request-method", "PUT")]
    headers += [("access-control-request-headers", line) for line in lines]
    answer = request(policy, "OPTIONS", headers=headers)
    assert answer.status == 204
    assert answer.cors.get("allow-headers") == mirrored
    assert answer.one("vary") == "Origin, Access-Control-Request-Headers"


def test_a_private_network_is_granted_where_asked_for_and_allowed() -> None:
    def ask(policy: Any, origin: str, path: str = "/") -> dict[str, str]:
        headers = {
            "origin": origin,
            "access-control-request-method": "PUT",
            "access-control-request-private-network": "true",
        }
        return request(policy, "OPTIONS", path, headers).cors

    policy = strict(allow_private_network=True, public_paths=["/public"])
    assert ask(policy, APP)["allow-private-network"] == "true"
    assert ask(policy, APP, "/public")["allow-private-network"] == "true"
    assert "allow-private-network" not in preflight(policy).cors
    assert ask(policy, STRANGER) == {}
    assert "allow-private-network" not in ask(policy, STRANGER, "/public")
    assert "allow-private-network" not in ask(strict(), APP)
    wildcard = strict(**OPEN_POLICY, allow_private_network=True)
    assert ask(wildcard, STRANGER)["allow-private-network"] == "true"


# --- What a refusal says ---


def test_a_refusal_gives_its_reason_only_locally() -> None:
    local = strict(
        describe_refused=lambda origin: f"{origin} \N{LEFT RIGHT ARROW} not listed",
        guard_writes=True,
    )
    headers = {"origin": STRANGER}
    for answer in (preflight(local, STRANGER), request(local, "POST", headers=headers)):
        assert answer.status == 403
        assert answer.body.decode() == f"{STRANGER} \N{LEFT RIGHT ARROW} not listed"
        assert answer.one("content-length") == str(len(answer.body))
        assert_stranger(answer)
    twice = [("origin", APP), ("origin", STRANGER)]
    assert request(local, "POST", headers=twice).body.decode().startswith(f"{APP}, {STRANGER}")
    silent = request(local, "POST", headers={"sec-fetch-site": "cross-site"})
    assert (silent.status, silent.body) == (403, b"Forbidden")


# --- Public paths ---


@pytest.mark.parametrize(
    ("prefix", "path", "public"),
    [
        ("/public", "/public", True),
        ("/public", "/public/", True),
        ("/public", "/public/x/y", True),
        ("/public/", "/public", True),
        ("/public", "/publicity", False),
        ("/public", "/Public", False),
        ("/public", "/x/public", False),
        ("/public", "/", False),
        ("/public", "/public/../secret", False),
        ("/public", "/public/..", False),
        ("/public", "//public", False),
        ("/public", "/public//x", False),
        ("/public", "/public\\..\\secret", False),
        ("/public", "/public/\\x", False),
        ("/a/b", "/a/b/c", True),
        ("/a/b", "/a", False),
        ("/", "/", True),
        ("/", "/anything", True),
        ("/", "/a/../b", False),
    ],
)
def test_public_paths_end_at_segments(prefix: str, path: str, public: bool) -> None:
    policy = strict(public_paths=[prefix])
    answer = request(policy, path=path, headers={"origin": STRANGER})
    asked = preflight(policy, STRANGER, path=path)
    if public:
        assert answer.cors == {"allow-origin": "*", "expose-headers": "X-Total, ETag"}
        assert asked.status == 204
        del (expected := {**FULL_POLICY, "allow-origin": "*"})["allow-credentials"]
        assert asked.cors == expected
        assert answer.one("vary") == asked.one("vary") == "Origin"
    else:
        assert_stranger(answer)
        assert asked.status == 403
        assert_stranger(asked)


@pytest.mark.parametrize(
    ("root", "path", "public"),
    [
        ("/v1", "/v1/public", True),
        ("/v1", "/public", True),
        ("/v1", "/v1public", False),
        ("/public", "/public", False),
        ("/public", "/public/x", False),
        ("/public", "/public/public", True),
        ("/pub", "/public/x", True),
    ],
)
def test_public_paths_are_relative_to_the_root_path(root: str, path: str, public: bool) -> None:
    policy = strict(public_paths=["/public"])
    answer = request(policy, path=path, headers={"origin": STRANGER}, root_path=root)
    assert (answer.cors.get("allow-origin") == "*") is public


def test_the_root_itself_is_public_when_everything_is() -> None:
    policy = strict(public_paths=["/"])
    answer = request(policy, path="/v1", headers={"origin": STRANGER}, root_path="/v1")
    assert answer.cors["allow-origin"] == "*"


def test_an_allowed_origin_keeps_its_grant_on_a_public_path() -> None:
    policy = strict(public_paths=["/public"])
    assert request(policy, path="/public", headers={"origin": APP}).cors["allow-origin"] == APP
    assert preflight(policy, path="/public").cors == FULL_POLICY


# --- Own origin and write guard ---

UNSAFE = ["POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "QUERY", "MADE-UP", "post"]
STRANGER_WRITE = {"origin": STRANGER, "host": "api.acme.com"}


def test_without_the_guard_a_strangers_write_runs() -> None:
    inner = Inner()
    assert_stranger(request(strict(inner), "POST", headers=STRANGER_WRITE))
    assert inner.seen == 1


@pytest.mark.parametrize("method", UNSAFE)
def test_the_guard_refuses_unsafe_methods_before_the_app_runs(method: str) -> None:
    inner = Inner()
    answer = request(strict(inner, guard_writes=True), method, headers=STRANGER_WRITE)
    assert (answer.status, answer.body, inner.seen) == (403, b"Forbidden", 0)
    assert_stranger(answer)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_the_guard_leaves_safe_methods_alone(method: str) -> None:
    headers = {**STRANGER_WRITE, "sec-fetch-site": "cross-site"}
    assert request(strict(guard_writes=True), method, headers=headers).status == 200


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        # Sec-Fetch-Site decides where present.
        ({"sec-fetch-site": "same-origin", "origin": OWN}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "none", "origin": "null"}, True),
        ({"sec-fetch-site": "same-site", "origin": APP}, True),
        ({"sec-fetch-site": "cross-site", "origin": APP}, True),
        ({"Sec-Fetch-Site": "cross-site", "Origin": STRANGER}, False),
        ({"sec-fetch-site": "same-site", "origin": "https://blog.acme.com"}, False),
        ({"sec-fetch-site": "cross-site", "origin": OWN}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "cross-site", "origin": "null"}, False),
        ({"sec-fetch-site": "Same-Origin", "origin": STRANGER}, False),
        ({"sec-fetch-site": "same-origin, none", "origin": STRANGER}, False),
        ({"sec-fetch-site": "", "origin": STRANGER}, False),
        # Without it, Origin does.
        ({}, True),
        ({"cookie": "a=b", "authorization": "Basic eDp5"}, True),
        ({"origin": APP}, True),
        ({"origin": OWN}, True),
        ({"origin": STRANGER}, False),
        ({"origin": "null"}, False),
        ({"origin": ""}, False),
        ({"ORIGIN": STRANGER}, False),
        # A token in the hand of a stranger's page does not make the page welcome here.
        ({"origin": STRANGER, "authorization": "Bearer x"}, False),
    ],
)
def test_who_may_write(headers: dict[str, str], passes: bool) -> None:
    inner = Inner()
    policy = strict(inner, guard_writes=True, public_paths=["/public"])
    answer = request(policy, "POST", headers={"host": "api.acme.com", **headers})
    assert (answer.status, inner.seen) == ((200, 1) if passes else (403, 0))


@pytest.mark.parametrize(
    "lines",
    [
        [("origin", APP), ("origin", APP)],
        [("origin", OWN), ("origin", OWN)],
        [("sec-fetch-site", "same-origin"), ("sec-fetch-site", "none"), ("origin", STRANGER)],
        [("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
        [("origin", OWN), ("host", "evil.net")],
    ],
)
def test_doubled_lines_are_no_way_past_the_guard(lines: list[tuple[str, str]]) -> None:
    policy = strict(guard_writes=True)
    answer = request(policy, "POST", headers=[("host", "api.acme.com"), *lines])
    assert answer.status == 403
    assert_stranger(answer)


FORM = "application/x-www-form-urlencoded"
CALLBACK = "/auth/callback"


@pytest.mark.parametrize(
    ("types", "passes"),
    [
        ([FORM], True),
        (["multipart/form-data; boundary=----WebKitFormBoundary7MA4"], True),
        ([f"{FORM};charset=UTF-8"], True),
        (["Application/X-WWW-Form-URLencoded"], True),
        ([], False),
        ([""], False),
        (["application/json"], False),
        (["text/plain"], False),
        (["text/plain; a=application/x-www-form-urlencoded"], False),
        ([f"{FORM}; a=application/json"], False),
        ([f"{FORM}, application/json"], False),
        ([f"{FORM}-json"], False),
        (["multipart/form-data-json"], False),
        (["multipart/mixed; boundary=x"], False),
        ([FORM, FORM], False),
        ([FORM, "application/json"], False),
    ],
)
@pytest.mark.parametrize("name", ["content-type", "Content-type"])
def test_only_a_form_passes_at_an_exempt_path(name: str, types: list[str], passes: bool) -> None:
    inner = Inner()
    policy = strict(inner, guard_writes=True, guard_exempt_paths=[CALLBACK])
    lines = [("origin", STRANGER), ("cookie", "a=b"), ("sec-fetch-site", "cross-site")]
    answer = request(policy, "POST", CALLBACK, [*lines, *((name, each) for each in types)])
    assert (answer.status, inner.seen) == ((200, 1) if passes else (403, 0))
    assert_stranger(answer)


@pytest.mark.parametrize(
    ("method", "path", "root"),
    [
        ("PUT", CALLBACK, ""),
        ("DELETE", CALLBACK, ""),
        ("post", CALLBACK, ""),
        ("POST", "/auth", ""),
        ("POST", f"{CALLBACK}/", ""),
        ("POST", f"/{CALLBACK}", ""),
        ("POST", "/auth//callback", ""),
        ("POST", "/x/../auth/callback", ""),
        ("POST", "/Auth/callback", ""),
        ("POST", f"{CALLBACK}/next", ""),
        ("POST", f"{CALLBACK}x", ""),
        ("POST", f"/v1{CALLBACK}", ""),
        ("POST", f"/v1{CALLBACK}", "/v2"),
        ("POST", "", ""),
    ],
)
def test_an_exempt_path_is_one_method_and_one_path(method: str, path: str, root: str) -> None:
    policy = strict(guard_writes=True, guard_exempt_paths=[CALLBACK])
    headers = {"origin": STRANGER, "content-type": FORM}
    answer = request(policy, method, path, headers, root_path=root)
    assert answer.status == 403
    assert_stranger(answer)


def test_exempt_paths_are_relative_to_the_root_path() -> None:
    policy = strict(guard_writes=True, guard_exempt_paths=[CALLBACK])
    headers = {"origin": STRANGER, "content-type": FORM}
    assert request(policy, "POST", f"/v1{CALLBACK}", headers, root_path="/v1").status == 200


def test_an_allowed_origin_keeps_its_grant_at_an_exempt_path() -> None:
    policy = strict(guard_writes=True, guard_exempt_paths=[CALLBACK])
    headers = {"origin": APP, "content-type": FORM}
    assert request(policy, "POST", CALLBACK, headers).one("access-control-allow-origin") == APP


def test_an_exempt_path_opens_no_preflight_and_no_websocket() -> None:
    policy = strict(guard_writes=True, guard_exempt_paths=[CALLBACK])
    answer = preflight(policy, STRANGER, "POST", path=CALLBACK)
    assert answer.status == 403
    assert_stranger(answer)
    opened = handshake(policy, [("origin", STRANGER)], path=CALLBACK)
    assert opened.messages[0]["type"] == "websocket.close"


def test_report_mode_logs_what_the_guard_would_refuse_and_lets_it_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    inner = Inner()
    policy = strict(inner, report_writes=True, guard_exempt_paths=[CALLBACK])
    headers = STRANGER_WRITE | {"cookie": "session=s3cret"}
    query = {"query_string": b"token=s3cret"}
    assert_stranger(request(policy, "POST", "/items\n", headers, **query))
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("service.cors", "WARNING")
    for text in ("would refuse kind=reported-write", "method=POST", "path=/items%0A", STRANGER):
        assert text in record.getMessage()
    assert "s3cret" not in record.getMessage()
    caplog.clear()
    # Nothing is said of what the guard would let pass.
    assert request(policy, "POST", headers={"origin": APP}).status == 200
    assert request(policy, "GET", headers=STRANGER_WRITE).status == 200
    form = STRANGER_WRITE | {"content-type": FORM}
    assert request(policy, "POST", CALLBACK, form).status == 200
    assert "reported-write" not in caplog.text
    assert inner.seen == 4


def test_the_guard_wins_over_report_mode() -> None:
    policy = strict(guard_writes=True, report_writes=True)
    assert request(policy, "POST", headers=STRANGER_WRITE).status == 403


@pytest.mark.parametrize(
    ("origin", "host", "scheme", "own"),
    [
        ("https://api.acme.com", "api.acme.com", "https", True),
        ("https://api.acme.com", "api.acme.com:443", "https", True),
        ("https://api.acme.com:443", "api.acme.com", "https", True),
        ("https://api.acme.com", "API.Acme.com", "https", True),
        ("https://api.acme.com:8443", "api.acme.com:8443", "https", True),
        ("https://api.acme.com:8443", "api.acme.com", "https", False),
        ("https://api.acme.com", "api.acme.com:80", "https", False),
        ("http://api.acme.com", "api.acme.com", "https", False),
        ("http://api.acme.com", "api.acme.com", "http", True),
        ("http://api.acme.com", "api.acme.com:80", "http", True),
        ("http://localhost:8000", "localhost:8000", "http", True),
        ("http://[::1]:8000", "[::1]:8000", "http", True),
        ("https://api.acme.com", "api.acme.com", "http", True),
        ("https://api.acme.com:80", "api.acme.com", "http", False),
        ("http://api.acme.com:443", "api.acme.com", "http", False),
        ("http://localhost:8001", "localhost:8000", "http", False),
        ("https://api.acme.com.evil.net", "api.acme.com", "https", False),
        ("https://evil.net/api.acme.com", "api.acme.com", "https", False),
        ("https://user@api.acme.com", "api.acme.com", "https", False),
        ("https://api.acme.com/", "api.acme.com", "https", False),
        ("ftp://api.acme.com", "api.acme.com", "http", False),
        ("//api.acme.com", "api.acme.com", "http", False),
        ("https:", "", "https", False),
        ("https://", "", "https", False),
        ("https://:443", ":443", "https", False),
        ("null", "null", "https", False),
    ],
)
def test_the_own_origin_is_host_and_scheme(origin: str, host: str, scheme: str, own: bool) -> None:
    headers = {"origin": origin, "host": host}
    policy = strict(guard_writes=True)
    answer = request(policy, "POST", headers=headers, scheme=scheme)
    assert (answer.status == 200) is own
    assert_stranger(answer)
    accepted = handshake(policy, headers, scheme=scheme.replace("http", "ws")).messages
    assert (accepted[0]["type"] == "websocket.accept") is own


def test_forwarded_headers_are_the_servers_business() -> None:
    forged = {"x-forwarded-host": "evil.net", "forwarded": "host=evil.net;proto=https"}
    policy = strict(guard_writes=True)
    assert request(policy, "POST", headers={**STRANGER_WRITE, **forged}).status == 403
    plain = {"origin": "http://api.acme.com", "host": "api.acme.com", "x-forwarded-proto": "http"}
    assert request(policy, "POST", headers=plain, scheme="https").status == 403


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({}, True),
        ({"authorization": "Bearer x"}, True),
        ({"authorization": "bearer x"}, True),
        ({"authorization": "Basic eDp5"}, False),
        ({"authorization": "Bearers x"}, False),
        ({"authorization": ""}, False),
        ({"cookie": "a=b"}, False),
        ({"Cookie": ""}, False),
        ({"cookie": "a=b", "authorization": "Bearer x"}, False),
        ({"sec-fetch-site": "cross-site"}, True),
        ({"sec-fetch-site": "cross-site", "cookie": "a=b"}, False),
    ],
)
@pytest.mark.parametrize("origin", [STRANGER, "null"])
@pytest.mark.parametrize("opened_by", ["public path", "wildcard"])
def test_a_strangers_write_on_a_public_path_must_come_without_credentials(
    headers: dict[str, str], passes: bool, origin: str, opened_by: str
) -> None:
    changes = OPEN_POLICY if opened_by == "wildcard" else {"public_paths": ["/public"]}
    inner = Inner()
    answer = request(
        strict(inner, guard_writes=True, **changes),
        "POST",
        "/public/x",
        {"host": "api.acme.com", "origin": origin, **headers},
    )
    assert (answer.status, inner.seen) == ((200, 1) if passes else (403, 0))
    assert answer.cors == {"allow-origin": "*", "expose-headers": "X-Total, ETag"}
    assert answer.one("vary") == "Origin"


def test_allowed_and_own_pages_write_on_a_public_path_with_credentials() -> None:
    policy = strict(guard_writes=True, public_paths=["/"])
    for origin in (APP, OWN):
        headers = {"origin": origin, "host": "api.acme.com", "cookie": "a=b"}
        assert request(policy, "POST", headers=headers).status == 200


def test_an_origin_listed_beside_the_wildcard_writes_with_credentials() -> None:
    policy = strict(**{**OPEN_POLICY, "allow_origins": ["*", APP]}, guard_writes=True)
    answer = request(policy, "POST", headers={"origin": APP, "cookie": "a=b"})
    assert answer.status == 200
    assert answer.cors["allow-origin"] == "*"


# --- WebSocket ---


@pytest.mark.parametrize(
    ("headers", "accepted"),
    [
        ([], True),
        ([("cookie", "a=b")], True),
        ([("origin", APP)], True),
        ([("origin", "https://pr-7.acme.com")], True),
        ([("origin", OWN)], True),
        ([("Origin", STRANGER)], False),
        ([("origin", "null")], False),
        ([("origin", "")], False),
        ([("origin", "*")], False),
        ([("origin", APP), ("origin", APP)], False),
        ([("origin", OWN), ("origin", STRANGER)], False),
    ],
)
def test_who_may_open_a_websocket(headers: list[tuple[str, str]], accepted: bool) -> None:
    inner = Inner()
    policy = strict(inner, allow_origin_regex=r"https://pr-\d+\.acme\.com", public_paths=["/"])
    headers = [("host", "api.acme.com"), *headers]
    sent = handshake(policy, headers).messages
    if accepted:
        assert [m["type"] for m in sent] == ["websocket.accept"]
    else:
        assert [m["type"] for m in sent] == ["websocket.close"]
    assert inner.seen == accepted


def test_a_websocket_request_may_hold_its_headers_in_any_iterable() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.extend(scope["headers"])

    scope = {"type": "websocket", "scheme": "ws", "headers": iter([(b"origin", APP.encode())])}
    send_scope(strict(app), scope)
    assert seen == [(b"origin", APP.encode())]


@pytest.mark.parametrize("extensions", [None, {}, {"websocket.http.response": {}}])
def test_a_refused_handshake_is_closed_whatever_the_server_offers(extensions: Any) -> None:
    sent = handshake(strict(), {"origin": STRANGER}, extensions=extensions).messages
    assert [m["type"] for m in sent] == ["websocket.close"]


@pytest.mark.parametrize(
    ("headers", "accepted"),
    [
        ([("origin", STRANGER)], True),
        ([("origin", STRANGER), ("cookie", "a=b")], False),
        ([("origin", STRANGER), ("authorization", "Basic eDp5")], False),
        ([("origin", STRANGER), ("origin", STRANGER)], False),
        ([("origin", APP), ("cookie", "a=b")], True),
        ([("origin", "*"), ("cookie", "a=b")], False),
    ],
)
def test_the_wildcard_opens_websockets_without_credentials(
    headers: list[tuple[str, str]], accepted: bool
) -> None:
    policy = strict(**{**OPEN_POLICY, "allow_origins": ["*", APP]})
    sent = handshake(policy, headers).messages
    assert (sent[0]["type"] == "websocket.accept") is accepted


# --- The FastAPI subclass ---


class BrokenError(Exception):
    """What the failing route raises."""


def user() -> str:
    """Return what the tests override."""
    return "nobody"


def service_policy(**fields: Any) -> CORSPolicy:
    """Return the policy of the tests as a service holds it."""
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in POLICY.items()
    }
    return CORSPolicy(environment="staging", guard_writes=True, **(given | fields))


def build(**options: Any) -> CORSFastAPI:
    """Return a small service with a route for everything that has to keep working."""
    app = CORSFastAPI(cors=service_policy(public_paths=("/public",)), **options)
    app.state.done = []

    @app.get("/items")
    def items(who: Annotated[str, Depends(user)]) -> dict[str, str]:
        return {"user": who}

    @app.post("/items")
    async def add(request: Request) -> int:
        return len(await request.body())

    @app.get("/broken")
    def broken() -> None:
        raise BrokenError

    @app.get("/stream")
    def stream() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            for part in (b"a", b"b", b"c"):
                yield part

        return StreamingResponse(parts())

    @app.get("/background")
    def background(tasks: BackgroundTasks) -> None:
        tasks.add_task(app.state.done.append, "background")

    @app.get("/own-headers")
    def own_headers(response: Response) -> None:
        response.headers["Access-Control-Allow-Origin"] = "*"

    @app.websocket("/ws")
    async def ws(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("hello")
        await socket.close()

    return app


@pytest.fixture
def app() -> CORSFastAPI:
    """Return a fresh service."""
    return build()


@pytest.fixture
def client(app: CORSFastAPI) -> Iterator[TestClient]:
    """Return a client of it that gets the 500 instead of the exception."""
    with TestClient(app, base_url=OWN, raise_server_exceptions=False) as client:
        yield client


def assert_granted(response: Any) -> None:
    """Check that a response of the service carries the grant, once."""
    for name, value in (
        ("access-control-allow-origin", APP),
        ("access-control-allow-credentials", "true"),
        ("access-control-expose-headers", "X-Total, ETag"),
    ):
        assert response.headers.get_list(name) == [value]
    assert "Origin" in response.headers["vary"]
    assert len(response.headers.get_list("vary")) == 1


FROM_APP = {"origin": APP}


def test_it_is_a_fastapi_with_the_policy_in_front(app: CORSFastAPI) -> None:
    assert isinstance(app.cors, StrictCORSMiddleware)
    assert app.cors.allow_origins == frozenset(POLICY["allow_origins"])
    assert app.user_middleware == []
    assert isinstance(app, FastAPI)


def test_the_policy_has_to_be_given() -> None:
    with pytest.raises(TypeError, match="cors"):
        CORSFastAPI(**{})


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/items", 200),
        ("GET", "/missing", 404),
        ("DELETE", "/items", 405),
        ("GET", "/broken", 500),
        ("GET", "/stream", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/docs", 200),
        ("GET", "/items/", 307),
    ],
)
def test_every_answer_carries_the_grant(
    client: TestClient, method: str, path: str, status: int
) -> None:
    response = client.request(method, path, headers=FROM_APP, follow_redirects=False)
    assert response.status_code == status
    assert_granted(response)
    response = client.request(method, path, headers={"origin": STRANGER}, follow_redirects=False)
    assert not [name for name in response.headers if name.startswith("access-control-")]
    assert response.headers["vary"] == "Origin"


def test_an_unhandled_500_carries_the_grant_and_still_reaches_the_server(app: CORSFastAPI) -> None:
    with TestClient(app) as client, pytest.raises(BrokenError):
        client.get("/broken", headers=FROM_APP)


def test_an_exception_handlers_answer_carries_the_grant(app: CORSFastAPI) -> None:
    @app.exception_handler(Exception)
    def handle(request: Request, exc: Exception) -> Response:
        return PlainTextResponse("sorry", 500)

    client = TestClient(app, raise_server_exceptions=False)
    response = client.get("/broken", headers=FROM_APP)
    assert response.text == "sorry"
    assert_granted(response)


def test_a_413_carries_the_grant() -> None:
    if "max_body_size" in inspect.signature(FastAPI.__init__).parameters:
        app = build(max_body_size=10)
    else:
        app = build()
        app.add_middleware(RequestBodyLimitMiddleware, max_body_size=10)
    response = TestClient(app).post("/items", content=b"x" * 100, headers=FROM_APP)
    assert response.status_code == 413
    assert_granted(response)


def test_a_401_of_middleware_added_later_carries_the_grant(app: CORSFastAPI) -> None:
    @app.middleware("http")
    async def refuse(request: Request, call_next: Any) -> Response:
        return PlainTextResponse("who are you?", 401)

    client = TestClient(app)
    response = client.get("/items", headers=FROM_APP)
    assert response.status_code == 401
    assert_granted(response)
    ask = {**FROM_APP, "access-control-request-method": "PUT"}
    assert client.options("/items", headers=ask).status_code == 204


def test_compression_shares_the_vary_line(app: CORSFastAPI) -> None:
    app.add_middleware(GZipMiddleware, minimum_size=1)
    response = TestClient(app).get("/items", headers=FROM_APP)
    assert_granted(response)
    assert response.headers["vary"] == "Accept-Encoding, Origin"


def test_a_handlers_own_header_does_not_get_out(client: TestClient) -> None:
    response = client.get("/own-headers", headers={"origin": STRANGER})
    assert "access-control-allow-origin" not in response.headers


def test_headers_given_as_text_do_not_get_out_either() -> None:
    """No ASGI, but h11 sends them all the same."""

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        headers = [("access-control-allow-origin", STRANGER), ("vary", "Cookie"), ("x-a", "1")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    answer = request(strict(inner), headers={"origin": STRANGER})
    sent = answer.messages[0]["headers"]
    assert sent == [(b"vary", b"Cookie, Origin"), (b"x-a", b"1")]


def test_a_message_that_an_app_sends_twice_keeps_no_grant() -> None:
    start = {"type": "http.response.start", "status": 200, "headers": []}

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        await send(start)
        await send({"type": "http.response.body", "body": b""})

    request(strict(inner), headers=FROM_APP)
    assert start["headers"] == []


def test_the_policy_of_an_app_cannot_be_swapped(app: CORSFastAPI) -> None:
    with pytest.raises(AttributeError):
        app.cors = strict()  # type: ignore[misc]
    with pytest.raises(AttributeError):
        app.cors_policy = service_policy()  # type: ignore[misc]


def test_a_preflight_is_answered_for_any_path(client: TestClient) -> None:
    for path in ("/items", "/missing"):
        headers = {**FROM_APP, "access-control-request-method": "PUT"}
        response = client.options(path, headers=headers)
        assert response.status_code == 204
        assert response.headers["access-control-allow-methods"] == "GET, POST, PUT"
        assert response.headers["access-control-max-age"] == "1200"


def test_streaming_stays_streaming(app: CORSFastAPI) -> None:
    answer = request(app, path="/stream", headers=FROM_APP)
    bodies = [m["body"] for m in answer.messages if m["type"] == "http.response.body"]
    assert bodies[:3] == [b"a", b"b", b"c"]


def test_background_tasks_run(app: CORSFastAPI, client: TestClient) -> None:
    assert client.get("/background", headers=FROM_APP).status_code == 200
    assert app.state.done == ["background"]


def test_static_files_carry_the_grant(app: CORSFastAPI, tmp_path: Path) -> None:
    (tmp_path / "logo.txt").write_text("logo")
    app.mount("/static", StaticFiles(directory=tmp_path))
    client = TestClient(app)
    response = client.get("/static/logo.txt", headers=FROM_APP)
    assert response.text == "logo"
    assert_granted(response)
    unchanged = {**FROM_APP, "if-none-match": response.headers["etag"]}
    response = client.get("/static/logo.txt", headers=unchanged)
    assert response.status_code == 304
    assert_granted(response)


@pytest.mark.parametrize("kind", ["fastapi", "starlette", "with a policy of its own"])
def test_mounted_apps_are_under_the_policy(app: CORSFastAPI, kind: str) -> None:
    async def hello(request: Request) -> Response:
        return PlainTextResponse("hello")

    sub: Any = FastAPI() if kind == "fastapi" else Starlette()
    sub.add_route("/hello", hello)
    if kind == "with a policy of its own":
        sub.add_middleware(CORSMiddleware, allow_origins=["*"])
    app.mount("/sub", sub)
    client = TestClient(app)
    response = client.get("/sub/hello", headers=FROM_APP)
    assert response.text == "hello"
    assert_granted(response)
    response = client.get("/sub/hello", headers={"origin": STRANGER})
    assert "access-control-allow-origin" not in response.headers


def test_it_can_be_mounted_itself(app: CORSFastAPI) -> None:
    async def hello(request: Request) -> Response:
        return PlainTextResponse("hello")

    outer = Starlette(routes=[Route("/hello", hello), Mount("/api", app)])
    client = TestClient(outer)
    assert_granted(client.get("/api/items", headers=FROM_APP))
    public = client.get("/api/public/missing", headers={"origin": STRANGER})
    assert public.headers["access-control-allow-origin"] == "*"
    elsewhere = client.get("/public/missing", headers={"origin": STRANGER})
    assert "access-control-allow-origin" not in elsewhere.headers


@pytest.mark.filterwarnings("ignore:The `root_path` parameter is deprecated")
def test_public_paths_know_the_apps_root_path() -> None:
    client = TestClient(build(root_path="/v1"))
    for path in ("/v1/public/missing", "/public/missing"):
        response = client.get(path, headers={"origin": STRANGER})
        assert response.headers["access-control-allow-origin"] == "*"
    assert client.get("/v1/openapi.json").json()["servers"] == [{"url": "/v1"}]


def test_the_lifespan_runs_and_its_state_arrives() -> None:
    events: list[str] = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, str]]:
        events.append("start")
        yield {"name": "value"}
        events.append("stop")

    app = build(lifespan=lifespan)

    @app.get("/state")
    def state(request: Request) -> str:
        return str(request.state.name)

    with TestClient(app) as client:
        assert client.get("/state").json() == "value"
    assert events == ["start", "stop"]


def test_dependencies_can_be_overridden(app: CORSFastAPI, client: TestClient) -> None:
    assert client.get("/items").json() == {"user": "nobody"}
    app.dependency_overrides[user] = lambda: "somebody"
    assert client.get("/items").json() == {"user": "somebody"}


def test_openapi_is_what_a_plain_fastapi_has(app: CORSFastAPI) -> None:
    plain = FastAPI(title=app.title)
    plain.router = app.router
    assert app.openapi()["paths"].keys() == {"/items", "/broken", "/stream"} | {
        "/background",
        "/own-headers",
    }
    assert app.openapi()["info"] == plain.openapi()["info"]


def test_websockets_through_the_test_client(client: TestClient) -> None:
    # It speaks to ws://testserver whatever its base URL is.
    for origin in (APP, "http://testserver", None):
        headers = {"origin": origin} if origin else {}
        with client.websocket_connect("/ws", headers=headers) as socket:
            assert socket.receive_text() == "hello"
    with (
        pytest.raises(WebSocketDisconnect) as refused,
        client.websocket_connect("/ws", headers={"origin": STRANGER}),
    ):
        pass
    assert refused.value.code == 1008


def test_opentelemetry_instruments_it(app: CORSFastAPI) -> None:
    instrumentation = pytest.importorskip("opentelemetry.instrumentation.fastapi")
    trace = pytest.importorskip("opentelemetry.sdk.trace")
    export = pytest.importorskip("opentelemetry.sdk.trace.export")
    memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    spans = memory.InMemorySpanExporter()
    provider = trace.TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(spans))
    instrumentation.FastAPIInstrumentor.instrument_app(app, tracer_provider=provider)
    try:
        client = TestClient(app, raise_server_exceptions=False)
        assert_granted(client.get("/items", headers=FROM_APP))
        assert_granted(client.get("/broken", headers=FROM_APP))
    finally:
        instrumentation.FastAPIInstrumentor.uninstrument_app(app)
    names = {span.name for span in spans.get_finished_spans()}
    assert {"GET /items", "GET /broken"} <= names


def test_it_also_works_as_ordinary_middleware() -> None:
    app = FastAPI()
    app.add_middleware(StrictCORSMiddleware, **POLICY)

    @app.get("/items")
    def items() -> list[int]:
        return [1]

    response = TestClient(app).get("/items", headers=FROM_APP)
    assert response.json() == [1]
    assert_granted(response)
