# fmt: off
"""Sites that are not allowed get no CORS headers and reach nothing, however close the name comes.

What is public is open to them too, but without credentials, and what lies beside it is not.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import pytest

from .service import (
    OTHER_SITE,
    OWN_HOST,
    OWN_ORIGIN,
    PROBE,
    TENANT,
    Service,
    a_few,
    asgi,
    browser,
    cors_headers,
    filled,
    knows_one_tenant,
    package_module,
    report,
    sample,
    split,
)

FIX = (
    "Only the policy in cors/ may send CORS headers or let a page in: remove the code that does it "
    "beside the policy, and restore cors/ if it was edited. `uv run cors check` finds most of it."
)

# What stands for the allowed origins in an environment that has none.
STAND_IN = "https://app.acme.com"


# --- Attacks: one family of origins for each mistake in a comparison --------------------------

LOOKALIKE = {"a": "а", "e": "е", "o": "о", "p": "р", "c": "с"}  # noqa: RUF001
ODD = [*"_-\"{}+^!~`;|&'()*,$=", "%60", "%0b"]


def unrelated(origin: str) -> Iterator[str]:
    yield from (OTHER_SITE, "http://evil.net", OWN_ORIGIN)


def prefix(origin: str) -> Iterator[str]:
    for ending in (".evil.net", "evil.net", "-evil.net", ".evil", "@evil.net", ":80.evil.net"):
        yield origin + ending


def suffix(origin: str) -> Iterator[str]:
    scheme, host, port = split(origin)
    parent = host.partition(".")[2] or host
    for name in (f"evil{host}", f"evil-{host}", f"evil{parent}"):
        yield f"{scheme}://{name}{port}"


def cut_short(origin: str) -> Iterator[str]:
    scheme, host, port = split(origin)
    yield from ("h", scheme, f"{scheme}://", f"{scheme}://{host[0]}", host, "", "/")
    yield origin[:-1]
    if "." in host:
        yield f"{scheme}://{host.rpartition('.')[0]}"
    if port:
        yield f"{scheme}://{host}"


def any_character_for_a_dot(origin: str) -> Iterator[str]:
    scheme, host, port = split(origin)
    for place, letter in enumerate(host):
        if letter == ".":
            yield f"{scheme}://{host[:place]}x{host[place + 1 :]}{port}"


def subdomain_and_parent(origin: str) -> Iterator[str]:
    scheme, host, port = split(origin)
    yield f"{scheme}://evil.{host}{port}"
    if host.count(".") > 1:
        parent = host.partition(".")[2]
        yield f"{scheme}://{parent}{port}"
        yield f"{scheme}://evil.{parent}.net{port}"


def scheme(origin: str) -> Iterator[str]:
    written, host, port = split(origin)
    rest = f"{host}{port}"
    other = "http" if written == "https" else "https"
    for text in (other, "ftp", "ws", "wss", "file", written.upper()):
        yield f"{text}://{rest}"
    yield from (f"//{rest}", f"{written}:/{rest}", f"{written}:{rest}", f"{written}:///{rest}")


def port(origin: str) -> Iterator[str]:
    scheme, host, _ = split(origin)
    for text in ("443", "80", "8443", "0", "65536", "0443", "", "evil", "1e3"):
        yield f"{scheme}://{host}:{text}"


def spelling(origin: str) -> Iterator[str]:
    scheme, host, port = split(origin)
    yield f"{scheme}://{host.upper()}{port}"
    yield f"{scheme}://{host}.{port}"
    for latin, cyrillic in LOOKALIKE.items():
        # A host that is punycode already has no look-alike in punycode.
        if latin in host and "xn--" not in host:
            with_lookalike = host.replace(latin, cyrillic, 1)
            yield f"{scheme}://{with_lookalike}{port}"
            yield f"{scheme}://{with_lookalike.encode('idna').decode()}{port}"
            break
    full_width = host.replace(".", "\uff0e", 1)
    yield f"{scheme}://{full_width}{port}"


def null_and_wildcards(origin: str) -> Iterator[str]:
    scheme, host, _ = split(origin)
    parent = host.partition(".")[2] or host
    yield from ("null", "NULL", "Null", "*", f"{scheme}://*", f"{scheme}://*.{parent}")
    yield f"null {origin}"


def delimiters(origin: str) -> Iterator[str]:
    scheme, host, port = split(origin)
    for ending in ("/", "?", "#", "%23", "/.evil.net", "#.evil.net", "?.evil.net", "@evil.net"):
        yield origin + ending
    yield f"{scheme}://user@{host}{port}"
    for separator in ("/", "#", "?", "\\"):
        yield f"{OTHER_SITE}{separator}{host}{port}"


def odd_characters(origin: str) -> Iterator[str]:
    scheme, host, port = split(origin)
    for odd in ODD:
        yield f"{origin}{odd}.evil.net"
        yield f"{scheme}://{host.replace('.', f'.{odd}.', 1)}{port}/{odd}"


def white_space_and_control(origin: str) -> Iterator[str]:
    middle = len(origin) // 2
    for odd in ("\t", "\x00", "%00", "%0d%0a", " ", "\x0b", "\x7f"):
        yield f"{origin}{odd}"
        yield f"{odd}{origin}"
        yield f"{origin[:middle]}{odd}{origin[middle:]}"


def several(origin: str) -> Iterator[str]:
    for separator in (",", ", ", " ", ";"):
        yield f"{origin}{separator}{OTHER_SITE}"
        yield f"{OTHER_SITE}{separator}{origin}"
        yield f"{origin}{separator}{origin}"


def loopback_lookalikes(origin: str) -> Iterator[str]:
    yield from ("http://localhost", "https://localhost", "http://0.0.0.0", "http://127.1")
    yield from ("http://127.0.0.1.evil.net", "http://localhost.evil.net")
    yield from ("http://2130706433", "http://0x7f000001")
    yield from ("http://[::1]", "http://[::ffff:7f00:1]")


def shared_hosting(origin: str) -> Iterator[str]:
    for host in ("github.io", "vercel.app", "netlify.app", "pages.dev", "codepen.io"):
        yield f"https://other-site.{host}"
    yield "chrome-extension://" + "ponmlkjihgfedcba" * 2


def oversize(origin: str) -> Iterator[str]:
    yield origin + "a" * 10_000
    yield f"https://{'a' * 10_000}.evil.net"


def cross_pairs(origins: Sequence[str]) -> Iterator[str]:
    """Mix the scheme, host and port of one allowed origin with those of another."""
    for one in origins:
        for other in origins:
            if one != other:
                scheme, host, port = split(one)
                other_scheme, other_host, other_port = split(other)
                yield f"{other_scheme}://{host}{port}"
                yield f"{scheme}://{host}{other_port}"
                yield f"{scheme}://{host}.{other_host}{port}"


def around_a_pattern(pattern: str) -> Iterator[str]:
    """Yield origins that nearly match a pattern."""
    scheme, host, port = split(pattern)
    label, _, parent = host.partition(".")
    if label == "*":
        yield f"{scheme}://{parent}{port}"
        yield f"{scheme}://user@evil.net:1.{parent}{port}"
    if parent:
        for odd in ("", "a.", "a.b", "-a", "a-", "evil.net/", "evil.net#", "a_b", "a%2eb", "A"):
            yield f"{scheme}://{label.replace('*', odd)}.{parent}{port}"
        yield f"{scheme}://{label.replace('*', 'a')}.{parent}.evil.net{port}"
        yield f"{scheme}://{label.replace('*', 'a')}x{parent}{port}"
    if port == ":*":
        for odd in (":", ":0", ":655360", ":080", ":evil", ":1.evil.net"):
            yield f"{scheme}://{host}{odd}"


FAMILIES: tuple[Callable[..., Iterator[str]], ...] = (
    unrelated,
    prefix,
    suffix,
    cut_short,
    any_character_for_a_dot,
    subdomain_and_parent,
    scheme,
    port,
    spelling,
    null_and_wildcards,
    delimiters,
    odd_characters,
    white_space_and_control,
    several,
    loopback_lookalikes,
    shared_hosting,
    oversize,
    cross_pairs,
    around_a_pattern,
)
each_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)


def attacked(service: Service) -> Sequence[str]:
    """Return the allowed origins that other sites imitate."""
    return a_few(service.expected.origins) or [STAND_IN]


def other_sites(service: Service, family: Callable[..., Iterator[str]]) -> Iterator[str]:
    """Yield the origins of a family, without those that happen to be allowed."""
    targets: Sequence[object] = attacked(service)
    if family is cross_pairs:
        targets = [targets]
    elif family is around_a_pattern:
        targets = [listed for listed in service.expected.listed if "*" in listed]
    candidates = dict.fromkeys(origin for target in targets for origin in family(target))
    yield from (origin for origin in candidates if not service.expected.allows(origin))


def as_sent(origin: str) -> str:
    """Return the text whose latin-1 bytes are the UTF-8 bytes of this origin."""
    return origin.encode().decode("latin-1")


# --- Requests ---------------------------------------------------------------------------------


def responses(service: Service, origin: str) -> Iterator[tuple[str, object]]:
    """Send what another site can send. Yield each request as text, with its response."""
    sent = as_sent(origin)
    lines = [("Origin", sent)]
    yield f"GET {PROBE}", service.send("GET", PROBE, lines)
    yield f"POST {PROBE}", service.send("POST", PROBE, lines)
    yield f"preflight PUT {PROBE}", service.preflight(sent, "PUT")
    yield f"preflight POST {PROBE}", service.preflight(sent, "POST", headers="content-type")
    yield "GET /no-such-path", service.send("GET", "/no-such-path", lines)
    yield f"GET {PROBE} that crashes", service.send("GET", f"{PROBE}?raise=1", lines)
    yield f"GET {PROBE} that grants itself", service.send("GET", f"{PROBE}?grant=1", lines)


@each_family
def test_other_sites_get_no_cors_headers(
    service: Service, family: Callable[..., Iterator[str]]
) -> None:
    found = []
    for origin in other_sites(service, family):
        for request, response in responses(service, origin):
            headers = cors_headers(response)
            if service.expected.is_public(PROBE):
                # Every site may call, but none with credentials.
                right = headers.get("access-control-allow-origin") == "*"
                right = right and "access-control-allow-credentials" not in headers
            else:
                right = headers == {}
            if not right:
                found.append(f"{service.environment}: {origin!r} gets {headers} for {request}")
    assert not found, report(found, FIX)


@each_family
def test_other_sites_open_no_websocket(
    service: Service, family: Callable[..., Iterator[str]]
) -> None:
    found = [
        f"{service.environment}: {origin!r} may open a WebSocket"
        for origin in other_sites(service, family)
        if origin != OWN_ORIGIN and service.opens_websocket(f"{PROBE}/socket", as_sent(origin))
    ]
    assert not found, report(found, FIX)


def test_other_sites_cannot_read_any_route(service: Service) -> None:
    found = []
    for path in service.own_paths:
        if not service.expected.is_public(path):
            outcome = service.fetch(OTHER_SITE, "GET", path, credentials="include")
            if outcome.allowed or cors_headers(outcome.response):
                found.append(f"{service.environment}: {OTHER_SITE} may GET {path}")
    assert not found, report(found, FIX)


def test_other_sites_reach_no_websocket_route(service: Service) -> None:
    """The handshake does not even reach the code that would ask for a login."""
    for path in (*service.own_websockets, *service.mounted_paths):
        with service.dry_run() as passed:
            service.opens_websocket(path, OTHER_SITE)
        assert passed == [], f"{service.environment}: {OTHER_SITE} may open {path}. {FIX}"


def test_hosts_that_look_like_this_service_open_no_websocket(service: Service) -> None:
    host = OWN_ORIGIN.removeprefix("https://")
    for origin in (
        f"https://evil{host}",
        f"https://evil.{host}",
        f"{OWN_ORIGIN}.evil.net",
        f"{OWN_ORIGIN}:8443",
        # Anyone on the user's network can serve a page for the service's host over http.
        f"http://{host}",
    ):
        opened = service.opens_websocket(f"{PROBE}/socket", origin)
        assert not opened, f"{service.environment}: {origin} may open a WebSocket. {FIX}"


def test_pages_of_this_service_may_open_a_websocket(service: Service) -> None:
    opened = service.opens_websocket(f"{PROBE}/socket", OWN_ORIGIN)
    assert opened, f"{service.environment}: pages of the service itself may not. {FIX}"


def test_a_refused_preflight_does_not_tell_the_policy(service: Service) -> None:
    if service.expected.is_public(PROBE):
        pytest.skip("the policy is public")
    for route in service.own_routes:
        path = filled(route.path)
        for method in route.methods if not service.expected.is_public(path) else ():
            with service.dry_run() as passed:
                response = service.preflight(OTHER_SITE, method, path)
            what = f"{service.environment}: preflight of {OTHER_SITE} for {method} {path}. {FIX}"
            assert (response.status, cors_headers(response), passed) == (403, {}, []), what
            if service.environment not in ("development", "test"):
                body = response.body.decode().lower()
                assert not any(origin in body for origin in service.expected.origins), what


def test_two_origin_headers_count_as_another_site(service: Service) -> None:
    promised = "*" if service.expected.is_public(PROBE) else None
    for origin in attacked(service):
        for first, second in ((origin, OTHER_SITE), (OTHER_SITE, origin)):
            lines = [("Origin", first), ("Origin", second)]
            headers = cors_headers(service.send("GET", PROBE, lines))
            what = f"{service.environment}: Origin is sent as {first} and as {second}. {FIX}"
            assert headers.get("access-control-allow-origin") == promised, what
            assert not service.opens_websocket(f"{PROBE}/socket", first, second), what


def test_a_request_without_an_origin_gets_no_cors_headers(service: Service) -> None:
    assert cors_headers(service.send("GET", PROBE)) == {}, FIX
    opened = service.opens_websocket(f"{PROBE}/socket")
    assert opened, f"{service.environment}: programs that send no Origin may not. {FIX}"


def test_a_flood_of_requested_headers_is_not_echoed(service: Service) -> None:
    """A preflight with thousands of names, many lines and empty elements gets a short response."""
    for origin in (*attacked(service), OTHER_SITE):
        flood = [
            ("Origin", origin),
            ("Access-Control-Request-Method", "PUT"),
            ("Access-Control-Request-Headers", ",".join(f"x-{n}" for n in range(1000))),
            ("Access-Control-Request-Headers", "," * 5000),
        ]
        response = service.send("OPTIONS", PROBE, flood)
        assert sum(len(value) for _, value in response.headers) < 4096, FIX


# --- Public paths -----------------------------------------------------------------------------


@pytest.fixture
def public(service: Service) -> Service:
    """The service in an environment with public paths."""
    if not service.expected.public_paths:
        pytest.skip(f"{service.environment} has no public path")
    return service


def test_every_site_may_read_public_paths(public: Service) -> None:
    for path in public.expected.public_probes:
        outcome = public.fetch(OTHER_SITE, "GET", path)
        assert outcome.allowed, f"{public.blocked(OTHER_SITE, 'GET', path, outcome.message)} {FIX}"


def test_public_paths_never_allow_credentials(public: Service) -> None:
    for path in public.expected.public_probes:
        outcome = public.fetch(OTHER_SITE, "GET", path, credentials="include")
        what = f"{public.environment}: {OTHER_SITE} may GET {path} with cookies"
        assert not outcome.allowed, f"{what}. {FIX}"
        assert outcome.reason.name == "ALLOW_ORIGIN_WILDCARD", outcome.message


def test_allowed_origins_keep_their_grant_on_public_paths(
    public: Service, origins: tuple[str, ...]
) -> None:
    credentials = "true" if public.expected.credentials else None
    for path in public.expected.public_probes:
        for origin in origins:
            headers = cors_headers(public.send("GET", path, {"Origin": origin}))
            told = headers.get("access-control-allow-origin")
            what = f"{public.environment}: {origin} gets {headers} for {path}. {FIX}"
            assert told == origin, what
            assert headers.get("access-control-allow-credentials") == credentials, what


def test_public_paths_open_no_websocket(public: Service) -> None:
    """A WebSocket has no response that could be withheld, and browsers send cookies along."""
    for path in public.expected.public_probes:
        opened = public.opens_websocket(f"{path}/socket", OTHER_SITE)
        assert not opened, f"{public.environment}: {OTHER_SITE} may open {path}/socket. {FIX}"


def test_paths_that_only_begin_alike_are_not_public(public: Service) -> None:
    for prefix in public.expected.public_paths:
        for path in (f"{prefix}x", f"/x{prefix}"):
            if not public.expected.is_public(path):
                headers = cors_headers(public.send("GET", path, {"Origin": OTHER_SITE}))
                assert headers == {}, f"{public.environment}: {path} is public. {FIX}"


def test_public_paths_lead_to_no_other_path(public: Service) -> None:
    """Code further in may resolve these, and so arrive at a path that is not public."""
    for prefix in public.expected.public_paths:
        for way in ("/../secret", "/%2e%2e/secret", "/x/..", "//secret", "/..%5csecret"):
            path = prefix.rstrip("/") + way
            headers = cors_headers(public.send("GET", path, {"Origin": OTHER_SITE}))
            assert headers == {}, f"{public.environment}: {path} is public. {FIX}"


# --- Tenants: origins that a provider allows --------------------------------------------------


@pytest.fixture
def tenants(service: Service) -> Iterator[Service]:
    """The service in an environment with an origin_provider."""
    if not service.has_provider:
        pytest.skip("the app has no origin_provider")
    service.provide(knows_one_tenant)
    yield service
    service.provide(knows_one_tenant)


async def raises(origin: object) -> bool:
    raise RuntimeError("raised on purpose: a provider that fails allows nobody")


async def is_late(origin: object) -> bool:
    await asyncio.Event().wait()
    return True


async def is_late_and_goes_on(origin: object) -> bool:
    with suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    return True


async def returns_a_row(origin: object) -> Any:
    return (TENANT,)


@pytest.mark.parametrize("provider", [raises, is_late, is_late_and_goes_on, returns_a_row])
def test_without_an_answer_of_the_provider_a_site_learns_nothing(
    tenants: Service, provider: Any
) -> None:
    tenants.provide(provider, timeout=0.01)
    promised = "*" if tenants.expected.is_public(PROBE) else None
    for request, response in responses(tenants, TENANT):
        headers = cors_headers(response)
        what = f"{tenants.environment}: {TENANT} gets {headers} for {request}. {FIX}"
        assert headers.get("access-control-allow-origin") == promised, what
        assert "access-control-allow-credentials" not in headers, what
    opened = tenants.opens_websocket(f"{PROBE}/socket", TENANT)
    assert not opened, f"{tenants.environment}: {TENANT} may open a WebSocket. {FIX}"
    tenants.provide(knows_one_tenant)
    assert cors_headers(tenants.send("GET", PROBE, {"Origin": TENANT})), FIX


def test_tenants_get_no_credentials(tenants: Service) -> None:
    """Neither in the response, nor for a write or a WebSocket that comes with a cookie."""
    granted = "true" if tenants.app.cors.provider_credentials else None  # type: ignore[attr-defined]
    for response in (
        tenants.send("GET", PROBE, {"Origin": TENANT}),
        tenants.preflight(TENANT, "PUT"),
    ):
        headers = cors_headers(response)
        what = f"{tenants.environment}: {TENANT} gets {headers}. {FIX}"
        assert headers.get("access-control-allow-origin") == TENANT, what
        assert headers.get("access-control-allow-credentials") == granted, what
    cookie = {"Origin": TENANT, "Sec-Fetch-Site": "cross-site", "Cookie": "session=stolen"}
    with tenants.dry_run() as passed:
        tenants.send("POST", PROBE, cookie)
        writes = passed != []
    if tenants.expected.guard_writes:
        what = f"{tenants.environment}: {TENANT} writes with the user's cookie: {writes}. {FIX}"
        assert writes == (granted == "true"), what
    lines = [(name.lower(), value) for name, value in cookie.items()]
    opened = tenants.transport.websocket(f"{PROBE}/socket", lines).status == 101
    what = f"{tenants.environment}: {TENANT} opens a WebSocket with the user's cookie: {opened}"
    assert opened == (granted == "true"), f"{what}. {FIX}"


def test_tenants_write_and_open_websockets_without_a_login(tenants: Service) -> None:
    for method in ("POST", "PUT"):
        headers = {"Origin": TENANT, "Sec-Fetch-Site": "cross-site"}
        status = tenants.send(method, PROBE, headers).status
        assert status == 200, f"{tenants.environment}: {method} of {TENANT} gets {status}. {FIX}"
    opened = tenants.opens_websocket(f"{PROBE}/socket", TENANT)
    assert opened, f"{tenants.environment}: {TENANT} may not open a WebSocket. {FIX}"


def test_the_provider_is_asked_only_about_exact_https_origins(tenants: Service) -> None:
    asked: list[str] = []

    async def allows_all(origin: object) -> bool:
        asked.append(str(origin))
        return True

    tenants.provide(allows_all)
    name = TENANT.removeprefix("https://")
    texts = [f"http://{name}", f"https://{name.title()}", f"{TENANT}:443", f"{TENANT}/", "null"]
    for origin in [*texts, f"{TENANT}.", f"https://*.{name}", f"https://a@{name}", OWN_ORIGIN]:
        tenants.send("GET", PROBE, {"Origin": origin})
        tenants.opens_websocket(f"{PROBE}/socket", origin)
        tenants.preflight(origin, "PUT")
    for origin in tenants.expected.origins:
        tenants.send("GET", PROBE, {"Origin": origin})
    assert asked == [], f"{tenants.environment}: the provider is asked about {asked}. {FIX}"


def test_answers_of_the_provider_are_remembered_within_bounds(tenants: Service) -> None:
    """Other sites, however many, let the service forget no tenant."""
    asked: list[str] = []

    async def knows(origin: object) -> bool:
        asked.append(str(origin))
        return await knows_one_tenant(origin)

    tenants.provide(knows, yes_size=2, no_size=2)
    others = [f"https://evil{number}.net" for number in range(5)]
    for origin in (TENANT, *others, TENANT, others[0], others[0]):
        headers = cors_headers(tenants.send("GET", PROBE, {"Origin": origin}))
        granted = headers.get("access-control-allow-origin") == origin
        assert granted == (origin == TENANT), f"{tenants.environment}: {origin} gets {headers}"
    what = f"{tenants.environment}: the provider is asked about {asked}. {FIX}"
    assert asked == [TENANT, *others, others[0]], what


# --- Hosts: anybody can point a name of theirs to this service --------------------------------

HOST_FIX = "Restore cors/ if it was edited; names of the service go into CORS_ALLOWED_HOSTS."
OTHER_HOSTS = [
    *("evil.net", "evil.net:8000", "EVIL.NET", "localhost.evil.net", "127.0.0.1.evil.net:80"),
    *("evillocalhost.net", f"{OWN_HOST}.evil.net", f"evil.{OWN_HOST}.net", "[::1].evil.net", "."),
    *("evil.net:80:80", "localhost,evil.net", "user@localhost", "[evil.net]"),
]
ADDRESSES = ["127.0.0.1", "127.0.0.1:8000", "10.1.2.3:8000", "[::1]:8000", "[2001:db8::1]"]
LOCAL_HOSTS = ["localhost", "LOCALHOST:8000", "api.localhost:8000", "testserver", "orders_api:80"]


@pytest.fixture
def hosted(service: Service) -> Service:
    """The service in an environment that does not answer under any host."""
    if not service.expected.hosts and not service.expected.is_local:
        pytest.skip(f"{service.environment} has no CORS_ALLOWED_HOSTS")
    return service


@pytest.mark.parametrize("host", OTHER_HOSTS)
def test_a_name_of_somebody_else_reaches_no_handler(hosted: Service, host: str) -> None:
    """To the browser, a page at such a name is a page of the service itself."""
    for method in ("GET", "POST", "OPTIONS"):
        hosted.handled.clear()
        page = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
        response = hosted.send(method, PROBE, page)
        what = f"{hosted.environment}: {method} with Host: {host} gets {response.status}"
        assert (response.status, hosted.handled) == (400, []), f"{what}. {HOST_FIX}"
        granted = cors_headers(response).get("access-control-allow-origin")
        is_open = hosted.expected.is_public(PROBE) and granted == "*"
        assert granted is None or is_open, f"{what} with a grant. {HOST_FIX}"
    opened = hosted.opens_websocket(f"{PROBE}/socket", f"http://{host}", host=host)
    assert not opened, f"{hosted.environment}: Host: {host} opens a WebSocket. {HOST_FIX}"


def test_a_name_of_somebody_else_reaches_none_of_your_routes(hosted: Service) -> None:
    for path in hosted.own_paths:
        with hosted.dry_run() as passed:
            hosted.send("GET", path, {"Host": "evil.net"})
        assert passed == [], f"{hosted.environment}: Host: evil.net may GET {path}. {HOST_FIX}"


def test_no_name_that_resembles_a_listed_host_is_let_in(service: Service) -> None:
    hosts = service.expected.hosts
    covered = {host.removeprefix("*") for host in hosts if "*" in host}
    for host in hosts:
        name = host.removeprefix("*.")
        others = [f"evil{name}", f"{name}.evil.net", f"a.b.{name}", f"evil-{name}", f".{name}"]
        for other in others:
            if other in hosts or f".{other.partition('.')[2]}" in covered or "." not in other:
                continue
            status = service.send("GET", PROBE, {"Host": other}).status
            assert status == 400, f"{service.environment}: Host: {other} gets {status}. {HOST_FIX}"


def test_a_refused_host_is_logged_once(hosted: Service, log: list[Any]) -> None:
    transport = policy_alone(hosted)
    for _ in range(3):
        transport(browser.Request("GET", PROBE, (("host", "evil.net:8000"),)))
    logged = [record.cors_missing for record in log if record.cors_kind == "host"]
    what = f"{hosted.environment}: three requests to Host: evil.net leave {logged} in the log"
    assert logged == ["evil.net"], f"{what}. {HOST_FIX}"


def test_addresses_and_own_names_are_let_in(hosted: Service) -> None:
    """Probes of Kubernetes and load balancers use an address, telephones too."""
    own = [sample(host) for host in hosted.expected.hosts]
    for host in (*ADDRESSES, *own, *(LOCAL_HOSTS if hosted.expected.is_local else ())):
        status = hosted.send("GET", PROBE, {"Host": host}).status
        opened = hosted.opens_websocket(f"{PROBE}/socket", host=host)
        what = f"{hosted.environment}: Host: {host} gets {status}"
        assert (status, opened) == (200, True), f"{what}. {HOST_FIX}"


def test_allowed_origins_can_read_that_the_host_is_wrong(hosted: Service) -> None:
    """Otherwise the console would blame CORS."""
    for origin in a_few(hosted.expected.origins):
        for method in ("GET", "POST"):
            response = hosted.send(method, PROBE, {"Host": "evil.net", "Origin": origin})
            granted = cors_headers(response).get("access-control-allow-origin")
            what = f"{hosted.environment}: {origin} gets {response} under another host"
            assert (response.status, granted) == (400, origin), f"{what}. {HOST_FIX}"


def test_a_listed_host_is_own_behind_any_proxy(service: Service) -> None:
    """Over https alone: anybody on the network can write a page of it over http."""
    plain = asgi.ASGITransport(service.app, service.own_origin.replace("https", "http"))
    for host in service.expected.hosts:
        if "*" not in host and re.search("[a-z]", host):
            for proxied in ("10.1.2.3:8000", host):
                opened = service.opens_websocket(f"{PROBE}/socket", f"https://{host}", host=proxied)
                what = f"{service.environment}: pages of https://{host} with Host: {proxied}"
                assert opened, f"{what} open no WebSocket. {HOST_FIX}"
            for page in (f"http://{host}", f"https://{host}:8443", f"https://evil.{host}"):
                lines = (("host", host), ("origin", page))
                opened = plain.websocket(f"{PROBE}/socket", lines).status == 101
                what = f"{service.environment}: pages of {page}"
                assert not opened or service.expected.allows(page), f"{what} are own. {HOST_FIX}"


def test_no_address_is_own_where_hosts_are_listed(service: Service) -> None:
    if not service.expected.hosts or service.expected.is_local:
        pytest.skip(f"{service.environment} has no CORS_ALLOWED_HOSTS")
    for host in ADDRESSES:
        opened = service.opens_websocket(f"{PROBE}/socket", f"https://{host}", host=host)
        what = f"{service.environment}: pages of https://{host}"
        assert not opened or service.expected.allows(f"https://{host}"), f"{what} are own. {FIX}"


def test_a_handshake_that_says_cross_site_needs_a_listed_origin(service: Service) -> None:
    """Firefox says so. Chromium does not, so that its absence decides nothing."""
    socket, what = f"{PROBE}/socket", f"{service.environment}: with Sec-Fetch-Site: cross-site"
    for origins in ((), (OWN_ORIGIN,), (OTHER_SITE,)):
        opened = service.opens_websocket(socket, *origins, sec_fetch_site="cross-site")
        assert not opened, f"{what}, {origins or 'no origin'} opens a WebSocket. {FIX}"
    for origin in a_few(service.expected.origins):
        opened = service.opens_websocket(socket, origin, sec_fetch_site="cross-site")
        assert opened, f"{what}, {origin} opens no WebSocket. {FIX}"


# --- The log ----------------------------------------------------------------------------------

LOG_FIX = "Restore cors/ if it was edited: an update of the template does that."


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the policy logs about refusals from now on, however you configured its logger."""
    logger, handler = logging.getLogger(package_module("cors").__name__), logging.Handler()
    records: list[Any] = []
    monkeypatch.setattr(handler, "emit", records.append)
    handler.addFilter(lambda record: record.name == logger.name)
    changes = {"disabled": False, "isEnabledFor": lambda level: True, "handlers": [handler]}
    for name, value in (changes | {"propagate": False}).items():
        monkeypatch.setattr(logger, name, value)
    return records


