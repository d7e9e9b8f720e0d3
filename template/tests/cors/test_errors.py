"""An error is an error, not a CORS error: whoever may call may read what went wrong."""

import pytest

from .service import PROBE, Service, granted

pytestmark = pytest.mark.usefixtures("origins")


@pytest.mark.parametrize(
    "status", [201, 204, 304, 400, 401, 403, 404, 405, 409, 413, 422, 429, 500, 503]
)
def test_every_status_is_readable(service: Service, status: int) -> None:
    for origin in service.expected.origins:
        outcome = service.fetch(origin, "GET", f"{PROBE}?status={status}")
        assert outcome.allowed, service.said(origin, "GET", PROBE, outcome.message)
        assert outcome.response.status == status


def test_a_crash_is_readable(service: Service) -> None:
    credentials = "include" if service.expected.credentials else "omit"
    for origin in service.expected.origins:
        outcome = service.fetch(origin, "GET", f"{PROBE}?raise=1", credentials=credentials)
        assert outcome.allowed, service.said(origin, "GET", PROBE, outcome.message)
        assert outcome.response.status == 500


def test_a_path_that_does_not_exist_is_readable(service: Service) -> None:
    for origin in service.expected.origins:
        outcome = service.fetch(origin, "GET", "/no-such-path")
        assert outcome.allowed, service.said(origin, "GET", "/no-such-path", outcome.message)


def test_a_grant_by_a_handler_changes_nothing(service: Service) -> None:
    """There is one policy: what inner code says of CORS is taken out of its answer."""
    for origin in service.expected.origins:
        ours = granted(service.send("GET", PROBE, {"Origin": origin}))
        theirs = granted(service.send("GET", f"{PROBE}?grant=1", {"Origin": origin}))
        assert theirs == ours
