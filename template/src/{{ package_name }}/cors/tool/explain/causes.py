"""What is behind a message: the causes, each with its suspects in order of likelihood.

A suspect is what may be the case and the command that tells. In a command, {url}, {service},
{origin} and {environment} stand for what the message says.
"""

from __future__ import annotations

from dataclasses import dataclass

CURL = "curl -i -H 'Origin: {origin}' {url}"
PREFLIGHT = "curl -i -X OPTIONS -H 'Origin: {origin}' -H 'Access-Control-Request-Method: PUT' {url}"
EXPLAIN = "cors explain {origin} -e {environment}"
PROBE = "cors probe {service} -e {environment}"
SHOW = "cors show"


@dataclass(frozen=True, slots=True)
class Suspect:
    """Something that may be behind a message, and the command that tells."""

    what: str
    command: str = ""


@dataclass(frozen=True, slots=True)
class Cause:
    """What a message means.

    `by_policy` says that the policy of a service can make a browser write such a message;
    otherwise it is never the policy, whatever it looks like.
    """

    id: str
    title: str
    meaning: str
    suspects: tuple[Suspect, ...]
    by_policy: bool = False


# What answers in the place of the service, or with an older policy, when the policy at hand would
# have allowed the request.
BETWEEN = (
    Suspect("the deployed service is older than this file, or was not restarted since", PROBE),
    Suspect("it runs as another environment: its log names the one at start", SHOW),
    Suspect("a proxy, gateway or firewall answered, or took the headers away", CURL),
    Suspect("the URL leads to another service", CURL),
    Suspect(
        "the browser or a CDN remembers an earlier answer: try a private window",
        "curl -sI {url} | grep -iE '^(age|vary|cache-control|x-cache)'",
    ),
)

