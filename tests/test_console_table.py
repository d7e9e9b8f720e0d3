"""Text from a console leads to the right cause, whichever browser wrote it."""

# Browsers write typographic quotes, and so do these texts.
# ruff: noqa: RUF001

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO

import pytest
from rich.console import Console
from service.cors.middleware import StrictCORSMiddleware
from service.cors.policy import CORSPolicy
from service.cors.tool.browser import (
    ASGITransport,
    Browser,
    Fetch,
    Request,
    Response,
    console_message,
)
from service.cors.tool.explain_message import (
    Message,
    Reading,
    known_as_markdown,
    known_messages,
    last_resort,
    read_console,
    table,
)

from .project import TEMPLATE

API = "https://api.acme.com"
APP = "https://app.acme.com"
# Recorded from Chromium by tests/console_cases.py.
COLLECTED = json.loads((TEMPLATE / "tests" / "console_messages.json").read_text())["messages"]

CHROMIUM = f"Access to fetch at '{API}/items' from origin '{APP}' has been blocked by CORS policy: "
XHR = (
    f"Access to XMLHttpRequest at '{API}/items' from origin '{APP}' has been blocked by CORS "
    "policy: "
)
PREFLIGHT = CHROMIUM + "Response to preflight request doesn't pass access control check: "
FIREFOX = (
    "Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource "
    f"at {API}/items. (Reason: "
)
NO_HEADER = "No 'Access-Control-Allow-Origin' header is present on the requested resource."
NO_CORS_ADVICE = (
    " If an opaque response serves your needs, set the request's mode to 'no-cors' to fetch the "
    "resource with CORS disabled."
)
THEREFORE = f" Origin '{APP}' is therefore not allowed access."

