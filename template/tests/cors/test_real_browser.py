# fmt: off
"""A real Chromium does what the dotenv files promise, and what the model of a browser says.

Skipped where Playwright or a browser is missing, unless CORS_REQUIRE_BROWSER=1 is set. CHROMIUM
names the program. Without it the PATH is searched, then Playwright's own downloads.

One case is left out, because Chromium deviates from the standard there: `Authorization` where a
service answers `Access-Control-Allow-Headers: *`. This service never does.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from .service import (
    OTHER_SITE,
    PROBE,
    SAFELISTED_METHODS,
    SAFELISTED_RESPONSE_HEADERS,
    Service,
    a_few,
    browser,
    report,
    split,
)

REQUIRED = os.environ.get("CORS_REQUIRE_BROWSER") == "1"
try:
    from . import real_browser
except ModuleNotFoundError as missing:
    reason = f"{missing.name} is not installed: `uv add --dev playwright trustme`"
    if REQUIRED:
        raise RuntimeError(f"CORS_REQUIRE_BROWSER=1, but {reason}") from missing
    pytest.skip(reason, allow_module_level=True)

OWN = real_browser.SERVICE
ALLOWED = "allowed"

FIX = (
    "If tests/cors/test_allowed.py or test_other_sites.py fails too, begin there. If Chromium and "
    "the model disagree, report it to the template with this message and Chromium's version."
)


@dataclass(frozen=True)
class Case:
    """A fetch, and what the dotenv file promises: `allowed`, or a Reason of the model, by name."""

    fetch: Any
    promised: str
    status: int = 200


@pytest.fixture(scope="module")
def started() -> Iterator[real_browser.Chromium]:
    """One browser for all these tests."""
    with ExitStack() as stack:
        try:
            chromium = stack.enter_context(real_browser.Chromium())
        except real_browser.UnavailableError as unavailable:
            if REQUIRED:
                why = f"CORS_REQUIRE_BROWSER=1, but {unavailable}"
                raise pytest.fail.Exception(why, pytrace=False) from None
            pytest.skip(str(unavailable))
        yield chromium


@pytest.fixture
def chromium(started: real_browser.Chromium, service: Service) -> real_browser.Chromium:
    """The browser, with one environment's service to call."""
    started.serve(service.app)
    service.handled.clear()
    return started


def pages(service: Service) -> list[str]:
    """Return a few of the allowed origins at which Chromium can open a page."""
    return [*a_few([origin for origin in service.expected.origins if origin.startswith("http")])]


def other_sites(service: Service, chromium: real_browser.Chromium) -> list[str]:
    """Return origins that are not allowed: a site, a sandboxed frame, and similar names."""
    found = [OTHER_SITE, "null"]
    for origin in pages(service)[:1]:
        scheme, host, port = split(origin)
        other_scheme = "http" if scheme == "https" else "https"
        found += [f"{other_scheme}://{host}{port}", f"{scheme}://{host}:4712"]
        if not host.endswith("]"):
            found += [f"{scheme}://{host}.evil.net{port}"]
            if not host[-1].isdigit():
                found += [f"{scheme}://evil{host}{port}", f"{scheme}://evil.{host}{port}"]
    # Chromium opens no plain page for a name that it knows to be https only.
    return [each for each in found if not service.expected.allows(each) and chromium.opens(each)]


def fetch(origin: str, method: str = "GET", path: str = PROBE, **more: Any) -> Any:
    """Return a fetch that no cache has a response for."""
    return browser.Fetch(origin, method, real_browser.numbered(path), **more)


# --- Cases of an allowed origin ---------------------------------------------------------------


def methods(service: Service, origin: str) -> Iterator[Case]:
    """Every allowed method, and some that may not be."""
    listed = service.expected.methods
    # Browsers turn five methods into upper case, and patch is not among them.
    for method in dict.fromkeys(("GET", "POST", "PUT", "DELETE", "patch", "PURGE", *listed)):
        known = method in (*SAFELISTED_METHODS, *listed)
        if method != "*" and (known or "*" not in listed):
            asked = fetch(origin, method, credentials=service.expected.credentials_mode)
            yield Case(asked, ALLOWED if known else "METHOD_NOT_ALLOWED")


def headers(service: Service, origin: str) -> Iterator[Case]:
    """All allowed headers at once, and some that may not be allowed."""
    listed = [name for name in service.expected.headers if name != "*"]
    mode = service.expected.credentials_mode
    values = {"content-type": "application/json"}
    pairs = tuple((name, values.get(name.lower(), "1")) for name in listed)
    yield Case(fetch(origin, "POST", headers=pairs, body=b"{}", credentials=mode), ALLOWED)
    for name in ("X-Not-Listed", "Authorization"):
        if "*" not in service.expected.headers and name.lower() not in map(str.lower, listed):
            asked = fetch(origin, headers=((name, "1"),), credentials=mode)
            yield Case(asked, "HEADER_NOT_ALLOWED")


