"""What browsers write into their console: one row per message, with the cause it leads to.

The texts are the browsers' own, current and older wordings alike. {url}, {origin}, {method},
{header}, {status}, {page} and {value} stand for what differs. A message is recognised whatever
quotes, line breaks and blanks it went through on its way here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Browser = Literal["Chromium", "Firefox", "Safari", "any"]

# A message of the first kind stands alone; the others are the end of a common beginning.
FRAMES = {
    "": "",
    "chromium": (
        "Access to fetch at '{url}' from origin '{origin}' has been blocked by CORS policy: "
    ),
    "preflight": (
        "Access to fetch at '{url}' from origin '{origin}' has been blocked by CORS policy: "
        "Response to preflight request doesn't pass access control check: "
    ),
    "firefox": (
        "Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote "
        "resource at {url}. (Reason: "
    ),
    "network": "{method} {url} ",
}

URL = r"[^\s'<>]{1,2000}?"
ORIGIN = r"(?:[a-z][a-z0-9+.-]*://[^\s'/]{1,300}?/?|null)"
QUOTE = "'{0,2}"
PLACEHOLDERS = {
    "url": URL,
    "page": URL,
    "origin": ORIGIN,
    "kind": r"[a-z][a-z ]{1,30}?",
    "method": r"[!#$%&*+.^_|~0-9a-z-]{1,60}",
    "header": r"[!#$%&*+.^_|~0-9a-z-]{1,120}",
    "status": r"\d{3}",
    "value": r"[^']{0,300}?",
}
# At the end of a message nothing follows that a lazy expression could stop at.
LAST_PLACEHOLDERS = {name: found.replace("}?", "}") for name, found in PLACEHOLDERS.items()} | {
    "value": r"[^\s']{0,200}"
}

CHROMIUM_START = (
    rf"(?:(?:access to {PLACEHOLDERS['kind']} at {QUOTE}(?P<frame_url>{URL}){QUOTE} "
    rf"(?:\(redirected from {QUOTE}{URL}{QUOTE}\) )?"
    rf"from origin {QUOTE}(?P<frame_origin>{ORIGIN}){QUOTE} has been blocked by cors policy: "
    r"|access blocked by cors policy: "
    rf"|redirect from {QUOTE}{URL}{QUOTE} to {QUOTE}(?P<redirect_url>{URL}){QUOTE} has been "
    r"blocked by cors policy: "
    rf"|(?:xmlhttprequest|fetch api) cannot load (?P<cannot_url>[a-z]+:{URL})\. "
    rf"|failed to load (?P<failed_url>[a-z]+:{URL}): "
    rf"|\w{{1,20}} from origin {QUOTE}{ORIGIN}{QUOTE} has been blocked from loading by "
    r"cross-origin resource sharing policy: )?"
    rf"(?P<preflight>response (?:to|for) preflight (?:request )?doesn{QUOTE}t pass access control "
    r"check: )?)"
)
FIREFOX_START = (
    r"(?:cross-origin request (?:blocked|warning): the same origin policy (?:will disallow|"
    rf"disallows) reading the remote resource at {QUOTE}(?P<frame_url>{URL}){QUOTE}"
    r"(?: soon)?\.? \(?reason: )?"
)
NETWORK_START = rf"(?:(?P<frame_method>[a-z]{{1,20}}) (?P<frame_url>{URL}) )?"
STARTS = {
    "": "",
    "chromium": CHROMIUM_START,
    "preflight": CHROMIUM_START,
    "firefox": FIREFOX_START,
    "network": NETWORK_START,
}


@dataclass(frozen=True)
class Message:
    """One row: a message of a browser, and the id of its cause.

    A `vague` one says that something failed and not what: whatever else stands in the same text
    explains it.
    """

    browser: Browser
    cause: str
    text: str
    frame: str = ""
    vague: bool = False

    @property
    def shown(self) -> str:
        """The message as a person reads it, with its common beginning."""
        tail = "." if self.frame == "firefox" and not self.text.endswith(".") else ""
        return FRAMES[self.frame] + self.text + tail

    @cached_property
    def needle(self) -> str:
        """The longest run of plain words in it, in lower case: quick to look for."""
        return max(re.split("[{}'`\"]", re.sub(r"\{\w+\}", "{", self.text)), key=len).lower()

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What recognises it in a text that was made plain by `console.plain`."""
        return re.compile(STARTS[self.frame] + expression(self.text), re.IGNORECASE)