# As browsers write them, with what else is copied along.
REAL: list[tuple[str, str]] = [
    # Chromium, current
    (CHROMIUM + NO_HEADER, "origin"),
    (PREFLIGHT + NO_HEADER, "origin"),
    (f"app.js:12 {XHR}{NO_HEADER}", "origin"),
    (f"(index):1 {CHROMIUM}{NO_HEADER}{NO_CORS_ADVICE}\napp.js:3 GET {API}/items net::ERR_FAILED "
     "200 (OK)\napp.js:9 Uncaught (in promise) TypeError: Failed to fetch", "origin"),
    (f"Access to fetch at '{API}/items/' (redirected from '{API}/items') from origin '{APP}' has "
     f"been blocked by CORS policy: {NO_HEADER}", "origin"),
    (f"Access to font at '{API}/a.woff2' from origin '{APP}' has been blocked by CORS policy: "
     f"{NO_HEADER}", "origin"),
    (f"Access to fetch at 'http://127.0.0.1:8000/' from origin 'null' has been blocked by CORS "
     f"policy: {NO_HEADER}", "origin"),
    (f"Access blocked by CORS policy: {NO_HEADER}", "origin"),
    (PREFLIGHT + f"The 'Access-Control-Allow-Origin' header has a value '{APP}/' that is not equal "
     "to the supplied origin. Have the server send the header with a valid value.", "other-origin"),
    (XHR + "The 'Access-Control-Allow-Origin' header contains multiple values "
     f"'{APP}, {APP}', but only one is allowed.", "doubled"),
    (XHR + "The 'Access-Control-Allow-Origin' header contains multiple values '*, *', but only one "
     "is allowed.", "doubled"),
    (CHROMIUM + "The 'Access-Control-Allow-Origin' header contains the invalid value 'app'.",
     "malformed"),
    (CHROMIUM + "The value of the 'Access-Control-Allow-Origin' header in the response must not be "
     "the wildcard '*' when the request's credentials mode is 'include'.", "wildcard"),
    (XHR + "The value of the 'Access-Control-Allow-Credentials' header in the response is '' which "
     "must be 'true' when the request's credentials mode is 'include'. The credentials mode of "
     "requests initiated by the XMLHttpRequest is controlled by the withCredentials attribute.",
     "credentials"),
    (CHROMIUM + "Method PATCH is not allowed by Access-Control-Allow-Methods in preflight "
     "response.", "method"),
    (CHROMIUM + "Request header field x-request-id is not allowed by Access-Control-Allow-Headers "
     "in preflight response.", "header"),
    (CHROMIUM + "Cannot parse Access-Control-Allow-Headers response header field in preflight "
     "response.", "malformed"),
    (PREFLIGHT + "It does not have HTTP ok status.", "preflight-status"),
    (PREFLIGHT + "Redirect is not allowed for a preflight request.", "preflight-redirect"),
    (CHROMIUM + "Redirect location 'https://u:p@api.acme.com/' contains a username and password, "
     "which is disallowed for cross-origin requests.", "preflight-redirect"),
    (CHROMIUM + "Cross origin requests are only supported for protocol schemes: chrome, "
     "chrome-extension, data, http, https, isolated-app.", "scheme"),
    (CHROMIUM + "Cross origin requests are not allowed by request mode.", "no-cors"),
    (CHROMIUM + "Permission was denied for this request to access the `loopback` address space.",
     "local-network"),
    (CHROMIUM + "The request client is not a secure context and the resource is in more-private "
     "address space `local`.", "local-network"),
    (PREFLIGHT + "No 'Access-Control-Allow-Private-Network' header was present in the preflight "
     "response for this private network request targeting the `private` address space.",
     "local-network"),
    # Chromium, older
    (f"XMLHttpRequest cannot load {API}/items. {NO_HEADER}{THEREFORE}", "origin"),
    (f"Fetch API cannot load {API}/items. {NO_HEADER}{THEREFORE}", "origin"),
    (f"Failed to load {API}/items: {NO_HEADER}{THEREFORE}", "origin"),
    (f"Failed to load {API}/items: Response to preflight request doesn't pass access control "
     f"check: {NO_HEADER}{THEREFORE} The response had HTTP status code 403.", "origin"),
    (f"XMLHttpRequest cannot load {API}/items. Origin {APP} is not allowed by "
     "Access-Control-Allow-Origin.", "origin"),
    (f"XMLHttpRequest cannot load {API}/items. Response to preflight request doesn't pass access "
     "control check: A wildcard '*' cannot be used in the 'Access-Control-Allow-Origin' header "
     f"when the credentials flag is true.{THEREFORE}", "wildcard"),
    (f"XMLHttpRequest cannot load {API}/items. Credentials flag is 'true', but the "
     "'Access-Control-Allow-Credentials' header is ''. It must be 'true' to allow credentials."
     f"{THEREFORE}", "credentials"),
    (f"XMLHttpRequest cannot load {API}/items. Response for preflight has invalid HTTP status code "
     "405", "preflight-status"),
    (f"XMLHttpRequest cannot load {API}/items. Request header field X-Foo is not allowed by "
     "Access-Control-Allow-Headers.", "header"),
    (f"Failed to load {API}/items: Response for preflight is invalid (redirect)",
     "preflight-redirect"),
    # Firefox: every reason that there is
    (FIREFOX + "CORS header ‘Access-Control-Allow-Origin’ missing). Status code: 200.", "origin"),
    (FIREFOX + "CORS header ‘Access-Control-Allow-Origin’ missing).[Learn More]", "origin"),
    (FIREFOX + "CORS header ‘Access-Control-Allow-Origin’ does not match ‘https://b.acme.com’).",
     "other-origin"),
    (FIREFOX + "Multiple CORS header ‘Access-Control-Allow-Origin’ not allowed).", "doubled"),
    (FIREFOX.replace(f"{API}/items", f"‘{API}/items’") + "Credential is not supported if the CORS "
     "header ‘Access-Control-Allow-Origin’ is ‘*’).", "wildcard"),
    (FIREFOX + "expected ‘true’ in CORS header ‘Access-Control-Allow-Credentials’).",
     "credentials"),
    (FIREFOX + "Did not find method in CORS header ‘Access-Control-Allow-Methods’).", "method"),
    (FIREFOX + "header ‘x-foo’ is not allowed according to header ‘Access-Control-Allow-Headers’ "
     "from CORS preflight response).", "header"),
    (FIREFOX + "missing token ‘x-foo’ in CORS header ‘Access-Control-Allow-Headers’ from CORS "
     "preflight channel).", "header"),
    (FIREFOX + "invalid token ‘a b’ in CORS header ‘Access-Control-Allow-Methods’).", "malformed"),
    (FIREFOX + "invalid token ‘a b’ in CORS header ‘Access-Control-Allow-Headers’).", "malformed"),
    (FIREFOX + "CORS preflight response did not succeed). Status code: 404.", "preflight-status"),
    (FIREFOX + "CORS preflight channel did not succeed).", "preflight-status"),
    (FIREFOX + "CORS request external redirect not allowed).", "preflight-redirect"),
    (FIREFOX + "CORS request did not succeed). Status code: (null).", "unreachable"),
    (FIREFOX + "CORS request not http).", "scheme"),
    (FIREFOX + "CORS header ‘Origin’ cannot be added).", "script"),
    (FIREFOX + "CORS disabled).", "blocked-client"),
    ("Cross-Origin Request Warning: The Same Origin Policy will disallow reading the remote "
     f"resource at {API}/items soon. (Reason: When the `Access-Control-Allow-Headers` is `*`, the "
     "`Authorization` header is not covered. To include the `Authorization` header, it must be "
     "explicitly listed in CORS header `Access-Control-Allow-Headers`).",
     "wildcard-authorization"),
    (FIREFOX + "CORS header ‘Access-Control-Allow-Origin’ missing). Status code: 403.\n\n"
     + FIREFOX + "CORS request did not succeed). Status code: (null).\n\nTypeError: NetworkError "
     "when attempting to fetch resource.", "origin"),
    # Firefox in other languages
    ("Quellübergreifende (Cross-Origin) Anfrage blockiert: Die Gleiche-Quelle-Regel verbietet das "
     f"Lesen der externen Ressource auf {API}/items. (Grund: CORS-Kopfzeile "
     "'Access-Control-Allow-Origin' fehlt). Statuscode: 200.", "origin"),
    ("Blocage d’une requête multiorigine (Cross-Origin Request) : la politique « Same Origin » ne "
     f"permet pas de consulter la ressource distante située sur {API}/items. Raison : l’en-tête "
     "CORS « Access-Control-Allow-Origin » est manquant. Code d’état : 404", "origin"),
    # Safari
    (f"[Error] Origin {APP} is not allowed by Access-Control-Allow-Origin. Status code: 403\n"
     f"[Error] Fetch API cannot load {API}/items due to access control checks.\n[Error] Failed to "
     f"load resource: Origin {APP} is not allowed by Access-Control-Allow-Origin. Status code: 403 "
     "(items, line 0)\n[Error] Unhandled Promise Rejection: TypeError: Load failed", "origin"),
    ("[Error] Preflight response is not successful. Status code: 403\n[Error] Fetch API cannot "
     f"load {API}/items due to access control checks.", "preflight-status"),
    ("Preflight response is not successful", "preflight-status"),
    ("[Error] Request header field X-A is not allowed by Access-Control-Allow-Headers.", "header"),
    ("[Error] Method PATCH is not allowed by Access-Control-Allow-Methods.", "method"),
    ('[Error] Credentials flag is true, but Access-Control-Allow-Credentials is not "true".',
     "credentials"),
    ("[Error] Cannot use wildcard in Access-Control-Allow-Origin when credentials flag is true.",
     "wildcard"),
    ("[Error] Access-Control-Allow-Origin cannot contain more than one origin.", "doubled"),
    (f"[Error] Cross-origin redirection to {API}/items/ denied by Cross-Origin Resource Sharing "
     f"policy: Origin {APP} is not allowed by Access-Control-Allow-Origin. Status code: 301",
     "preflight-redirect"),
    (f"[Warning] [blocked] The page at {APP}/ was not allowed to display insecure content from "
     "http://api.acme.com/items. (index.js, line 30)\n[Error] Not allowed to request resource\n"
     "[Error] Fetch API cannot load http://api.acme.com/items due to access control checks.",
     "mixed-content"),
    ("[Error] Failed to load resource: Could not connect to the server. (items, line 0)",
     "unreachable"),
    ("[Error] Failed to load resource: The certificate for this server is invalid.", "certificate"),
    # What only looks like CORS
    (f"GET {API}/items net::ERR_CONNECTION_REFUSED", "unreachable"),
    ("Failed to load resource: net::ERR_NAME_NOT_RESOLVED", "unreachable"),
    (f"POST {API}/items net::ERR_CERT_AUTHORITY_INVALID", "certificate"),
    (f"GET {API}/ads net::ERR_BLOCKED_BY_CLIENT", "blocked-client"),
    (f"GET {API}/a.js net::ERR_BLOCKED_BY_ORB", "opaque"),
    (f"GET {API}/a.js net::ERR_BLOCKED_BY_RESPONSE.NotSameOrigin 200 (OK)", "opaque"),
    (f"Cross-Origin Read Blocking (CORB) blocked cross-origin response {API}/items with MIME type "
     "application/json. See https://www.chromestatus.com/feature/5629709824032768 for more "
     "details.", "opaque"),
    (f"Mixed Content: The page at '{APP}/' was loaded over HTTPS, but requested an insecure "
     "resource 'http://api.acme.com/items'. This request has been blocked; the content must be "
     "served over HTTPS.", "mixed-content"),
    (f"Mixed Content: The page at '{APP}/' was loaded over HTTPS, but requested an insecure "
     "XMLHttpRequest endpoint 'http://api.acme.com/items'.", "mixed-content"),
    ("Blocked loading mixed active content “http://api.acme.com/items”", "mixed-content"),
    (f"Refused to connect to '{API}/items' because it violates the following Content Security "
     "Policy directive: \"connect-src 'self'\".", "csp"),
    (f"Connecting to '{API}/items' violates the following Content Security Policy directive: "
     "\"connect-src 'self'\". The action has been blocked.", "csp"),
    ("Content-Security-Policy: The page’s settings blocked the loading of a resource (connect-src) "
     f"at {API}/items because it violates the following directive: “connect-src 'self'”", "csp"),
    ("Cookie “session” has been rejected because it is in a cross-site context and its “SameSite” "
     "is “Lax” or “Strict”.", "cookie"),
    ("Cookie “session” has been rejected because it is foreign and does not have the “Partitioned“ "
     "attribute.", "cookie"),
    ('This Set-Cookie was blocked because it had the "SameSite=Lax" attribute but came from a '
     "cross-site response which was not the response to a top-level navigation.", "cookie"),
    (f"The resource at “{API}/items” was blocked because content blocking is enabled.",
     "blocked-client"),
    ("TypeError: Failed to execute 'fetch' on 'Window': 'TRACE' HTTP method is unsupported.",
     "script"),
    ("TypeError: Failed to execute 'fetch' on 'Window': 'PATCH' is unsupported in no-cors mode.",
     "no-cors"),
    ('Refused to set unsafe header "Origin"', "script"),
    ('Refused to get unsafe header "X-Total-Count"', "exposed"),
    ('Fetch API cannot load localhost:8000/items. URL scheme "localhost" is not supported.',
     "scheme"),
    ("WebSocket connection to 'wss://api.acme.com/ws' failed: Error during WebSocket handshake: "
     "Unexpected response code: 403", "websocket"),
    ("Firefox can’t establish a connection to the server at wss://api.acme.com/ws.", "websocket"),
    (f"GET {API}/items 500 (Internal Server Error)", "error-status"),
    ("Failed to load resource: the server responded with a status of 404 (Not Found)",
     "error-status"),
    (f"Uncaught SecurityError: Blocked a frame with origin \"{APP}\" from accessing a cross-origin "
     "frame.", "other-window"),
    ("TypeError: Failed to fetch", "vague"),
    ("NetworkError when attempting to fetch resource.", "vague"),
    ("TypeError: Load failed", "vague"),
    ("AxiosError: Network Error", "vague"),
    (f"Http failure response for {API}/items: 0 Unknown Error", "vague"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "cause"), REAL, ids=lambda value: value[-40:])
