"""Whoever is listed may do what is listed, and no more: methods, headers, what can be read."""

import pytest

from .service import PROBE, Service, granted

pytestmark = pytest.mark.usefixtures("origins")

# Names a browser shows to every script (Fetch, "CORS-safelisted response-header name").
ALWAYS_READABLE = {
    "cache-control",
    "content-language",
    "content-length",
    "content-type",
    "expires",
    "last-modified",
    "pragma",
}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "QUERY", "PURGE", "patch", "XYZZY"])
def test_a_method_that_is_not_listed_is_blocked_at_its_preflight(
    service: Service, method: str
) -> None:
    if method in service.expected.methods or "*" in service.expected.methods:
        pytest.skip(f"{method} is allowed")
    service.handled.clear()
    for origin in service.expected.origins:
        outcome = service.fetch(origin, method)
        assert not outcome.allowed, f"{service.environment}: {origin} may {method} {PROBE}"
        # The step and the reason are what the browser's console will say.
        assert (outcome.step, outcome.reason.name) == (
            "preflight",
            "METHOD_NOT_ALLOWED",
        ), outcome.message
        assert outcome.preflight.status == 204
    assert service.handled == []


@pytest.mark.parametrize("name", ["X-Not-Listed", "X-HTTP-Method-Override", "Authorization"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_header_that_is_not_listed_is_blocked_at_its_preflight(
    service: Service, name: str, method: str
) -> None:
    allowed = {header.lower() for header in service.expected.headers}
    if name.lower() in allowed or "*" in allowed:
        pytest.skip(f"{name} is allowed")
    service.handled.clear()
    for origin in service.expected.origins:
        outcome = service.fetch(origin, method, headers=((name, "1"),))
        assert not outcome.allowed, f"{service.environment}: {origin} may send {name}"
        assert (outcome.step, outcome.reason.name) == (
            "preflight",
            "HEADER_NOT_ALLOWED",
        ), outcome.message
    assert service.handled == []


def test_what_is_exposed_can_be_read_and_nothing_else(service: Service) -> None:
    credentials = "include" if service.expected.credentials else "omit"
    promised = {name.lower() for name in service.expected.exposed}
    for origin in service.expected.origins:
        outcome = service.fetch(origin, credentials=credentials)
        readable = {name.lower() for name in outcome.readable_headers}
        sent = {name.lower() for name, _ in outcome.response.headers}
        if "*" not in promised:
            assert readable <= promised | ALWAYS_READABLE, f"{origin} may read {readable}"
        assert promised & sent <= readable, f"{origin} may read {readable} only"
        assert promised == {"*"} or promised <= sent | ALWAYS_READABLE


def test_the_lists_of_the_policy_are_those_of_the_dotenv_file(service: Service) -> None:
    """Nothing more is allowed than is written, even where no test above would ask for it."""
    if "*" in service.expected.methods + service.expected.headers + service.expected.exposed:
        pytest.skip("a wildcard is written")
    safelisted = {"accept", "accept-language", "content-language", "content-type"}
    for origin in service.expected.origins:
        answers = (
            granted(service.preflight(origin, "PUT", headers="x-anything")),
            granted(service.send("GET", PROBE, {"Origin": origin})),
        )
        for answer, name, promised in (
            (answers[0], "access-control-allow-methods", service.expected.methods),
            (answers[0], "access-control-allow-headers", service.expected.headers),
            (answers[1], "access-control-expose-headers", service.expected.exposed),
        ):
            ignored = safelisted if name == "access-control-allow-headers" else {""}
            told = {text.lower() for text in answer.get(name, "").split(", ")} - ignored - {""}
            written = {text.lower() for text in promised} - ignored
            sentence = f"{service.environment}: {name} is {sorted(told)}, not {sorted(written)}"
            assert told == written, sentence