def expression(text: str) -> str:
    """Return a regular expression for a message with placeholders."""
    source = ""
    # The last full stop is often lost, or followed by a status.
    parts = re.split(r"\{(\w+)\}", text.removesuffix("."))
    for number, part in enumerate(parts):
        if number % 2 == 0:
            source += literal(part)
            continue
        is_last = number == len(parts) - 2 and not parts[-1]
        found = (LAST_PLACEHOLDERS if is_last else PLACEHOLDERS)[part]
        source += f"{QUOTE}(?P<{part}>{found}){QUOTE}"
    return source


def literal(text: str) -> str:
    """Return an expression for plain text whose quotes may have been lost on the way."""
    return re.sub("['`\"]", QUOTE, re.escape(text).replace(r"\ ", " "))


def chromium(cause: str, text: str) -> Message:
    """Return a reason of Chromium, Edge, Opera and their kin."""
    return Message("Chromium", cause, text, "chromium")


def preflight(cause: str, text: str) -> Message:
    """Return a reason of Chromium that only a preflight has."""
    return Message("Chromium", cause, text, "preflight")


def firefox(cause: str, text: str) -> Message:
    """Return a reason of Firefox."""
    return Message("Firefox", cause, text, "firefox")


CHROMIUM_REASONS = (
    chromium(
        "origin", "No 'Access-Control-Allow-Origin' header is present on the requested resource."
    ),
    chromium("origin", "Origin {origin} is not allowed by Access-Control-Allow-Origin."),
    chromium(
        "doubled",
        "The 'Access-Control-Allow-Origin' header contains multiple values '{value}', but only "
        "one is allowed.",
    ),
    chromium(
        "other-origin",
        "The 'Access-Control-Allow-Origin' header has a value '{value}' that is not equal to the "
        "supplied origin.",
    ),
    chromium(
        "malformed",
        "The 'Access-Control-Allow-Origin' header contains the invalid value '{value}'.",
    ),
    chromium(
        "wildcard",
        "The value of the 'Access-Control-Allow-Origin' header in the response must not be the "
        "wildcard '*' when the request's credentials mode is 'include'.",
    ),
    chromium(
        "wildcard",
        "A wildcard '*' cannot be used in the 'Access-Control-Allow-Origin' header when the "
        "credentials flag is true.",
    ),
    chromium(
        "credentials",
        "The value of the 'Access-Control-Allow-Credentials' header in the response is '{value}' "
        "which must be 'true' when the request's credentials mode is 'include'.",
    ),
    chromium(
        "credentials",
        "Credentials flag is 'true', but the 'Access-Control-Allow-Credentials' header is "
        "'{value}'. It must be 'true' to allow credentials.",
    ),
    chromium(
        "method",
        "Method {method} is not allowed by Access-Control-Allow-Methods in preflight response.",
    ),
    chromium(
        "header",
        "Request header field {header} is not allowed by Access-Control-Allow-Headers in "
        "preflight response.",
    ),
    chromium(
        "header",
        "Request header field {header} is not allowed by Access-Control-Allow-Headers.",
    ),
    chromium(
        "malformed",
        "Cannot parse Access-Control-Allow-Methods response header field in preflight response.",
    ),
    chromium(
        "malformed",
        "Cannot parse Access-Control-Allow-Headers response header field in preflight response.",
    ),
    preflight("preflight-status", "It does not have HTTP ok status."),
    preflight("preflight-status", "Response for preflight does not have HTTP ok status."),
    preflight("preflight-status", "Response for preflight has invalid HTTP status code {status}."),
    preflight("preflight-redirect", "Redirect is not allowed for a preflight request."),
    chromium("preflight-redirect", "Response for preflight is invalid (redirect)."),
    chromium(
        "preflight-redirect",
        "Redirect location '{value}' contains a username and password, which is disallowed for "
        "cross-origin requests.",
    ),
    chromium(
        "preflight-redirect",
        "The request was redirected to '{value}', which is disallowed for cross-origin requests "
        "that require preflight.",
    ),
    chromium("no-cors", "Cross origin requests are not allowed by request mode."),
    chromium("vague", "The response is invalid."),
    chromium("scheme", "Cross origin requests are only supported for protocol schemes: {value}."),
    chromium(
        "local-network",
        "The request client is not a secure context and the resource is in more-private address "
        "space `{value}`.",
    ),
    chromium(
        "local-network",
        "Permission was denied for this request to access the `{value}` address space.",
    ),
    chromium(
        "local-network", "Unable to ask for permission to access the `{value}` IP address space."
    ),
    chromium(
        "local-network",
        "Request had a target IP address space of `{value}` yet the resource is in address space",
    ),
    chromium(
        "local-network",
        "Request had no target IP address space, yet the resource is in address space `{value}`.",
    ),
    preflight(
        "local-network",
        "No 'Access-Control-Allow-Private-Network' header was present in the preflight response",
    ),
    preflight(
        "local-network",
        "The 'Access-Control-Allow-Private-Network' header in the preflight response for this "
        "private network request targeting the `{value}` address space had a value of",
    ),
)

