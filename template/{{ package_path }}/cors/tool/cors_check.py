# fmt: off
"""What the Fetch Standard says of headers and responses: the rules that a browser follows.

Docstrings name the algorithms of https://fetch.spec.whatwg.org. A header value is a str with one
character for each byte (latin-1), so its length is a number of bytes. Functions take the name of a
header in lower case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from ..fetch_standard import (
    FORBIDDEN_METHODS,
    FORBIDDEN_REQUEST_HEADERS,
    FORBIDDEN_REQUEST_PREFIXES,
    FORBIDDEN_RESPONSE_HEADERS,
    SAFELISTED_METHODS,
    TOKEN,
    names,
)

Headers = tuple[tuple[str, str], ...]

REDIRECTS = (301, 302, 303, 307, 308)
NORMALIZED_METHODS = names("DELETE GET HEAD OPTIONS POST PUT")
# "forbidden request-header": forbidden where the value is a forbidden method.
METHOD_OVERRIDE_HEADERS = names("x-http-method x-http-method-override x-method-override")
# "CORS-safelisted response-header name": readable by every script that may read the response.
SAFELISTED_RESPONSE_HEADERS = names(
    "cache-control content-language content-length content-type expires last-modified pragma"
)
NO_CORS_SAFELISTED = names("accept accept-language content-language content-type")
FORM_TYPES = names("application/x-www-form-urlencoded multipart/form-data text/plain")

UNSAFE_BYTE = re.compile(r'[\x00-\x08\x0a-\x1f"():<>?@\[\\\]{}\x7f]')
LANGUAGE = re.compile(r"[0-9A-Za-z *,.;=-]*")
RANGE = re.compile(r"bytes=([0-9]+)-([0-9]*)")


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. The transport adds what belongs to the connection, such as Host."""

    method: str
    path: str
    headers: Headers = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response."""

    status: int
    headers: Headers = ()
    body: bytes = b""

    @property
    def is_ok(self) -> bool:
        """Whether the status is an "ok status"."""
        return 200 <= self.status <= 299


class Step(StrEnum):
    """Where a fetch was blocked."""

    REQUEST = "request"
    PREFLIGHT = "preflight"
    RESPONSE = "response"


class Reason(StrEnum):
    """Why a fetch was blocked: one member for each way in which the standard does it.

    The value is the message, with the detail in the place of `{}`: a method, the name of a header,
    the value of one.
    """

    INVALID_METHOD = "{!r} is not an HTTP method"
    FORBIDDEN_METHOD = "no script can use the method {}"
    METHOD_NEEDS_CORS = "method {} is not allowed in mode no-cors"
    BODY_WITH_GET = "a {} request cannot have a body"
    INVALID_HEADER_NAME = "{!r} is not the name of a header"
    INVALID_HEADER_VALUE = "the value of the header {} has a character that no header can have"

    ALLOW_ORIGIN_MISSING = "no Access-Control-Allow-Origin"
    ALLOW_ORIGIN_MULTIPLE = "Access-Control-Allow-Origin has several values: {!r}"
    ALLOW_ORIGIN_MISMATCH = "Access-Control-Allow-Origin is {!r}, not {!r}"
    ALLOW_ORIGIN_WILDCARD = "Access-Control-Allow-Origin is *, which is not valid with credentials"
    ALLOW_CREDENTIALS = "Access-Control-Allow-Credentials is {1}, not 'true'"

    PREFLIGHT_REDIRECT = "redirected to {} (status {})"
    PREFLIGHT_STATUS = "status {} is not 200 to 299"
    ALLOW_METHODS_MALFORMED = "Access-Control-Allow-Methods {!r} is malformed"
    ALLOW_HEADERS_MALFORMED = "Access-Control-Allow-Headers {!r} is malformed"
    METHOD_NOT_ALLOWED = "method {} not in Access-Control-Allow-Methods ({})"
    METHOD_WILDCARD = f"{METHOD_NOT_ALLOWED}, where * does not count with credentials"
    HEADER_NOT_ALLOWED = "header {} not in Access-Control-Allow-Headers ({})"
    HEADER_WILDCARD = f"{HEADER_NOT_ALLOWED}, where * does not count with credentials"
    AUTHORIZATION_WILDCARD = f"{HEADER_NOT_ALLOWED}, where * never covers it"

    REDIRECT_CREDENTIALS = "redirected to {}, which has a user name or password"
    TOO_MANY_REDIRECTS = "too many redirects"
    # A limit of this model, not of the standard: it has no transport to another origin.
    REDIRECT_ELSEWHERE = "redirected to {}, away from {}"


class NetworkError(Exception):
    """The standard's network error, with what browsers hide from the page: the reason."""

    def __init__(self, step: Step, reason: Reason, detail: str = "", more: object = "") -> None:
        super().__init__(f"blocked at {step}: {reason.format(detail, more)}")
        self.step = step
        self.reason = reason
        self.detail = detail


