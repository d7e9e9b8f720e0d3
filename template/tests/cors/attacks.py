"""Origins that must never be let in, derived from those that are: one family for each mistake.

Each family is what somebody sends who hopes for a particular slip in the comparison.
"""

from collections.abc import Callable, Iterator

LOOKALIKE = {"a": "а", "e": "е", "o": "о", "p": "р", "c": "с"}  # noqa: RUF001
ODD = [*"_-\"{}+^!~`;|&'()*,$=", "%60", "%0b"]


def split(origin: str) -> tuple[str, str, str]:
    """Return scheme, host and port; the port is empty or begins with its colon."""
    scheme, _, authority = origin.partition("://")
    host, bracket, rest = authority.partition("]")
    if not bracket:
        host, rest = authority, ""
    if not bracket and ":" in authority:
        host, _, port = authority.rpartition(":")
        return scheme, host, f":{port}"
    return scheme, host + bracket, rest


def unrelated(origin: str) -> Iterator[str]:
    yield "https://evil.net"
    yield "http://evil.net"
    yield "https://service.acme-api.net"


def prefix(origin: str) -> Iterator[str]:
    for ending in (".evil.net", "evil.net", "-evil.net", ".evil", "@evil.net", ":80.evil.net"):
        yield origin + ending


def suffix(origin: str) -> Iterator[str]:
    scheme, host, port = split(origin)
    parent = host.partition(".")[2] or host
    for begun in (f"evil{host}", f"evil-{host}", f"evil{parent}"):
        yield f"{scheme}://{begun}{port}"


def cut_short(origin: str) -> Iterator[str]:
    scheme, host, port = split(origin)
    yield from ("h", scheme, f"{scheme}://", f"{scheme}://{host[0]}", host, "", "/")
    yield origin[:-1]
    if "." in host:
        yield f"{scheme}://{host.rpartition('.')[0]}"
    if port:
        yield f"{scheme}://{host}"


def any_character_for_a_dot(origin: str) -> Iterator[str]:
    scheme, host, port = split(origin)
    for place, letter in enumerate(host):
        if letter == ".":
            yield f"{scheme}://{host[:place]}x{host[place + 1 :]}{port}"


def family(origin: str) -> Iterator[str]:
    scheme, host, port = split(origin)
    yield f"{scheme}://evil.{host}{port}"
    if host.count(".") > 1:
        parent = host.partition(".")[2]
        yield f"{scheme}://{parent}{port}"
        yield f"{scheme}://evil.{parent}.net{port}"


def scheme(origin: str) -> Iterator[str]:
    written, host, port = split(origin)
    rest = f"{host}{port}"
    other = "http" if written == "https" else "https"
    for text in (other, "ftp", "ws", "wss", "file", written.upper()):
        yield f"{text}://{rest}"
    yield from (f"//{rest}", f"{written}:/{rest}", f"{written}:{rest}", f"{written}:///{rest}")


def port(origin: str) -> Iterator[str]:
    scheme, host, _ = split(origin)
    for text in ("443", "80", "8443", "0", "65536", "0443", "", "evil", "1e3"):
        yield f"{scheme}://{host}:{text}"


def spelling(origin: str) -> Iterator[str]:
    scheme, host, port = split(origin)
    yield f"{scheme}://{host.upper()}{port}"
    yield f"{scheme}://{host}.{port}"
    for latin, cyrillic in LOOKALIKE.items():
        # Only a name in plain letters: what is punycode already has no look-alike in punycode.
        if latin in host and "xn--" not in host:
            with_lookalike = host.replace(latin, cyrillic, 1)
            yield f"{scheme}://{with_lookalike}{port}"
            yield f"{scheme}://{with_lookalike.encode('idna').decode()}{port}"
            break
    full_width = host.replace(".", "\uff0e", 1)
    yield f"{scheme}://{full_width}{port}"


def null_and_wildcards(origin: str) -> Iterator[str]:
    scheme, host, _ = split(origin)
    parent = host.partition(".")[2] or host
    yield from ("null", "NULL", "Null", "*", f"{scheme}://*", f"{scheme}://*.{parent}")
    yield f"null {origin}"


