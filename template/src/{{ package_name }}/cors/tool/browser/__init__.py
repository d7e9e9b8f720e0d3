"""The other side of CORS: what a browser does with a service's answers, after the Fetch Standard.

A `Browser` is given a page's `Fetch` and a transport. It sends the preflight if one is due, then
the request, and says what the page gets: allowed, or blocked at which step and why, and which
response headers its script may read. It sees HTTP only and knows nothing of any policy.
Docstrings name the algorithms of https://fetch.spec.whatwg.org/ that they follow.

    headers.py   which headers are safe, forbidden, readable or malformed
    checks.py    what a response must say for the page to be allowed
    fetch.py     the browser: what it sends, in which order, and what comes of it
    console.py   the same in the words of Chromium's console
    asgi.py      a transport to an app in this process

Not modelled: the HTTP cache, service workers, Content Security Policy, mixed content,
Cross-Origin-Resource-Policy, Local Network Access and the SameSite attribute of cookies. Each can
block a request that CORS allows; none can allow one that CORS blocks.
"""

from .checks import Reason, Request, Response, Step
from .console import console_message
from .fetch import Browser, Exchange, Fetch, Outcome, PreflightCache, last_two_labels

__all__ = [
    "Browser",
    "Exchange",
    "Fetch",
    "Outcome",
    "PreflightCache",
    "Reason",
    "Request",
    "Response",
    "Step",
    "console_message",
    "last_two_labels",
]
