# fmt: off
"""Allowed origins may do what the dotenv files allow, can read every response, and no more."""

import pytest

from .service import (
    EVERY_METHOD,
    OTHER_SITE,
    PROBE,
    SAFELISTED_RESPONSE_HEADERS,
    Service,
    cors_headers,
    filled,
    header_lines,
    report,
)

pytestmark = pytest.mark.usefixtures("origins")

FIX = (
    "Create the app as CORSFastAPI(cors=settings.cors_policy()), and add middleware with "
    "app.add_middleware instead of wrapping the app. `uv run cors explain` shows what happens."
)


def blocked(service: Service, **options: object) -> list[str]:
    """Return a sentence for every allowed origin and method that is blocked."""
    found = []
    for origin in service.expected.origins:
        for method in service.expected.methods:
            outcome = service.fetch(origin, method, **options)
            if not outcome.allowed:
                found.append(service.blocked(origin, method, PROBE, outcome.message))
    return found


# --- What is allowed --------------------------------------------------------------------------


def test_allowed_origins_may_use_every_allowed_method(service: Service) -> None:
    found = blocked(service)
    assert not found, report(found, FIX)


def test_credentials_work_where_they_are_allowed_only(service: Service) -> None:
    if service.expected.credentials:
        found = blocked(service, credentials="include")
        assert not found, report(found, FIX)
        return
    for origin in service.expected.origins:
        outcome = service.fetch(origin, credentials="include")
        start = f"{service.environment}: {origin} may GET {PROBE} with cookies"
        assert not outcome.allowed, f"{start}, without CORS_ALLOW_CREDENTIALS=true. {FIX}"
        assert outcome.reason.name == "ALLOW_CREDENTIALS", outcome.message


def test_every_allowed_request_header_may_be_sent(service: Service) -> None:
    """One by one, and all at once."""
    names = [name for name in service.expected.headers if name != "*"]
    for together in [*([name] for name in names), names]:
        # Long enough that no header is safelisted for its value.
        found = blocked(service, headers=tuple((name, "x" * 200) for name in together))
        assert not found, report(found, FIX)


def test_json_may_be_sent_where_content_type_is_allowed(service: Service) -> None:
    json = (("Content-Type", "application/json"),)
    outcome = service.fetch(service.expected.origins[0], "POST", headers=json, body=b"{}")
    allowed = {name.lower() for name in service.expected.headers}
    # Where it is not listed, the middleware may allow it too: it is safelisted for forms.
    assert outcome.allowed or "content-type" not in allowed, f"{outcome.message} {FIX}"


def test_the_preflight_of_every_route_is_granted(service: Service) -> None:
    found = []
    for route in service.own_routes:
        path = filled(route.path)
        for method in sorted(route.methods & set(service.expected.methods)):
            for origin in service.expected.origins:
                response = service.preflight(origin, method, path)
                headers = cors_headers(response)
                methods = headers.get("access-control-allow-methods", "").split(", ")
                granted = headers.get("access-control-allow-origin") == origin
                if not (200 <= response.status < 300 and granted and method in methods):
                    why = f"its preflight was answered with status {response.status} and {headers}"
                    found.append(service.blocked(origin, method, path, why))
    assert not found, report(found, FIX)


def test_every_get_route_can_be_read(service: Service) -> None:
    found = []
    for path in service.own_paths:
        for origin in service.expected.origins:
            outcome = service.fetch(origin, "GET", path)
            if not outcome.allowed:
                found.append(service.blocked(origin, "GET", path, outcome.message))
    assert not found, report(found, FIX)


def test_preflights_are_cached_for_the_promised_time(service: Service) -> None:
    for origin in service.expected.origins:
        sent = cors_headers(service.preflight(origin, "PUT")).get("access-control-max-age")
        what = f"{service.environment}: Access-Control-Max-Age is {sent}, not CORS_MAX_AGE"
        assert sent == str(service.expected.max_age), f"{what}. {FIX}"


def test_a_preflight_never_reaches_the_app(service: Service) -> None:
    service.handled.clear()
    for origin in (*service.expected.origins, OTHER_SITE):
        for method in EVERY_METHOD:
            service.preflight(origin, method)
    assert service.handled == [], f"{service.environment}: the app answered preflights. {FIX}"


def test_options_without_a_preflight_reaches_the_app(service: Service) -> None:
    service.handled.clear()
    response = service.send("OPTIONS", PROBE, {"Origin": service.expected.origins[0]})
    what = f"{service.environment}: a plain OPTIONS request got status {response.status}"
    assert (response.status, service.handled) == (200, ["OPTIONS"]), f"{what}. {FIX}"


def test_allowed_origins_may_open_every_websocket(service: Service) -> None:
    for origin in service.expected.origins:
        opened = service.opens_websocket(f"{PROBE}/socket", origin)
        assert opened, f"{service.environment}: {origin} may not open a WebSocket. {FIX}"
        for path in service.own_websockets:
            # The route itself may still refuse, for example because a login is missing.
            with service.dry_run() as passed:
                service.opens_websocket(path, origin)
            what = f"{service.environment}: {origin} may not open {path}. {FIX}"
            assert passed == [f"WEBSOCKET {path}"], what


def test_each_header_of_the_policy_is_sent_once(service: Service) -> None:
    for origin in service.expected.origins:
        for response in (
            service.send("GET", PROBE, {"Origin": origin}),
            service.preflight(origin, "PUT"),
        ):
            names = [name.lower() for name, _ in response.headers]
            repeated = {name for name in names if names.count(name) > 1}
            twice = repeated & {"vary", *cors_headers(response)}
            assert not twice, f"{service.environment}: sent twice: {sorted(twice)}. {FIX}"
            assert header_lines(response, "access-control-allow-origin") == [origin]


