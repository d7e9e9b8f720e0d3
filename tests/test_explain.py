"""What `cors explain` prints: the exit status and the phrases that somebody looks for."""

# Browsers write typographic quotes, and so do these texts.
# ruff: noqa: RUF001

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from .project import clean_environment, example, render

APP = "https://app.acme.com"
API = "https://api.acme.com"
PACKAGE = "explained_api"

# Environments besides those of the example. Each is one dotenv file.
EXTRA = {
    "open": "CORS_ALLOWED_ORIGINS=https://app.acme.com\nCORS_PUBLIC_PATHS=/items\n",
    "open-guarded": "CORS_ALLOWED_ORIGINS=\nCORS_PUBLIC_PATHS=/items\nCORS_GUARD_WRITES=true\n",
    "guarded": "CORS_ALLOWED_ORIGINS=\nCORS_GUARD_WRITES=true\n",
    "unguarded": "CORS_ALLOWED_ORIGINS=\n",
    "wide": "CORS_ALLOWED_ORIGINS=https://*.preview.acme.com\nCORS_ALLOW_METHODS=GET\n",
    "json": 'CORS_ALLOWED_ORIGINS=["https://app.acme.com"]\n#\nCORS_GUARD_WRITES=true\n',
    "secret": "CORS_ALLOWED_ORIGINS=https://app.acme.com\nDATABASE_URL=postgres://u:hunter2@db\n",
    "callback": (
        "CORS_ALLOWED_ORIGINS=\nCORS_GUARD_WRITES=true\nCORS_GUARD_EXEMPT_PATHS=/auth/callback\n"
    ),
    "reporting": "CORS_ALLOWED_ORIGINS=\nCORS_GUARD_WRITES=report\n",
    "broken": "CORS_ALLOWED_ORIGINS=https://app.acme.com/\n",
}

Cors = Callable[..., Result]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One service, rendered and imported once for all cases."""
    answers = example("spa-cookies") | {"package_name": PACKAGE}
    project = render(tmp_path_factory.mktemp("explain"), answers)
    for name, text in EXTRA.items():
        (project / f".env.{name}").write_text(text)
    sys.path.insert(0, str(project / "src"))
    yield project
    sys.path.remove(str(project / "src"))


@pytest.fixture
def cors(project: Path, monkeypatch: pytest.MonkeyPatch) -> Cors:
    """Run the command in the service's folder, as if typed."""
    monkeypatch.chdir(project)

    def run(*arguments: str, stdin: str = "") -> Result:
        with patch.dict(os.environ, clean_environment(ENVIRONMENT="development"), clear=True):
            app = import_module(f"{PACKAGE}.cors.tool.cli").app
            return CliRunner().invoke(app, ["explain", *arguments], input=stdin)

    return run


@dataclass(frozen=True)
class Case:
    """A promise, the arguments, the exit status, and what somebody looks for."""

    sentence: str
    arguments: tuple[str, ...]
    status: int
    phrases: tuple[str, ...]
    absent: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.sentence


PRODUCTION = ("-e", "production")

