# fmt: off
"""Forged writes never run: a page of another site can send a POST that it may not read."""

from collections.abc import Iterator

import pytest

from .service import OTHER_SITE, OWN_ORIGIN, PROBE, SAFE_METHODS, Service, filled

UNSAFE = ["POST", "PUT", "PATCH", "DELETE"]
COOKIE = {"Cookie": "session=stolen"}
CROSS_SITE = {"Origin": OTHER_SITE, "Sec-Fetch-Site": "cross-site"}

FIX = (
    "The guard of CORS_GUARD_WRITES decides about writes: create the app as "
    "CORSFastAPI(cors=settings.cors_policy()), let nothing step around it, and restore cors/ if it "
    "was edited."
)


def runs(service: Service, method: str, headers: dict[str, str]) -> bool:
    """Send a write and tell whether the handler ran."""
    service.handled.clear()
    response = service.send(method, PROBE, headers)
    assert bool(service.handled) == (response.status == 200), response
    return bool(service.handled)


def passes(service: Service, method: str, path: str, headers: dict[str, str]) -> bool:
    """Send a write and tell whether it gets past the policy. None of your code runs."""
    with service.dry_run() as passed:
        service.send(method, path, headers)
    return passed != []


def writes(service: Service) -> Iterator[tuple[str, str]]:
    """Yield method and path of every write that the service's own routes take.

    A mounted app without routes to look at may take any.
    """
    for route in service.own_routes:
        for method in sorted(route.methods - SAFE_METHODS):
            yield method, filled(route.path)
    for path in service.mounted_paths:
        yield from ((method, path) for method in UNSAFE)


@pytest.fixture
def guarded(service: Service) -> Service:
    """The service in an environment that refuses forged writes."""
    if not service.expected.guard_writes:
        pytest.skip(f"{service.environment} does not set CORS_GUARD_WRITES=true")
    return service


@pytest.mark.parametrize("method", UNSAFE)
@pytest.mark.parametrize(
    "forged",
    [
        CROSS_SITE | COOKIE,
        {"Origin": OTHER_SITE} | COOKIE,
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"} | COOKIE,
        {"Origin": "null"} | COOKIE,
        {"Sec-Fetch-Site": "cross-site"} | COOKIE,
        {"Origin": OTHER_SITE, "Sec-Fetch-Site": "same-site"} | COOKIE,
        # Without a cookie it would still run in the network that the user is in.
        CROSS_SITE,
        {"Origin": OTHER_SITE},
        # Hosts and schemes that are nearly the service's own.
        {"Origin": OWN_ORIGIN.replace("https://", "https://evil")},
        {"Origin": OWN_ORIGIN.replace("https://", "https://evil.")},
        {"Origin": f"{OWN_ORIGIN}.evil.net"},
        {"Origin": f"{OWN_ORIGIN}:8443"},
        {"Origin": OWN_ORIGIN.replace("https://", "http://")},
    ],
    ids=lambda forged: " ".join(f"{name}:{value}" for name, value in forged.items()),
)
def test_a_write_of_another_site_never_runs(
    guarded: Service, method: str, forged: dict[str, str]
) -> None:
    what = f"{guarded.environment}: a page of another site can {method}"
    assert not runs(guarded, method, forged), f"{what}. {FIX}"


def test_a_form_of_another_site_never_runs(guarded: Service) -> None:
    """Sent as a browser does: without a preflight, with cookies."""
    guarded.handled.clear()
    guarded.fetch(OTHER_SITE, "POST", mode="no-cors", credentials="include")
    assert guarded.handled == [], f"{guarded.environment}: the form ran. {FIX}"


@pytest.mark.parametrize("method", UNSAFE)
def test_allowed_origins_may_write(guarded: Service, origins: tuple[str, ...], method: str) -> None:
    for origin in origins:
        for site in ({"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "cross-site"}, {}):
            what = guarded.blocked(origin, method, PROBE, f"it is refused with {site}")
            assert runs(guarded, method, {"Origin": origin} | site), f"{what}. {FIX}"


@pytest.mark.parametrize("method", UNSAFE)
@pytest.mark.parametrize(
    "headers",
    [{}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": OWN_ORIGIN}],
    ids=["no browser", "own page", "typed address", "own page in an old browser"],
)
def test_own_pages_and_other_programs_may_write(
    guarded: Service, method: str, headers: dict[str, str]
) -> None:
    what = f"{guarded.environment}: {method} is refused with {headers}"
    assert runs(guarded, method, headers), f"{what}. {FIX}"


def test_every_route_is_guarded(guarded: Service) -> None:
    for method, path in writes(guarded):
        for forged in (CROSS_SITE | COOKIE, {"Origin": OTHER_SITE} | COOKIE):
            what = f"{guarded.environment}: a page of another site can {method} {path}"
            assert not passes(guarded, method, path, forged), f"{what}. {FIX}"


def test_allowed_origins_may_write_to_every_route(
    guarded: Service, origins: tuple[str, ...]
) -> None:
    for method, path in writes(guarded):
        what = guarded.blocked(origins[0], method, path, "the guard refuses it")
        headers = {"Origin": origins[0], "Sec-Fetch-Site": "cross-site"}
        assert passes(guarded, method, path, headers), f"{what}. {FIX}"


@pytest.mark.parametrize("method", UNSAFE)
@pytest.mark.parametrize(
    "login",
    [COOKIE, {"Authorization": "Basic dXNlcjpzZWNyZXQ="}],
    ids=["cookie", "basic authentication"],
)
def test_public_paths_take_no_write_with_a_login(
    guarded: Service, method: str, login: dict[str, str]
) -> None:
    """Browsers add both logins by themselves. Without one, every site may write there."""
    for path in guarded.expected.public_probes:
        what = f"{guarded.environment}: {method} {path} from another site"
        assert not passes(guarded, method, path, CROSS_SITE | login), f"{what} runs. {FIX}"
        assert passes(guarded, method, path, CROSS_SITE), f"{what} without a login fails. {FIX}"


def test_reading_is_not_guarded(guarded: Service) -> None:
    response = guarded.send("GET", PROBE, CROSS_SITE)
    assert response.status == 200, f"{guarded.environment}: GET is refused. {FIX}"


def test_a_service_with_cookies_guards_its_writes(service: Service) -> None:
    """Browsers send cookies along with a form of any site, which then writes as the user."""
    if service.expected.credentials and service.environment not in ("development", "test"):
        fix = f"write CORS_GUARD_WRITES=true into .env.{service.environment}"
        assert service.expected.guard_writes, fix