def test_a_real_message_leads_to_its_cause(text: str, cause: str) -> None:
    assert [each.message.cause for each in read_console(text)] == [cause]


@pytest.mark.parametrize(
    "message", [*known_messages(), *last_resort()], ids=lambda message: message.text[-50:]
)
def test_every_message_of_the_table_is_recognised(message: Message) -> None:
    """No other message takes its place, even with quotes lost and lines broken."""
    text = written_out(message)
    for damaged in (text, text.replace(" ", "\n  "), text.replace("'", ""), text.upper()):
        found = read_console(f"app.js:12 {damaged} app.js:14")
        assert [each.message.cause for each in found] == [message.cause], damaged


def written_out(message: Message) -> str:
    samples = {
        "url": f"{API}/items",
        "path": "/items",
        "page": f"{APP}/login",
        "origin": APP,
        "kind": "resource",
        "method": "PUT",
        "header": "x-foo",
        "headers": "x-foo,x-bar",
        "status": "403",
        "value": "something",
    }
    return re.sub(r"\{(\w+)\}", lambda found: samples[found[1]], message.text)


@pytest.mark.parametrize(
    "text",
    [
        f"Mixed Content: The page at '{APP}/' was loaded over HTTPS, but requested an insecure "
        f"resource '{API}/items'. This request has been blocked.",
        f"Blocked loading mixed active content “{API}/items”",
        f"GET {API}/items net::ERR_CONNECTION_REFUSED",
        f"Fetch API cannot load {API}/items. {NO_HEADER}",
    ],
    ids=["at the end, in quotes", "in typographic quotes", "at the start", "an old beginning"],
)
def test_the_whole_url_is_read(text: str) -> None:
    assert only(text).url == f"{API}/items"


