"""A real Chromium does what the dotenv files promise, and does it as the model of a browser says.

Skipped where Playwright or a browser is missing, unless CORS_REQUIRE_BROWSER=1 is set. CHROMIUM
names the program; without it the PATH is searched, then Playwright's own downloads.

Not in this sample, because Chromium deviates from the standard there: `Authorization` where a
service answers `Access-Control-Allow-Headers: *`. This one never does.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from .attacks import split
from .service import PROBE, Service, browser, sentences
from .test_limits import ALWAYS_READABLE

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

# More pages than this take time and tell nothing new.
MOST_ORIGINS = 4


@dataclass(frozen=True)
class Case:
    """A fetch, and what the dotenv file promises: `allowed`, or a `Reason` of cors/tool/browser."""

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
    """The browser, facing the service of one environment."""
    started.serve(service.app)
    service.handled.clear()
    return started


def pages(service: Service) -> list[str]:
    """Return a few of the listed origins, of those that can be pages in Chromium."""
    listed = [origin for origin in service.expected.origins if origin.startswith("http")]
    return listed if len(listed) <= MOST_ORIGINS else [*listed[: MOST_ORIGINS - 1], listed[-1]]


def strangers(service: Service, chromium: real_browser.Chromium) -> list[str]:
    """Return origins that are not listed: a site, a sandboxed frame, and neighbours by name."""
    found = ["https://evil.net", "null"]
    for origin in pages(service)[:1]:
        scheme, host, port = split(origin)
        found += [
            f"{'http' if scheme == 'https' else 'https'}://{host}{port}",
            f"{scheme}://{host}:4712",
        ]
        if not host.endswith("]"):
            found += [f"{scheme}://{host}.evil.net{port}"]
        if not host[-1].isdigit() and not host.endswith("]"):
            found += [f"{scheme}://evil{host}{port}", f"{scheme}://evil.{host}{port}"]
    # Where a name is known to be https only, Chromium opens no plain page.
    return [each for each in found if not service.expected.allows(each) and chromium.opens(each)]


def ask(origin: str, method: str = "GET", path: str = PROBE, **more: Any) -> Any:
    """Return a fetch that no cache knows."""
    return browser.Fetch(origin, method, real_browser.numbered(path), **more)


def with_credentials(service: Service) -> str:
    """Return the credentials mode of a front end of this service."""
    return "include" if service.expected.credentials else "omit"


def methods_of_listed(service: Service, origin: str) -> Iterator[Case]:
    """Every method on the list, and some that are perhaps not."""
    listed = service.expected.methods
    # Browsers put five methods into upper case, and patch is not among them.
    for method in dict.fromkeys(("GET", "POST", "PUT", "DELETE", "patch", "PURGE", *listed)):
        known = method in ("GET", "HEAD", "POST", *listed)
        if method != "*" and (known or "*" not in listed):
            fetch = ask(origin, method, credentials=with_credentials(service))
            yield Case(fetch, ALLOWED if known else "METHOD_NOT_ALLOWED")


def headers_of_listed(service: Service, origin: str) -> Iterator[Case]:
    """All headers on the list at once, and some that are perhaps not."""
    listed = [name for name in service.expected.headers if name != "*"]
    usual = with_credentials(service)
    values = {"content-type": "application/json"}
    headers = tuple((name, values.get(name.lower(), "1")) for name in listed)
    yield Case(ask(origin, "POST", headers=headers, body=b"{}", credentials=usual), ALLOWED)
    for name in ("X-Not-Listed", "Authorization"):
        if "*" not in service.expected.headers and name.lower() not in map(str.lower, listed):
            fetch = ask(origin, headers=((name, "1"),), credentials=usual)
            yield Case(fetch, "HEADER_NOT_ALLOWED")


def credentials_of_listed(service: Service, origin: str) -> Iterator[Case]:
    """With and without: without is allowed everywhere."""
    promised = ALLOWED if service.expected.credentials else "ALLOW_CREDENTIALS"
    yield Case(ask(origin, credentials="omit"), ALLOWED)
    for path in (PROBE, *public_probes(service)):
        yield Case(ask(origin, path=path, credentials="include"), promised)
    if "PUT" in service.expected.methods:
        yield Case(ask(origin, "PUT", credentials="include"), promised)


def errors_of_listed(service: Service, origin: str) -> Iterator[Case]:
    """A front end may read what went wrong."""
    usual = with_credentials(service)
    for query, status in (("raise=1", 500), ("status=404", 404), ("status=401", 401)):
        yield Case(ask(origin, path=f"{PROBE}?{query}", credentials=usual), ALLOWED, status)


def own_page(service: Service) -> Iterator[Case]:
    """A page of the service itself needs no permission."""
    for method in ("GET", "POST", "DELETE", "PURGE"):
        yield Case(ask(OWN, method, credentials="include"), ALLOWED)


def public_probes(service: Service) -> list[str]:
    """Return the probe's path below every public one."""
    return [prefix.rstrip("/") + PROBE for prefix in service.expected.public_paths]