QUESTIONS = (
    Case(
        "an allowed origin may read, and learns which headers",
        (APP, "GET", "/items", *PRODUCTION),
        0,
        ("allowed", "not needed", "CORS_ALLOWED_ORIGINS (.env.production:5)", "X-Total-Count"),
        ("What to change",),
    ),
    Case(
        "an allowed origin may write, and learns why there is a preflight",
        (APP, "PUT", "/items/1", "-H", "content-type", *PRODUCTION),
        0,
        (
            "needed, because method PUT is not GET, HEAD or POST",
            "'application/json', which no form could send",
            "curl -i -X OPTIONS https://your-service/items/1",
            "Access-Control-Request-Headers: content-type",
        ),
    ),
    Case(
        "a wrong port names the nearest origin, the line and the text to write",
        (f"{APP}:8443", "GET", "/items", *PRODUCTION),
        1,
        (
            "blocked at the step `origin`",
            "the port is 8443, not 443",
            ".env.production:5",
            f"CORS_ALLOWED_ORIGINS={APP},https://www.acme.com,{APP}:8443",
            f"Open the page at {APP} instead",
            "No 'Access-Control-Allow-Origin' header is present",
            "curl -i https://your-service/items",
        ),
    ),
    Case(
        "127.0.0.1 is another host than localhost",
        ("http://127.0.0.1:5173", "GET", "/items"),
        1,
        ("different hosts", "Open the page at http://localhost:5173 instead", ".env.development:5"),
    ),
    Case(
        "a misspelt subdomain is pointed out",
        ("https://ap.acme.com", *PRODUCTION),
        1,
        ("is one slip away from `app.acme.com`",),
    ),
    Case(
        "http in production is blocked, and the rules refuse to list it",
        ("http://app.acme.com", *PRODUCTION),
        1,
        ("the scheme is http, not https", "The rules of production refuse it", "CORS009"),
        ("The request is then allowed",),
    ),
    Case(
        "another environment that allows it is named before any change",
        ("https://staging.acme.com", *PRODUCTION),
        1,
        ("The policy of staging allows it", "in staging: allowed"),
    ),
    Case(
        "two faults are reported at once",
        (f"{APP}:1", "PUT", "/", "-H", "x-request-id", "-H", "X-Trace", *PRODUCTION),
        1,
        (
            "blocked at the step `origin`",
            "blocked too",
            "x-request-id, X-Trace: not listed in CORS_ALLOW_HEADERS",
            "CORS_ALLOW_HEADERS=Content-Type,x-request-id,X-Trace",
        ),
    ),
    Case(
        "a missing header is written as it was typed",
        (APP, "GET", "/items", "-H", "Authorization: Bearer s3cret", *PRODUCTION),
        1,
        ("CORS_ALLOW_HEADERS=Content-Type,Authorization", "Authorization: …"),
        ("s3cret",),
    ),
    Case(
        "a method that is not listed",
        ("https://pr-1.preview.acme.com", "DELETE", "/items/1", "-e", "wide"),
        1,
        (
            "step `method`",
            "`https://*.preview.acme.com` in CORS_ALLOWED_ORIGINS (.env.wide:1) covers it",
            "CORS_ALLOW_METHODS=GET,DELETE",
            ".env.wide:2",
        ),
    ),
    Case(
        "a pattern covers one label, not two",
        ("https://a.b.preview.acme.com", "-e", "wide"),
        1,
        ("stands for exactly one label",),
    ),
    Case(
        "cookies that are not allowed",
        (APP, "GET", "/items", "--credentials", "-e", "json"),
        1,
        ("step `credentials`", "CORS_ALLOW_CREDENTIALS=true", ".env.json (not set yet)"),
    ),
    Case(
        "cookies come with the write guard, which deployed services need",
        (APP, "GET", "/items", "--credentials", "-e", "unguarded"),
        1,
        (
            "  CORS_GUARD_WRITES=true\n",
            "  CORS_ALLOW_CREDENTIALS=true\n",
            "The request is then allowed (tried)",
        ),
        ("refuse it",),
    ),
    Case(
        "a list in JSON stays JSON",
        ("https://b.acme.com", "-e", "json"),
        1,
        ('CORS_ALLOWED_ORIGINS=["https://app.acme.com", "https://b.acme.com"]',),
    ),
    Case(
        "cookies that are allowed come with a note on SameSite",
        (APP, "GET", f"{API}/items", "--credentials", *PRODUCTION),
        0,
        ("are on one site",),
    ),
    Case(
        "a WebSocket of another site reaches no handler",
        ("https://evil.net", "GET", "wss://api.acme.com/chat", *PRODUCTION),
        1,
        (
            "https://evil.net: WebSocket /chat in production: blocked at the step `origin`",
            "refused with 403 before it is accepted: no handler runs",
            "WebSocket connection to 'wss://api.acme.com/chat' failed",
            "Upgrade: websocket",
            "The app has no WebSocket at /chat",
            "The same in",
        ),
        ("the handler runs", "Access to fetch", "only the response is hidden"),
    ),
    Case(
        "a WebSocket of an allowed origin reaches the app",
        (APP, "GET", "wss://api.acme.com/chat", *PRODUCTION),
        0,
        ("reaches the app", f"`{APP}` is in CORS_ALLOWED_ORIGINS (.env.production:5)"),
        ("failed",),
    ),
    Case(
        "a public path opens no WebSocket",
        ("https://evil.net", "GET", "wss://api.acme.com/items", "-e", "open"),
        1,
        ("public paths open no WebSocket",),
    ),
    Case(
        "a public path lets other sites read",
        ("https://evil.net", "GET", "/items", "-e", "open"),
        0,
        ("is open to every site", "CORS_PUBLIC_PATHS (.env.open:2)"),
    ),
    Case(
        "a public path never covers cookies",
        ("https://evil.net", "GET", "/items", "--credentials", "-e", "open"),
        1,
        ("step `credentials`", "but never with credentials", "must not be the wildcard"),
    ),
    Case(
        "a simple write of another site runs, and the output says so",
        ("https://evil.net", "POST", "/items", "-e", "unguarded"),
        1,
        ("sent, and the handler runs, with all its effects", "CORS_GUARD_WRITES=true does"),
    ),
    Case(
        "the write guard refuses a simple write of another site",
        ("https://evil.net", "POST", "/items", "-e", "guarded"),
        1,
        ("refused with 403 before a handler runs: CORS_GUARD_WRITES (.env.guarded:2)",),
        ("the handler runs",),
    ),
    Case(
        "an empty list allows no other site",
        ("https://evil.net", "-e", "guarded"),
        1,
        ("is empty: no other site may call",),
    ),
    Case(
        "the service's own pages need no permission",
        ("http://localhost:8000", "DELETE", "/items/1"),
        0,
        ("the service itself is at http://localhost:8000",),
    ),
    Case(
        "localhost and 127.0.0.1 are two sites, and the cookie does not come back",
        (
            "http://localhost:5173",
            "POST",
            "http://127.0.0.1:8000/session",
            "--credentials",
        ),
        0,
        (
            "To a browser, `localhost` and `127.0.0.1` are two sites",
            "is not sent from a page on localhost",
            "Call the service at http://localhost:8000.",
        ),
        ("on one site: cookies",),
    ),
    Case(
        "a login without an address names the address that works",
        ("http://localhost:5173", "POST", "/session", "--credentials"),
        0,
        ("calls the service at http://localhost:8000", "`fastapi dev` prints 127.0.0.1"),
    ),
    Case(
        "page and service on one host are one site",
        ("http://localhost:5173", "GET", "http://localhost:8000/session", "--credentials"),
        0,
        ("Page and service are on one site",),
        ("two sites",),
    ),
    Case(
        "two loopback names are two sites, even where the origin is blocked",
        ("http://[::1]:5173", "GET", "http://localhost:8000/session", "--credentials"),
        1,
        ("To a browser, `[::1]` and `localhost` are two sites", "at http://[::1]:8000."),
    ),
    Case(
        "a sandboxed page has the origin null, which no list may hold",
        ("null", *PRODUCTION),
        1,
        ("`null` is not allowed", "CORS005"),
    ),
    Case(
        "a page in a file sends null",
        ("file:///home/me/index.html", *PRODUCTION),
        1,
        ("sends `Origin: null`",),
    ),
    Case(
        "a login provider's form is let through at its path, and its origin is not listed",
        ("https://appleid.apple.com", "POST", "/auth/callback", *PRODUCTION),
        1,
        (
            "https://appleid.apple.com: form to /auth/callback in production: blocked at the step",
            "refused with 403 before a handler runs: CORS_GUARD_WRITES (.env.production:19)",
            ".env.production:22:",
            "  CORS_GUARD_EXEMPT_PATHS=/auth/callback\n",
            "The form then reaches the handler (tried)",
            "`state`",
            "Do not list it in CORS_ALLOWED_ORIGINS",
        ),
        ("CORS_ALLOWED_ORIGINS=", "curl", "Access to fetch"),
    ),
    Case(
        "a tenant of a login provider is one as well",
        ("https://acme.eu.auth0.com/u/consent", "POST", f"{API}/auth/callback", *PRODUCTION),
        1,
        ("  CORS_GUARD_EXEMPT_PATHS=/auth/callback\n",),
        ("CORS_ALLOWED_ORIGINS=",),
    ),
    Case(
        "a host that only ends like a login provider is none",
        ("https://notokta.com", "POST", "/auth/callback", *PRODUCTION),
        1,
        ("CORS_ALLOWED_ORIGINS=",),
        ("is a login provider",),
    ),
    Case(
        "no call of a login provider's page leads to an allowed origin",
        ("https://login.microsoftonline.com", "GET", "/items", "--credentials", *PRODUCTION),
        1,
        ("is a login provider", "Do not list it in CORS_ALLOWED_ORIGINS"),
        ("What to change", "CORS_ALLOWED_ORIGINS=", "CORS_GUARD_EXEMPT_PATHS"),
    ),
    Case(
        "a login provider's form at an exempt path reaches the handler",
        ("https://appleid.apple.com", "POST", "/auth/callback", "-e", "callback"),
        0,
        (
            "reaches the handler: the path is in CORS_GUARD_EXEMPT_PATHS (.env.callback:3)",
            "no script can read it",
            "`state`",
        ),
        ("What to change",),
    ),
    Case(
        "any other page's form is shown both ways, and what each gives away",
        ("https://evil.net", "POST", "/auth/callback", *PRODUCTION),
        1,
        (
            "If a page of https://evil.net posts a form",
            "  CORS_GUARD_EXEMPT_PATHS=/auth/callback\n",
            "Any site can then post a form to /auth/callback, with the user's cookies",
            "If a script of https://evil.net calls the service, list its origin",
            "Its pages can then read and write, with the user's cookies",
            "https://www.acme.com,https://evil.net\n",
        ),
    ),
    Case(
        "no form is meant for a route that reads JSON",
        ("https://evil.net", "POST", "/items", *PRODUCTION),
        1,
        ("https://www.acme.com,https://evil.net\n",),
        ("CORS_GUARD_EXEMPT_PATHS",),
    ),
    Case(
        "no form has a header of its own",
        ("https://evil.net", "POST", "/auth/callback", "-H", "x-a", *PRODUCTION),
        1,
        ("CORS_ALLOWED_ORIGINS=",),
        ("CORS_GUARD_EXEMPT_PATHS",),
    ),
    Case(
        "an exempt path of one form does not open the others",
        ("https://evil.net", "POST", "/auth/other", "-e", "callback"),
        1,
        ("  CORS_GUARD_EXEMPT_PATHS=/auth/callback,/auth/other\n",),
    ),
    Case(
        "a form at a final slash too many is not made exempt there",
        ("https://appleid.apple.com", "POST", "/session/", *PRODUCTION),
        1,
        ("The app's route is /session: with a final slash, it is another path.",),
        ("CORS_GUARD_EXEMPT_PATHS=",),
    ),
    Case(
        "a change that cors check warns of comes with the warning",
        (APP, "POST", "/items", "-H", "X-HTTP-Method-Override", *PRODUCTION),
        1,
        (
            "  CORS_ALLOW_HEADERS=Content-Type,X-HTTP-Method-Override\n",
            "`cors check` then warns, CORS020: `X-HTTP-Method-Override` lets a POST act as",
        ),
    ),
    Case(
        "a guard that only reports lets a write run, and the output says so",
        ("https://evil.net", "POST", "/items", "-e", "reporting"),
        1,
        (
            "sent, and the handler runs, with all its effects",
            "CORS_GUARD_WRITES (.env.reporting:2) only logs it",
            "CORS_GUARD_WRITES=true does",
        ),
        ("CORS_GUARD_EXEMPT_PATHS",),
    ),
    Case(
        "a missing route is not the policy's fault",
        (APP, "GET", "/itmes", *PRODUCTION),
        0,
        ("The app has no route at /itmes",),
    ),
    Case(
        "a method that the route does not answer",
        (APP, "PUT", "/items", *PRODUCTION),
        0,
        ("/items answers GET, POST; PUT gets a 405",),
    ),
    Case(
        "the browser leaves out a cookie header",
        (APP, "GET", "/items", "-H", "Cookie: session=s3cret", *PRODUCTION),
        0,
        ("No script can set Cookie", "ask with --credentials"),
        ("s3cret",),
    ),
    Case(
        "a page on https may not call plain http",
        (APP, "GET", "http://api.acme.com/items", *PRODUCTION),
        0,
        ("Mixed content",),
    ),
    Case(
        "a public page that calls a private address asks the user first",
        (APP, "GET", "http://127.0.0.1:8000/items", *PRODUCTION),
        0,
        ("Local Network Access",),
    ),
    Case(
        "a method that no script may use is blocked",
        (APP, "TRACE", "/", *PRODUCTION),
        1,
        ("no script may use TRACE",),
    ),
    Case(
        "an environment that does not start sends no response",
        (APP, "-e", "broken"),
        1,
        ("the service does not start", "CORS006", ".env.broken:1", "ERR_CONNECTION_REFUSED"),
    ),
)

