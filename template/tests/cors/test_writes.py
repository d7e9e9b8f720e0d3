"""Forged writes: a page of a stranger can send a POST that it may not read. It must not run."""

from collections.abc import Iterator

import pytest

from .service import OWN_ORIGIN, PROBE, SAFE_METHODS, Service, filled

UNSAFE = ["POST", "PUT", "PATCH", "DELETE"]
STRANGER = "https://evil.net"


def arrived(service: Service, method: str, headers: dict[str, str]) -> bool:
    """Send a write and tell whether the handler ran."""
    service.handled.clear()
    response = service.send(method, PROBE, headers)
    assert bool(service.handled) == (response.status == 200), response
    return bool(service.handled)


def passes(service: Service, method: str, path: str, headers: dict[str, str]) -> bool:
    """Send a write and tell whether it gets past the policy; nothing of yours runs."""
    with service.closed() as passed:
        service.send(method, path, headers)
    return passed != []


def writes(service: Service) -> Iterator[tuple[str, str]]:
    """Yield method and path of everything that the service's own routes take writes for.

    What is mounted and has no routes to look at may take any.
    """
    for route in service.own_routes:
        for method in sorted(route.methods - SAFE_METHODS):
            yield method, filled(route.path)
    for path in service.mounted_paths:
        yield from ((method, path) for method in UNSAFE)


@pytest.fixture
def guarded(service: Service) -> Service:
    """An environment that promises to refuse forged writes."""
    if not service.expected.guard_writes:
        pytest.skip(f"{service.environment} does not set CORS_GUARD_WRITES")
    return service


@pytest.mark.parametrize("method", UNSAFE)
@pytest.mark.parametrize(
    "forged",
    [
        {"Origin": STRANGER, "Sec-Fetch-Site": "cross-site", "Cookie": "session=stolen"},
        {"Origin": STRANGER, "Cookie": "session=stolen"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site", "Cookie": "session=stolen"},
        {"Origin": "null", "Cookie": "session=stolen"},
        {"Sec-Fetch-Site": "cross-site", "Cookie": "session=stolen"},
        {"Sec-Fetch-Site": "same-site", "Origin": STRANGER, "Cookie": "session=stolen"},
        # Without a cookie it still runs inside the network that the user sits in.
        {"Origin": STRANGER, "Sec-Fetch-Site": "cross-site"},
        {"Origin": STRANGER},
        # Hosts and schemes that come close to the service's own.
        {"Origin": OWN_ORIGIN.replace("https://", "https://evil")},
        {"Origin": OWN_ORIGIN.replace("https://", "https://evil.")},
        {"Origin": f"{OWN_ORIGIN}.evil.net"},
        {"Origin": f"{OWN_ORIGIN}:8443"},
        {"Origin": OWN_ORIGIN.replace("https://", "http://")},
    ],
    ids=lambda forged: " ".join(f"{name}:{value}" for name, value in forged.items()),
)
def test_a_strangers_write_never_runs(
    guarded: Service, method: str, forged: dict[str, str]
) -> None:
    assert not arrived(guarded, method, forged)


def test_a_form_on_a_strangers_page_never_runs(guarded: Service) -> None:
    """As a browser sends it: no preflight, cookies included."""
    guarded.handled.clear()
    guarded.fetch(STRANGER, "POST", mode="no-cors", credentials="include")
    assert guarded.handled == []


@pytest.mark.parametrize("method", UNSAFE)
def test_a_listed_origin_may_write(guarded: Service, origins: tuple[str, ...], method: str) -> None:
    for origin in origins:
        for site in ("same-site", "cross-site"):
            assert arrived(guarded, method, {"Origin": origin, "Sec-Fetch-Site": site})
        assert arrived(guarded, method, {"Origin": origin})


@pytest.mark.parametrize("method", UNSAFE)
def test_the_services_own_pages_and_other_programs_may_write(guarded: Service, method: str) -> None:
    assert arrived(guarded, method, {})
    assert arrived(guarded, method, {"Sec-Fetch-Site": "same-origin"})
    assert arrived(guarded, method, {"Sec-Fetch-Site": "none"})
    assert arrived(guarded, method, {"Origin": OWN_ORIGIN})


def test_every_route_of_the_service_is_guarded(guarded: Service) -> None:
    forged = {"Origin": STRANGER, "Cookie": "session=stolen"}
    for method, path in writes(guarded):
        for site in ({"Sec-Fetch-Site": "cross-site"}, {}):
            sentence = f"{guarded.environment}: a stranger's page may {method} {path}"
            assert not passes(guarded, method, path, forged | site), sentence


def test_every_route_of_the_service_can_be_written_by_who_is_listed(
    guarded: Service, origins: tuple[str, ...]
) -> None:
    asked = {"Origin": origins[0], "Sec-Fetch-Site": "cross-site"}
    for method, path in writes(guarded):
        sentence = guarded.said(origins[0], method, path, "the guard refuses it")
        assert passes(guarded, method, path, asked), sentence


@pytest.mark.parametrize("method", UNSAFE)
@pytest.mark.parametrize(
    "proof",
    [{"Cookie": "session=stolen"}, {"Authorization": "Basic dXNlcjpzZWNyZXQ="}],
    ids=["cookie", "basic authentication"],
)
def test_a_public_path_takes_no_write_in_a_users_name(
    guarded: Service, method: str, proof: dict[str, str]
) -> None:
    """Browsers add both by themselves. What comes without is open to every site."""
    for prefix in guarded.expected.public_paths:
        path = prefix.rstrip("/") + PROBE
        forged = {"Origin": STRANGER, "Sec-Fetch-Site": "cross-site"}
        assert not passes(guarded, method, path, forged | proof)
        assert passes(guarded, method, path, forged)


def test_reading_is_not_writing(guarded: Service) -> None:
    asked = {"Origin": STRANGER, "Sec-Fetch-Site": "cross-site"}
    assert guarded.send("GET", PROBE, asked).status == 200


def test_a_service_with_cookies_guards_its_writes(service: Service) -> None:
    """Every page sends cookies along: unguarded, a stranger's form writes in a user's name."""
    if service.expected.credentials and service.environment not in ("development", "test"):
        assert service.expected.guard_writes, "set CORS_GUARD_WRITES=true where cookies are allowed"