def policy_alone(service: Service, on_refusal: Any = None) -> Any:
    """Return a transport to the policy in front of an empty app: none of your code runs."""
    make = package_module("cors.app").CORSFastAPI
    app = make(cors=service.app.cors_policy, on_refusal=on_refusal)
    return asgi.ASGITransport(app, service.own_origin)


def ask(transport: Any, method: str, origin: str, *asked: str) -> Any:
    """Send a request, a preflight or a handshake, with secrets in its query and its cookie."""
    lines = [("origin", origin), ("cookie", "session=s3cret")]
    lines += [("access-control-request-method", name) for name in asked]
    path = f"{PROBE}?token=s3cret"
    if method == "WEBSOCKET":
        return transport.websocket(path, lines)
    return transport(browser.Request(method, path, tuple(lines)))


def test_each_refusal_is_logged_once_and_without_secrets(service: Service, log: list[Any]) -> None:
    transport = policy_alone(service)
    requests: dict[str, tuple[str, ...]] = {"handshake": ("WEBSOCKET", OTHER_SITE)}
    if not service.expected.is_public(PROBE):
        requests["request"] = ("GET", OTHER_SITE)
        requests["preflight"] = ("OPTIONS", OTHER_SITE, "PUT")
    if service.expected.guard_writes:
        requests["write"] = ("POST", OTHER_SITE)
    for kind, request in requests.items():
        for _ in range(3):
            ask(transport, *request)
        logged = [record for record in log if record.cors_kind == kind]
        what = f"{service.environment}: a refused {kind} is logged {len(logged)} times"
        assert [record.levelname for record in logged] == ["WARNING"], f"{what}. {LOG_FIX}"
    for origin in a_few(service.expected.origins):
        ask(transport, "OPTIONS", origin, "UNLISTED")
        what = f"{service.environment}: the preflight of {origin} for UNLISTED is not logged"
        assert "reason=method missing=UNLISTED" in log[-1].getMessage(), f"{what}. {LOG_FIX}"
    text = str([vars(record) for record in log])
    assert "s3cret" not in text, f"the log holds a query or a cookie. {LOG_FIX}"