def cases_of_stranger(service: Service, origin: str) -> Iterator[Case]:
    """What any site can try, on a path that is not public and on those that are."""
    for path in dict.fromkeys((PROBE, *public_probes(service))):
        yield from (
            public_cases(service, origin, path)
            if service.expected.is_public(path)
            else (closed_cases(origin, path))
        )


def closed_cases(origin: str, path: str) -> Iterator[Case]:
    """Nothing can be read, and nothing that needs a preflight is sent."""
    for fetch in (
        ask(origin, path=path, credentials="include"),
        ask(origin, path=path, credentials="omit"),
        ask(origin, "POST", path, credentials="include", body=b"amount=1"),
        ask(origin, "PUT", path, credentials="include"),
        ask(origin, "DELETE", path, credentials="omit"),
        ask(origin, path=path, headers=(("X-Not-Listed", "1"),)),
        ask(origin, path=f"{path}?raise=1", credentials="include"),
        ask(origin, path=f"{path}?grant=1", credentials="include"),
    ):
        yield Case(fetch, "ALLOW_ORIGIN_MISSING")


def public_cases(service: Service, origin: str, path: str) -> Iterator[Case]:
    """What is listed is allowed to everybody, but never with credentials."""
    listed = service.expected.methods
    put = ALLOWED if "PUT" in listed or "*" in listed else "METHOD_NOT_ALLOWED"
    yield Case(ask(origin, path=path, credentials="omit"), ALLOWED)
    yield Case(ask(origin, "PUT", path, credentials="omit"), put)
    yield Case(ask(origin, path=f"{path}?raise=1", credentials="omit"), ALLOWED, 500)
    for method in ("GET", "PUT"):
        yield Case(ask(origin, method, path, credentials="include"), "ALLOW_ORIGIN_WILDCARD")
    if "*" not in service.expected.headers:
        fetch = ask(origin, path=path, headers=(("X-Not-Listed", "1"),), credentials="omit")
        yield Case(fetch, "HEADER_NOT_ALLOWED")


def judged(
    service: Service, chromium: real_browser.Chromium, origin: str, cases: Iterable[Case]
) -> list[str]:
    """Let a page do all these fetches; return a sentence for each that ends in another way."""
    cases = list(cases)
    found = []
    results = chromium.fetch(origin, [case.fetch for case in cases])
    Service.decisions += len(cases)
    for case, seen in zip(cases, results, strict=True):
        found += broken_promise(service, case, seen) or disagreement(service, case, seen)
    return found


def broken_promise(service: Service, case: Case, seen: real_browser.Seen) -> list[str]:
    """Compare what Chromium did with the dotenv file."""
    fetch = case.fetch
    what = f"{fetch.method} {fetch.path} with credentials {fetch.credentials}"
    if fetch.headers:
        what += f" and the headers {', '.join(name for name, _ in fetch.headers)}"
    start = f"{service.environment}: {fetch.origin}"
    if case.promised == ALLOWED and seen.status is None:
        return [f"{start} may not {what}: {seen.console or seen.error}"]
    if case.promised == ALLOWED and seen.status != case.status:
        return [f"{start} gets status {seen.status} for {what}, not {case.status}"]
    if case.promised != ALLOWED and seen.status is not None:
        return [f"{start} may {what}, which the dotenv file does not allow ({case.promised})"]
    return []


