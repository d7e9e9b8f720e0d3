"""What the Fetch Standard says of headers: which are safe, forbidden, readable or malformed.

Header values are str that stand for bytes, one character per byte (latin-1), as in the standard's
"isomorphic" encoding, so a length in characters is a length in bytes.
"""

from __future__ import annotations

import re

Headers = tuple[tuple[str, str], ...]

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
SAFELISTED_METHODS = ("GET", "HEAD", "POST")
FORBIDDEN_METHODS = ("CONNECT", "TRACE", "TRACK")

_NORMALIZED_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT")
_FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
_UNSAFE_BYTE = re.compile(r'[\x00-\x08\x0a-\x1f"():<>?@\[\\\]{}\x7f]')
_LANGUAGE = re.compile(r"[0-9A-Za-z *,.;=-]*")
_RANGE = re.compile(r"bytes=([0-9]+)-([0-9]*)")
_FORBIDDEN_REQUEST_HEADERS = frozenset(
    {
        *("accept-charset", "accept-encoding", "access-control-request-headers"),
        *("access-control-request-method", "connection", "content-length", "cookie", "cookie2"),
        *("date", "dnt", "expect", "host", "keep-alive", "origin", "referer", "set-cookie", "te"),
        *("trailer", "transfer-encoding", "upgrade", "via"),
    }
)
_METHOD_OVERRIDES = ("x-http-method", "x-http-method-override", "x-method-override")
_NO_CORS_NAMES = ("accept", "accept-language", "content-language", "content-type")
_ALWAYS_READABLE = (
    *("cache-control", "content-language", "content-length", "content-type"),
    *("expires", "last-modified", "pragma"),
)
_NEVER_READABLE = ("set-cookie", "set-cookie2")


def normalize_method(method: str) -> str:
    """Normalize a method: six are upper-cased; `patch` stays as it is, a classic trap."""
    upper = method.upper()
    return upper if upper in _NORMALIZED_METHODS else method


def values(headers: Headers, name: str) -> list[str]:
    """The values of a header (its name in lower case), one per line.

    Blanks around a value are no part of it: every HTTP parser drops them (RFC 9110, 5.5).
    """
    return [value.strip(" \t") for key, value in headers if key.lower() == name]


def get(headers: Headers, name: str) -> str | None:
    """Get: all values of a header, combined with a comma and a space."""
    found = values(headers, name)
    return ", ".join(found) if found else None


def list_values(headers: Headers, name: str) -> tuple[str, ...] | None:
    """Extract header list values from a list of tokens; None where one is malformed.

    One bad element spoils the whole header. Empty elements do not: RFC 9110, 5.6.1.2 has
    recipients ignore them.
    """
    items = [item.strip(" \t") for value in values(headers, name) for item in value.split(",")]
    items = [item for item in items if item]
    return tuple(items) if all(TOKEN.fullmatch(item) for item in items) else None


def max_age(headers: Headers) -> float:
    """Access-Control-Max-Age in seconds: 5 where it is missing, doubled, or no number."""
    found = values(headers, "access-control-max-age")
    # float, because int refuses a number of thousands of digits.
    return float(found[0]) if len(found) == 1 and re.fullmatch("[0-9]+", found[0]) else 5.0


def is_forbidden_request_header(name: str, value: str) -> bool:
    """Forbidden request-header: only the browser itself sets it."""
    name = name.lower()
    if name in _METHOD_OVERRIDES:
        return any(part.strip(" \t").upper() in FORBIDDEN_METHODS for part in value.split(","))
    return name in _FORBIDDEN_REQUEST_HEADERS or name.startswith(("proxy-", "sec-"))


def is_no_cors_safelisted(name: str, value: str) -> bool:
    """No-CORS-safelisted request-header: the CORS-safelist without `Range`."""
    return name.lower() in _NO_CORS_NAMES and objection(name, value) is None


def objection(name: str, value: str) -> str | None:
    """Why this is no CORS-safelisted request-header, as a phrase; None where it is one."""
    name = name.lower()
    if name not in (*_NO_CORS_NAMES, "range"):
        return "is not safelisted"
    if len(value) > 128:
        return "has a value longer than 128 bytes"
    match name:
        case "accept" if _UNSAFE_BYTE.search(value):
            return f"has a CORS-unsafe byte in its value {value!r}"
        case "accept-language" | "content-language" if not _LANGUAGE.fullmatch(value):
            return f"has a byte outside a language tag in its value {value!r}"
        case "content-type" if _UNSAFE_BYTE.search(value) or _essence(value) not in _FORM_TYPES:
            return f"has the value {value!r}, which no form could send"
        case "range" if not _is_simple_range(value):
            return f"has the value {value!r}, which is no simple range"
    return None


def unsafe_names(headers: Headers) -> dict[str, str]:
    """CORS-unsafe request-header names: sorted, in lower case, each with the reason."""
    judged = [(name.lower(), value, objection(name, value)) for name, value in headers]
    unsafe = {name: f"header {name} {why}" for name, _, why in judged if why is not None}
    safelisted = [(name, len(value)) for name, value, why in judged if why is None]
    if sum(size for _, size in safelisted) > 1024:
        for name, _ in safelisted:
            unsafe.setdefault(name, f"header {name}: the safelisted headers exceed 1024 bytes")
    return dict(sorted(unsafe.items()))


def readable_names(headers: Headers, *, credentials: bool) -> tuple[str, ...]:
    """CORS-safelisted response-header names among these headers: what a script may read.

    A malformed Access-Control-Expose-Headers exposes nothing ("main fetch"), and `*` is a
    wildcard only without credentials; otherwise it is a header name like any other.
    """
    exposed = {name.lower() for name in list_values(headers, "access-control-expose-headers") or ()}
    return tuple(
        name
        for name in basic_names(headers)
        if name in _ALWAYS_READABLE or name in exposed or ("*" in exposed and not credentials)
    )


def basic_names(headers: Headers) -> tuple[str, ...]:
    """What a basic filtered response shows: everything but cookies."""
    return tuple(sorted({name.lower() for name, _ in headers} - set(_NEVER_READABLE)))


def _essence(value: str) -> str:
    """The essence of a MIME type ("parse a MIME type", MIME Sniffing Standard), or ""."""
    kind, _, rest = value.strip("\t\n\r ").partition("/")
    subtype = rest.partition(";")[0].rstrip("\t\n\r ")
    well_formed = TOKEN.fullmatch(kind) and TOKEN.fullmatch(subtype)
    return f"{kind}/{subtype}".lower() if well_formed else ""


def _is_simple_range(value: str) -> bool:
    """Parse a single range header value, whitespace not allowed, start required."""
    found = _RANGE.fullmatch(value)
    return bool(found and (not found[2] or int(found[1]) <= int(found[2])))
