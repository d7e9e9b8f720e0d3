"""A provider decides about origins on no list: asked once, and closed where it fails."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from service.cors import provider as providers
from service.cors.app import refusal_to_start
from service.cors.origin import Origin
from service.cors.policy import CORSPolicy
from service.cors.provider import OriginProvider

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
from .test_refusals import POLICY, Clock, Log, log

__all__ = ["log"]

TENANT = "https://shop.acme-tenant.com"
COOKIE = {"cookie": "session=1"}
BASIC = {"authorization": "Basic dXNlcjpzZWNyZXQ="}


class Tenants:
    """A provider that counts what it is asked."""

    def __init__(self, *origins: str) -> None:
        self.origins = set(origins)
        self.asked: list[str] = []

    async def __call__(self, origin: Origin) -> bool:
        self.asked.append(str(origin))
        await asyncio.sleep(0)
        return str(origin) in self.origins


def strict(provider: Any, **changes: Any) -> StrictCORSMiddleware:
    return StrictCORSMiddleware(answer, **{**POLICY, "origin_provider": provider, **changes})


def connects(app: Any, headers: dict[str, str]) -> bool:
    return bool(handshake(app, headers).messages[0]["type"] == "websocket.accept")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(providers, "monotonic", clock)
    return clock


# --- What a tenant may do ---------------------------------------------------------------------


def test_a_tenant_gets_a_grant_without_credentials() -> None:
    app = strict(Tenants(TENANT), expose_headers=["X-Total"])
    found = request(app, path="/items", headers={"origin": TENANT})
    assert found.cors == {"allow-origin": TENANT, "expose-headers": "X-Total"}
    found = preflight(app, TENANT, "PUT", "authorization")
    assert (found.status, found.cors["allow-origin"]) == (204, TENANT)
    assert "PUT" in found.cors["allow-methods"]
    assert "allow-credentials" not in found.cors


def test_a_tenant_writes_and_connects_without_a_login() -> None:
    app = strict(Tenants(TENANT))
    bearer = {"origin": TENANT, "sec-fetch-site": "cross-site", "authorization": "Bearer abc"}
    assert request(app, "POST", "/items", bearer).status == 200
    assert connects(app, bearer)


@pytest.mark.parametrize("login", [COOKIE, BASIC], ids=["cookie", "basic authentication"])
def test_a_tenant_does_not_act_as_the_user(login: dict[str, str], log: Log) -> None:
    app = strict(Tenants(TENANT))
    headers = {"origin": TENANT, "sec-fetch-site": "cross-site"} | login
    assert request(app, "POST", "/items", headers).status == 403
    assert not connects(app, headers)
    write, opened = log.lines()
    assert "kind=write " in write
    assert "kind=handshake " in opened
    assert "reason=credentials" in write
    assert "reason=credentials" in opened


def test_provider_credentials_let_tenants_act_as_the_user() -> None:
    app = strict(Tenants(TENANT), provider_credentials=True)
    headers = {"origin": TENANT, "sec-fetch-site": "cross-site"} | COOKIE
    assert request(app, "POST", "/items", headers).cors["allow-credentials"] == "true"
    assert preflight(app, TENANT, "PUT").cors["allow-credentials"] == "true"
    assert connects(app, headers)


def test_provider_credentials_need_allow_credentials() -> None:
    app = strict(Tenants(TENANT), provider_credentials=True, allow_credentials=False)
    assert request(app, headers={"origin": TENANT}).cors == {"allow-origin": TENANT}
    assert not connects(app, {"origin": TENANT} | COOKIE)


def test_a_tenant_keeps_its_grant_on_public_paths() -> None:
    app = strict(Tenants(TENANT))
    assert request(app, path="/public/x", headers={"origin": TENANT}).cors["allow-origin"] == TENANT
    assert request(app, path="/public/x", headers={"origin": STRANGER}).cors["allow-origin"] == "*"


# --- Who is asked about, and how often --------------------------------------------------------

NEVER_ASKED = [
    APP,
    "null",
    "*",
    "http://shop.acme-tenant.com",
    "https://SHOP.acme-tenant.com",
    "https://shop.acme-tenant.com:443",
    "https://shop.acme-tenant.com/",
    "https://shop.acme-tenant.com.",
    "https://*.acme-tenant.com",
    "https://user@shop.acme-tenant.com",
    "https://shöp.acme-tenant.com",
    "https://" + "a" * 300 + ".com",
    "https://",
    "capacitor://localhost",
    "https://api.acme.com",
]


@pytest.mark.parametrize("origin", NEVER_ASKED)
def test_only_an_exact_https_origin_on_no_list_is_asked(origin: str) -> None:
    """The last one is the service's own, which needs no grant."""
    tenants = Tenants(origin)
    app = strict(tenants)
    headers = {"origin": origin, "host": "api.acme.com"}
    request(app, "POST", "/items", headers)
    request(app, headers=headers)
    request(app, "OPTIONS", headers=headers | {"access-control-request-method": "PUT"})
    connects(app, headers)
    assert tenants.asked == []