# --- Header values ----------------------------------------------------------------------------


def values(headers: Headers, name: str) -> list[str]:
    """Return the value of each line of a header, without blanks around it (RFC 9110, 5.5)."""
    return [value.strip(" \t") for key, value in headers if key.lower() == name]


def get(headers: Headers, name: str) -> str | None:
    """Get: return all values of a header, joined by a comma and a blank."""
    found = values(headers, name)
    return ", ".join(found) if found else None


def list_values(headers: Headers, name: str) -> tuple[str, ...] | None:
    """Extract header list values: return a header's tokens, or None if any is malformed.

    Empty elements do not count (RFC 9110, 5.6.1.2).
    """
    items = [item.strip(" \t") for value in values(headers, name) for item in value.split(",")]
    items = [item for item in items if item]
    return tuple(items) if all(TOKEN.fullmatch(item) for item in items) else None


def max_age(headers: Headers) -> float:
    """Return Access-Control-Max-Age in seconds: 5 if it is missing, repeated or not a number."""
    found = values(headers, "access-control-max-age")
    # float, because int refuses a number of thousands of digits.
    return float(found[0]) if len(found) == 1 and re.fullmatch("[0-9]+", found[0]) else 5.0


# --- Requests ---------------------------------------------------------------------------------


def normalize_method(method: str) -> str:
    """Normalize a method: six are turned into upper case, but `patch` stays as it is."""
    upper = method.upper()
    return upper if upper in NORMALIZED_METHODS else method


def is_forbidden_request_header(name: str, value: str) -> bool:
    """Forbidden request-header: whether only the browser itself can set it."""
    if name in METHOD_OVERRIDE_HEADERS:
        return any(part.strip(" \t").upper() in FORBIDDEN_METHODS for part in value.split(","))
    return name in FORBIDDEN_REQUEST_HEADERS or name.startswith(FORBIDDEN_REQUEST_PREFIXES)


def objection(name: str, value: str) -> str | None:
    """Return why this is not a CORS-safelisted request-header, as a phrase; None if it is one."""
    if name not in NO_CORS_SAFELISTED and name != "range":
        return "is not safelisted"
    if len(value) > 128:
        return "has a value longer than 128 bytes"
    match name:
        case "accept" if UNSAFE_BYTE.search(value):
            return f"has a CORS-unsafe byte in its value {value!r}"
        case "accept-language" | "content-language" if not LANGUAGE.fullmatch(value):
            return f"has a byte in its value {value!r} that language tags cannot have"
        case "content-type" if UNSAFE_BYTE.search(value) or essence(value) not in FORM_TYPES:
            return f"has the value {value!r}, which no form could send"
        case "range" if not is_simple_range(value):
            return f"has the value {value!r}, which is not a simple range"
    return None


def unsafe_names(headers: Headers) -> dict[str, str]:
    """CORS-unsafe request-header names: return them sorted, in lower case, each with the reason."""
    judged = [(name.lower(), value, objection(name.lower(), value)) for name, value in headers]
    unsafe = {name: f"header {name} {why}" for name, _, why in judged if why is not None}
    safelisted = [(name, len(value)) for name, value, why in judged if why is None]
    if sum(size for _, size in safelisted) > 1024:
        for name, _ in safelisted:
            unsafe.setdefault(name, f"header {name}: the safelisted headers exceed 1024 bytes")
    return dict(sorted(unsafe.items()))


def essence(value: str) -> str:
    """Parse a MIME type (MIME Sniffing Standard): return its essence, or "" if it is malformed."""
    kind, _, rest = value.strip("\t\n\r ").partition("/")
    subtype = rest.partition(";")[0].rstrip("\t\n\r ")
    well_formed = TOKEN.fullmatch(kind) and TOKEN.fullmatch(subtype)
    return f"{kind}/{subtype}".lower() if well_formed else ""