FIREFOX_REASONS = (
    firefox("origin", "CORS header 'Access-Control-Allow-Origin' missing)"),
    firefox("other-origin", "CORS header 'Access-Control-Allow-Origin' does not match '{value}')"),
    firefox("doubled", "Multiple CORS header 'Access-Control-Allow-Origin' not allowed)"),
    firefox(
        "wildcard",
        "Credential is not supported if the CORS header 'Access-Control-Allow-Origin' is '*')",
    ),
    firefox("credentials", "expected 'true' in CORS header 'Access-Control-Allow-Credentials')"),
    firefox("method", "Did not find method in CORS header 'Access-Control-Allow-Methods')"),
    firefox(
        "header",
        "header '{header}' is not allowed according to header 'Access-Control-Allow-Headers' from "
        "CORS preflight response)",
    ),
    firefox(
        "header",
        "missing token '{header}' in CORS header 'Access-Control-Allow-Headers' from CORS "
        "preflight channel)",
    ),
    firefox("malformed", "invalid token '{value}' in CORS header 'Access-Control-Allow-Methods')"),
    firefox("malformed", "invalid token '{value}' in CORS header 'Access-Control-Allow-Headers')"),
    firefox("preflight-status", "CORS preflight response did not succeed)"),
    firefox("preflight-status", "CORS preflight channel did not succeed)"),
    firefox("preflight-redirect", "CORS request external redirect not allowed)"),
    firefox("unreachable", "CORS request did not succeed)"),
    firefox("scheme", "CORS request not http)"),
    firefox("script", "CORS header 'Origin' cannot be added)"),
    firefox("blocked-client", "CORS disabled)"),
    firefox(
        "wildcard-authorization",
        "When the `Access-Control-Allow-Headers` is `*`, the `Authorization` header is not "
        "covered.",
    ),
)

SAFARI_MESSAGES = (
    Message(
        "Safari",
        "origin",
        "Origin {origin} is not allowed by Access-Control-Allow-Origin.",
    ),
    Message(
        "Safari",
        "wildcard",
        "Cannot use wildcard in Access-Control-Allow-Origin when credentials flag is true.",
    ),
    Message(
        "Safari", "doubled", "Access-Control-Allow-Origin cannot contain more than one origin."
    ),
    Message(
        "Safari",
        "credentials",
        'Credentials flag is true, but Access-Control-Allow-Credentials is not "true".',
    ),
    Message("Safari", "method", "Method {method} is not allowed by Access-Control-Allow-Methods."),
    Message(
        "Safari",
        "header",
        "Request header field {header} is not allowed by Access-Control-Allow-Headers.",
    ),
    Message("Safari", "preflight-status", "Preflight response is not successful"),
    Message(
        "Safari", "malformed", "Header Access-Control-Allow-Methods has an invalid value: {value}"
    ),
    Message(
        "Safari", "malformed", "Header Access-Control-Allow-Headers has an invalid value: {value}"
    ),
    Message(
        "Safari",
        "preflight-redirect",
        "Cross-origin redirection to {url} denied by Cross-Origin Resource Sharing policy:",
    ),
    Message(
        "Safari",
        "preflight-redirect",
        "Cross-origin redirection to {url} denied by Cross-Origin Resource Sharing policy: Origin "
        "{origin} is not allowed by Access-Control-Allow-Origin.",
    ),
    Message(
        "Safari",
        "preflight-redirect",
        "not allowed to follow a cross-origin CORS redirection with non CORS scheme",
    ),
    Message("Safari", "preflight-redirect", "redirection URL {url} has credentials"),
    Message(
        "Safari", "vague", "Fetch API cannot load {url} due to access control checks.", "", True
    ),
    Message(
        "Safari",
        "vague",
        "XMLHttpRequest cannot load {url} due to access control checks.",
        "",
        True,
    ),
    Message(
        "Safari", "vague", "EventSource cannot load {url} due to access control checks.", "", True
    ),
    Message("Safari", "no-cors", "Cross origin requests are not allowed when using same-origin"),
    Message("Safari", "scheme", "Cross origin requests are only supported for HTTP."),
    Message(
        "Safari",
        "mixed-content",
        "The page at {page} was not allowed to display insecure content from {url}.",
    ),
    Message(
        "Safari",
        "mixed-content",
        "The page at {page} was not allowed to run insecure content from {url}.",
    ),
    Message(
        "Safari",
        "mixed-content",
        "The page at {page} requested insecure content from {url}. This content was blocked",
    ),
    Message("Safari", "unreachable", "Could not connect to the server."),
    Message("Safari", "unreachable", "A server with the specified hostname could not be found."),
    Message("Safari", "unreachable", "The network connection was lost."),
    Message("Safari", "unreachable", "The Internet connection appears to be offline."),
    Message("Safari", "unreachable", "The request timed out."),
    Message("Safari", "certificate", "The certificate for this server is invalid."),
    Message("Safari", "certificate", "An SSL error has occurred and a secure connection to the"),
    Message("Safari", "blocked-client", "Content blocker prevented frame displaying {page} from"),
    Message("Safari", "vague", "TypeError: Load failed", "", True),
    Message("Safari", "vague", "Not allowed to request resource", "", True),
)