def test_two_origin_lines_are_not_asked_about() -> None:
    tenants = Tenants(TENANT)
    found = request(strict(tenants), headers=[("origin", TENANT), ("origin", TENANT)])
    assert (found.cors, tenants.asked) == ({}, [])


@pytest.mark.parametrize(("origin", "seconds"), [(TENANT, 60), (STRANGER, 10)])
def test_one_answer_serves_all_kinds_until_it_is_old(
    origin: str, seconds: int, clock: Clock
) -> None:
    tenants = Tenants(TENANT)
    app = strict(tenants)

    def ask() -> None:
        headers = {"origin": origin}
        request(app, headers=headers)
        preflight(app, origin, "PUT")
        request(app, "POST", "/items", headers)
        connects(app, headers)

    ask()
    clock.now += seconds - 1
    ask()
    assert tenants.asked == [origin]
    clock.now += 1
    tenants.origins.symmetric_difference_update({origin})
    found = request(app, headers={"origin": origin}).cors
    assert tenants.asked == [origin, origin]
    assert found == ({} if origin == TENANT else {"allow-origin": origin})


def test_a_flood_of_strangers_makes_no_tenant_forgotten() -> None:
    tenants = Tenants(TENANT)
    provider = OriginProvider(tenants, no_size=10, yes_size=10)
    app = strict(provider)
    for number in range(50):
        request(app, headers={"origin": TENANT})
        request(app, headers={"origin": f"https://evil{number}.net"})
    assert tenants.asked.count(TENANT) == 1
    assert len(provider._no) == 10


def test_what_is_remembered_has_a_bound() -> None:
    origins = [f"https://shop{number}.acme-tenant.com" for number in range(30)]
    tenants = Tenants(*origins)
    provider = OriginProvider(tenants, yes_size=10)
    app = strict(provider)
    for origin in (*origins, origins[-1], origins[0]):
        assert request(app, headers={"origin": origin}).cors
    assert tenants.asked == [*origins, origins[0]]
    assert (len(provider._yes), len(provider._questions)) == (10, 0)


def ask_at_once(provider: OriginProvider, number: int, cancelled: int = 0) -> list[Any]:
    """Ask about a tenant from so many tasks at once, the first of which are cancelled."""
    site = providers.https_origin(TENANT.encode())
    assert site is not None

    async def run() -> list[Any]:
        tasks = [asyncio.ensure_future(provider.answer(site)) for _ in range(number)]
        await asyncio.sleep(0)
        for task in tasks[:cancelled]:
            task.cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    return asyncio.run(run())


def test_concurrent_requests_ask_once() -> None:
    tenants = Tenants(TENANT)
    assert all(each.is_yes for each in ask_at_once(OriginProvider(tenants), 50))
    assert tenants.asked == [TENANT]


def test_a_question_survives_the_cancelling_of_an_asker() -> None:
    tenants = Tenants(TENANT)
    found = ask_at_once(OriginProvider(tenants), 5, cancelled=2)
    assert [isinstance(each, asyncio.CancelledError) for each in found[:2]] == [True, True]
    assert all(each.is_yes for each in found[2:])
    assert tenants.asked == [TENANT]


# --- Failures ---------------------------------------------------------------------------------


async def raises(origin: Origin) -> bool:
    raise ConnectionError("postgres://app:s3cret@db is down")


async def is_cancelled(origin: Origin) -> bool:
    raise asyncio.CancelledError


async def never_answers(origin: Origin) -> bool:
    await asyncio.Event().wait()
    return True


async def ignores_that_it_is_late(origin: Origin) -> bool:
    with suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    return True


async def blocks_the_loop(origin: Origin) -> bool:
    time.sleep(0.05)
    return True


async def answers_with_a_row(origin: Origin) -> bool:
    return (True,)  # type: ignore[return-value]


async def exits(origin: Origin) -> bool:
    raise SystemExit(3)


async def cleans_up_for_long(origin: Origin) -> bool:
    try:
        await asyncio.Event().wait()
    finally:
        # A driver that rolls back on a dead connection.
        await asyncio.sleep(30)
    return True


FAILING: dict[Callable[[Origin], Awaitable[bool]], str] = {
    raises: "ConnectionError",
    is_cancelled: "CancelledError",
    never_answers: "TimeoutError",
    ignores_that_it_is_late: "TimeoutError",
    blocks_the_loop: "TimeoutError",
    answers_with_a_row: "TypeError",
    exits: "SystemExit",
    cleans_up_for_long: "TimeoutError",
}