CAUSES: tuple[Cause, ...] = (
    Cause(
        "origin",
        "The page's origin got no permission",
        "The answer says nothing to this origin. This service sends its permission on every "
        "answer to an origin on its list, on errors too, and nothing at all to others.",
        (
            Suspect(
                "the page's origin is not in CORS_ALLOWED_ORIGINS of that environment", EXPLAIN
            ),
            *BETWEEN,
        ),
        by_policy=True,
    ),
    Cause(
        "credentials",
        "Cookies are not allowed",
        "The script asked for cookies (credentials: 'include', withCredentials) and the answer "
        "does not say that they may be used.",
        (
            Suspect(
                "CORS_ALLOW_CREDENTIALS is false in that environment",
                "cors explain {origin} --credentials -e {environment}",
            ),
            Suspect(
                "the script asks for cookies without need: a bearer token in Authorization works "
                "with credentials: 'omit'",
            ),
            *BETWEEN,
        ),
        by_policy=True,
    ),
    Cause(
        "wildcard",
        "* does not count with credentials",
        "The answer allows every origin (*), which browsers do not accept for a request with "
        "cookies.",
        (
            Suspect(
                "the path is a public one (CORS_PUBLIC_PATHS) and the origin is not on the list: "
                "call it without credentials, or list the origin",
                "cors explain {origin} GET {url} --credentials -e {environment}",
            ),
            Suspect("a proxy adds Access-Control-Allow-Origin: * of its own", CURL),
            Suspect("the URL leads to another service", CURL),
        ),
        by_policy=True,
    ),
    Cause(
        "method",
        "The method is not allowed",
        "The service answered the preflight, and the method is not among those it lists.",
        (
            Suspect(
                "the method is not in CORS_ALLOW_METHODS of that environment",
                "cors explain {origin} {method} {url} -e {environment}",
            ),
            Suspect(
                "the script writes it in lower case: fetch() sends 'patch' as it stands, and "
                "methods are compared letter by letter"
            ),
            *BETWEEN,
        ),
        by_policy=True,
    ),
    Cause(
        "header",
        "A request header is not allowed",
        "The service answered the preflight, and a header that the script sets is not among "
        "those it lists. One that nobody seems to set often comes from a library, a monitoring "
        "tool or a browser extension.",
        (
            Suspect(
                "the header is not in CORS_ALLOW_HEADERS of that environment",
                "cors explain {origin} {method} {url} -H {header} -e {environment}",
            ),
            Suspect(
                "the script sets a header that belongs into the answer "
                "(Access-Control-Allow-Origin): remove it from the script"
            ),
            *BETWEEN,
        ),
        by_policy=True,
    ),
    Cause(
        "wildcard-authorization",
        "* does not cover Authorization",
        "The answer allows every header (*), which never includes Authorization: that one has to "
        "be listed by its name.",
        (
            Suspect(
                "CORS_ALLOW_HEADERS holds * instead of names",
                "cors explain {origin} GET {url} -H authorization -e {environment}",
            ),
            Suspect("a proxy answers preflights with a * of its own", PREFLIGHT),
        ),
        by_policy=True,
    ),
    Cause(
        "preflight-status",
        "The preflight was answered with an error",
        "Before the request the browser sends OPTIONS, and it got something else than 200 to "
        "299. This service answers every preflight itself: 204 to an origin on its list, 403 to "
        "others. Any other status comes from something in front of it.",
        (
            Suspect(
                "403: the page's origin is not on the list (Safari then says no more than that)",
                EXPLAIN,
            ),
            Suspect("404 or 405: another service, or a gateway that routes no OPTIONS", PREFLIGHT),
            Suspect("401: a proxy wants a login even for OPTIONS, which never has one", PREFLIGHT),
            Suspect("502, 503, 504: the proxy does not reach the service", PREFLIGHT),
            Suspect("400: a proxy or a second CORSMiddleware answers preflights", PREFLIGHT),
        ),
        by_policy=True,
    ),
    Cause(
        "preflight-redirect",
        "The request was redirected where browsers do not follow",
        "A preflight may not be redirected at all, and a request not to everywhere. This service "
        "never redirects a preflight: something in front of it does, or the URL is a little off.",
        (
            Suspect("http instead of https in the URL: the proxy redirects to https", PREFLIGHT),
            Suspect("a slash too many or too few at the end, or www. missing", PREFLIGHT),
            Suspect("a login page: the proxy redirects whoever has no session", PREFLIGHT),
        ),
    ),
    Cause(
        "other-origin",
        "The permission is for another origin",
        "The answer allows one origin, but not this one. This service never does that: it names "
        "the origin that asks, or none.",
        (
            Suspect(
                "a cache or CDN answers with what it kept for another page: it has to respect "
                "Vary: Origin",
                "curl -sI -H 'Origin: {origin}' {url} | grep -iE '^(age|vary|x-cache|access)'",
            ),
            Suspect("a proxy adds a fixed Access-Control-Allow-Origin of its own", CURL),
            Suspect("the URL leads to another service, or to an old deployment", PROBE),
        ),
    ),
    Cause(
        "doubled",
        "The permission is there twice",
        "Two layers add CORS headers and the values add up, which browsers refuse even where both "
        "are right. This service sends each header once and removes what inner code sets.",
        (
            Suspect("a proxy or gateway adds its own: take add_header Access-Control-* out", CURL),
            Suspect("the service is behind another one that also speaks CORS", PROBE),
        ),
    ),
    Cause(
        "malformed",
        "A CORS header in the answer cannot be read",
        "The value of an Access-Control-* header is not what browsers accept: an origin has no "
        "path and no final slash, a list holds names and commas. This service refuses to start "
        "with such values.",
        (
            Suspect("a proxy adds headers of its own", CURL),
            Suspect("the URL leads to another service, or to an old deployment", PROBE),
        ),
    ),
    Cause(
        "unreachable",
        "No answer came at all",
        "The browser did not get an answer, so no policy was asked. Firefox calls this a CORS "
        "error all the same.",
        (
            Suspect("the service is down, or does not start", "cors check -e {environment}"),
            Suspect("host, port or scheme in the URL is wrong", "curl -i {url}"),
            Suspect("localhost is ::1 here and the service listens on 127.0.0.1 only"),
            Suspect("the network, a VPN or a firewall is in the way", "curl -i {url}"),
            Suspect("an extension or ad blocker stops it: try a private window"),
        ),
    ),
    Cause(
        "certificate",
        "The certificate is not accepted",
        "TLS failed before any request was sent. A script cannot ask the user to go on.",
        (
            Suspect(
                "a self-signed or expired certificate: open the URL in a tab of its own and look",
                "curl -vI {url}",
            ),
            Suspect("https in the URL, but plain http on that port", "curl -vI {url}"),
        ),
    ),
    Cause(
        "mixed-content",
        "A page on https called plain http",
        "Browsers block that before they ask anybody. No policy can allow it.",
        (
            Suspect("the script's URL begins with http: write https"),
            Suspect(
                "the service redirects to http because it does not know of the proxy's TLS: "
                "--forwarded-allow-ips",
                "curl -sI {url} | grep -i '^location'",
            ),
        ),
    ),
    Cause(
        "local-network",
        "A public page called a private network",
        "Chromium asks the user before a page of the internet may reach the own machine or "
        "network (Local Network Access, before that Private Network Access). CORS comes later.",
        (
            Suspect("the page still calls localhost or a private address after it was deployed"),
            Suspect("the page is on plain http: on https the browser can ask for permission"),
            Suspect("the name leads to a private address inside this network (VPN, split DNS)"),
            Suspect("the user refused: the icon in the address bar takes it back"),
        ),
    ),
    Cause(
        "cookie",
        "A cookie was not kept or not sent",
        "CORS decides whether cookies may be used; the cookie's own attributes and the browser's "
        "settings decide whether there is one. From another site it takes SameSite=None and "
        "Secure, and some browsers want Partitioned as well.",
        (
            Suspect("the cookie is SameSite=Lax or Strict and the page is on another site"),
            Suspect("SameSite=None without Secure, or Secure over plain http"),
            Suspect("third-party cookies are blocked: Safari, Firefox, private windows"),
            Suspect(
                "the script does not ask for cookies: credentials: 'include' on login, too",
                "cors explain {origin} --credentials -e {environment}",
            ),
        ),
    ),
    Cause(
        "csp",
        "The page's own Content Security Policy forbids it",
        "The page says in its Content-Security-Policy where its scripts may connect. That is set "
        "where the page is served, not here.",
        (Suspect("connect-src of the page lacks the service's origin", "curl -sI {origin}"),),
    ),
    Cause(
        "no-cors",
        "The script asked not to read the answer",
        "mode: 'no-cors' does not switch CORS off: it makes the answer unreadable (opaque) and "
        "allows only what forms can send. mode: 'same-origin' refuses other origins altogether.",
        (
            Suspect("fetch(…, {mode: 'no-cors'}) in the script: remove it, then explain again"),
            Suspect("an image, font or script lacks the attribute crossorigin"),
        ),
    ),
    Cause(
        "opaque",
        "The browser withheld an answer that was not asked for with CORS",
        "ORB, CORB and Cross-Origin-Resource-Policy protect answers that a page embeds without "
        "CORS, as an image or script. fetch() in its usual mode is not concerned.",
        (
            Suspect("JSON or an error page came where an image or script was expected", CURL),
            Suspect("a script tag loads what fetch() should load"),
            Suspect("Cross-Origin-Resource-Policy or -Embedder-Policy is set by a proxy", CURL),
        ),
    ),
    Cause(
        "blocked-client",
        "Something in the browser blocked it",
        "An ad blocker, an extension, tracking protection or a company's rule stopped the request "
        "before it was sent.",
        (
            Suspect("a path with ads, track, analytics or the like in it: try a private window"),
            Suspect("tracking protection counts the service's domain as a tracker"),
        ),
    ),
    Cause(
        "scheme",
        "The URL is none that CORS is made for",
        "CORS works over http and https only, and a page opened from a file has no origin.",
        (
            Suspect("http:// is missing in the script's URL: localhost:8000 is no URL"),
            Suspect("the page was opened from a file: serve it", "python -m http.server 5173"),
        ),
    ),
    Cause(
        "script",
        "The script asked for something that no browser does",
        "The browser refused the call itself; nothing was sent.",
        (
            Suspect("a header that belongs to the browser (Cookie, Origin, Host): remove it"),
            Suspect("a misspelt method, a forbidden one, or a body with GET"),
            Suspect("a header with a line break or a letter outside Latin-1 in its value"),
        ),
    ),
    Cause(
        "exposed",
        "A response header is not readable",
        "The request was allowed. The header is in the answer, but scripts may read only a few "
        "unless the service exposes more.",
        (
            Suspect(
                "the header is not in CORS_EXPOSE_HEADERS of that environment",
                "cors explain {origin} GET {url} -e {environment}",
            ),
        ),
    ),
    Cause(
        "websocket",
        "A WebSocket was refused",
        "WebSockets know no CORS. This service refuses the handshake (403) of a page that is not "
        "on its list; any other failure is the network's or the proxy's.",
        (
            Suspect("403: the page's origin is not in CORS_ALLOWED_ORIGINS", EXPLAIN),
            Suspect("404, 400, 426: the proxy does not pass the upgrade on, or a wrong path"),
            Suspect("ws:// from a page on https: write wss://"),
        ),
    ),
    Cause(
        "error-status",
        "The service answered with an error",
        "This is not CORS: the answer came and the script may read it, status and all.",
        (
            Suspect(
                "401 after a login: the cookie did not come back (localhost and 127.0.0.1 differ)",
                "cors explain {origin} GET {url} --credentials -e {environment}",
            ),
            Suspect("401 or 403: not logged in; 404: wrong path; 5xx: see the service's log"),
            Suspect("the answer itself says more", "curl -i {url}"),
        ),
    ),
    Cause(
        "other-window",
        "A page reached into another page",
        "This is the same-origin policy between windows, frames and canvases. No header of this "
        "service changes it.",
        (
            Suspect("use postMessage between frames"),
            Suspect("an image drawn on a canvas needs crossorigin='anonymous'"),
        ),
    ),
    Cause(
        "vague",
        "The script is told nothing",
        "Scripts get this for every failure without an answer, CORS or not. The reason stands in "
        "another line of the console, or in the Network tab.",
        (
            Suspect("a line above or below in the console says more: paste that"),
            Suspect("the service is down, or does not start", "cors check -e {environment}"),
            Suspect("the page's origin is not allowed", EXPLAIN),
            Suspect("an ad blocker, or a certificate that is not accepted: open {url} in a tab"),
        ),
    ),
)

BY_ID = {cause.id: cause for cause in CAUSES}
