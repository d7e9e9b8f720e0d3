"""Forged writes: a page of a stranger can send a POST that it may not read. It must not run."""

import pytest

from .service import PROBE, Service

UNSAFE = ["POST", "PUT", "PATCH", "DELETE"]
STRANGER = "https://evil.net"


def arrived(service: Service, method: str, headers: dict[str, str]) -> bool:
    """Send a write and tell whether the handler ran."""
    service.handled.clear()
    response = service.send(method, PROBE, headers)
    assert bool(service.handled) == (response.status == 200), response
    return bool(service.handled)


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
    assert arrived(guarded, method, {"Origin": "https://service.acme-api.net"})


def test_reading_is_not_writing(guarded: Service) -> None:
    asked = {"Origin": STRANGER, "Sec-Fetch-Site": "cross-site"}
    assert guarded.send("GET", PROBE, asked).status == 200


def test_a_service_with_cookies_guards_its_writes(service: Service) -> None:
    """Every page sends cookies along: unguarded, a stranger's form writes in a user's name."""
    if service.expected.credentials and service.environment not in ("development", "test"):
        assert service.expected.guard_writes, "set CORS_GUARD_WRITES=true where cookies are allowed"
