# fmt: off
"""Forged writes never run: a page of another site can send a POST that it may not read."""

from collections.abc import Iterator

import pytest

from .service import (
    OTHER_SITE,
    OWN_ORIGIN,
    PROBE,
    SAFE_METHODS,
    Service,
    cors_headers,
    filled,
)

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


def passes(
    service: Service, method: str, path: str, headers: dict[str, str] | list[tuple[str, str]]
) -> bool:
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
    # Under a public path, every site may write without a login.
    login = COOKIE if guarded.expected.is_public(PROBE) else {}
    assert not runs(guarded, method, forged | login), f"{what}. {FIX}"


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


# --- Paths that are exempt: login callbacks ---------------------------------------------------

FORM = "application/x-www-form-urlencoded"
FORMS = [FORM, f"{FORM}; charset=UTF-8", "multipart/form-data; boundary=----WebKitFormBoundary7MA4"]
# What a page of another site can send without a preflight, and what only a preflight could allow.
NO_FORMS = [
    [],
    ["text/plain"],
    ["text/plain; a=application/x-www-form-urlencoded"],
    ["application/json"],
    [f"{FORM}-json"],
    [f"{FORM}; a=application/json"],
    [f"{FORM}, application/json"],
    [FORM, FORM],
    [FORM, "application/json"],
    ["application/json", FORM],
]


@pytest.fixture
def exempt(guarded: Service) -> Service:
    """The service in an environment that lets other sites post forms to some paths."""
    if not guarded.expected.exempt_paths:
        pytest.skip(f"{guarded.environment} has no CORS_GUARD_EXEMPT_PATHS")
    return guarded


@pytest.mark.parametrize("kind", FORMS)
@pytest.mark.parametrize("origin", [OTHER_SITE, "null"])
def test_a_form_of_another_site_reaches_an_exempt_path(
    exempt: Service, kind: str, origin: str
) -> None:
    """With cookies, as at the end of a login."""
    for path in exempt.expected.exempt_paths:
        headers = {"Origin": origin, "Content-Type": kind, "Sec-Fetch-Site": "cross-site"} | COOKIE
        what = f"{exempt.environment}: a form of {origin} is refused at {path}"
        assert passes(exempt, "POST", path, headers), f"{what}. {FIX}"


@pytest.mark.parametrize("kinds", NO_FORMS, ids=" and ".join)
def test_nothing_but_a_form_passes_at_an_exempt_path(exempt: Service, kinds: list[str]) -> None:
    for path in exempt.expected.exempt_paths:
        lines = [*(CROSS_SITE | COOKIE).items(), *(("Content-Type", kind) for kind in kinds)]
        what = f"{exempt.environment}: {kinds} of another site passes at {path}"
        assert not passes(exempt, "POST", path, lines), f"{what}. {FIX}"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "post"])
def test_no_other_method_passes_at_an_exempt_path(exempt: Service, method: str) -> None:
    for path in exempt.expected.exempt_paths:
        headers = CROSS_SITE | COOKIE | {"Content-Type": FORM}
        what = f"{exempt.environment}: {method} {path} of another site runs"
        assert not passes(exempt, method, path, headers), f"{what}. {FIX}"


def test_no_path_beside_an_exempt_path_takes_a_form(exempt: Service) -> None:
    """Neither another spelling, nor what lies above or below, nor any other route."""
    exact, headers = exempt.expected.exempt_paths, CROSS_SITE | COOKIE | {"Content-Type": FORM}
    others = [PROBE, "/", *(path for method, path in writes(exempt) if method == "POST")]
    for path in exact:
        parent = path.rstrip("/").rpartition("/")[0]
        other_slash = path[:-1] if path.endswith("/") else f"{path}/"
        others += [other_slash, f"{path}/x", f"{path}x", f"/x{path}", f"/{path}", parent or "/"]
        others += [path.upper(), path.title(), f"{path}/..", f"{path};x=1", f"{path}%00"]
    for path in dict.fromkeys(others):
        if path not in exact:
            what = f"{exempt.environment}: a form of another site passes at {path}"
            assert not passes(exempt, "POST", path, headers), f"{what}. {FIX}"


@pytest.mark.parametrize("credentials", ["include", "omit"])
def test_no_page_reads_the_response_of_an_exempt_path(exempt: Service, credentials: str) -> None:
    form = (("Content-Type", FORM),)
    for path in exempt.expected.exempt_paths:
        exempt.handled.clear()
        outcome = exempt.fetch(OTHER_SITE, "POST", path, headers=form, credentials=credentials)
        assert exempt.handled == ["POST"], f"{exempt.environment}: POST {path} is refused. {FIX}"
        what = f"{exempt.environment}: {OTHER_SITE} can read the response of {path}"
        assert not outcome.allowed, f"{what}. {FIX}"
        for response in (outcome.response, exempt.preflight(OTHER_SITE, "POST", path)):
            assert cors_headers(response) == {}, f"{what}. {FIX}"


def test_reading_is_not_guarded(guarded: Service) -> None:
    response = guarded.send("GET", PROBE, CROSS_SITE)
    assert response.status == 200, f"{guarded.environment}: GET is refused. {FIX}"


def test_a_service_with_cookies_guards_its_writes(service: Service) -> None:
    """Browsers send cookies along with a form of any site, which then writes as the user."""
    # Whether a waiver still holds is for `test_configuration` to say.
    waived = any(text.startswith("CORS040:") for text in service.expected.waivers)
    is_deployed = service.environment not in ("development", "test")
    if service.expected.credentials and is_deployed and not waived:
        fix = f"write CORS_GUARD_WRITES=true into .env.{service.environment}"
        assert service.expected.guard_writes, fix