@pytest.mark.parametrize("provider", FAILING, ids=lambda each: str(each.__name__))
def test_without_an_answer_in_time_nothing_is_allowed(
    provider: Callable[[Origin], Awaitable[bool]], log: Log
) -> None:
    app = strict(OriginProvider(provider, timeout=0.02))
    headers = {"origin": TENANT, "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}
    found = request(app, path="/items", headers=headers)
    assert (found.status, found.cors) == (200, {})
    found = preflight(app, TENANT, "PUT")
    assert (found.status, found.cors) == (403, {})
    assert request(app, "POST", "/items", headers).status == 403
    assert not connects(app, headers)
    lines = [line for line in log.lines() if line.startswith("CORS refused")]
    kinds = [line.split("kind=")[1].split()[0] for line in lines]
    assert kinds == ["request", "preflight", "write", "handshake"]
    assert all(f"reason=provider-failed missing={FAILING[provider]}" in line for line in lines)
    assert "s3cret" not in str(lines)


def test_a_failure_is_not_remembered(clock: Clock) -> None:
    tenants = Tenants(TENANT)
    fails = [True, False]

    async def provider(origin: Origin) -> bool:
        if fails.pop(0):
            raise ConnectionError
        return await tenants(origin)

    app = strict(provider)
    assert request(app, headers={"origin": TENANT}).cors == {}
    assert request(app, headers={"origin": TENANT}).cors == {"allow-origin": TENANT}


def test_the_traceback_of_a_failure_is_logged_once_a_minute(log: Log, clock: Clock) -> None:
    app = strict(raises)
    for _ in range(3):
        request(app, headers={"origin": TENANT})
    assert [each.exc_info is not None for each in log.records()].count(True) == 1
    clock.now += 60
    request(app, headers={"origin": TENANT})
    assert [each.exc_info is not None for each in log.records()].count(True) == 1


def test_what_a_provider_refuses_leaves_a_trace(log: Log) -> None:
    request(strict(Tenants()), headers={"origin": TENANT})
    (line,) = log.lines()
    assert "reason=provider " in line
    assert "origin_provider does not allow it" in line


def test_an_endless_question_is_asked_once(clock: Clock) -> None:
    asked: list[str] = []

    async def provider(origin: Origin) -> bool:
        asked.append(str(origin))
        return await cleans_up_for_long(origin)

    asking = OriginProvider(provider, timeout=0.01)
    site = providers.https_origin(TENANT.encode())
    assert site is not None

    async def run() -> list[providers.Answer]:
        return [await asking.answer(site) for _ in range(3)]

    assert asyncio.run(run()) == [providers.Answer(False, "TimeoutError")] * 3
    assert asked == [TENANT]


def test_several_threads_may_forget_at_once() -> None:
    """A server may run an event loop in each of several threads."""
    remembered = providers.Remembered(10, 60)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as threads:
            for done in [threads.submit(fill, remembered, each) for each in b"abcd"]:
                done.result()
    finally:
        sys.setswitchinterval(before)
    assert len(remembered) == 10


def fill(remembered: providers.Remembered, name: int) -> None:
    for number in range(10_000):
        remembered.add(b"https://%d%d.acme.com" % (name, number))


# --- Mistakes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", [lambda origin: True, Tenants(TENANT).origins.__contains__])
def test_a_provider_that_is_not_async_is_refused(provider: Any) -> None:
    with pytest.raises(TypeError, match="origin_provider is not an async function"):
        CORSFastAPI(cors=CORSPolicy(environment="production"), origin_provider=provider)


def test_a_provider_that_counts_as_empty_is_asked() -> None:
    class Empty(Tenants):
        def __len__(self) -> int:
            return 0

    assert request(strict(Empty(TENANT)), headers={"origin": TENANT}).cors


def test_overriding_is_allowed_origin_names_origin_provider() -> None:
    with pytest.raises(TypeError, match="origin_provider="):

        class Mine(StrictCORSMiddleware):
            def is_allowed_origin(self, origin: str) -> bool:
                return True


def test_a_start_warns_of_tenants_with_credentials(caplog: pytest.LogCaptureFixture) -> None:
    policy = CORSPolicy(
        environment="production",
        allow_origins=(APP,),
        allow_credentials=True,
        guard_writes=True,
    )
    for credentials in (False, True):
        app = CORSFastAPI(
            cors=policy, origin_provider=Tenants(TENANT), provider_credentials=credentials
        )
        assert refusal_to_start(app, policy) == ""
        assert ("each tenant's page then acts as the user in every tenant" in caplog.text) == (
            credentials
        )
