"""`cors probe` under policies of every kind: it finds what is wrong, and nothing else.

There is no network: what stands in front of the service is a function around its policy.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest
from service.cors.policy import CORSPolicy
from service.cors.tool.browser import Exchange, Request, Response
from service.cors.tool.probe import Probe, Target, expected_responses

APP = "https://app.acme.com"
BEARER = CORSPolicy(
    environment="production",
    allow_methods=("GET", "POST", "PUT"),
    allow_headers=("Authorization", "Content-Type"),
    expose_headers=("X-Total-Count",),
    allow_origins=(APP,),
)
POLICIES = {
    "bearer tokens": BEARER,
    "cookies": replace(BEARER, allow_credentials=True),
    "two sites": replace(BEARER, allow_origins=(APP, "https://www.acme.com")),
    "sixty sites": replace(
        BEARER, allow_origins=tuple(f"https://shop{number}.acme.com" for number in range(60))
    ),
    "no site": replace(BEARER, allow_origins=()),
    "everything public": replace(BEARER, allow_origins=(), public_paths=("/",)),
    "everything public, one site listed": replace(BEARER, public_paths=("/",)),
    "one path public": replace(BEARER, public_paths=("/items",)),
    "a pattern": replace(
        BEARER, environment="preview", allow_origins=("https://app-*.preview.acme.com",)
    ),
    "any local port": replace(
        BEARER, environment="development", allow_origins=("http://localhost:*", "http://[::1]:*")
    ),
    "an app shell": replace(BEARER, allow_origins=("capacitor://localhost",)),
    "its own front end": replace(BEARER, allow_origins=("https://api.acme.com",)),
    "reading only": CORSPolicy(
        environment="production", allow_methods=("GET",), allow_origins=(APP,)
    ),
    "any method and header": replace(BEARER, allow_methods=("*",), allow_headers=("*",)),
}
# Where a correct response has no grant, there is none to lose.
NOTHING_TO_LOSE = ("no site", "its own front end")

Proxy = Callable[[Exchange, Request], Response]


def served(policy: CORSPolicy) -> Exchange:
    """Return a service under a policy, with the status codes that an app would give."""
    middleware = expected_responses(policy)

    def answer(request: Request) -> Response:
        response = middleware(request)
        if request.method == "OPTIONS" and not any(name == "origin" for name, _ in request.headers):
            return replace(response, status=405)
        return replace(response, status=404) if "/cors-probe-" in request.path else response

    return answer


def without(*prefixes: str) -> Proxy:
    def proxy(service: Exchange, request: Request) -> Response:
        response = service(request)
        kept = (pair for pair in response.headers if not pair[0].lower().startswith(prefixes))
        return replace(response, headers=tuple(kept))

    return proxy


def adding(value: str, *, instead: bool = False) -> Proxy:
    """Return a proxy that adds a grant, where `{}` stands for the asking origin."""

    def proxy(service: Exchange, request: Request) -> Response:
        hidden = ("access-control-allow-origin",) if instead else ("-",)
        response = without(*hidden)(service, request)
        grant = value.format(dict(request.headers).get("origin", ""))
        added = (("Access-Control-Allow-Origin", grant),) if grant else ()
        return replace(response, headers=response.headers + added)

    return proxy


def without_origin(service: Exchange, request: Request) -> Response:
    kept = (pair for pair in request.headers if pair[0] != "origin")
    return service(replace(request, headers=tuple(kept)))


def to_https(service: Exchange, request: Request) -> Response:
    return Response(301, (("Location", f"https://api.acme.com{request.path}"),))


def options_answered(service: Exchange, request: Request) -> Response:
    return Response(204) if request.method == "OPTIONS" else service(request)


def files(service: Exchange, request: Request) -> Response:
    return Response(200, (("Content-Type", "text/html"),))


# What the probe finds, whatever the policy.
PROXIES: dict[str, tuple[Proxy, str]] = {
    "https only": (to_https, "PROBE001"),
    "files": (files, "PROBE005"),
    "the origin added": (adding("{}"), "PROBE007"),
    "OPTIONS answered": (options_answered, "PROBE008"),
    "* instead": (adding("*", instead=True), "PROBE009"),
    "the origin instead": (adding("{}", instead=True), "PROBE010"),
    "one origin instead": (adding("https://shop.acme.com", instead=True), "PROBE012"),
    "Origin removed": (without_origin, "PROBE015"),
    "grants removed": (without("access-control-"), "PROBE016"),
    "Vary removed": (without("vary"), "PROBE023"),
}


def probed(policy: CORSPolicy, proxy: Proxy | None, scheme: str = "https") -> set[str]:
    """Probe a service under a policy behind a proxy, and return the ids of what is found."""
    service = served(policy)

    def wire(request: Request) -> Response:
        assert request.method in ("GET", "OPTIONS")
        return proxy(service, request) if proxy else service(request)

    target = Target.read(f"{scheme}://api.acme.com")
    report = Probe(policy, target, ("/health", "/items")).run(wire)
    assert 0 < report.requests <= 40
    return {finding.id for finding in report.findings}


@pytest.mark.parametrize("policy", POLICIES)
def test_a_kept_policy_has_no_findings(policy: str) -> None:
    assert probed(POLICIES[policy], None) == set()


@pytest.mark.parametrize("proxy", PROXIES)
@pytest.mark.parametrize("policy", POLICIES)
def test_each_proxy_fault_is_found(policy: str, proxy: str) -> None:
    stand_in, expected = PROXIES[proxy]
    found = probed(POLICIES[policy], stand_in, "http" if proxy == "https only" else "https")
    if policy in NOTHING_TO_LOSE and proxy in ("Origin removed", "grants removed"):
        assert found == set()
    elif proxy == "the origin added" and policy in NOTHING_TO_LOSE:
        assert found == {"PROBE010"}
    elif proxy == "the origin added":
        # On a public path no site is newly allowed.
        assert found in ({expected}, {expected, "PROBE010"})
    else:
        assert found == {expected}