def is_simple_range(value: str) -> bool:
    """Parse a single range header value: without whitespace, and with a start."""
    found = RANGE.fullmatch(value)
    return bool(found and (not found[2] or int(found[1]) <= int(found[2])))


# --- Responses --------------------------------------------------------------------------------


def cors_check(step: Step, response: Response, origin: str, *, credentials: bool) -> None:
    """CORS check: raise NetworkError unless the response allows the origin, byte for byte."""
    value = get(response.headers, "access-control-allow-origin")
    if value is None:
        raise NetworkError(step, Reason.ALLOW_ORIGIN_MISSING)
    if value == "*":
        if not credentials:
            return
        raise NetworkError(step, Reason.ALLOW_ORIGIN_WILDCARD, value)
    if value != origin:
        several = "," in value or " " in value
        reason = Reason.ALLOW_ORIGIN_MULTIPLE if several else Reason.ALLOW_ORIGIN_MISMATCH
        raise NetworkError(step, reason, value, origin)
    value = get(response.headers, "access-control-allow-credentials")
    if credentials and value != "true":
        seen = "missing" if value is None else repr(value)
        raise NetworkError(step, Reason.ALLOW_CREDENTIALS, value or "", seen)


def preflight_check(
    response: Response, origin: str, method: str, unsafe: Iterable[str], *, credentials: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """CORS-preflight fetch, step 7: raise NetworkError unless the request may follow.

    `unsafe` are the names of its unsafe headers. Return the methods and headers that the response
    lists, the latter in lower case. To the standard a redirect is one more status that is not ok.
    It is a reason of its own here, and the first, because browsers report it so.
    """
    step, location = Step.PREFLIGHT, values(response.headers, "location")
    if response.status in REDIRECTS and location:
        raise NetworkError(step, Reason.PREFLIGHT_REDIRECT, location[0], response.status)
    cors_check(step, response, origin, credentials=credentials)
    if not response.is_ok:
        raise NetworkError(step, Reason.PREFLIGHT_STATUS, str(response.status))
    methods = list_values(response.headers, "access-control-allow-methods")
    if methods is None:
        value = get(response.headers, "access-control-allow-methods") or ""
        raise NetworkError(step, Reason.ALLOW_METHODS_MALFORMED, value)
    headers = list_values(response.headers, "access-control-allow-headers")
    if headers is None:
        value = get(response.headers, "access-control-allow-headers") or ""
        raise NetworkError(step, Reason.ALLOW_HEADERS_MALFORMED, value)
    headers = tuple(name.lower() for name in headers)

    # Case matters in methods, unlike in headers.
    wild = "*" in methods
    if method not in (*methods, *SAFELISTED_METHODS) and (credentials or not wild):
        reason = Reason.METHOD_WILDCARD if wild else Reason.METHOD_NOT_ALLOWED
        raise NetworkError(step, reason, method, ", ".join(methods) or "none")
    wild = "*" in headers
    for name in unsafe:
        # "CORS non-wildcard request-header name": `*` never covers Authorization.
        if name not in headers and (credentials or not wild or name == "authorization"):
            reason = Reason.HEADER_NOT_ALLOWED
            if wild:
                reason = Reason.HEADER_WILDCARD if credentials else Reason.AUTHORIZATION_WILDCARD
            raise NetworkError(step, reason, name, ", ".join(headers) or "none")
    return methods, headers


def basic_names(headers: Headers) -> tuple[str, ...]:
    """Basic filtered response: return the headers that a page of the service can read."""
    return tuple(sorted({name.lower() for name, _ in headers} - FORBIDDEN_RESPONSE_HEADERS))


def readable_names(headers: Headers, *, credentials: bool) -> tuple[str, ...]:
    """CORS filtered response: return the headers that a page of another origin can read.

    A malformed Access-Control-Expose-Headers exposes nothing ("main fetch"). With
    credentials, `*` is not a wildcard but the name of a header.
    """
    exposed = {name.lower() for name in list_values(headers, "access-control-expose-headers") or ()}
    everything = "*" in exposed and not credentials
    return tuple(
        name
        for name in basic_names(headers)
        if everything or name in SAFELISTED_RESPONSE_HEADERS or name in exposed
    )