TIRED = (
    Case(
        "the URL of the page in the place of its origin",
        (f"{APP}/login?next=s3cret", "GET", "/items", *PRODUCTION),
        0,
        ("has a path", f"`Origin: {APP}`"),
        ("s3cret",),
    ),
    Case("a host without a scheme", ("app.acme.com", *PRODUCTION), 0, (f"`Origin: {APP}`",)),
    Case("localhost with a port", ("localhost:5173",), 0, ("`Origin: http://localhost:5173`",)),
    Case("upper case and a default port", ("HTTPS://App.acme.com:443", *PRODUCTION), 0, (APP,)),
    Case("lower case, no slash", (APP, "put", "items", *PRODUCTION), 0, (f"{APP}: PUT /items",)),
    Case("lower-case patch is a trap", (APP, "patch", "/items/1", *PRODUCTION), 0, ("'PATCH'",)),
    Case("a path without a method", (APP, "/items", *PRODUCTION), 0, (f"{APP}: GET /items",)),
    Case("a URL without a method", (APP, f"{API}/items?a=1", *PRODUCTION), 0, (f"{API}/items",)),
    Case("a pattern is not an origin", ("https://*.acme.com",), 2, ("is a pattern", "name one")),
    Case("a word is not an origin", ("blah",), 2, ("has no scheme", "scheme://host[:port]")),
    Case("two origins at once", (f"{APP},https://b.acme.com",), 2, ("name one origin",)),
    Case("no header name", (APP, "-H", "Bearer s3cret"), 2, ("-H takes NAME",), ("s3cret",)),
    Case(
        "an app's scheme is not a service", (APP, "capacitor://localhost"), 2, ("is not the URL",)
    ),
    Case(
        "a URL inside a path",
        (APP, "/go/https://b.acme.com", *PRODUCTION),
        0,
        ("GET /go/https://b",),
    ),
    Case("no method", (APP, "G,T", "/"), 2, ("is not a method",)),
    Case("an unknown environment", (APP, "-e", "prod"), 2, ("ENVIRONMENT=production",)),
    Case("nothing at all", (), 2, ("--message",)),
    Case("an empty message", ("--message", " "), 2, ("the message is empty",)),
)

