"""Under which hosts a service answers, and which pages are its own."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from service.cors import middleware
from service.cors.cli import examine
from service.cors.policy import CORSPolicy
from service.cors.refusals import Refusal
from service.cors.rules import RULES, Subject, findings_of
from service.cors.tool.development_rules import suggestion
from service.cors.tool.explain_message import read_console

from .asgi_harness import APP, CORSFastAPI, StrictCORSMiddleware, answer, handshake, request

LISTED = ("api.acme.com", "*.acme.net", "10.0.0.9")
LOCAL = ("*", "*.localhost")
REBOUND = {
    "host": "evil.net:8000",
    "origin": "http://evil.net:8000",
    "sec-fetch-site": "same-origin",
}


def strict(**options: Any) -> StrictCORSMiddleware:
    given: dict[str, Any] = {
        "allow_origins": [APP],
        "allow_credentials": True,
        "guard_writes": True,
    }
    return StrictCORSMiddleware(answer, **given | options)


def opens(policy: Any, headers: Any, **more: Any) -> bool:
    kind = handshake(policy, headers, **more).messages[0]["type"]
    assert kind in ("websocket.accept", "websocket.close")
    return bool(kind == "websocket.accept")


def answers(policy: Any, host: str) -> bool:
    """Whether the service answers under a host: every method, and WebSockets."""
    found = {request(policy, method, headers={"host": host}).status for method in ("GET", "POST")}
    found |= {200 if opens(policy, {"host": host}) else 400}
    assert len(found) == 1, f"{host}: {found}"
    return found == {200}


# --- Hosts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "local", "listed"),
    [
        ("localhost", True, False),
        ("localhost:8000", True, False),
        ("LocalHost:8000", True, False),
        ("orders.localhost:8000", True, False),
        ("127.0.0.1:8000", True, True),
        ("192.168.1.20:8000", True, True),
        ("203.0.113.7", True, True),
        ("[::1]:8000", True, True),
        ("[fe80::1]", True, True),
        ("[::ffff:127.0.0.1]:80", True, True),
        ("testserver", True, False),
        ("orders_api:8000", True, False),
        ("", True, True),
        ("evil.net", False, False),
        ("evil.net:8000", False, False),
        ("localhost.evil.net", False, False),
        ("evillocalhost.net", False, False),
        ("127.0.0.1.evil.net", False, False),
        ("127.0.0.1.evil.net:80", False, False),
        ("[::1].evil.net", False, False),
        ("[evil.net]", False, False),
        ("evil.net:80:80", False, False),
        ("evil.net#localhost", False, False),
        ("localhost/evil.net", False, False),
        ("user@localhost", False, False),
        ("localhost, evil.net", False, False),
        ("api.acme.com", False, True),
        ("api.acme.com:8443", False, True),
        ("API.acme.com", False, True),
        ("api.acme.com.", False, True),
        ("api.acme.com..", False, False),
        ("x.api.acme.com", False, False),
        ("evilapi.acme.com", False, False),
        ("api.acme.com.evil.net", False, False),
        ("shop.acme.net", False, True),
        ("a.b.acme.net", False, False),
        ("acme.net", False, False),
        ("*.acme.net", False, False),
        ("10.0.0.9", True, True),
    ],
)
def test_which_hosts_are_let_in(host: str, local: bool, listed: bool) -> None:
    assert answers(strict(allowed_hosts=LOCAL), host) is local
    assert answers(strict(allowed_hosts=LISTED), host) is listed
    assert answers(strict(allowed_hosts=(*LISTED, *LOCAL)), host) is (local or listed)
    assert answers(strict(), host), "without the arguments, nothing changes"


def test_a_request_without_a_host_is_let_in() -> None:
    """HTTP/1.0 health checks send none, and no browser does so."""
    assert request(strict(allowed_hosts=LISTED)).status == 200


def test_two_host_lines_are_refused() -> None:
    for policy in (strict(allowed_hosts=LISTED), strict(allowed_hosts=LOCAL)):
        for lines in (("localhost", "evil.net"), ("api.acme.com", "api.acme.com")):
            headers = [("host", line) for line in lines]
            assert request(policy, headers=headers).status == 400


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "OPTIONS"])
def test_a_rebound_name_reaches_no_handler(method: str) -> None:
    answer = request(strict(allowed_hosts=LOCAL), method, headers=REBOUND)
    assert answer.status == 400
    assert answer.cors == {}
    assert answer.one("vary") == "Origin"
    assert b"CORS_ALLOWED_HOSTS=evil.net\n" in answer.body
    assert not opens(strict(allowed_hosts=LOCAL), REBOUND)


def test_a_deployed_service_does_not_tell_its_hosts() -> None:
    answer = request(strict(allowed_hosts=LISTED), headers=REBOUND)
    assert answer.status == 400
    assert b"acme" not in answer.body
    assert b"CORS_ALLOWED_HOSTS" in answer.body


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_allowed_origin_may_read_the_400(method: str) -> None:
    """Otherwise its console would blame CORS."""
    policy = strict(allowed_hosts=LOCAL)
    headers = {"host": "evil.net", "origin": APP, "sec-fetch-site": "cross-site"}
    answer = request(policy, method, headers=headers)
    assert answer.status == 400
    assert answer.cors == {"allow-origin": APP, "allow-credentials": "true"}
    asked = headers | {"access-control-request-method": "PUT"}
    assert request(policy, "OPTIONS", headers=asked).status == 204


def test_a_refused_host_leaves_one_trace(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Refusal] = []
    policy = strict(on_refusal=told.append, allowed_hosts=LOCAL)
    with caplog.at_level(logging.WARNING):
        request(policy, "POST", "/items", headers=REBOUND)
        request(policy, "POST", "/items", headers=REBOUND)
        opens(policy, REBOUND)
    assert [record.cors_kind for record in caplog.records] == ["host", "handshake"]  # type: ignore[attr-defined]
    assert [each.missing for each in told] == ["evil.net"] * 3
    text = caplog.messages[0]
    assert "reason=host missing=evil.net" in text
    assert "CORS_ALLOWED_HOSTS does not list the host, so no handler ran" in text
    for message in caplog.messages:
        (reading,) = read_console(message)
        assert reading.message.cause == "host", message


def test_a_flood_of_hosts_is_remembered_within_bounds() -> None:
    policy = strict(allowed_hosts=LOCAL)
    for number in range(2 * middleware.REMEMBERED):
        assert policy.other_host(b"10.0.%d.%d" % divmod(number, 256)) is None
        assert policy.other_host(b"evil%d.net" % number) is not None
    assert policy.other_host.cache_info().currsize == middleware.REMEMBERED


def test_the_environment_decides_about_hosts() -> None:
    for name, status in (("development", 400), ("test", 400), ("staging", 200)):
        service = CORSFastAPI(cors=CORSPolicy(environment=name))
        service.add_api_route("/", lambda: "hello")
        assert request(service, headers={"host": "evil.net"}).status == status
        assert request(service, headers={"host": "testserver"}).status == 200
    listed = CORSPolicy(environment="production", allowed_hosts=("api.acme.com",))
    assert request(CORSFastAPI(cors=listed), headers={"host": "evil.net"}).status == 400


@pytest.mark.parametrize(
    ("entry", "fix"),
    [
        ("*", "write names as api.acme.com or *.acme.com"),
        ("https://api.acme.com", "write api.acme.com"),
        ("https://api.acme.com/v1", "write api.acme.com"),
        ("api.acme.com/v1", "write api.acme.com"),
        ("api.acme.com:8443", "write api.acme.com"),
        ("API.acme.com", "write api.acme.com"),
        ("api.acme.com.", "write api.acme.com"),
        (".acme.com", "write names as"),
        ("api.*.acme.com", "write names as"),
        ("*.com", "list the hosts of the service one by one"),
        ("*.vercel.app", "list the hosts of the service one by one"),
    ],
)
def test_an_entry_that_is_no_host_is_refused_with_its_fix(entry: str, fix: str) -> None:
    for name in ("development", "staging", "production"):
        policy = CORSPolicy(environment=name, allowed_hosts=("a.acme.com", entry))
        (found,) = findings_of(Subject(policy), RULES)
        assert (found.rule, found.severity, found.value) == ("CORS058", "error", entry)
        assert found.fix.startswith(fix)


def test_hosts_are_suggested_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("development", "qa", "production")
    for name in names:
        (tmp_path / f".env.{name}").write_text("CORS_ALLOWED_ORIGINS=https://app.acme.com\n")
    monkeypatch.chdir(tmp_path)

    def suggested() -> str:
        return suggestion([examine(name, with_app=False) for name in names])

    assert suggested().startswith("CORS057 suggestion for qa, production: ")
    with (tmp_path / ".env.qa").open("a") as file:
        file.write("CORS_ALLOWED_HOSTS=\n")
    assert suggested().startswith("CORS057 suggestion for production: ")
    monkeypatch.setenv("CORS_ALLOWED_HOSTS", "api.acme.com")
    assert suggested() == ""
    assert not [found for name in names for found in examine(name, with_app=False).findings]


# --- Who is own ---------------------------------------------------------------------------------

API = "https://api.acme.com"


@pytest.mark.parametrize(
    ("origin", "host", "scheme", "own"),
    [
        # A listed name is own over https, at the default port or Host's, whatever Host is.
        (API, "api.acme.com", "https", True),
        (API, "api.acme.com", "http", True),
        (API, "api.acme.com:443", "https", True),
        (f"{API}:443", "api.acme.com", "https", True),
        (API, "10.1.2.3:8000", "http", True),
        (API, "shop.acme.net", "http", True),
        (API, "api.acme.com:8443", "https", True),
        (f"{API}:8443", "api.acme.com:8443", "https", True),
        (f"{API}:8443", "10.1.2.3:8443", "http", True),
        (f"{API}:8443", "api.acme.com", "https", False),
        (f"{API}:8443", "shop.acme.net:8444", "https", False),
        # Its pages over http are not.
        ("http://api.acme.com", "api.acme.com", "http", False),
        ("http://api.acme.com:8000", "api.acme.com:8000", "http", False),
        ("http://api.acme.com", "api.acme.com", "https", False),
        # A wildcard lets in, and makes nobody own: as without a list.
        ("https://shop.acme.net", "shop.acme.net", "http", True),
        ("http://shop.acme.net", "shop.acme.net", "http", True),
        ("http://shop.acme.net", "shop.acme.net", "https", False),
        ("https://shop.acme.net", "api.acme.com", "https", False),
        ("https://shop.acme.net", "blog.acme.net", "https", False),
        # An address never is, though it is listed.
        ("https://10.1.2.3", "10.1.2.3", "http", False),
        ("http://10.1.2.3:8000", "10.1.2.3:8000", "http", False),
        ("https://10.0.0.9", "10.0.0.9", "https", False),
        ("https://10.0.0.9", "api.acme.com", "https", False),
        ("http://[::1]:8000", "[::1]:8000", "http", False),
        # Look-alikes.
        ("https://evil.net", "api.acme.com", "https", False),
        ("https://api.acme.com.evil.net", "api.acme.com", "https", False),
        ("https://evilapi.acme.com", "api.acme.com", "https", False),
        ("https://api.acme.com:", "api.acme.com", "https", True),
        ("https://api.acme.com:443:8000", "api.acme.com:8000", "https", False),
        ("https://user@api.acme.com", "api.acme.com", "https", False),
        ("https://api.acme.com/", "api.acme.com", "https", False),
        ("wss://api.acme.com", "api.acme.com", "https", False),
        ("null", "api.acme.com", "https", False),
    ],
)
def test_who_is_own_where_hosts_are_listed(origin: str, host: str, scheme: str, own: bool) -> None:
    assert is_own(strict(allowed_hosts=LISTED), origin, host, scheme) is own


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://localhost:8000", "localhost:8000"),
        ("http://127.0.0.1:8000", "127.0.0.1:8000"),
        ("http://192.168.1.20:8000", "192.168.1.20:8000"),
        ("http://[::1]:8000", "[::1]:8000"),
        ("https://orders.localhost", "orders.localhost"),
        ("http://testserver", "testserver"),
        ("http://localhost:5173", "localhost:8000"),
        ("https://localhost", "localhost:8000"),
        ("http://127.0.0.1:8000", "localhost:8000"),
    ],
)
def test_the_local_default_changes_nobody_who_is_own(origin: str, host: str) -> None:
    own = origin.partition("://")[2] == host
    for hosts in ((), LOCAL, ("dev.acme.com", *LOCAL)):
        policy = strict(allowed_hosts=hosts)
        assert is_own(policy, origin, host, "http") is own


def is_own(policy: Any, origin: str, host: str, scheme: str) -> bool:
    """Whether the guard and the WebSockets take a page for the service's own."""
    headers = {"origin": origin, "host": host}
    writes = request(policy, "POST", headers=headers, scheme=scheme).status
    assert writes in (200, 403)
    opened = opens(policy, headers, scheme=scheme.replace("http", "ws"))
    assert opened is (writes == 200)
    return opened


