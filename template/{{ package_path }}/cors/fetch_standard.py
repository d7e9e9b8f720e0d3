# fmt: off
"""Names and tokens of the Fetch Standard (https://fetch.spec.whatwg.org) and of HTTP (RFC 9110).

Header names are in lower case. The test suite has a copy of its own, on purpose.
"""

import re


def names(text: str) -> frozenset[str]:
    """Return the names in a text, which are separated by blanks."""
    return frozenset(text.split())


# RFC 9110, section 5.6.2: the name of a method or of a header.
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

# RFC 9110, section 9.2.1: methods that only read.
SAFE_METHODS = names("GET HEAD OPTIONS")
# "CORS-safelisted method": these pass the method check of a preflight unlisted.
SAFELISTED_METHODS = names("GET HEAD POST")
# "forbidden method": no script can send these.
FORBIDDEN_METHODS = names("CONNECT TRACE TRACK")
STANDARD_METHODS = names("DELETE GET HEAD OPTIONS PATCH POST PUT QUERY")

# "forbidden request-header": only the browser sets these. The prefixes are forbidden as well.
FORBIDDEN_REQUEST_HEADERS = names(
    "accept-charset accept-encoding access-control-request-headers access-control-request-method "
    "connection content-length cookie cookie2 date dnt expect host keep-alive origin referer "
    "set-cookie te trailer transfer-encoding upgrade via"
)
FORBIDDEN_REQUEST_PREFIXES = ("proxy-", "sec-")

# "forbidden response-header name": readable by none.
FORBIDDEN_RESPONSE_HEADERS = names("set-cookie set-cookie2")
