"""No cache may hand one site's answer to another: every response says that it depends on Origin."""

from collections.abc import Iterator

from .service import PROBE, Service, header, sentences

# What the service says itself, without Origin and with it.
VARIED = f"{PROBE}?vary=Accept-Encoding&vary=Accept-Language"
VARIED_BY_ORIGIN = f"{VARIED},origin"


def answers(service: Service) -> Iterator[tuple[str, object]]:
    """Yield every kind of answer that a cache could keep."""
    for origin in (*service.expected.origins, "https://evil.net", None):
        asked = {"Origin": origin} if origin else {}
        yield f"GET from {origin}", service.send("GET", PROBE, asked)
        yield f"404 for {origin}", service.send("GET", "/no-such-path", asked)
        yield f"500 for {origin}", service.send("GET", f"{PROBE}?raise=1", asked)
        yield f"POST from {origin}", service.send("POST", PROBE, asked)
        if origin:
            yield f"preflight of {origin}", service.preflight(origin, "PUT")
        yield f"GET {VARIED} from {origin}", service.send("GET", VARIED, asked)
        answer = service.send("GET", VARIED_BY_ORIGIN, asked)
        yield f"GET {VARIED_BY_ORIGIN} from {origin}", answer
    for path in service.own_paths:
        yield f"GET {path}", service.send("GET", path, {})


def test_every_answer_varies_by_origin_and_says_so_once(service: Service) -> None:
    found = []
    for what, response in answers(service):
        lines = header(response, "vary")
        names = [name.strip().lower() for line in lines for name in line.split(",")]
        if "*" not in names and names.count("origin") != 1:
            found.append(f"{service.environment}: {what}: Vary is {', '.join(lines) or 'missing'}")
    assert found == [], sentences(found)


def test_what_else_an_answer_varies_by_is_kept(service: Service) -> None:
    for origin in (*service.expected.origins, "https://evil.net", None):
        asked = {"Origin": origin} if origin else {}
        lines = header(service.send("GET", VARIED, asked), "vary")
        names = {name.strip().lower() for line in lines for name in line.split(",")}
        assert {"accept-encoding", "accept-language"} <= names, lines