def test_the_word_resource_is_not_taken_for_a_url() -> None:
    assert only("Failed to load resource: net::ERR_NAME_NOT_RESOLVED").url is None


def test_the_details_of_a_message_are_read() -> None:
    text = (
        f"Access to fetch at '{API}/items?token=s3cret'\n   from origin '{APP}' has been blocked "
        "by CORS policy: Request header field x-foo is not allowed by Access-Control-Allow-Headers "
        f"in preflight response.\napp.js:3 PUT {API}/items?token=s3cret net::ERR_FAILED 403"
    )
    assert only(text).url == f"{API}/items?token=s3cret"
    assert only(text).origin == APP
    assert only(text).header == "x-foo"
    assert only(text).method == "PUT"
    assert only(text).status == "403"


def test_each_of_several_messages_is_reported_once() -> None:
    first = CHROMIUM + NO_HEADER
    second = first.replace("/items", "/me")
    found = read_console("\n".join([first, second, first]))
    assert [each.url for each in found] == [f"{API}/items", f"{API}/me"]


def test_what_the_service_itself_says_is_understood() -> None:
    """In local environments a refusal says why: people paste that as well."""
    policy = CORSPolicy(environment="development", allow_origins=(APP,))
    service = ASGITransport(StrictCORSMiddleware(never, **policy.middleware_arguments()))
    asked = (("origin", "https://b.acme.com"), ("access-control-request-method", "PUT"))
    refusal = service(Request("OPTIONS", "/items", asked))
    assert refusal.status == 403
    assert only(refusal.body.decode()).message.cause == "origin"


