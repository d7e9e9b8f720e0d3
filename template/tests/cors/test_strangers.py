"""Whoever is not listed learns nothing and reaches nothing, however close the name comes."""

from collections.abc import Iterator

import pytest

from .attacks import FAMILIES, around_a_pattern, as_sent, cross_pairs
from .service import OWN_ORIGIN, PROBE, Service, filled, granted, sentences

# More than this tells nothing new about a comparison, and costs a thousand requests each.
MOST_ORIGINS = 4

# What an environment without any origin is attacked with.
STAND_IN = "https://app.acme.com"


def chosen(origins: tuple[str, ...]) -> tuple[str, ...]:
    """Return a few of the origins, the first and the last among them."""
    if len(origins) <= MOST_ORIGINS:
        return origins or (STAND_IN,)
    return (*origins[: MOST_ORIGINS - 1], origins[-1])


def strangers(service: Service, family: str) -> Iterator[str]:
    """Yield the origins of a family that are not listed by chance."""
    candidates: list[str] = []
    origins = chosen(service.expected.origins)
    if family == "cross_pairs":
        candidates += cross_pairs(origins)
    elif family == "around_a_pattern":
        for pattern in service.expected.listed:
            if "*" in pattern:
                candidates += around_a_pattern(pattern)
    else:
        for origin in origins:
            candidates += FAMILIES[family](origin)
    yield from (o for o in dict.fromkeys(candidates) if not service.expected.allows(o))


def requests(service: Service, origin: str) -> Iterator[tuple[str, object]]:
    """Send what a stranger may send, and yield each as text with its response."""
    sent = as_sent(origin)
    asked = [("Origin", sent)]
    yield f"GET {PROBE}", service.send("GET", PROBE, asked)
    yield f"POST {PROBE}", service.send("POST", PROBE, asked)
    yield f"preflight PUT {PROBE}", service.preflight(sent, "PUT")
    yield f"preflight POST {PROBE}", service.preflight(sent, "POST", headers="content-type")
    yield "GET /no-such-path", service.send("GET", "/no-such-path", asked)
    yield f"GET {PROBE} that crashes", service.send("GET", f"{PROBE}?raise=1", asked)
    yield f"GET {PROBE} that grants itself", service.send("GET", f"{PROBE}?grant=1", asked)


@pytest.mark.parametrize("family", [*FAMILIES, "cross_pairs", "around_a_pattern"])
def test_a_stranger_learns_nothing(service: Service, family: str) -> None:
    found = []
    for origin in strangers(service, family):
        for what, response in requests(service, origin):
            grants = granted(response)
            if service.expected.is_public(PROBE):
                # Open to every site, so a stranger is told so, and nothing of credentials.
                fine = grants.get("access-control-allow-origin") == "*"
                fine = fine and "access-control-allow-credentials" not in grants
            else:
                fine = not grants
            if not fine:
                found.append(f"{service.environment}: {origin!r} is granted {grants} by {what}")
    assert found == [], sentences(found)


@pytest.mark.parametrize("family", [*FAMILIES, "cross_pairs", "around_a_pattern"])
def test_a_stranger_opens_no_websocket(service: Service, family: str) -> None:
    opened = [
        origin
        for origin in strangers(service, family)
        if origin != OWN_ORIGIN and service.opens(f"{PROBE}/socket", as_sent(origin))
    ]
    assert opened == [], sentences(
        [f"{service.environment}: {origin!r} may open a WebSocket" for origin in opened]
    )


def test_a_stranger_reads_none_of_the_services_own_routes(service: Service) -> None:
    found = []
    for path in service.own_paths:
        if not service.expected.is_public(path):
            outcome = service.fetch("https://evil.net", "GET", path, credentials="include")
            if outcome.allowed or granted(outcome.response):
                found.append(f"{service.environment}: https://evil.net may GET {path}")
    assert found == [], sentences(found)


def test_a_stranger_opens_none_of_the_services_own_websockets(service: Service) -> None:
    """Nor does a handshake get as far as the code that would ask for a login."""
    paths = [filled(route.path) for route in service.own_routes if route.is_websocket]
    for path in (*paths, *service.mounted_paths):
        with service.closed() as passed:
            service.opens(path, "https://evil.net")
        assert passed == [], f"{service.environment}: https://evil.net may open {path}"


def test_a_page_of_a_host_that_looks_like_the_services_own_opens_no_websocket(
    service: Service,
) -> None:
    host = OWN_ORIGIN.removeprefix("https://")
    for origin in (
        f"https://evil{host}",
        f"https://evil.{host}",
        f"{OWN_ORIGIN}.evil.net",
        f"{OWN_ORIGIN}:8443",
        # Whoever shares the network with a user can write a page of the service's host over http.
        f"http://{host}",
    ):
        assert not service.opens(f"{PROBE}/socket", origin), f"{origin} may open a WebSocket"


def test_the_services_own_pages_open_a_websocket(service: Service) -> None:
    assert service.opens(f"{PROBE}/socket", OWN_ORIGIN)


def test_a_preflight_tells_a_stranger_nothing_of_the_policy(service: Service) -> None:
    if service.expected.is_public(PROBE):
        pytest.skip("the policy is public")
    for route in service.own_routes:
        path = filled(route.path)
        for method in route.methods if not service.expected.is_public(path) else ():
            with service.closed() as passed:
                response = service.preflight("https://evil.net", method, path)
            assert (response.status, granted(response), passed) == (403, {}, []), path
            if service.environment not in ("development", "test"):
                body = response.body.decode().lower()
                assert not any(origin in body for origin in service.expected.origins)


def test_two_origin_headers_are_a_stranger(service: Service) -> None:
    for origin in chosen(service.expected.origins):
        for first, second in ((origin, "https://evil.net"), ("https://evil.net", origin)):
            asked = [("Origin", first), ("Origin", second)]
            grants = granted(service.send("GET", PROBE, asked))
            assert grants.get("access-control-allow-origin") in (
                ("*",) if service.expected.is_public(PROBE) else (None,)
            )
            assert not service.opens(f"{PROBE}/socket", first, second)


def test_a_request_without_an_origin_is_answered_without_a_grant(service: Service) -> None:
    assert granted(service.send("GET", PROBE, {})) == {}
    assert service.opens(f"{PROBE}/socket")


def test_no_flood_of_requested_headers_is_echoed(service: Service) -> None:
    """Thousands of names, many lines and empty elements cost a stranger's request, not ours."""
    for origin in (*chosen(service.expected.origins), "https://evil.net"):
        flood = [
            ("Origin", origin),
            ("Access-Control-Request-Method", "PUT"),
            ("Access-Control-Request-Headers", ",".join(f"x-{n}" for n in range(1000))),
            ("Access-Control-Request-Headers", "," * 5000),
        ]
        response = service.send("OPTIONS", PROBE, flood)
        assert sum(len(value) for _, value in response.headers) < 4096