NO_HEADER = "No 'Access-Control-Allow-Origin' header is present on the requested resource."


def chromium(origin: str, reason: str, url: str = f"{API}/items") -> str:
    return (
        f"Access to fetch at '{url}' from origin '{origin}' has been blocked by CORS policy: "
        f"{reason}"
    )


def firefox(reason: str) -> str:
    return (
        "Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote "
        f"resource at {API}/items. (Reason: {reason})."
    )


# What stands for the rest of a long value.
CUT = rf"{'x' * 100}…\x20(400\x20characters)"


def refusal(kind: str, origin: str, method: str, reason: str = "origin") -> str:
    return (
        f"2026-11-24 12:00:01,250 WARNING explained_api.cors: CORS refused kind={kind} "
        f"origin={origin} method={method} path=/items reason={reason} count=3: and so on"
    )


MESSAGES = (
    Case(
        "a message that the policy explains leads to the line",
        ("-m", chromium(f"{APP}:8443", NO_HEADER), *PRODUCTION),
        1,
        ("The policy of production blocks it", ".env.production:5", "the port is 8443, not 443"),
    ),
    Case(
        "a header that the log names is the one to add",
        ("-m", refusal("preflight", APP, "PUT", "header missing=x-a,x-b"), *PRODUCTION),
        1,
        ("CORS_ALLOW_HEADERS=Content-Type,x-a,x-b", "The request is then allowed (tried)."),
        ("is not a front end of yours",),
    ),
    Case(
        "a method and a header that the log names are both added",
        ("-m", refusal("preflight", APP, "LOCK", "method missing=LOCK,x-a"), *PRODUCTION),
        1,
        ("PATCH,DELETE,LOCK", "CORS_ALLOW_HEADERS=Content-Type,x-a"),
    ),
    Case(
        "a refused stranger in the log is no reason to allow it",
        ("-m", refusal("request", "https://evil.net", "GET"), *PRODUCTION),
        1,
        ("If https://evil.net is not a front end of yours, change nothing",),
    ),
    Case(
        "header names that the log cuts off are asked for",
        ("-m", refusal("preflight", APP, "PUT", rf"header missing=x-a,{CUT}"), *PRODUCTION),
        1,
        ("The message does not name the header: add it, as in cors explain", "-H X-NAME"),
        ("The policy of production allows",),
    ),
    Case(
        "a method that no browser sends is read",
        ("-m", refusal("preflight", APP, r"x\x27y", r"method missing=x\x27y"), *PRODUCTION),
        1,
        ("The method is not allowed.", "does not name the method"),
    ),
    Case(
        "an odd method of another site is read",
        ("-m", refusal("preflight", "https://evil.net", r"x\x27y"), *PRODUCTION),
        1,
        ("The response does not allow the page's origin.",),
    ),
    Case(
        "an origin that is cut off is not asked for in an empty sentence",
        ("-m", refusal("request", f"https://{CUT}", "GET"), *PRODUCTION),
        1,
        ("The policy was not asked: no browser sends such an origin",),
        ("does not name",),
    ),
    Case(
        "a handshake in the log is explained as a WebSocket",
        ("-m", refusal("handshake", f"{APP}:8443", "GET"), *PRODUCTION),
        1,
        (f"{APP}:8443: WebSocket /items in production: blocked", "the port is 8443, not 443"),
    ),
    Case(
        "a write in the log names the guard and what a proxy may do",
        ("-m", refusal("write", "https://evil.net", "POST"), *PRODUCTION),
        1,
        ("A write of another site was refused", "--forwarded-allow-ips", "no handler ran"),
    ),
    Case(
        "a write with cookies on a public path is blocked",
        ("-m", refusal("write", "https://evil.net", "POST"), "-e", "open-guarded"),
        1,
        ("The policy of open-guarded blocks it",),
    ),
    Case(
        "a line of the log that these files would not write names an older service",
        ("-m", refusal("request", APP, "GET"), *PRODUCTION),
        0,
        (f"The policy of production allows {APP}: GET /items", "1. The deployed service is older"),
        ("A proxy, gateway or firewall",),
    ),
    Case(
        "a message that the policy does not explain leads elsewhere",
        ("-m", chromium(APP, NO_HEADER), *PRODUCTION),
        0,
        (
            f"The policy of production allows {APP}: GET /items",
            "the response came from elsewhere, or from a service with another policy",
            "1. The deployed service is older",
            f"cors probe {API} -e production",
        ),
    ),
    Case(
        "a 401 after a login asks about the cookie and the two local names",
        ("-m", "GET http://127.0.0.1:8000/session 401 (Unauthorized)"),
        1,
        (
            "After a login with a cookie, a 401 usually means that the cookie did not come back.",
            "to a browser `localhost` and `127.0.0.1` are two sites",
        ),
        ("401 on a preflight",),
    ),
    Case(
        "a 401 and the page's origin name the address that works",
        ("-m", "GET http://127.0.0.1:8000/session 401 (Unauthorized)", "http://localhost:5173"),
        0,
        ("To a browser, `localhost` and `127.0.0.1`", "Call the service at http://localhost:8000."),
    ),
    Case(
        "a 401 of a deployed service does not mention local names",
        ("-m", "GET https://api.acme.com/session 401 (Unauthorized)", *PRODUCTION),
        1,
        ("the cookie did not come back",),
        ("`localhost` and `127.0.0.1` are two sites",),
    ),
    Case(
        "a header that the console names is the one to add",
        (
            "-m",
            chromium(
                APP,
                "Request header field x-request-id is not allowed by Access-Control-Allow-Headers "
                "in preflight response.",
            ),
            *PRODUCTION,
        ),
        1,
        ("CORS_ALLOW_HEADERS=Content-Type,x-request-id",),
    ),
    Case(
        "a method in lower case is not taken for the listed one",
        (
            "-m",
            chromium(
                APP,
                "Method patch is not allowed by Access-Control-Allow-Methods in preflight "
                "response.",
            ),
            *PRODUCTION,
        ),
        1,
        ("patch is not in CORS_ALLOW_METHODS", "CORS018"),
    ),
    Case(
        "Firefox does not name the page, so it is asked for",
        ("-m", firefox("CORS header ‘Access-Control-Allow-Origin’ missing"), *PRODUCTION),
        1,
        ("does not name the page's origin", "cors explain https://app.acme.com --message"),
    ),
    Case(
        "Firefox does not name the page, but it can be given",
        ("https://b.acme.com", "-m", firefox("CORS header ‘Access-Control-Allow-Origin’ missing"),
         *PRODUCTION),
        1,
        ("The policy of production blocks it",),
    ),
    Case(
        "Firefox does not name the method either",
        (APP, "-m", firefox("Did not find method in CORS header ‘Access-Control-Allow-Methods’"),
         *PRODUCTION),
        1,
        ("does not name the method",),
    ),
    Case(
        "a service that is down is not CORS, whatever Firefox says",
        (APP, "-m", firefox("CORS request did not succeed"), *PRODUCTION),
        0,
        ("There was no response", "The service is down", "so it is not the problem"),
    ),
    Case(
        "Safari's 403 on a preflight is a refusal of the policy",
        ("https://b.acme.com", "PUT", "/items", "-m",
         "Preflight response is not successful. Status code: 403", *PRODUCTION),
        1,
        ("This service answers 403 to the preflight of a disallowed", "The policy of production"),
    ),
    Case(
        "a 404 on a preflight comes from another service",
        (APP, "PUT", "/items", "-m", "Preflight response is not successful. Status code: 404",
         *PRODUCTION),
        0,
        ("404", "another service"),
    ),
    Case(
        "doubled headers come from a proxy",
        ("-m", chromium(APP, "The 'Access-Control-Allow-Origin' header contains multiple values "
                        f"'{APP}, *', but only one is allowed."), *PRODUCTION),
        0,
        ("Two layers add", "add_header"),
    ),
    Case(
        "a redirected preflight with http in the URL",
        ("-m", chromium(APP, "Response to preflight request doesn't pass access control check: "
                        "Redirect is not allowed for a preflight request.",
                        "http://api.acme.com/items"), *PRODUCTION),
        0,
        ("write https in the script", "a slash too many"),
    ),
    Case(
        "mixed content",
        ("-m", f"Mixed Content: The page at '{APP}/' was loaded over HTTPS, but requested an "
         "insecure resource 'http://api.acme.com/items'.", *PRODUCTION),
        0,
        ("called plain http",),
    ),
    Case(
        "a cookie that is not kept",
        ("-m", "Cookie “session” has been rejected because it is in a cross-site context and its "
         "“SameSite” is “Lax” or “Strict”.", *PRODUCTION),
        1,
        ("SameSite=None and Secure",),
    ),
    Case(
        "a message without --message is read, and its token is not repeated",
        (chromium(APP, NO_HEADER, f"{API}/items?token=s3cret"), *PRODUCTION),
        0,
        (f"curl -i -H 'Origin: {APP}' {API}/items",),
        ("s3cret",),
    ),
    Case(
        "an unknown text is answered with what to paste",
        ("-m", "Uncaught ReferenceError: React is not defined"),
        2,
        ("no known message", "Access to fetch at", "Cross-Origin Request Blocked"),
    ),
)  # fmt: skip