async def never(scope: object, receive: object, send: object) -> None:
    """Stand for an app that a refused preflight does not reach."""
    raise AssertionError


def test_a_page_in_a_file_is_the_origin_null() -> None:
    assert only(CHROMIUM.replace(APP, "null") + NO_HEADER).origin == "null"


def test_an_unknown_text_has_no_cause() -> None:
    assert read_console("Uncaught ReferenceError: React is not defined") == []
    assert read_console("") == []


def test_a_message_is_found_in_a_long_log() -> None:
    noise = "\n".join(f"app.js:{number} rendered {API}/items/{number}" for number in range(400))
    assert len(read_console(noise + CHROMIUM + NO_HEADER)) == 1


def only(text: str) -> Reading:
    [reading] = read_console(text)
    return reading


# --- Against the model's own messages, and those of a real browser ------------------------------


@dataclass(frozen=True)
class Answers:
    """A service with one response to preflights and one to requests."""

    preflight: Response
    response: Response

    def __call__(self, request: Request) -> Response:
        return self.preflight if request.method == "OPTIONS" else self.response


def modelled() -> Iterator[tuple[str, str]]:
    """Yield every message that the browser model prints, with its cause."""
    good = (("access-control-allow-origin", APP), ("access-control-allow-credentials", "true"))
    tables: list[tuple[str, int, tuple[tuple[str, str], ...]]] = [
        ("origin", 204, ()),
        ("doubled", 204, (("access-control-allow-origin", f"{APP}, {APP}"),)),
        ("other-origin", 204, (("access-control-allow-origin", "https://b.acme.com"),)),
        ("malformed", 204, (("access-control-allow-origin", "app"),)),
        ("wildcard", 204, (("access-control-allow-origin", "*"),)),
        ("credentials", 204, good[:1]),
        ("preflight-status", 403, good),
        ("preflight-redirect", 301, (*good, ("location", "/login"))),
        ("malformed", 204, (*good, ("access-control-allow-methods", "a b"))),
        ("malformed", 204, (*good, ("access-control-allow-headers", "a b"))),
        ("method", 204, good),
        ("header", 204, (*good, ("access-control-allow-methods", "PUT"))),
    ]
    for cause, status, headers in tables:
        answer = Response(status, headers)
        fetch = Fetch(APP, "PUT", "/items", (("x-foo", "1"),), "include")
        yield message_of(fetch, Answers(answer, answer)), cause
        if cause not in ("preflight-status", "preflight-redirect", "method", "header"):
            ok = Response(204, (*good, ("access-control-allow-methods", "PUT")))
            ok = Response(204, (*ok.headers, ("access-control-allow-headers", "x-foo")))
            if not any(name.endswith(("methods", "headers")) for name, _ in headers):
                yield message_of(fetch, Answers(ok, answer)), cause
    to_user = Response(302, (*good, ("location", "https://u:p@api.acme.com/")))
    yield message_of(Fetch(APP, "GET", "/items"), Answers(to_user, to_user)), "preflight-redirect"
    for fetch, cause in (
        (Fetch(APP, "G T"), "script"),
        (Fetch(APP, "TRACE"), "script"),
        (Fetch(APP, "PUT", mode="no-cors"), "no-cors"),
        (Fetch(APP, "GET", body=b"x"), "script"),
        (Fetch(APP, headers=(("a b", "1"),)), "script"),
        (Fetch(APP, headers=(("x-foo", "a\nb"),)), "script"),
    ):
        yield message_of(fetch, Answers(to_user, to_user)), cause