def delimiters(origin: str) -> Iterator[str]:
    scheme, host, port = split(origin)
    for ending in ("/", "?", "#", "%23", "/.evil.net", "#.evil.net", "?.evil.net"):
        yield origin + ending
    yield f"{origin}@evil.net"
    yield f"{scheme}://user@{host}{port}"
    for separator in ("/", "#", "?", "\\", "@"):
        if separator != "@":
            yield f"https://evil.net{separator}{host}{port}"


def odd_characters(origin: str) -> Iterator[str]:
    scheme, host, port = split(origin)
    for odd in ODD:
        yield f"{origin}{odd}.evil.net"
        yield f"{scheme}://{host.replace('.', f'.{odd}.', 1)}{port}/{odd}"


def white_space_and_control(origin: str) -> Iterator[str]:
    middle = len(origin) // 2
    for odd in ("\t", "\x00", "%00", "%0d%0a", " ", "\x0b", "\x7f"):
        yield f"{origin}{odd}"
        yield f"{odd}{origin}"
        yield f"{origin[:middle]}{odd}{origin[middle:]}"


def several(origin: str) -> Iterator[str]:
    for separator in (",", ", ", " ", ";"):
        yield f"{origin}{separator}https://evil.net"
        yield f"https://evil.net{separator}{origin}"
        yield f"{origin}{separator}{origin}"


def loopback_lookalikes(origin: str) -> Iterator[str]:
    yield from (
        "http://localhost",
        "https://localhost",
        "http://127.0.0.1.evil.net",
        "http://localhost.evil.net",
        "http://2130706433",
        "http://0x7f000001",
        "http://127.1",
        "http://[::1]",
        "http://[::ffff:7f00:1]",
        "http://0.0.0.0",
    )


def shared_hosting(origin: str) -> Iterator[str]:
    for host in ("github.io", "vercel.app", "netlify.app", "pages.dev", "codepen.io"):
        yield f"https://stranger.{host}"
    yield "chrome-extension://" + "ponmlkjihgfedcba" * 2


def oversize(origin: str) -> Iterator[str]:
    yield origin + "a" * 10_000
    yield f"https://{'a' * 10_000}.evil.net"


FAMILIES: dict[str, Callable[[str], Iterator[str]]] = {
    function.__name__: function
    for function in (
        unrelated,
        prefix,
        suffix,
        cut_short,
        any_character_for_a_dot,
        family,
        scheme,
        port,
        spelling,
        null_and_wildcards,
        delimiters,
        odd_characters,
        white_space_and_control,
        several,
        loopback_lookalikes,
        shared_hosting,
        oversize,
    )
}


def cross_pairs(origins: tuple[str, ...]) -> Iterator[str]:
    """Mix the scheme, host and port of one allowed origin with those of another."""
    for one in origins:
        for other in origins:
            if one != other:
                scheme, host, port = split(one)
                other_scheme, other_host, other_port = split(other)
                yield f"{other_scheme}://{host}{port}"
                yield f"{scheme}://{host}{other_port}"
                yield f"{scheme}://{host}.{other_host}{port}"


def around_a_pattern(pattern: str) -> Iterator[str]:
    """Origins that come close to fitting a pattern, and do not."""
    scheme, host, port = split(pattern)
    label, _, parent = host.partition(".")
    if label == "*":
        yield f"{scheme}://{parent}{port}"
        yield f"{scheme}://user@evil.net:1.{parent}{port}"
    if parent:
        for odd in ("", "a.", "a.b", "-a", "a-", "evil.net/", "evil.net#", "a_b", "a%2eb", "A"):
            yield f"{scheme}://{label.replace('*', odd)}.{parent}{port}"
        yield f"{scheme}://{label.replace('*', 'a')}.{parent}.evil.net{port}"
        yield f"{scheme}://{label.replace('*', 'a')}x{parent}{port}"
    if port == ":*":
        for odd in (":", ":0", ":655360", ":080", ":evil", ":1.evil.net"):
            yield f"{scheme}://{host}{odd}"


def as_sent(origin: str) -> str:
    """Return the text whose latin-1 bytes are the UTF-8 bytes of this one."""
    return origin.encode().decode("latin-1")