def test_what_is_allowed_is_not_logged(service: Service, log: list[Any]) -> None:
    transport, allowed = policy_alone(service), a_few(service.expected.origins)
    for origin in (service.own_origin, *allowed):
        for method in ("GET", "POST", "WEBSOCKET"):
            ask(transport, method, origin)
    for origin in allowed:
        for method in (*service.expected.methods, "GET"):
            ask(transport, "OPTIONS", origin, method.replace("*", "PUT"))
    found = [f"{service.environment}: {record.getMessage()}" for record in log]
    assert not found, report(found, LOG_FIX)


def test_a_flood_of_refusals_changes_nothing_but_a_count(service: Service, log: list[Any]) -> None:
    told: list[Any] = []

    def fail(refusal: Any) -> None:
        told.append(refusal)
        raise RuntimeError("raised on purpose: metrics must not change a response")

    transport = policy_alone(service, fail)
    for number in range(300):
        response = ask(transport, "WEBSOCKET", f"https://evil{number}.net\n")
        assert response.status == 403, f"on_refusal changes a response. {LOG_FIX}"
    texts = [record.getMessage() for record in log if not record.exc_info]
    assert len(told) == 300, f"on_refusal is called for {len(told)} of 300 refusals. {LOG_FIX}"
    assert len(texts) <= 256, f"a flood of refusals fills the log. {LOG_FIX}"
    assert all(text.isprintable() for text in texts), f"control characters are logged. {LOG_FIX}"