def message_of(fetch: Fetch, answers: Answers) -> str:
    message = console_message(Browser(answers, API).fetch(fetch))
    assert message is not None, fetch
    return message


@pytest.mark.parametrize(("text", "cause"), list(modelled()))
def test_what_the_model_prints_is_understood(text: str, cause: str) -> None:
    assert only(text).message.cause == cause


# The reason of a collected text, and the causes that it may lead to.
CAUSE_OF = {
    "ALLOW_ORIGIN_MISSING": {"origin"},
    "ALLOW_ORIGIN_MULTIPLE": {"doubled"},
    # Chromium has another text for what is not an origin.
    "ALLOW_ORIGIN_MISMATCH": {"other-origin", "malformed"},
    "ALLOW_ORIGIN_WILDCARD": {"wildcard"},
    "ALLOW_CREDENTIALS": {"credentials"},
    "ALLOW_METHODS_MALFORMED": {"malformed"},
    "ALLOW_HEADERS_MALFORMED": {"malformed"},
    "METHOD_NOT_ALLOWED": {"method"},
    "METHOD_WILDCARD": {"method"},
    "HEADER_NOT_ALLOWED": {"header"},
    "HEADER_WILDCARD": {"header"},
    "AUTHORIZATION_WILDCARD": {"header"},
    "PREFLIGHT_STATUS": {"preflight-status"},
    "PREFLIGHT_REDIRECT": {"preflight-redirect"},
    "REDIRECT_CREDENTIALS": {"preflight-redirect"},
    "METHOD_NEEDS_CORS": {"no-cors"},
    "INVALID_METHOD": {"script"},
    "FORBIDDEN_METHOD": {"script"},
    "BODY_WITH_GET": {"script"},
    "INVALID_HEADER_NAME": {"script"},
    "INVALID_HEADER_VALUE": {"script"},
}


@pytest.mark.parametrize("entry", COLLECTED, ids=lambda entry: f"{entry['api']}: {entry['case']}")
def test_what_chromium_really_printed_is_understood(entry: dict[str, str]) -> None:
    reading = only(entry["text"])
    assert reading.message.cause in CAUSE_OF[entry["reason"]]
    if "blocked by CORS policy" in entry["text"]:
        assert f"from origin '{reading.origin}'" in entry["text"]
        assert f"at '{reading.url}'" in entry["text"]


# --- The table itself ---------------------------------------------------------------------------


def test_every_cause_has_a_message_and_every_text() -> None:
    causes = table()["causes"]
    assert {message.cause for message in known_messages()} == set(causes)
    assert set(table()["last_resort"].values()) <= set(causes)
    for cause in causes.values():
        assert cause["title"]
        assert cause["meaning"].endswith(".")
        assert all(what.endswith(".") for what, *_ in cause["suspects"])


def test_every_placeholder_of_a_command_is_filled() -> None:
    printed = StringIO()
    known_as_markdown(Console(file=printed, width=10_000, color_system=None))
    for command in re.findall(r"```sh\n   (.*)\n", printed.getvalue()):
        assert "{" not in command


def test_the_document_says_what_the_table_says() -> None:
    """docs/troubleshooting.md is the output of `cors explain --known`: run `make docs`."""
    printed = StringIO()
    known_as_markdown(Console(file=printed, width=10_000, color_system=None))
    assert (TEMPLATE / "docs" / "troubleshooting.md").read_text() == printed.getvalue()