# --- What is not ------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "QUERY", "PURGE", "patch", "XYZZY"])
def test_a_method_that_is_not_allowed_fails_its_preflight(service: Service, method: str) -> None:
    if method in service.expected.methods or "*" in service.expected.methods:
        pytest.skip(f"{method} is allowed")
    service.handled.clear()
    for origin in service.expected.origins:
        outcome = service.fetch(origin, method)
        what = f"{service.environment}: {origin} may {method} {PROBE}"
        assert not outcome.allowed, f"{what}, which CORS_ALLOW_METHODS does not list. {FIX}"
        # The browser's console names the step and the reason. With an error status it could not.
        found = (outcome.step, outcome.reason.name, outcome.preflight.status)
        assert found == ("preflight", "METHOD_NOT_ALLOWED", 204), f"{outcome.message} {FIX}"
    assert service.handled == [], f"the app ran for {service.handled}, without a preflight. {FIX}"


@pytest.mark.parametrize("name", ["X-Not-Listed", "X-HTTP-Method-Override", "Authorization"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_header_that_is_not_allowed_fails_its_preflight(
    service: Service, name: str, method: str
) -> None:
    allowed = {header.lower() for header in service.expected.headers}
    if name.lower() in allowed or "*" in allowed:
        pytest.skip(f"{name} is allowed")
    service.handled.clear()
    for origin in service.expected.origins:
        outcome = service.fetch(origin, method, headers=((name, "1"),))
        what = f"{service.environment}: {origin} may send {name}"
        assert not outcome.allowed, f"{what}, which CORS_ALLOW_HEADERS does not list. {FIX}"
        found = (outcome.step, outcome.reason.name)
        assert found == ("preflight", "HEADER_NOT_ALLOWED"), f"{outcome.message} {FIX}"
    assert service.handled == [], f"the app ran for {service.handled}, without a preflight. {FIX}"


def test_only_exposed_headers_can_be_read(service: Service) -> None:
    promised = {name.lower() for name in service.expected.exposed}
    for origin in service.expected.origins:
        outcome = service.fetch(origin, credentials=service.expected.credentials_mode)
        readable = {name.lower() for name in outcome.readable_headers}
        sent = {name.lower() for name, _ in outcome.response.headers}
        what = f"{service.environment}: {origin} can read {sorted(readable)}"
        if "*" not in promised:
            more = readable - promised - SAFELISTED_RESPONSE_HEADERS
            assert not more, f"{what}, more than CORS_EXPOSE_HEADERS lists. {FIX}"
        assert promised & sent <= readable, f"{what}, less than CORS_EXPOSE_HEADERS lists. {FIX}"
        assert promised == {"*"} or promised <= sent | SAFELISTED_RESPONSE_HEADERS


def test_the_lists_sent_are_those_of_the_dotenv_file(service: Service) -> None:
    """Nothing else is allowed, even where no test above would ask for it."""
    if "*" in service.expected.methods + service.expected.headers + service.expected.exposed:
        pytest.skip("a wildcard is written")
    safelisted = {"accept", "accept-language", "content-language", "content-type"}
    for origin in service.expected.origins:
        preflight = cors_headers(service.preflight(origin, "PUT", headers="x-anything"))
        response = cors_headers(service.send("GET", PROBE, {"Origin": origin}))
        for headers, name, promised, ignored in (
            (preflight, "access-control-allow-methods", service.expected.methods, set()),
            (preflight, "access-control-allow-headers", service.expected.headers, safelisted),
            (response, "access-control-expose-headers", service.expected.exposed, set()),
        ):
            sent = {text.lower() for text in headers.get(name, "").split(", ")} - ignored - {""}
            written = {text.lower() for text in promised} - ignored
            what = f"{service.environment}: {name} is {sorted(sent)}, not {sorted(written)}"
            assert sent == written, f"{what}. {FIX}"


# --- Errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "status", [201, 204, 304, 400, 401, 403, 404, 405, 409, 413, 422, 429, 500, 503]
)
def test_every_status_can_be_read(service: Service, status: int) -> None:
    for origin in service.expected.origins:
        outcome = service.fetch(origin, "GET", f"{PROBE}?status={status}")
        assert outcome.allowed, f"{service.blocked(origin, 'GET', PROBE, outcome.message)} {FIX}"
        assert outcome.response.status == status


def test_the_response_to_a_crash_can_be_read(service: Service) -> None:
    mode = service.expected.credentials_mode
    for origin in service.expected.origins:
        outcome = service.fetch(origin, "GET", f"{PROBE}?raise=1", credentials=mode)
        assert outcome.allowed, f"{service.blocked(origin, 'GET', PROBE, outcome.message)} {FIX}"
        assert outcome.response.status == 500


def test_the_response_for_a_missing_path_can_be_read(service: Service) -> None:
    path = "/no-such-path"
    for origin in service.expected.origins:
        outcome = service.fetch(origin, "GET", path)
        assert outcome.allowed, f"{service.blocked(origin, 'GET', path, outcome.message)} {FIX}"


def test_cors_headers_of_a_handler_change_nothing(service: Service) -> None:
    """There is one policy: CORS headers that inner code sets are removed from its response."""
    for origin in service.expected.origins:
        ours = cors_headers(service.send("GET", PROBE, {"Origin": origin}))
        theirs = cors_headers(service.send("GET", f"{PROBE}?grant=1", {"Origin": origin}))
        assert theirs == ours, (
            f"{service.environment}: a handler's own CORS headers are sent. {FIX}"
        )
