"""A login whose provider posts a form back completes in Chromium, and nobody else gains from it.

The service holds the code of docs/login-callbacks.md as it is written there. The provider is on
another site: `127.0.0.1`, where the service is `localhost`.
"""

import json
import os
import re
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from .project import (
    BIN,
    TEMPLATE,
    clean_environment,
    example,
    free_port,
    render,
    run,
    run_real_browser,
    run_suite,
    run_warm,
)

try:
    from joserfc import jwt
    from joserfc.jwk import ECKey
    from playwright.sync_api import Browser, Page
except ImportError:
    if os.environ.get("CORS_REQUIRE_BROWSER") == "1":
        raise
    pytest.skip("playwright or joserfc is not installed", allow_module_level=True)

DOCUMENT = (TEMPLATE / "docs" / "login-callbacks.md").read_text()
CALLBACK = "/auth/callback"
FAILED = "The login failed. Begin again at /auth/login."

# python3-saml needs libraries of the system. This stands for what the document calls of it.
SAML = '''"""Stands for python3-saml."""


class OneLogin_Saml2_Auth:
    def __init__(self, request, custom_base_path):
        self.request = request

    def login(self, return_to):
        return f"https://idp.acme.com/sso?RelayState={return_to}"

    def get_last_request_id(self):
        return "ONELOGIN_1"

    def process_response(self, request_id):
        self.answered = request_id

    def get_errors(self):
        valid = self.request["post_data"].get("SAMLResponse") == f"valid, to {self.answered}"
        return [] if valid else ["invalid_response"]

    def is_authenticated(self):
        return not self.get_errors()

    def get_nameid(self):
        return "wile"
'''


def block(words: str) -> str:
    """Return the document's first block of Python that holds these words."""
    blocks = re.findall(r"^```python\n(.*?)^```$", DOCUMENT, re.M | re.S)
    return str(next(text for text in blocks if words in text))


# --- The provider -----------------------------------------------------------------------------


class Provider(ThreadingHTTPServer):
    """A small OpenID provider, in the state of one login."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), ProviderHandler)
        self.origin = f"http://127.0.0.1:{self.server_port}"
        self.key = ECKey.generate_key("P-256", {"kid": "1"}, private=True)
        self.code, self.nonce = secrets.token_urlsafe(), ""

    def metadata(self) -> dict[str, Any]:
        """Return what the service asks for first."""
        return {
            "issuer": self.origin,
            "authorization_endpoint": f"{self.origin}/authorize",
            "token_endpoint": f"{self.origin}/token",
            "jwks_uri": f"{self.origin}/keys",
            "id_token_signing_alg_values_supported": ["ES256"],
        }

    def page(self, query: dict[str, list[str]]) -> str:
        """Return the last page of a login: a form that submits itself."""
        assert query["response_mode"] == ["form_post"]
        self.nonce = query["nonce"][0]
        return form(query["redirect_uri"][0], code=self.code, state=query["state"][0])

    def token(self, query: dict[str, list[str]]) -> dict[str, Any]:
        """Return the tokens for a code."""
        assert query["code"] == [self.code]
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.origin,
            "aud": "orders",
            "sub": "wile",
            "nonce": self.nonce,
        }
        claims |= {"iat": now, "exp": now + 60}
        signed = jwt.encode({"alg": "ES256", "kid": "1"}, claims, self.key)
        return {"access_token": "x", "token_type": "Bearer", "id_token": signed}


def form(action: str, **fields: str) -> str:
    """Return a page with a form that submits itself."""
    inputs = "".join(
        f'<input type="hidden" name="{name}" value="{escape(value)}">'
        for name, value in fields.items()
    )
    return (
        f'<!doctype html><form method="post" action="{escape(action)}">{inputs}</form>'
        "<script>document.forms[0].submit()</script>"
    )


class ProviderHandler(BaseHTTPRequestHandler):
    """Responds for a Provider."""

    server: Provider

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/authorize":
            self.respond("text/html", self.server.page(parse_qs(url.query)))
        elif url.path == "/keys":
            keys = {"keys": [self.server.key.as_dict(private=False)]}
            self.respond("application/json", json.dumps(keys))
        elif url.path.startswith("/.well-known/"):
            self.respond("application/json", json.dumps(self.server.metadata()))
        else:
            self.respond("text/html", "<!doctype html><link rel=icon href=data:,>A page")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.respond("application/json", json.dumps(self.server.token(parse_qs(body))))

    def respond(self, kind: str, text: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Print nothing: the output belongs to the tests."""


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    server = Provider()
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