@pytest.mark.parametrize(
    ("site", "origin", "accepted"),
    [
        # Firefox sends it, Chromium does not.
        (None, APP, True),
        (None, API, True),
        (None, None, True),
        (None, "https://evil.net", False),
        ("cross-site", APP, True),
        ("same-site", APP, True),
        ("same-origin", API, True),
        ("same-site", API, True),
        ("none", None, True),
        ("cross-site", API, False),
        ("cross-site", None, False),
        ("same-origin", "https://evil.net", False),
        ("none", "https://evil.net", False),
    ],
)
def test_sec_fetch_site_of_a_handshake(
    site: str | None, origin: str | None, accepted: bool
) -> None:
    headers = {"host": "api.acme.com", "origin": origin, "sec-fetch-site": site}
    given = {name: value for name, value in headers.items() if value is not None}
    for policy in (strict(), strict(allowed_hosts=LISTED)):
        assert opens(policy, given) is accepted


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_provider_is_asked_before_sec_fetch_site(site: str) -> None:
    async def provider(origin: Any) -> bool:
        return bool(origin.host == "tenant.net")

    policy = strict(origin_provider=provider)
    headers = {"host": "api.acme.com", "sec-fetch-site": site}
    assert opens(policy, headers | {"origin": "https://tenant.net"})
    assert not opens(policy, headers | {"origin": "https://evil.net"})
