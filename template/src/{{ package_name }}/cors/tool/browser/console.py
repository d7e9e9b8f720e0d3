"""What Chromium prints in its console when it blocks a fetch: the text that people search for."""

from __future__ import annotations

from pydantic_core import Url

from .checks import Reason, Step
from .fetch import Outcome

_ADVICE = " Have the server send the header with a valid value."
_TYPE_ERRORS = {
    Reason.INVALID_METHOD: "'{}' is not a valid HTTP method.",
    Reason.FORBIDDEN_METHOD: "'{}' HTTP method is unsupported.",
    Reason.METHOD_NEEDS_CORS: "'{}' is unsupported in no-cors mode.",
    Reason.BODY_WITH_GET: "Request with GET/HEAD method cannot have body.",
    Reason.INVALID_HEADER_NAME: "Invalid name",
    Reason.INVALID_HEADER_VALUE: "Invalid value",
}
_ACCESS_CONTROL_CHECK = {
    Reason.ALLOW_ORIGIN_MISSING: (
        "No 'Access-Control-Allow-Origin' header is present on the requested resource."
    ),
    Reason.ALLOW_ORIGIN_MULTIPLE: (
        "The 'Access-Control-Allow-Origin' header contains multiple values '{}', but only one is "
        "allowed." + _ADVICE
    ),
    Reason.ALLOW_ORIGIN_MISMATCH: (
        "The 'Access-Control-Allow-Origin' header has a value '{}' that is not equal to the "
        "supplied origin." + _ADVICE
    ),
    Reason.ALLOW_ORIGIN_WILDCARD: (
        "The value of the 'Access-Control-Allow-Origin' header in the response must not be the "
        "wildcard '*' when the request's credentials mode is 'include'."
    ),
    Reason.ALLOW_CREDENTIALS: (
        "The value of the 'Access-Control-Allow-Credentials' header in the response is '{}' which "
        "must be 'true' when the request's credentials mode is 'include'."
    ),
    Reason.PREFLIGHT_REDIRECT: "Redirect is not allowed for a preflight request.",
    Reason.PREFLIGHT_STATUS: "It does not have HTTP ok status.",
}
_NOT_AN_ORIGIN = (
    "The 'Access-Control-Allow-Origin' header contains the invalid value '{}'." + _ADVICE
)
_NO_METHOD = "Method {} is not allowed by Access-Control-Allow-Methods in preflight response."
_NO_HEADER = (
    "Request header field {} is not allowed by Access-Control-Allow-Headers in preflight response."
)
_CANNOT_PARSE = "Cannot parse {} response header field in preflight response."
_OTHER = {
    Reason.ALLOW_METHODS_MALFORMED: _CANNOT_PARSE.format("Access-Control-Allow-Methods"),
    Reason.ALLOW_HEADERS_MALFORMED: _CANNOT_PARSE.format("Access-Control-Allow-Headers"),
    Reason.METHOD_NOT_ALLOWED: _NO_METHOD,
    Reason.METHOD_WILDCARD: _NO_METHOD,
    Reason.HEADER_NOT_ALLOWED: _NO_HEADER,
    Reason.HEADER_WILDCARD: _NO_HEADER,
    # Chromium leaves the location out.
    Reason.REDIRECT_CREDENTIALS: (
        "Redirect location '' contains a username and password, which is disallowed for "
        "cross-origin requests."
    ),
}
_NOT_LATIN_1 = (
    "Failed to read the 'headers' property from 'RequestInit': String contains non ISO-8859-1 code "
    "point."
)


def console_message(outcome: Outcome) -> str | None:
    """The console's text for a blocked fetch(); None where Chromium prints no reason of CORS.

    It prints nothing of `Authorization` under `*`, because it still lets that pass, nor of a
    redirect that does not end. What it would say of a redirect to elsewhere depends on the answer
    from there.
    """
    reason, detail = outcome.reason, _printable(outcome.detail)
    if reason in _TYPE_ERRORS:
        why = _TYPE_ERRORS[reason].format(detail)
        if not all(map(_is_latin_1, outcome.fetch.headers)):
            why = _NOT_LATIN_1
        return f"Uncaught (in promise) TypeError: Failed to execute 'fetch' on 'Window': {why}"
    if reason in _ACCESS_CONTROL_CHECK:
        why = _ACCESS_CONTROL_CHECK[reason]
        if reason is Reason.ALLOW_ORIGIN_MISMATCH and not _could_be_origin(outcome.detail):
            why = _NOT_AN_ORIGIN
        if outcome.step is Step.PREFLIGHT:
            why = "Response to preflight request doesn't pass access control check: " + why
    elif reason in _OTHER:
        why = _OTHER[reason]
    else:
        return None
    return (
        f"Access to fetch at {_place(outcome)} from origin '{outcome.fetch.origin}' "
        f"has been blocked by CORS policy: {why.format(detail)}"
    )


def _place(outcome: Outcome) -> str:
    """The URL that was blocked, and the one that a script asked for where they differ."""
    service = "/".join(outcome.url.split("/", 3)[:3])
    asked = service + outcome.fetch.path
    return f"'{outcome.url}'" + ("" if outcome.url == asked else f" (redirected from '{asked}')")


def _could_be_origin(value: str) -> bool:
    """Whether it is a URL, or `null`: only then Chromium compares it."""
    try:
        return value == "null" or bool(Url(value))
    except ValueError:
        return False


def _is_latin_1(header: tuple[str, str]) -> bool:
    return all(character <= "\xff" for character in "".join(header))


def _printable(value: str) -> str:
    return "".join(c if " " <= c <= "~" else f"\\u{ord(c):04X}" for c in value)
