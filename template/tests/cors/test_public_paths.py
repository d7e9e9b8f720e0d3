"""What is public is open to every site, without credentials; what lies beside it is not."""

import pytest

from .service import PROBE, Service, granted

STRANGER = "https://evil.net"


@pytest.fixture
def public(service: Service) -> Service:
    """An environment with public paths."""
    if not service.expected.public_paths:
        pytest.skip(f"{service.environment} has no public path")
    return service


def test_every_site_may_read(public: Service) -> None:
    for prefix in public.expected.public_paths:
        path = prefix.rstrip("/") + PROBE
        outcome = public.fetch(STRANGER, "GET", path)
        assert outcome.allowed, public.said(STRANGER, "GET", path, outcome.message)


def test_never_with_credentials(public: Service) -> None:
    for prefix in public.expected.public_paths:
        path = prefix.rstrip("/") + PROBE
        outcome = public.fetch(STRANGER, "GET", path, credentials="include")
        assert not outcome.allowed, f"{public.environment}: {STRANGER} may GET {path} with cookies"
        assert outcome.reason.name == "ALLOW_ORIGIN_WILDCARD"


def test_a_listed_origin_keeps_what_it_has(public: Service, origins: tuple[str, ...]) -> None:
    for prefix in public.expected.public_paths:
        path = prefix.rstrip("/") + PROBE
        for origin in origins:
            grants = granted(public.send("GET", path, {"Origin": origin}))
            assert grants.get("access-control-allow-origin") == origin
            promised = "true" if public.expected.credentials else None
            assert grants.get("access-control-allow-credentials") == promised


def test_no_websocket_is_public(public: Service) -> None:
    """A WebSocket has no answer that could be withheld, and cookies come along."""
    for prefix in public.expected.public_paths:
        assert not public.opens(prefix.rstrip("/") + f"{PROBE}/socket", STRANGER)


def test_what_only_begins_alike_is_not_public(public: Service) -> None:
    for prefix in public.expected.public_paths:
        for path in (f"{prefix}x", f"/x{prefix}"):
            if not public.expected.is_public(path):
                assert granted(public.send("GET", path, {"Origin": STRANGER})) == {}, path


def test_a_public_path_is_no_way_to_another(public: Service) -> None:
    """Code further in may resolve these, and so arrive at a path that is not public."""
    for prefix in public.expected.public_paths:
        for way in ("/../secret", "/%2e%2e/secret", "/x/..", "//secret", "/..%5csecret"):
            path = prefix.rstrip("/") + way
            assert granted(public.send("GET", path, {"Origin": STRANGER})) == {}, path