def credentials(service: Service, origin: str) -> Iterator[Case]:
    """With credentials, and without, which is always allowed."""
    promised = ALLOWED if service.expected.credentials else "ALLOW_CREDENTIALS"
    yield Case(fetch(origin, credentials="omit"), ALLOWED)
    for path in (PROBE, *service.expected.public_probes):
        yield Case(fetch(origin, path=path, credentials="include"), promised)
    if "PUT" in service.expected.methods:
        yield Case(fetch(origin, "PUT", credentials="include"), promised)


def errors(service: Service, origin: str) -> Iterator[Case]:
    """A front end can read errors."""
    mode = service.expected.credentials_mode
    for query, status in (("raise=1", 500), ("status=404", 404), ("status=401", 401)):
        yield Case(fetch(origin, path=f"{PROBE}?{query}", credentials=mode), ALLOWED, status)


# --- Cases of other pages ---------------------------------------------------------------------


def own_page() -> Iterator[Case]:
    """A page of the service itself needs no permission."""
    for method in ("GET", "POST", "DELETE", "PURGE"):
        yield Case(fetch(OWN, method, credentials="include"), ALLOWED)


def other_site(service: Service, origin: str) -> Iterator[Case]:
    """What any site can try, on public paths and on one that is not."""
    for path in dict.fromkeys((PROBE, *service.expected.public_probes)):
        if service.expected.is_public(path):
            yield from on_public_path(service, origin, path)
        else:
            yield from on_closed_path(origin, path)


def on_closed_path(origin: str, path: str) -> Iterator[Case]:
    """Nothing can be read, and nothing that needs a preflight is sent."""
    for asked in (
        fetch(origin, path=path, credentials="include"),
        fetch(origin, path=path, credentials="omit"),
        fetch(origin, "POST", path, credentials="include", body=b"amount=1"),
        fetch(origin, "PUT", path, credentials="include"),
        fetch(origin, "DELETE", path, credentials="omit"),
        fetch(origin, path=path, headers=(("X-Not-Listed", "1"),)),
        fetch(origin, path=f"{path}?raise=1", credentials="include"),
        fetch(origin, path=f"{path}?grant=1", credentials="include"),
    ):
        yield Case(asked, "ALLOW_ORIGIN_MISSING")


def on_public_path(service: Service, origin: str, path: str) -> Iterator[Case]:
    """Every site may do what is allowed, but never with credentials."""
    listed = service.expected.methods
    put = ALLOWED if "PUT" in listed or "*" in listed else "METHOD_NOT_ALLOWED"
    yield Case(fetch(origin, path=path, credentials="omit"), ALLOWED)
    yield Case(fetch(origin, "PUT", path, credentials="omit"), put)
    yield Case(fetch(origin, path=f"{path}?raise=1", credentials="omit"), ALLOWED, 500)
    for method in ("GET", "PUT"):
        yield Case(fetch(origin, method, path, credentials="include"), "ALLOW_ORIGIN_WILDCARD")
    if "*" not in service.expected.headers:
        asked = fetch(origin, path=path, headers=(("X-Not-Listed", "1"),), credentials="omit")
        yield Case(asked, "HEADER_NOT_ALLOWED")


# --- Comparing --------------------------------------------------------------------------------


def problems(
    service: Service, chromium: real_browser.Chromium, origin: str, cases: Iterable[Case]
) -> list[str]:
    """Run these fetches on a page. Return a sentence for each that does not end as promised."""
    cases = list(cases)
    results = chromium.fetch(origin, [case.fetch for case in cases])
    Service.decisions += len(cases)
    found = []
    for case, seen in zip(cases, results, strict=True):
        found += broken_promise(service, case, seen) or disagreement(service, case, seen)
    return found


def broken_promise(service: Service, case: Case, seen: real_browser.Seen) -> list[str]:
    """Compare what Chromium did with the dotenv file."""
    asked = case.fetch
    what = f"{asked.method} {asked.path} with credentials {asked.credentials}"
    if asked.headers:
        what += f" and the headers {', '.join(name for name, _ in asked.headers)}"
    start = f"{service.environment}: {asked.origin}"
    if case.promised == ALLOWED and seen.status is None:
        return [f"{start} may not {what}: {seen.console or seen.error}"]
    if case.promised == ALLOWED and seen.status != case.status:
        return [f"{start} gets status {seen.status} for {what}, not {case.status}"]
    if case.promised != ALLOWED and seen.status is not None:
        return [f"{start} may {what}, which the dotenv file does not allow ({case.promised})"]
    return []