# --- The service ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service with cookies and the guard, and the code of the document."""
    answers = example("spa-cookies") | {
        "guard_exempt_paths": f"{CALLBACK}, /saml/acs",
        "browser_tests": True,
    }
    project = render(tmp_path_factory.mktemp("callback") / "orders-api", answers)
    source = project / "src" / "orders_api"
    (source / "routes" / "login.py").write_text(block("authorize_redirect"))
    (source / "routes" / "saml.py").write_text(block("onelogin"))
    stub = project / "src" / "onelogin" / "saml2"
    stub.mkdir(parents=True)
    (stub / "auth.py").write_text(SAML)
    settings = (source / "settings.py").read_text()
    marker = "    @property\n    def session_cookie"
    assert marker in settings
    added = f"{block('login_issuer: str')}\n{marker}"
    (source / "settings.py").write_text(settings.replace(marker, added))
    main = (source / "main.py").read_text()
    imports = (
        "from authlib.integrations.starlette_client import OAuth\n"
        "from fastapi import FastAPI\n"
        "from starlette.middleware.sessions import SessionMiddleware\n"
    )
    main = main.replace("from fastapi import FastAPI\n", imports)
    before = "    app.include_router(router)\n"
    assert before in main
    (source / "main.py").write_text(main.replace(before, block("SessionMiddleware,") + before))
    return project


class Service:
    """The service as a server runs it, at `origin`."""

    def __init__(self, project: Path, provider: Provider, **variables: str) -> None:
        port = free_port()
        self.log = project / f"{port}.log"
        self.origin = f"http://localhost:{port}"
        variables |= {"LOGIN_ISSUER": provider.origin, "LOGIN_COOKIE_KEY": secrets.token_urlsafe()}
        with self.log.open("w") as output:
            self.process = subprocess.Popen(
                [str(BIN / "uvicorn"), "orders_api.main:app", "--port", str(port)],
                cwd=project,
                env=clean_environment(LOGIN_CLIENT_SECRET="x", **variables),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        while "Application startup complete" not in self.log.read_text():
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)

    def statuses(self) -> list[tuple[str, str]]:
        """Return method and path, and status, of each request so far, without queries."""
        return re.findall(r'"(\w+ [^ ?]+)[^ ]* HTTP/1.1" (\d+)', self.log.read_text())


@contextmanager
def running(project: Path, provider: Provider, **variables: str) -> Iterator[Service]:
    """Run the service until the end of the block."""
    service = Service(project, provider, **variables)
    try:
        yield service
    finally:
        service.process.terminate()
        service.process.wait(timeout=30)


@pytest.fixture(scope="module")
def service(project: Path, provider: Provider) -> Iterator[Service]:
    with running(project, provider) as service:
        yield service


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a user who has no cookie yet."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


def log_in(page: Page, service: Service) -> None:
    page.goto(f"{service.origin}/auth/login")
    page.wait_for_url(f"{service.origin}/session")


# --- What a browser does ----------------------------------------------------------------------


def test_a_login_with_form_post_completes(page: Page, service: Service) -> None:
    log_in(page, service)
    assert json.loads(page.inner_text("body")) == {"name": "wile"}
    assert ("POST /auth/callback", "303") in service.statuses()


def test_without_the_exempt_path_the_same_login_fails(
    page: Page, project: Path, provider: Provider
) -> None:
    with running(project, provider, CORS_GUARD_EXEMPT_PATHS="") as service:
        page.goto(f"{service.origin}/auth/login")
        page.wait_for_url(f"{service.origin}{CALLBACK}")
        assert ("POST /auth/callback", "403") in service.statuses()


READ = """async ([url, options]) => {
  try {
    const response = await fetch(url, {...options, credentials: "include"});
    return [response.type, response.status, await response.text(), [...response.headers].length];
  } catch (error) {
    return String(error);
  }
}"""
FRAME = """(url) => new Promise((done) => {
  document.body.innerHTML = `<iframe name="answer"></iframe>
    <form method="post" target="answer" action="${url}"><input name="state" value="1"></form>`;
  const frame = document.querySelector("iframe");
  frame.onload = () => done(frame.contentDocument === null);
  document.forms[0].submit();
})"""


