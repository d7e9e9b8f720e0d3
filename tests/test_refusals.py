"""A refusal leaves one line in the log, within bounds; the owner can count them all."""

from __future__ import annotations

import asyncio
import logging
import re
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from fastapi import FastAPI
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client import generate_latest
from service.cors import refusals
from service.cors.policy import CORSPolicy
from service.cors.refusals import Refusal
from service.cors.tool.explain_message import read_console

from .asgi_harness import (
    APP,
    STRANGER,
    CORSFastAPI,
    StrictCORSMiddleware,
    answer,
    handshake,
    preflight,
    request,
)
from .project import TEMPLATE

POLICY: dict[str, Any] = {
    "allow_origins": [APP],
    "allow_methods": ["GET", "PUT"],
    "allow_headers": ["Authorization", "X-Request-Id"],
    "allow_credentials": True,
    "guard_writes": True,
    "public_paths": ["/public"],
}
OWN = "https://api.acme.com"


def strict(**changes: Any) -> StrictCORSMiddleware:
    return StrictCORSMiddleware(answer, **{**POLICY, **changes})


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(refusals, "monotonic", clock)
    return clock


class Log:
    """What was logged since the last look."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self.caplog = caplog

    def records(self) -> list[logging.LogRecord]:
        found = [record for record in self.caplog.records if record.name == "service.cors"]
        self.caplog.clear()
        return found

    def lines(self) -> list[str]:
        return [record.getMessage() for record in self.records()]


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Log:
    # The commands turn the logger off, and may have run in this process.
    monkeypatch.setattr(logging.getLogger("service.cors"), "disabled", False)
    return Log(caplog)


# --- What leaves a trace ------------------------------------------------------------------------

Ask = Callable[[Any], object]
CROSS_SITE = {"origin": STRANGER, "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}

REFUSED: dict[str, tuple[Ask, str]] = {
    "a request of another site": (
        lambda app: request(app, path="/items", headers=CROSS_SITE),
        f"kind=request origin={STRANGER} method=GET path=/items reason=origin count=1",
    ),
    "a request of another site, by an old browser": (
        lambda app: request(app, "HEAD", headers={"origin": STRANGER}),
        f"kind=request origin={STRANGER} method=HEAD path=/ reason=origin count=1",
    ),
    "a request with two origins": (
        lambda app: request(app, headers=[("origin", APP), ("origin", STRANGER)]),
        rf"kind=request origin={APP},\x20{STRANGER} method=GET path=/ reason=origin count=1",
    ),
    "a preflight of another site": (
        lambda app: preflight(app, STRANGER, "DELETE", path="/items/1"),
        f"kind=preflight origin={STRANGER} method=DELETE path=/items/1 reason=origin count=1",
    ),
    "a write": (
        lambda app: request(app, "POST", "/items", {"origin": STRANGER}),
        f"kind=write origin={STRANGER} method=POST path=/items reason=origin count=1",
    ),
    "a write without an origin": (
        lambda app: request(app, "DELETE", headers={"sec-fetch-site": "cross-site"}),
        "kind=write origin=- method=DELETE path=/ reason=origin count=1",
    ),
    "a write with a cookie on a public path": (
        lambda app: request(app, "POST", "/public", {"origin": STRANGER, "cookie": "a=b"}),
        f"kind=write origin={STRANGER} method=POST path=/public reason=origin count=1",
    ),
    "a handshake": (
        lambda app: handshake(app, {"origin": STRANGER}, "/socket"),
        f"kind=handshake origin={STRANGER} method=GET path=/socket reason=origin count=1",
    ),
    "an unlisted method": (
        lambda app: preflight(app, APP, "DELETE", path="/items/1"),
        f"kind=preflight origin={APP} method=DELETE path=/items/1 reason=method missing=DELETE "
        "count=1",
    ),
    "a method in lower case": (
        lambda app: preflight(app, APP, "put"),
        f"kind=preflight origin={APP} method=put path=/ reason=method missing=put count=1",
    ),
    "unlisted headers": (
        lambda app: preflight(app, APP, "PUT", "authorization,x-a,X-B"),
        f"kind=preflight origin={APP} method=PUT path=/ reason=header missing=x-a,x-b count=1",
    ),
    "an unlisted method and header": (
        lambda app: preflight(app, APP, "DELETE", "x-a"),
        f"kind=preflight origin={APP} method=DELETE path=/ reason=method missing=DELETE,x-a "
        "count=1",
    ),
    "an unlisted method on a public path": (
        lambda app: preflight(app, STRANGER, "DELETE", path="/public/a"),
        f"kind=preflight origin={STRANGER} method=DELETE path=/public/a reason=method "
        "missing=DELETE count=1",
    ),
}

ALLOWED: dict[str, Ask] = {
    "an allowed origin": lambda app: request(app, headers={"origin": APP}),
    "an allowed write": lambda app: request(app, "POST", headers={"origin": APP}),
    "an allowed preflight": lambda app: preflight(app, APP, "PUT", "authorization,content-type"),
    "a method that needs no listing": lambda app: preflight(app, APP, "POST", "content-type"),
    "an allowed handshake": lambda app: handshake(app, {"origin": APP}),
    "no origin": lambda app: request(app, "POST"),
    "a write of an own page": lambda app: request(
        app, "POST", headers={"origin": OWN, "host": "api.acme.com"}
    ),
    "an own page behind a proxy that changes Host": lambda app: request(
        app, "POST", headers={"origin": OWN, "sec-fetch-site": "same-origin"}
    ),
    "an own handshake": lambda app: handshake(app, {"origin": OWN, "host": "api.acme.com"}),
    "a public path": lambda app: request(app, path="/public", headers=CROSS_SITE),
    "a write on a public path": lambda app: request(app, "POST", "/public", CROSS_SITE),
}


@pytest.mark.parametrize(("ask", "expected"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_leaves_one_line_with_its_fields(ask: Ask, expected: str, log: Log) -> None:
    ask(strict())
    (record,) = log.records()
    assert record.levelno == logging.WARNING
    text = record.getMessage()
    assert text.startswith(f"CORS refused {expected}: ")
    fields = dict(field.split("=", 1) for field in expected.split(" "))
    extra = {name: str(value) for name, value in vars(record).items() if name[:5] == "cors_"}
    assert {name: value for name, value in extra.items() if value} == {
        f"cors_{name}": value for name, value in fields.items()
    }


@pytest.mark.parametrize("ask", ALLOWED.values(), ids=ALLOWED)
def test_what_is_allowed_leaves_no_line(ask: Ask, log: Log) -> None:
    ask(strict())
    assert log.lines() == []


@pytest.mark.parametrize("mode", ["navigate", "no-cors", "same-origin"])
def test_without_the_guard_forms_of_other_sites_leave_no_line(mode: str, log: Log) -> None:
    """Nothing is hidden: the browser asks no permission for a form, an image or a navigation."""
    headers = CROSS_SITE | {"sec-fetch-mode": mode}
    request(strict(guard_writes=False), "POST", headers=headers)
    assert log.lines() == []
    request(strict(guard_writes=False), "POST", headers=CROSS_SITE)
    assert len(log.lines()) == 1


def test_own_pages_leave_no_line_without_the_guard(log: Log) -> None:
    app = strict(guard_writes=False)
    request(app, "POST", headers={"origin": OWN, "host": "api.acme.com"})
    request(app, "POST", headers={"origin": OWN, "sec-fetch-site": "same-origin"})
    assert log.lines() == []


def test_wildcards_leave_no_line_for_what_they_cover(log: Log) -> None:
    app = strict(allow_credentials=False, allow_methods=["*"], allow_headers=["*"])
    preflight(app, APP, "DELETE", "x-anything,authorization")
    request(strict(allow_origins=["*"], allow_credentials=False), headers=CROSS_SITE)
    assert log.lines() == []
    preflight(app, APP, "PURGE", ",".join(f"x-{n}" for n in range(100)))
    (line,) = log.lines()
    assert "reason=method missing=PURGE,x-0,x-1" in line


def test_a_near_miss_is_named(log: Log) -> None:
    policy = CORSPolicy(environment="production", allow_origins=(APP, "https://*.pr.acme.com"))
    app = StrictCORSMiddleware(answer, **policy.middleware_arguments())
    request(app, headers={"origin": f"{APP}:8443"})
    request(app, headers={"origin": "https://a.b.pr.acme.com"})
    request(app, headers={"origin": STRANGER})
    port, label, other = log.lines()
    assert f" near={APP} count=1: " in port
    assert port.endswith("(the port is 8443, not 443)")
    assert " near=https://*.pr.acme.com count=1: " in label
    assert "near" not in other


# --- What a line never holds --------------------------------------------------------------------

SECRETS = {
    "query_string": b"token=hunter2",
    "raw_path": b"/items?token=hunter2",
}


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_no_query_cookie_or_token_is_logged(method: str, log: Log) -> None:
    headers = {
        "origin": "https://user:hunter2@evil.net",
        "cookie": "session=hunter2",
        "authorization": "Bearer hunter2",
        "referer": "https://evil.net/?token=hunter2",
        **({"access-control-request-method": "PUT"} if method == "OPTIONS" else {}),
    }
    told: list[Refusal] = []
    request(strict(on_refusal=told.append), method, "/items", headers, **SECRETS)
    (record,) = log.records()
    assert "origin=https://***@evil.net" in record.getMessage()
    assert "hunter2" not in str(vars(record))
    assert "hunter2" not in str(told)


@pytest.mark.parametrize(
    "odd", ["\n", "\r\n", "\x1b[31m", "\x00", "\x85", "\u2028", " ", "\t", "\xa0"], ids=ascii
)
def test_a_line_stays_one_line_whatever_is_sent(odd: str, log: Log) -> None:
    forged = f"x{odd}CORS refused kind=write origin=https://app.acme.com"
    sent = forged.encode().decode("latin-1")
    told: list[Refusal] = []
    app = strict(on_refusal=told.append)
    request(app, headers={"origin": sent})
    request(app, path=f"/{forged}", headers={"origin": STRANGER})
    preflight(app, APP, sent, sent)
    preflight(app, STRANGER, sent)
    lines = log.lines()
    assert len(lines) == 4
    for line in lines:
        assert line.isprintable()
        assert len(re.findall("(?<= )kind=", line)) == 1
    for refusal in told:
        for text in (refusal.origin, refusal.method, refusal.path, refusal.missing):
            assert text.isprintable()
            assert " " not in text


@pytest.mark.parametrize("quote", "'\"`$")
def test_a_line_can_be_pasted_into_a_shell(quote: str, log: Log) -> None:
    """`cors explain --message '…'`: a quote would end the text, and the rest would run."""
    app = strict()
    odd = f"x{quote};id;{quote}"
    request(app, headers={"origin": f"https://{odd}"})
    request(app, path=f"/{odd}", headers={"origin": STRANGER})
    preflight(app, APP, odd, f"x-{odd}")
    lines = log.lines()
    assert len(lines) == 3
    assert not any(quote in line for line in lines)


def test_endless_values_are_cut(log: Log) -> None:
    endless = "a" * 60_000
    app = strict()
    request(app, headers={"origin": f"https://{endless}"})
    request(app, path=f"/{endless}", headers={"origin": STRANGER})
    preflight(app, APP, endless, ",".join(f"x-{n}" for n in range(10_000)))
    lines = log.lines()
    assert len(lines) == 3
    assert all(len(line) < 600 for line in lines)


# --- How many lines -----------------------------------------------------------------------------


def test_one_line_a_minute_for_each_kind_origin_and_reason(clock: Clock, log: Log) -> None:
    app = strict()
    for second in range(0, 60, 2):
        clock.now = 1000 + second
        for ask, _ in REFUSED.values():
            ask(app)
    # Two of the requests above are the same in kind, origin and reason, and so are three writes.
    assert len(log.lines()) == len(REFUSED) - 2
    clock.now = 1060
    request(app, headers=CROSS_SITE)
    lines = log.lines()
    assert f"kind=request origin={STRANGER} method=GET path=/ reason=origin count=60:" in lines[-1]


def test_a_summary_says_how_many_were_held_back(clock: Clock, log: Log) -> None:
    app = strict()
    for number in range(300):
        request(app, headers={"origin": f"https://site{number}.net"})
    request(app, headers={"origin": "https://site0.net"})
    assert len(log.lines()) == 256
    clock.now += 60
    request(app, headers={"origin": STRANGER})
    summary, line = log.records()
    assert summary.getMessage().startswith("CORS refused 45 more: ")
    assert vars(summary)["cors_count"] == 45
    assert STRANGER in line.getMessage()


def test_lines_and_summaries_add_up(clock: Clock, log: Log) -> None:
    app = strict()
    for step in range(2000):
        clock.now += 13 if step % 50 == 0 else 0.1
        request(app, headers={"origin": f"https://site{step * 37 % 400}.net"})
    clock.now += 60
    request(app, headers={"origin": STRANGER})
    assert sum(int(vars(record)["cors_count"]) for record in log.records()) == 2001


def test_a_flood_of_origins_costs_no_memory(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    app: Any = strict(allow_origin_regex=r"https://pr-[0-9]+\.acme\.com")

    async def send(message: Any) -> None: ...

    async def flood(first: int, last: int) -> None:
        for number in range(first, last):
            headers = [(b"origin", b"https://site%d.net" % number)]
            asked = [(b"access-control-request-method", b"PUT")]
            scope = {"type": "http", "path": "/items", "method": "GET", "headers": headers}
            if number % 2:
                scope |= {"method": "OPTIONS", "headers": headers + asked}
            await app(scope, None, send)

    asyncio.run(flood(0, 1000))
    before = sys.getallocatedblocks()
    asyncio.run(flood(1000, 100_000))
    assert sys.getallocatedblocks() - before < 2000


# --- on_refusal ---------------------------------------------------------------------------------


def test_on_refusal_is_called_once_for_each_refusal(log: Log) -> None:
    told: list[Refusal] = []
    app = strict(on_refusal=told.append)
    for _ in range(3):
        for ask, _ in REFUSED.values():
            ask(app)
        for ask in ALLOWED.values():
            ask(app)
    assert len(told) == 3 * len(REFUSED)
    assert told[0] == Refusal(
        kind="request", origin=STRANGER, method="GET", path="/items", reason="origin", missing=""
    )
    assert told[-1].reason == "method"


def test_an_exception_of_on_refusal_changes_no_response(log: Log) -> None:
    def fail(refusal: Refusal) -> None:
        raise RuntimeError("the metrics are down")

    good, bad = strict(), strict(on_refusal=fail)
    for _ in range(2):
        for ask, _ in REFUSED.values():
            assert ask(good) == ask(bad)
    failures = [record for record in log.records() if record.exc_info]
    assert [record.levelno for record in failures] == [logging.ERROR]
    assert "on_refusal" in failures[0].getMessage()


def test_on_refusal_cannot_stop_the_server(log: Log) -> None:
    def leave(refusal: Refusal) -> None:
        raise SystemExit("no configuration for the metrics")

    assert request(strict(on_refusal=leave), "POST", headers=CROSS_SITE).status == 403


async def count(refusal: Refusal) -> None: ...


class Counter:
    async def __call__(self, refusal: Refusal) -> None: ...


@pytest.mark.parametrize(
    "counter", [count, Counter(), partial(count)], ids=["function", "object", "partial"]
)
def test_an_async_on_refusal_is_refused(counter: Callable[[Refusal], object]) -> None:
    with pytest.raises(TypeError, match="on_refusal is an async function"):
        strict(on_refusal=counter)


# --- CORSFastAPI --------------------------------------------------------------------------------


def service(environment: str = "production", **options: Any) -> CORSFastAPI:
    policy = CORSPolicy(
        environment=environment, allow_origins=(APP,), allow_methods=("GET",), guard_writes=True
    )
    return CORSFastAPI(cors=policy, **options)


@pytest.mark.parametrize("environment", ["development", "test", "staging", "production", "qa"])
def test_every_environment_writes_warnings(environment: str, log: Log) -> None:
    request(service(environment), headers=CROSS_SITE)
    (record,) = log.records()
    assert record.levelno == logging.WARNING


def test_no_middleware_of_the_owner_hides_a_refusal(log: Log) -> None:
    class Broken:
        def __init__(self, app: Any) -> None: ...

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            raise RuntimeError("broken on purpose")

    app = service()
    app.add_middleware(Broken)
    with pytest.raises(RuntimeError, match="on purpose"):
        request(app, headers=CROSS_SITE)
    assert "kind=request" in log.lines()[0]


def test_a_mounted_policy_leaves_its_trace(log: Log) -> None:
    outer = FastAPI()
    outer.mount("/api", service())
    request(outer, path="/api/items", headers=CROSS_SITE)
    assert f"origin={STRANGER} method=GET path=/api/items" in log.lines()[0]


def test_the_app_hands_on_refusal_over() -> None:
    told: list[Refusal] = []
    request(service(on_refusal=told.append), headers=CROSS_SITE)
    assert [refusal.kind for refusal in told] == ["request"]


# --- cors explain -------------------------------------------------------------------------------

CAUSES = {
    "a request with two origins": "origin",
    "a write": "write",
    "a write with a cookie on a public path": "write",
    "a write without an origin": "write",
    "a handshake": "websocket",
    "an unlisted method": "method",
    "a method in lower case": "method",
    "unlisted headers": "header",
    "an unlisted method and header": "method",
    "an unlisted method on a public path": "method",
}


@pytest.mark.parametrize("name", REFUSED)
def test_explain_reads_the_line(name: str, log: Log) -> None:
    ask, expected = REFUSED[name]
    ask(strict())
    (line,) = log.lines()
    (found,) = read_console(f"2026-11-24 12:00:01,250 WARNING service.cors: {line}\n")
    assert found.message.cause == CAUSES.get(name, "origin")
    fields = dict(field.split("=", 1) for field in expected.split(" "))
    if "://" in fields["origin"] and "," not in fields["origin"]:
        assert found.origin == fields["origin"]
    assert (found.method, found.url) == (fields["method"], fields["path"])
    headers = fields.get("missing", "").split(",")["method" in fields["reason"] :]
    assert (found.header or "").split(",") == (headers or [""])


HEADERS = (
    "x-datadog-origin,x-datadog-parent-id,x-datadog-sampling-priority,x-datadog-trace-id,"
    "traceparent,tracestate,x-acme-correlation-id,x-acme-client-version"
)


def test_explain_reads_all_headers_of_a_monitoring_tool(log: Log) -> None:
    preflight(strict(), APP, "GET", HEADERS)
    (line,) = log.lines()
    (found,) = read_console(line)
    assert found.header == HEADERS


ODD = ["x'y", "x`y", "$x", "x" * 300, "*"]


@pytest.mark.parametrize("odd", ODD)
def test_explain_reads_what_no_browser_sends(odd: str, log: Log) -> None:
    app = strict()
    preflight(app, APP, odd)
    preflight(app, APP, "PUT", f"x-a,{odd}")
    preflight(app, STRANGER, odd)
    request(app, "POST", odd, headers=CROSS_SITE)
    request(app, odd, headers=CROSS_SITE)
    request(app, headers={"origin": f"https://{odd}"})
    handshake(app, {"origin": STRANGER}, odd)
    request(app, path="", headers={"origin": f"{APP}:8443"})
    lines = log.lines()
    causes = [[each.message.cause for each in read_console(line)] for line in lines]
    write, origin = ["write"], ["origin"]
    assert causes == [["method"], ["header"], origin, write, origin, ["websocket"], origin], lines


# --- docs/metrics.md ----------------------------------------------------------------------------

DOCUMENT = (TEMPLATE / "docs" / "metrics.md").read_text()
EXAMPLES = [
    code.replace(" .cors.", " service.cors.")
    for code in re.findall(r"^```python\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    if "def count_refusal" in code
]


def counting(library: str) -> Any:
    """Return the example for a library, run, after it has counted two refusals."""
    (code,) = (code for code in EXAMPLES if library in code)
    assert len(code.splitlines()) <= 10
    module: dict[str, Any] = {"__name__": "orders_api.main"}
    exec(code, module)
    app = service(on_refusal=module["count_refusal"])
    request(app, headers=CROSS_SITE)
    request(app, headers=CROSS_SITE)
    preflight(app, APP, "DELETE")
    return module


def test_the_prometheus_example_counts() -> None:
    counting("prometheus_client")
    exposed = generate_latest().decode()
    assert 'cors_refusals_total{kind="request",reason="origin"} 2.0' in exposed
    assert 'cors_refusals_total{kind="preflight",reason="method"} 1.0' in exposed


def test_the_opentelemetry_example_counts() -> None:
    reader = InMemoryMetricReader()
    metrics.set_meter_provider(MeterProvider([reader]))
    counting("opentelemetry")
    data: Any = reader.get_metrics_data()
    (metric,) = data.resource_metrics[0].scope_metrics[0].metrics
    assert metric.name == "cors.refusals"
    found = {tuple(point.attributes.values()): point.value for point in metric.data.data_points}
    assert found == {("request", "origin"): 2, ("preflight", "method"): 1}


def test_the_document_shows_a_real_line(log: Log) -> None:
    preflight(service(), APP, "DELETE", path="/items/1")
    (line,) = log.lines()
    assert f"```text\n{line}\n```" in DOCUMENT


def test_the_document_names_every_field(log: Log) -> None:
    preflight(service(), APP, "DELETE", path="/items/1")
    (record,) = log.records()
    for name in vars(record):
        if name.startswith("cors_"):
            assert f"`{name.removeprefix('cors_')}`" in DOCUMENT