def disagreement(service: Service, case: Case, seen: real_browser.Seen) -> list[str]:
    """Compare what Chromium did with what the model says about the same fetch.

    The same requests in the same order show that a preflight was sent where one was due. The same
    text in the console shows that CORS blocked the fetch, and not the network.
    """
    model = browser.Browser(service.transport, OWN, cookie="session=stolen")
    outcome = model.fetch(case.fetch)
    real = {
        "decision": ALLOWED if seen.status is not None else "blocked",
        "requests": " ".join(seen.arrived),
        "console": seen.console,
        "readable headers": " ".join(sorted(seen.readable)),
    }
    modelled = {
        "decision": ALLOWED if outcome.allowed else "blocked",
        "requests": " ".join(request.method for request in outcome.requests),
        "console": browser.console_message(outcome) or "",
        "readable headers": " ".join(sorted({name.lower() for name in outcome.readable_headers})),
    }
    start = f"{service.environment}: {case.fetch.method} {case.fetch.path} from {case.fetch.origin}"
    found = [
        f"{start}: {key} in Chromium: {real[key]!r}, in the model: {modelled[key]!r}"
        for key in real
        if real[key] != modelled[key]
    ]
    reason = ALLOWED if outcome.allowed else outcome.reason.name
    if reason != case.promised:
        found.append(f"{start}: {reason}, where the dotenv file promises {case.promised}")
    return found


@pytest.mark.parametrize("cases", [methods, headers, credentials, errors])
def test_pages_of_allowed_origins_may_do_what_is_promised(
    service: Service, chromium: real_browser.Chromium, cases: Callable[..., Iterator[Case]]
) -> None:
    """And no more."""
    found = []
    for origin in pages(service):
        found += problems(service, chromium, origin, cases(service, origin))
    assert not found, report(found, FIX)


def test_pages_of_other_sites_get_only_what_is_public(
    service: Service, chromium: real_browser.Chromium
) -> None:
    found = []
    for origin in other_sites(service, chromium):
        found += problems(service, chromium, origin, other_site(service, origin))
    assert not found, report(found, FIX)


def test_pages_of_the_service_itself_may_do_everything(
    service: Service, chromium: real_browser.Chromium
) -> None:
    found = problems(service, chromium, OWN, own_page())
    assert not found, report(found, FIX)


def test_only_exposed_headers_can_be_read(
    service: Service, chromium: real_browser.Chromium
) -> None:
    promised = {name.lower() for name in service.expected.exposed}
    if "*" in promised:
        pytest.skip("a wildcard is written")
    for origin in pages(service):
        asked = fetch(origin, credentials=service.expected.credentials_mode)
        (seen,) = chromium.fetch(origin, [asked])
        start = f"{service.environment}: {origin}"
        hidden = sorted(promised - seen.readable)
        assert not hidden, f"{start} may not read {hidden}. {FIX}"
        readable = sorted(seen.readable - promised - SAFELISTED_RESPONSE_HEADERS)
        assert not readable, f"{start} may read {readable}. {FIX}"


def test_only_pages_of_allowed_origins_open_a_websocket(
    service: Service, chromium: real_browser.Chromium
) -> None:
    path = f"{PROBE}/socket"
    for origin in (*pages(service), OWN, *other_sites(service, chromium)):
        promised = origin == OWN or service.expected.allows(origin)
        opened = chromium.websocket(origin, real_browser.numbered(path))
        what = f"{service.environment}: {origin} {'may' if opened else 'may not'} open a WebSocket"
        assert opened == promised, f"{what}. {FIX}"
        assert opened == service.opens_websocket(path, origin), f"{what}, the model disagrees"


def test_forms_of_other_sites_do_not_run_if_writes_are_guarded(
    service: Service, chromium: real_browser.Chromium
) -> None:
    """CORS cannot stop a form: it needs no permission, and the user sees the response."""
    for origin in (*pages(service), OWN, OTHER_SITE, "null"):
        service.handled.clear()
        arrived = chromium.submit(origin, real_browser.numbered(PROBE))
        assert arrived == ("POST",), f"the form on {origin} sent {arrived}"
        allowed = origin == OWN or service.expected.allows(origin)
        runs = service.handled == ["POST"]
        verb = "runs" if runs else "does not run"
        what = f"{service.environment}: a form on a page of {origin} {verb}"
        assert runs == (allowed or not service.expected.guard_writes), f"{what}. {FIX}"


def test_forms_of_other_sites_run_at_exempt_paths(
    service: Service, chromium: real_browser.Chromium
) -> None:
    """As at the end of a login. The page that the user sees then is the service's own."""
    for path in service.expected.exempt_paths:
        service.handled.clear()
        chromium.submit(OTHER_SITE, real_browser.numbered(path))
        what = f"{service.environment}: a form of {OTHER_SITE} is refused at {path}"
        assert service.handled == ["POST"], f"{what}. {FIX}"


def test_origins_without_web_pages_are_left_to_the_model(service: Service) -> None:
    """App shells and extensions have schemes of their own: `test_allowed` tests them."""
    others = [origin for origin in service.expected.origins if not origin.startswith("http")]
    if others:
        pytest.skip(f"{service.environment}: Chromium opens no page at {', '.join(others)}")