def test_the_providers_page_reads_no_byte_of_it(
    page: Page, service: Service, provider: Provider
) -> None:
    log_in(page, service)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(provider.origin)
    url, form_type = f"{service.origin}{CALLBACK}", "application/x-www-form-urlencoded"
    options = {"method": "POST", "body": "state=1", "headers": {"content-type": form_type}}
    before = len(service.statuses())
    assert page.evaluate(READ, [url, options]) == "TypeError: Failed to fetch"
    assert any("No 'Access-Control-Allow-Origin' header is present" in text for text in said), said
    opaque = page.evaluate(READ, [url, options | {"mode": "no-cors"}])
    assert opaque == ["opaque", 0, "", 0]
    assert page.evaluate(FRAME, url) is True
    # All three reached the handler, which refused them for their `state`.
    assert service.statuses()[before:] == [("POST /auth/callback", "400")] * 3


def test_only_forms_and_only_there_reach_a_handler(
    page: Page, service: Service, provider: Provider
) -> None:
    page.goto(provider.origin)
    before = len(service.statuses())
    for path, kind in (
        (CALLBACK, "text/plain"),
        (f"{CALLBACK}/", "application/x-www-form-urlencoded"),
        ("/session", "application/x-www-form-urlencoded"),
    ):
        headers = {"content-type": kind}
        options = {"method": "POST", "mode": "no-cors", "body": "{}", "headers": headers}
        page.evaluate(READ, [f"{service.origin}{path}", options])
    json_call = {"method": "POST", "body": "{}", "headers": {"content-type": "application/json"}}
    page.evaluate(READ, [f"{service.origin}{CALLBACK}", json_call])
    assert service.statuses()[before:] == [
        (f"POST {CALLBACK}", "403"),
        (f"POST {CALLBACK}/", "403"),
        ("POST /session", "403"),
        (f"OPTIONS {CALLBACK}", "403"),
    ]


def test_a_form_of_anybody_else_logs_nobody_in(
    page: Page, service: Service, provider: Provider
) -> None:
    """The guard lets it pass: `state` is what stops it."""
    page.goto(provider.origin)
    with page.expect_navigation(url=f"{service.origin}{CALLBACK}"):
        page.set_content(form(f"{service.origin}{CALLBACK}", code=provider.code, state="theirs"))
    assert json.loads(page.inner_text("body")) == {"detail": FAILED}
    assert page.context.cookies(service.origin) == []


def test_the_check_and_the_suite_have_nothing_against_it(project: Path) -> None:
    result = run_warm(project, "orders_api.cors", "check", "--all", LOGIN_COOKIE_KEY="x")
    assert result.returncode == 0, result.stdout
    assert "CORS0" not in result.stdout
    # What stands for python3-saml lies beside the package, so ruff sorts it as the service's own.
    result = run(project, "ruff", "check", "--no-cache", "--ignore", "I001", "src/orders_api")
    assert result.returncode == 0, result.stdout
    result = run_suite(project, "tests/cors/test_writes.py", "tests/cors/test_configuration.py")
    assert result.returncode == 0, result.stdout
    result = run_real_browser(project, "-k", "exempt_paths")
    assert result.returncode == 0, result.stdout


SAML_LOGIN = """
import asyncio
from fastapi.testclient import TestClient
from orders_api.main import app

client = TestClient(app, "https://service.acme-api.net", follow_redirects=False)
sent = {"Origin": "https://idp.acme.com", "Sec-Fetch-Site": "cross-site"}
for relay, response in (("same", "valid, to ONELOGIN_1"), ("same", "forged"), ("", "valid, to ")):
    begun = client.get("/saml/login").headers["location"].partition("RelayState=")[2]
    data = {"RelayState": begun if relay else "theirs", "SAMLResponse": response}
    print(client.post("/saml/acs", data=data, headers=sent).status_code, end=" ")
client.cookies.clear()
print(client.post("/saml/acs", data=data | {"RelayState": ""}, headers=sent).status_code)
"""


def test_the_documents_saml_login_checks_its_relay_state(project: Path) -> None:
    result = run(project, "python", "-c", SAML_LOGIN, LOGIN_COOKIE_KEY="x")
    assert result.stdout.split() == ["303", "400", "400", "400"], result.stderr