def disagreement(service: Service, case: Case, seen: real_browser.Seen) -> list[str]:
    """Compare what Chromium did with what the model says of the same fetch.

    That the same requests arrived, in the same order, shows that a preflight was sent where one was
    due; the same text in the console, that it was CORS that blocked and not the network.
    """
    model = browser.Browser(service.transport, OWN, cookie="session=stolen")
    outcome = model.fetch(case.fetch)
    said = {
        "decision": (ALLOWED if seen.status is not None else "blocked"),
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
    where = f"{service.environment}: {case.fetch.method} {case.fetch.path} from {case.fetch.origin}"
    found = [
        f"{where}: {key} in Chromium: {said[key]!r}, in the model: {modelled[key]!r}"
        for key in said
        if said[key] != modelled[key]
    ]
    reason = ALLOWED if outcome.allowed else outcome.reason.name
    if reason != case.promised:
        found.append(f"{where}: {reason}, where the dotenv file makes it {case.promised}")
    return found


@pytest.mark.parametrize(
    "cases", [methods_of_listed, headers_of_listed, credentials_of_listed, errors_of_listed]
)
def test_a_page_of_a_listed_origin_may_do_what_is_promised_and_no_more(
    service: Service, chromium: real_browser.Chromium, cases: Callable[..., Iterator[Case]]
) -> None:
    found = []
    for origin in pages(service):
        found += judged(service, chromium, origin, cases(service, origin))
    assert not found, sentences(found)


def test_a_page_of_a_stranger_gets_nothing_but_what_is_public(
    service: Service, chromium: real_browser.Chromium
) -> None:
    found = []
    for origin in strangers(service, chromium):
        found += judged(service, chromium, origin, cases_of_stranger(service, origin))
    assert not found, sentences(found)


def test_a_page_of_the_service_itself_may_do_everything(
    service: Service, chromium: real_browser.Chromium
) -> None:
    found = judged(service, chromium, OWN, own_page(service))
    assert not found, sentences(found)


def test_what_is_exposed_can_be_read_and_nothing_else(
    service: Service, chromium: real_browser.Chromium
) -> None:
    promised = {name.lower() for name in service.expected.exposed}
    if "*" in promised:
        pytest.skip("a wildcard is written")
    for origin in pages(service):
        (seen,) = chromium.fetch(origin, [ask(origin, credentials=with_credentials(service))])
        hidden, open_ = promised - seen.readable, seen.readable - promised - ALWAYS_READABLE
        assert not hidden, f"{service.environment}: {origin} may not read {sorted(hidden)}"
        assert not open_, f"{service.environment}: {origin} may read {sorted(open_)}"


def test_only_pages_of_listed_origins_open_a_websocket(
    service: Service, chromium: real_browser.Chromium
) -> None:
    path = f"{PROBE}/socket"
    for origin in (*pages(service), OWN, *strangers(service, chromium)):
        promised = origin == OWN or service.expected.allows(origin)
        opened = chromium.websocket(origin, real_browser.numbered(path))
        may = "may" if opened else "may not"
        assert opened == promised, f"{service.environment}: {origin} {may} open a WebSocket"
        modelled = service.opens(path, origin)
        assert opened == modelled, f"{service.environment}: {origin} {may}, the model disagrees"


def test_a_form_of_a_stranger_does_not_run_where_writes_are_guarded(
    service: Service, chromium: real_browser.Chromium
) -> None:
    """CORS cannot stop it: a form needs no permission, and its answer is shown to the user."""
    guarded = service.expected.guard_writes
    for origin in (*pages(service), OWN, "https://evil.net", "null"):
        service.handled.clear()
        arrived = chromium.submit(origin, real_browser.numbered(PROBE))
        assert arrived == ("POST",), f"the form on {origin} sent {arrived}"
        welcome = origin == OWN or service.expected.allows(origin) or not guarded
        ran = service.handled == ["POST"]
        verb = "runs" if ran else "does not run"
        assert ran == welcome, f"{service.environment}: a form on a page of {origin} {verb}"


def test_origins_that_are_no_pages_are_left_to_the_model(service: Service) -> None:
    """An app shell or an extension has its own scheme: `test_allowed` asks the model for them."""
    others = [origin for origin in service.expected.origins if not origin.startswith("http")]
    if others:
        pytest.skip(f"{service.environment}: Chromium opens no page at {', '.join(others)}")