@pytest.mark.parametrize("case", [*QUESTIONS, *TIRED, *MESSAGES], ids=str)
def test_the_output_has_what_somebody_looks_for(case: Case, cors: Cors) -> None:
    result = cors(*case.arguments)
    said = flat(result)
    assert result.exit_code == case.status, result.output + result.stderr
    for phrase in case.phrases:
        assert phrase in said, f"{phrase!r} is missing in\n{result.output}{result.stderr}"
    for phrase in case.absent:
        assert phrase not in said, f"{phrase!r} is in\n{result.output}"


def flat(result: Result) -> str:
    """Return the output without the frame and the line breaks of an error."""
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    output = result.output if result.output == result.stderr else result.output + result.stderr
    if result.exit_code == 2:
        output = " ".join(output.replace("│", " ").split())
    return output


def test_a_message_may_come_through_a_pipe(cors: Cors) -> None:
    text = f"app.js:12 {chromium(f'{APP}:8443', NO_HEADER)}\napp.js:14 TypeError: Failed to fetch\n"
    for arguments in ((), ("-",), ("-m", "-")):
        result = cors(*arguments, *PRODUCTION, stdin=text)
        assert result.exit_code == 1
        assert result.output.count("The policy of production blocks it") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        (f"{APP}:8443", "PUT", "/items", "-H", "x-trace", *PRODUCTION),
        ("http://app.acme.com", "POST", "/items", *PRODUCTION),
        ("https://evil.net", "GET", "wss://api.acme.com/chat", *PRODUCTION),
        ("-m", chromium(f"{APP}:8443", NO_HEADER), *PRODUCTION),
        ("-m", chromium(APP, NO_HEADER), *PRODUCTION),
    ],
    ids=["blocked", "refused", "WebSocket", "message, blocked", "message, allowed"],
)
def test_text_fits_80_columns_and_commands_stay_whole(
    arguments: tuple[str, ...], cors: Cors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what somebody copies or looks up is longer: commands, variables, console messages."""
    wide = cors(*arguments).output.splitlines()
    cli = import_module(f"{PACKAGE}.cors.tool.cli")
    monkeypatch.setattr(cli, "terminal", lambda: Console(width=80, color_system=None))
    narrow = cors(*arguments).output.splitlines()
    to_copy = re.compile(r" +(curl|cors|CORS_\w+=|Access to|WebSocket connection)")
    assert [line for line in narrow if len(line) > 80 and not to_copy.match(line)] == []
    commands = [line for line in wide if re.match(r" +(curl|cors|CORS_\w+=)", line)]
    assert commands
    assert set(commands) <= set(narrow)


def test_the_advised_change_is_enough(project: Path, cors: Cors) -> None:
    """Each line is written where the output says; then the request is allowed."""
    question = ("https://b.acme.com", "PUT", "/items/1", "-H", "X-Trace", "-e", "qa")
    file = project / ".env.qa"
    file.write_text(
        "CORS_ALLOWED_ORIGINS=https://app.acme.com\n# methods\nCORS_ALLOW_METHODS=GET\n"
        "# headers\nCORS_ALLOW_HEADERS=Content-Type\n"
    )
    lines = cors(*question).output.splitlines()
    for place, written in pairwise(lines):
        if place.strip().startswith(".env.qa:"):
            text = file.read_text().splitlines()
            text[int(place.strip().rstrip(":").partition(":")[2]) - 1] = written.strip()
            file.write_text("\n".join(text) + "\n")
    assert cors(*question).exit_code == 0, file.read_text()


def test_no_handler_runs(cors: Cors) -> None:
    assert cors("http://localhost:5173", "DELETE", "/items/1").exit_code == 0
    assert 1 in import_module(f"{PACKAGE}.routes.items").items


def test_no_other_variable_is_ever_shown(cors: Cors) -> None:
    for origin in (APP, "https://evil.net"):
        result = cors(
            origin, "PUT", "/items", "-H", "Authorization: Bearer hunter2", "-e", "secret"
        )
        assert "hunter2" not in result.output + result.stderr
