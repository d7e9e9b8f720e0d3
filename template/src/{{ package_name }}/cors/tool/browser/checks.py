"""What the Fetch Standard demands of a response: the CORS check, and what a preflight must say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from .headers import SAFELISTED_METHODS, Headers, get, list_values, values

REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; the transport adds what belongs to the connection, such as Host."""

    method: str
    path: str
    headers: Headers = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response; header values are str that stand for bytes (latin-1)."""

    status: int
    headers: Headers = ()
    body: bytes = b""


class Step(StrEnum):
    """Where a fetch ended that was not allowed."""

    REQUEST = "request"
    PREFLIGHT = "preflight"
    RESPONSE = "response"


class Reason(StrEnum):
    """Why a fetch was not allowed: one member per way in which the standard blocks it."""

    INVALID_METHOD = "invalid method"
    FORBIDDEN_METHOD = "forbidden method"
    METHOD_NEEDS_CORS = "method needs mode cors"
    BODY_WITH_GET = "body with GET or HEAD"
    INVALID_HEADER_NAME = "invalid header name"
    INVALID_HEADER_VALUE = "invalid header value"

    ALLOW_ORIGIN_MISSING = "Access-Control-Allow-Origin missing"
    ALLOW_ORIGIN_MULTIPLE = "Access-Control-Allow-Origin has several values"
    ALLOW_ORIGIN_MISMATCH = "Access-Control-Allow-Origin is another origin"
    ALLOW_ORIGIN_WILDCARD = "Access-Control-Allow-Origin is * but credentials are included"
    ALLOW_CREDENTIALS = "Access-Control-Allow-Credentials is not true"

    PREFLIGHT_REDIRECT = "preflight redirected"
    PREFLIGHT_STATUS = "preflight status not ok"
    ALLOW_METHODS_MALFORMED = "Access-Control-Allow-Methods malformed"
    ALLOW_HEADERS_MALFORMED = "Access-Control-Allow-Headers malformed"
    METHOD_NOT_ALLOWED = "method not allowed"
    METHOD_WILDCARD = "method only covered by *, which does not count with credentials"
    HEADER_NOT_ALLOWED = "header not allowed"
    HEADER_WILDCARD = "header only covered by *, which does not count with credentials"
    AUTHORIZATION_WILDCARD = "header Authorization only covered by *, which never covers it"

    REDIRECT_CREDENTIALS = "redirect to a URL with a user name or password"
    TOO_MANY_REDIRECTS = "too many redirects"
    # The one limit of this model, not of the standard: it has no transport to anywhere else.
    REDIRECT_ELSEWHERE = "redirect to another origin"


class NetworkError(Exception):
    """The standard's network error, with what it keeps from the page: the reason."""

    def __init__(self, step: Step, reason: Reason, detail: str, why: str) -> None:
        super().__init__(f"blocked at {step}: {why}")
        self.step = step
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Allowed:
    """The methods and header names (in lower case) that a preflight response lists."""

    methods: tuple[str, ...]
    names: tuple[str, ...]


def cors_check(step: Step, response: Response, origin: str, *, credentials: bool) -> None:
    """CORS check: byte for byte, also where a URL parser would see no difference."""
    name = "Access-Control-Allow-Origin"
    value = get(response.headers, "access-control-allow-origin")
    if value is None:
        raise NetworkError(step, Reason.ALLOW_ORIGIN_MISSING, "", f"no {name}")
    if value == "*":
        if not credentials:
            return
        why = f"{name} is *, which does not count with credentials"
        raise NetworkError(step, Reason.ALLOW_ORIGIN_WILDCARD, value, why)
    if value != origin:
        several = "," in value or " " in value
        reason = Reason.ALLOW_ORIGIN_MULTIPLE if several else Reason.ALLOW_ORIGIN_MISMATCH
        raise NetworkError(step, reason, value, f"{name} is {value!r}, not {origin!r}")
    if credentials:
        _check_credentials(step, response)


def check_preflight(
    response: Response, origin: str, method: str, names: Iterable[str], *, credentials: bool
) -> Allowed:
    """CORS-preflight fetch, second half; `names` are the unsafe request headers.

    To the standard a redirect is just another status that is not ok; it is told apart, and
    first, because browsers report it so.
    """
    location = values(response.headers, "location")
    if response.status in REDIRECTS and location:
        why = f"redirected to {location[0]} (status {response.status})"
        raise NetworkError(Step.PREFLIGHT, Reason.PREFLIGHT_REDIRECT, location[0], why)
    cors_check(Step.PREFLIGHT, response, origin, credentials=credentials)
    if not 200 <= response.status <= 299:
        status = str(response.status)
        why = f"status {status} is not 200 to 299"
        raise NetworkError(Step.PREFLIGHT, Reason.PREFLIGHT_STATUS, status, why)
    methods = _tokens(response, "Access-Control-Allow-Methods", Reason.ALLOW_METHODS_MALFORMED)
    listed = _tokens(response, "Access-Control-Allow-Headers", Reason.ALLOW_HEADERS_MALFORMED)
    _check_method(method, methods, credentials=credentials)
    for name in names:
        _check_header(name, listed, credentials=credentials)
    return Allowed(methods, tuple(name.lower() for name in listed))


def _check_credentials(step: Step, response: Response) -> None:
    name = "Access-Control-Allow-Credentials"
    value = get(response.headers, name.lower())
    if value != "true":
        why = f"no {name}" if value is None else f"{name} is {value!r}, not 'true'"
        raise NetworkError(step, Reason.ALLOW_CREDENTIALS, value or "", why)


def _check_method(method: str, methods: tuple[str, ...], *, credentials: bool) -> None:
    """Case-sensitive, unlike all else; and the safelisted three need no permission."""
    if method in methods or method in SAFELISTED_METHODS or ("*" in methods and not credentials):
        return
    why = f"method {method} not in Access-Control-Allow-Methods {_listed(methods)}"
    reason = Reason.METHOD_NOT_ALLOWED
    if "*" in methods:
        reason = Reason.METHOD_WILDCARD
        why += ", where * does not count with credentials"
    raise NetworkError(Step.PREFLIGHT, reason, method, why)


def _check_header(name: str, listed: tuple[str, ...], *, credentials: bool) -> None:
    """`Authorization` is the CORS non-wildcard request-header name."""
    if name in {item.lower() for item in listed}:
        return
    why = f"header {name} not in Access-Control-Allow-Headers {_listed(listed)}"
    reason = Reason.HEADER_NOT_ALLOWED
    if "*" in listed and credentials:
        reason = Reason.HEADER_WILDCARD
        why += ", where * does not count with credentials"
    elif "*" in listed and name == "authorization":
        reason = Reason.AUTHORIZATION_WILDCARD
        why += ", where * never covers it"
    elif "*" in listed:
        return
    raise NetworkError(Step.PREFLIGHT, reason, name, why)


def _tokens(response: Response, name: str, malformed: Reason) -> tuple[str, ...]:
    tokens = list_values(response.headers, name.lower())
    if tokens is None:
        value = get(response.headers, name.lower()) or ""
        raise NetworkError(Step.PREFLIGHT, malformed, value, f"{name} {value!r} is malformed")
    return tokens


def _listed(tokens: tuple[str, ...]) -> str:
    return f"({', '.join(tokens) or 'none'})"