CHROMIUM_NETWORK = (
    ("unreachable", "ERR_CONNECTION_REFUSED"),
    ("unreachable", "ERR_CONNECTION_RESET"),
    ("unreachable", "ERR_CONNECTION_CLOSED"),
    ("unreachable", "ERR_CONNECTION_TIMED_OUT"),
    ("unreachable", "ERR_CONNECTION_ABORTED"),
    ("unreachable", "ERR_TIMED_OUT"),
    ("unreachable", "ERR_EMPTY_RESPONSE"),
    ("unreachable", "ERR_NAME_NOT_RESOLVED"),
    ("unreachable", "ERR_ADDRESS_UNREACHABLE"),
    ("unreachable", "ERR_INTERNET_DISCONNECTED"),
    ("unreachable", "ERR_NETWORK_CHANGED"),
    ("unreachable", "ERR_NETWORK_IO_SUSPENDED"),
    ("unreachable", "ERR_PROXY_CONNECTION_FAILED"),
    ("unreachable", "ERR_TUNNEL_CONNECTION_FAILED"),
    ("unreachable", "ERR_HTTP2_PROTOCOL_ERROR"),
    ("unreachable", "ERR_QUIC_PROTOCOL_ERROR"),
    ("unreachable", "ERR_INVALID_HTTP_RESPONSE"),
    ("unreachable", "ERR_INCOMPLETE_CHUNKED_ENCODING"),
    ("unreachable", "ERR_UNSAFE_PORT"),
    ("certificate", "ERR_CERT_AUTHORITY_INVALID"),
    ("certificate", "ERR_CERT_COMMON_NAME_INVALID"),
    ("certificate", "ERR_CERT_DATE_INVALID"),
    ("certificate", "ERR_SSL_PROTOCOL_ERROR"),
    ("certificate", "ERR_SSL_VERSION_OR_CIPHER_MISMATCH"),
    ("blocked-client", "ERR_BLOCKED_BY_CLIENT"),
    ("blocked-client", "ERR_BLOCKED_BY_ADMINISTRATOR"),
    ("opaque", "ERR_BLOCKED_BY_ORB"),
    ("opaque", "ERR_BLOCKED_BY_RESPONSE"),
    ("csp", "ERR_BLOCKED_BY_CSP"),
    ("local-network", "ERR_BLOCKED_BY_PRIVATE_NETWORK_ACCESS_CHECKS"),
    ("local-network", "ERR_BLOCKED_BY_LOCAL_NETWORK_ACCESS_CHECKS"),
    ("preflight-redirect", "ERR_TOO_MANY_REDIRECTS"),
)

