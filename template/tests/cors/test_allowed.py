"""Whoever is listed may call: every origin, method and header, with credentials where promised."""

import pytest

from .service import EVERY_METHOD, PROBE, Service, filled, granted, header, sentences

pytestmark = pytest.mark.usefixtures("origins")


def refusals(service: Service, **options: object) -> list[str]:
    """Return a sentence for every listed origin and allowed method that is blocked."""
    found = []
    for origin in service.expected.origins:
        for method in service.expected.methods:
            outcome = service.fetch(origin, method, **options)
            if not outcome.allowed:
                found.append(service.said(origin, method, PROBE, outcome.message))
    return found


def test_every_listed_origin_may_use_every_allowed_method(service: Service) -> None:
    found = refusals(service)
    assert found == [], sentences(found)


def test_with_credentials_only_where_they_are_allowed(service: Service) -> None:
    if service.expected.credentials:
        found = refusals(service, credentials="include")
        assert found == [], sentences(found)
    else:
        for origin in service.expected.origins:
            outcome = service.fetch(origin, credentials="include")
            reason = service.said(origin, "GET", PROBE, "yet it may, with cookies")
            assert not outcome.allowed, reason
            assert outcome.reason.name == "ALLOW_CREDENTIALS", outcome.message


def test_with_every_allowed_header_one_by_one_and_all_at_once(service: Service) -> None:
    names = [name for name in service.expected.headers if name != "*"]
    for together in ([name] for name in names), [names]:
        for headers in together:
            # Long enough that no header is safelisted for its value.
            found = refusals(service, headers=tuple((name, "x" * 200) for name in headers))
            assert found == [], sentences(found)


def test_json_may_be_sent_where_content_type_is_allowed(service: Service) -> None:
    asked = (("Content-Type", "application/json"),)
    outcome = service.fetch(service.expected.origins[0], "POST", headers=asked, body=b"{}")
    allowed = {name.lower() for name in service.expected.headers}
    # Content-Type is safelisted for forms only; the middleware lists it beside what you list.
    assert outcome.allowed or "content-type" not in allowed, outcome.message


def test_every_route_of_the_service_answers_the_preflight_of_its_own_methods(
    service: Service,
) -> None:
    for route in service.own_routes:
        path = filled(route.path)
        for method in route.methods & set(service.expected.methods):
            for origin in service.expected.origins:
                response = service.preflight(origin, method, path)
                sentence = service.said(origin, method, path, f"status {response.status}")
                assert 200 <= response.status < 300, sentence
                grants = granted(response)
                assert grants.get("access-control-allow-origin") == origin, sentence
                assert method in grants.get("access-control-allow-methods", "").split(", "), (
                    sentence
                )


def test_every_get_route_of_the_service_can_be_read(service: Service) -> None:
    for path in service.own_paths:
        for origin in service.expected.origins:
            outcome = service.fetch(origin, "GET", path)
            assert outcome.allowed, service.said(origin, "GET", path, outcome.message)


def test_the_answer_to_a_preflight_is_remembered_as_long_as_promised(service: Service) -> None:
    for origin in service.expected.origins:
        grants = granted(service.preflight(origin, "PUT"))
        assert grants.get("access-control-max-age") == str(service.expected.max_age)


def test_a_preflight_never_reaches_the_service(service: Service) -> None:
    service.handled.clear()
    for origin in (*service.expected.origins, "https://evil.net"):
        for method in EVERY_METHOD:
            service.preflight(origin, method)
    assert service.handled == []


def test_an_options_request_that_is_no_preflight_does_reach_it(service: Service) -> None:
    service.handled.clear()
    response = service.send("OPTIONS", PROBE, {"Origin": service.expected.origins[0]})
    assert (response.status, service.handled) == (200, ["OPTIONS"])


def test_a_page_of_a_listed_origin_may_open_every_websocket(service: Service) -> None:
    paths = [filled(route.path) for route in service.own_routes if route.is_websocket]
    for origin in service.expected.origins:
        assert service.opens(f"{PROBE}/socket", origin), f"{origin} may not open a WebSocket"
        for path in paths:
            # Whether the route then wants a login is its own affair.
            with service.closed() as passed:
                service.opens(path, origin)
            assert passed == [f"WEBSOCKET {path}"], f"{origin} may not open {path}"


def test_each_header_of_the_policy_is_sent_once(service: Service) -> None:
    for origin in service.expected.origins:
        for response in (
            service.send("GET", PROBE, {"Origin": origin}),
            service.preflight(origin, "PUT"),
        ):
            names = [name.lower() for name, _ in response.headers]
            repeated = {name for name in names if names.count(name) > 1}
            assert not repeated & {"vary", *granted(response)}, repeated
            assert header(response, "access-control-allow-origin") == [origin]
