# fmt: off
"""No cache hands the response for one site to another: every response says `Vary: Origin`."""

from collections.abc import Iterator

from .service import OTHER_SITE, PROBE, Service, header_lines, report

# What the service itself says in Vary, without Origin and with it.
VARIED = f"{PROBE}?vary=Accept-Encoding&vary=Accept-Language"
VARIED_BY_ORIGIN = f"{VARIED},origin"

FIX = "Vary must name Origin once: leave the header to the policy, whose layer must be outermost."


def senders(service: Service) -> tuple[str | None, ...]:
    """Return every kind of sender: allowed origins, another site, and no origin at all."""
    return (*service.expected.origins, OTHER_SITE, None)


def responses(service: Service) -> Iterator[tuple[str, object]]:
    """Yield every kind of response that a cache could store, with the request as text."""
    for origin in senders(service):
        lines = {"Origin": origin} if origin else {}
        yield f"GET from {origin}", service.send("GET", PROBE, lines)
        yield f"404 for {origin}", service.send("GET", "/no-such-path", lines)
        yield f"500 for {origin}", service.send("GET", f"{PROBE}?raise=1", lines)
        yield f"POST from {origin}", service.send("POST", PROBE, lines)
        if origin:
            yield f"preflight of {origin}", service.preflight(origin, "PUT")
        for path in (VARIED, VARIED_BY_ORIGIN):
            yield f"GET {path} from {origin}", service.send("GET", path, lines)
    for path in service.own_paths:
        yield f"GET {path}", service.send("GET", path)


def test_every_response_varies_by_origin_and_says_so_once(service: Service) -> None:
    found = []
    for request, response in responses(service):
        lines = header_lines(response, "vary")
        names = [name.strip().lower() for line in lines for name in line.split(",")]
        if "*" not in names and names.count("origin") != 1:
            vary = ", ".join(lines) or "missing"
            found.append(f"{service.environment}: {request}: Vary is {vary}")
    assert not found, report(found, FIX)


def test_what_the_app_says_in_vary_is_kept(service: Service) -> None:
    for origin in senders(service):
        response = service.send("GET", VARIED, {"Origin": origin} if origin else {})
        lines = header_lines(response, "vary")
        names = {name.strip().lower() for line in lines for name in line.split(",")}
        missing = {"accept-encoding", "accept-language"} - names
        assert not missing, f"{service.environment}: Vary lost {sorted(missing)}. {FIX}"