OTHER_MESSAGES = (
    *(Message("Chromium", cause, f"net::{code}", "network") for cause, code in CHROMIUM_NETWORK),
    Message("Chromium", "vague", "net::ERR_FAILED", "network", True),
    Message("Chromium", "vague", "TypeError: Failed to fetch", "", True),
    Message("Chromium", "vague", "TypeError: NetworkError", "", True),
    Message("Chromium", "vague", "CORS error", "", True),
    Message("Chromium", "vague", "Provisional headers are shown", "", True),
    Message("Firefox", "vague", "NetworkError when attempting to fetch resource.", "", True),
    Message("any", "vague", "AxiosError: Network Error", "", True),
    Message("any", "vague", "Error: Network Error", "", True),
    Message("any", "vague", "Http failure response for {url}: 0 Unknown Error", "", True),
    Message(
        "Chromium",
        "mixed-content",
        "Mixed Content: The page at '{page}' was loaded over HTTPS, but requested an insecure "
        "{kind} '{url}'.",
    ),
    Message(
        "Chromium",
        "mixed-content",
        "Mixed Content: The page at '{page}' was loaded over a secure connection, but",
    ),
    Message("Firefox", "mixed-content", "Blocked loading mixed active content '{url}'"),
    Message("Firefox", "mixed-content", "Blocked loading mixed display content '{url}'"),
    Message(
        "Firefox", "mixed-content", "Loading mixed (insecure) active content '{url}' on a secure"
    ),
    Message(
        "Chromium",
        "csp",
        "Refused to connect to '{url}' because it violates the following Content Security Policy "
        "directive:",
    ),
    Message(
        "Safari",
        "csp",
        "Refused to connect to {url} because it does not appear in the connect-src directive of "
        "the Content Security Policy.",
    ),
    Message(
        "Chromium",
        "csp",
        "Connecting to '{url}' violates the following Content Security Policy directive:",
    ),
    Message(
        "Chromium",
        "csp",
        "Fetch API cannot load {url}. Refused to connect because it violates the document's "
        "Content Security Policy.",
    ),
    Message(
        "Firefox",
        "csp",
        "The page's settings blocked the loading of a resource (connect-src) at {url} because it "
        "violates the following directive:",
    ),
    Message("Firefox", "csp", "The page's settings blocked the loading of a resource at {url}"),
    Message(
        "Firefox",
        "cookie",
        "Cookie '{value}' has been rejected because it is in a cross-site context and its "
        "'SameSite' is 'Lax' or 'Strict'.",
    ),
    Message(
        "Firefox",
        "cookie",
        "Cookie '{value}' has been rejected because it has the 'SameSite=None' attribute but is "
        "missing the 'secure' attribute.",
    ),
    Message(
        "Firefox",
        "cookie",
        "Cookie '{value}' has been rejected because a non-HTTPS cookie can't be set as 'secure'.",
    ),
    Message(
        "Firefox",
        "cookie",
        "Cookie '{value}' has been rejected because it is foreign and does not have the "
        "'Partitioned' attribute.",
    ),
    Message("Firefox", "cookie", "Cookie '{value}' has been rejected for invalid domain."),
    Message(
        "Firefox",
        "cookie",
        "Request to access cookie or storage on '{url}' was blocked because",
    ),
    Message(
        "Chromium",
        "cookie",
        'This Set-Cookie header didn\'t specify a "SameSite" attribute and was defaulted to '
        '"SameSite=Lax," and was blocked because it came from a cross-site response',
    ),
    Message(
        "Chromium",
        "cookie",
        'This Set-Cookie was blocked because it had the "SameSite=Lax" attribute but came from a '
        "cross-site response",
    ),
    Message(
        "Chromium",
        "cookie",
        'This Set-Cookie was blocked because it had the "SameSite=None" attribute but did not '
        'have the "Secure" attribute',
    ),
    Message(
        "Chromium",
        "cookie",
        "This attempt to set a cookie via a Set-Cookie header was blocked because it",
    ),
    Message("Chromium", "cookie", 'This cookie was blocked because it had the "SameSite={value}"'),
    Message("Chromium", "cookie", "cookie in cross-site context will be blocked in future Chrome"),
    Message(
        "Chromium",
        "cookie",
        "A cookie associated with a cross-site resource at {url} was set without the `SameSite` "
        "attribute.",
    ),
    Message("Chromium", "cookie", "Third-party cookie will be blocked"),
    Message("Chromium", "cookie", "Third-party cookie is blocked"),
    Message(
        "Chromium",
        "opaque",
        "Cross-Origin Read Blocking (CORB) blocked cross-origin response {url} with MIME type",
    ),
    Message("Chromium", "opaque", "Response was blocked by CORB"),
    Message(
        "Firefox",
        "opaque",
        "A resource is blocked by OpaqueResponseBlocking, please check browser console for "
        "details.",
    ),
    Message(
        "Firefox",
        "opaque",
        "The resource at '{url}' was blocked due to its Cross-Origin-Resource-Policy header",
    ),
    Message(
        "Safari",
        "opaque",
        "Cancelled load to {url} because it violates the resource's Cross-Origin-Resource-Policy "
        "response header.",
    ),
    Message(
        "Firefox",
        "blocked-client",
        "The resource at '{url}' was blocked because content blocking is enabled.",
    ),
    Message(
        "Firefox",
        "blocked-client",
        "The resource at '{url}' was blocked because Enhanced Tracking Protection is enabled.",
    ),
    Message("Chromium", "script", "'{value}' is not a valid HTTP method."),
    Message("Chromium", "script", "'{value}' HTTP method is unsupported."),
    Message("Chromium", "no-cors", "'{value}' is unsupported in no-cors mode."),
    Message("Chromium", "script", "Request with GET/HEAD method cannot have body."),
    Message("Chromium", "script", "Failed to execute 'fetch' on 'Window': Invalid name"),
    Message("Chromium", "script", "Failed to execute 'fetch' on 'Window': Invalid value"),
    Message("Chromium", "script", "String contains non ISO-8859-1 code point."),
    Message(
        "Chromium", "scheme", 'Fetch API cannot load {url}. URL scheme "{value}" is not supported.'
    ),
    Message("Chromium", "script", "Failed to parse URL from {value}"),
    Message("Chromium", "script", 'Refused to set unsafe header "{header}"'),
    Message("Firefox", "script", "Attempt to set a forbidden header was denied: {header}"),
    Message("Chromium", "exposed", 'Refused to get unsafe header "{header}"'),
    Message(
        "Chromium",
        "websocket",
        "WebSocket connection to '{url}' failed: Error during WebSocket handshake: Unexpected "
        "response code: {status}",
    ),
    Message("Chromium", "websocket", "WebSocket connection to '{url}' failed:"),
    Message("Firefox", "websocket", "Firefox can't establish a connection to the server at {url}."),
    Message(
        "any",
        "error-status",
        "Failed to load resource: the server responded with a status of {status}",
    ),
    Message("Chromium", "error-status", "{method} {url} {status} ("),
    Message("any", "error-status", "Request failed with status code {status}"),
    Message(
        "Chromium",
        "other-window",
        "Blocked a frame with origin '{origin}' from accessing a cross-origin frame.",
    ),
    Message("Firefox", "other-window", "Permission denied to access property {value} on cross-or"),
    Message("any", "other-window", "canvas has been tainted by cross-origin data"),
    # Older wordings of Chromium end in an advice that has these words.
    Message("any", "no-cors", "opaque response", "", True),
    Message("any", "no-cors", "type: 'opaque'"),
    Message("Firefox", "certificate", "SEC_ERROR_UNKNOWN_ISSUER"),
    Message("Firefox", "certificate", "MOZILLA_PKIX_ERROR_SELF_SIGNED_CERT"),
    Message("Firefox", "certificate", "SSL_ERROR_"),
)

# In other languages, and in wordings that are not known yet, the names of the headers remain.
LAST_RESORT = (
    Message("any", "origin", "Access-Control-Allow-Origin", "", True),
    Message("any", "credentials", "Access-Control-Allow-Credentials", "", True),
    Message("any", "method", "Access-Control-Allow-Methods", "", True),
    Message("any", "header", "Access-Control-Allow-Headers", "", True),
    Message("any", "vague", "blocked by CORS policy", "", True),
    Message("any", "vague", "Cross-Origin Request Blocked", "", True),
)

# What this service itself says to a stranger, in local environments.
OWN_MESSAGES = (Message("any", "origin", "The list is CORS_ALLOWED_ORIGINS in .env."),)

# Where two rows fit equally well, the first one counts.
MESSAGES: tuple[Message, ...] = (
    *SAFARI_MESSAGES,
    *CHROMIUM_REASONS,
    *FIREFOX_REASONS,
    *OTHER_MESSAGES,
    *OWN_MESSAGES,
)
