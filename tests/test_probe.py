"""`cors probe` finds what goes wrong between a service and browsers, with real nginx."""

import json
import os
import re
import shutil
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from service import settings as service_settings
from service.cors.tool.cli import app as cli
from service.cors.tool.probe_findings import CAUSES
from typer.testing import CliRunner

from .deployments import (
    NGINX,
    OPENSSL,
    documented_setups,
    free_ports,
    make_certificate,
    nginx,
    services,
)
from .project import TEMPLATE, example, render, run_warm

PASS = "proxy_pass SERVICE;"
HIDE = "proxy_hide_header Access-Control-Allow-Origin;"
HIDE_ALL = "".join(
    f"proxy_hide_header Access-Control-{name};"
    for name in (
        *("Allow-Origin", "Allow-Credentials", "Allow-Methods", "Allow-Headers", "Max-Age"),
        "Expose-Headers",
    )
)
ADD = "add_header Access-Control-Allow-Origin"
PLAIN = f"location / {{ {PASS} }}"

# What stands in a `server` block, and exactly what the probe finds.
WRONG: dict[str, tuple[str, set[str]]] = {
    "http redirected to https": ("return 301 https://$host$request_uri;", {"PROBE001"}),
    "http redirected by 308": ("return 308 https://$host$request_uri;", {"PROBE001"}),
    "a final slash": (
        f"rewrite ^([^.]*[^/])$ $1/ permanent; location / {{ {PASS} }}",
        {"PROBE002"},
    ),
    "a login": ("return 302 https://login.acme.com/?state=s3cret;", {"PROBE003"}),
    "a service that is down": ("location / { proxy_pass DEAD; }", {"PROBE004"}),
    "files instead of a service": (
        'default_type text/html; return 200 "<h1>It works!</h1>";',
        {"PROBE005"},
    ),
    "a login that sends 401": ("return 401;", {"PROBE005"}),
    "a cache that ignores Vary": (
        f"location / {{ {PASS} proxy_cache cache; proxy_cache_valid 200 1m;"
        "proxy_ignore_headers Vary; }",
        {"PROBE006"},
    ),
    "a header added to the service's": (
        f"location / {{ {PASS} {ADD} https://app.acme.com always; }}",
        {"PROBE007"},
    ),
    "the asking origin added to the service's": (
        f"location / {{ {PASS} {ADD} $http_origin always; }}",
        {"PROBE007", "PROBE010"},
    ),
    "OPTIONS answered 204": (
        f"location / {{ if ($request_method = OPTIONS) {{ return 204; }} {PASS} }}",
        {"PROBE008"},
    ),
    "OPTIONS answered 405": (
        f"location / {{ if ($request_method = OPTIONS) {{ return 405; }} {PASS} }}",
        {"PROBE008"},
    ),
    "OPTIONS denied": (
        f"location / {{ limit_except GET POST {{ deny all; }} {PASS} }}",
        {"PROBE008"},
    ),
    "OPTIONS answered with a policy of its own": (
        f"location / {{ if ($request_method = OPTIONS) {{ {ADD} $http_origin; "
        "add_header Access-Control-Allow-Methods 'GET, POST'; return 204; } "
        f"{PASS} }}",
        {"PROBE008"},
    ),
    "every site by *": (f"location / {{ {PASS} {HIDE} {ADD} * always; }}", {"PROBE009"}),
    "every site by its name": (
        f"location / {{ {PASS} {HIDE} proxy_hide_header Access-Control-Allow-Credentials;"
        f"{ADD} $http_origin always; add_header Access-Control-Allow-Credentials true always; }}",
        {"PROBE010"},
    ),
    "a pattern without anchors": (
        f"location / {{ {PASS} {HIDE} {ADD} $near_enough always; }}",
        {"PROBE011"},
    ),
    "one fixed origin": (
        f"location / {{ {PASS} {HIDE} {ADD} https://app.acme.com always; }}",
        {"PROBE012"},
    ),
    "a cache that looks at the path alone": (
        f"location / {{ {PASS} proxy_cache cache; proxy_cache_valid 200 1m;"
        "proxy_ignore_headers Vary; proxy_cache_key one$uri; }",
        {"PROBE012"},
    ),
    "Origin removed": (f'location / {{ {PASS} proxy_set_header Origin ""; }}', {"PROBE015"}),
    "headers removed": (f"location / {{ {PASS} {HIDE_ALL} }}", {"PROBE016"}),
    "headers and Vary removed": (
        f"location / {{ {PASS} {HIDE_ALL} proxy_hide_header Vary; }}",
        {"PROBE016", "PROBE023"},
    ),
    "headers not on errors": (
        f"location / {{ {PASS} {HIDE} {ADD} $exactly; }}",
        {"PROBE017"},
    ),
    "credentials removed": (
        f"location / {{ {PASS} proxy_hide_header Access-Control-Allow-Credentials; }}",
        {"PROBE018"},
    ),
    "readable headers removed": (
        f"location / {{ {PASS} proxy_hide_header Access-Control-Expose-Headers; }}",
        {"PROBE022"},
    ),
    "Vary removed": (f"location / {{ {PASS} proxy_hide_header Vary; }}", {"PROBE023"}),
}
RIGHT = {
    "a plain proxy": PLAIN,
    "a proxy that names the service": f"location / {{ {PASS} proxy_set_header Host $http_host; }}",
    "a cache that respects Vary": (
        f"location / {{ {PASS} proxy_cache cache; proxy_cache_valid 200 404 1m; }}"
    ),
    "below a path": "location /api/ { proxy_pass SERVICE/; }",
}
DOCUMENTED = {
    f"the documentation's {number}.": text for number, text in enumerate(documented_setups(), 1)
}

# The service that responds without a proxy, the environment that is probed, and what is found.
DEPLOYMENTS: dict[str, tuple[str, str, set[str]]] = {
    "an old release": ("old", "production", {"PROBE019", "PROBE021"}),
    "another environment": ("staging", "production", {"PROBE013"}),
    "public paths closed": ("production", "partners", {"PROBE014"}),
    "Starlette's own middleware": ("stock", "production", {"PROBE024"}),
    "Starlette's own middleware, open to all": ("open", "production", {"PROBE010"}),
    "credentials turned off": ("without credentials", "production", {"PROBE018"}),
}

needs_nginx = pytest.mark.usefixtures("real_nginx")


@pytest.fixture(scope="session")
def real_nginx() -> None:
    """Skip without nginx; fail instead if CORS_REQUIRE_NGINX=1."""
    if NGINX and OPENSSL:
        return
    if os.environ.get("CORS_REQUIRE_NGINX") == "1":
        pytest.fail("CORS_REQUIRE_NGINX=1, and nginx or openssl is not installed")
    pytest.skip("nginx or openssl is not installed (apt-get install nginx-light openssl)")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = render(tmp_path_factory.mktemp("service") / "orders", example("spa-cookies"))
    text = (project / ".env.production").read_text()
    text = text.replace("ENVIRONMENT=production", "ENVIRONMENT=partners")
    text = text.replace("CORS_PUBLIC_PATHS=", "CORS_PUBLIC_PATHS=/items")
    (project / ".env.partners").write_text(text)
    return project


@pytest.fixture(scope="module")
def deployed(project: Path) -> Iterator[dict[str, str]]:
    with services(project) as urls:
        yield urls


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("nginx"))


@pytest.fixture(scope="module")
def proxied(
    real_nginx: None, deployed: dict[str, str], certificate: Path
) -> Iterator[dict[str, str]]:
    wrong = {name: text for name, (text, _) in WRONG.items()}
    with nginx(wrong | RIGHT | DOCUMENTED, deployed["production"], certificate.parent) as urls:
        yield urls


@pytest.fixture(autouse=True)
def in_project(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the command in the project, without variables of whoever runs the tests."""
    monkeypatch.chdir(project)
    for name in os.environ:
        if name.startswith(("CORS_", "ENVIRONMENT")):
            monkeypatch.delenv(name)


def probe(url: str, *options: str, environment: str = "production") -> Any:
    """Run the command, and return its result."""
    return CliRunner().invoke(cli, ["probe", url, "-e", environment, *options])


def report(url: str, *options: str, environment: str = "production") -> dict[str, Any]:
    """Return the JSON that the command prints."""
    result = probe(url, "--format", "json", *options, environment=environment)
    assert result.exit_code in (0, 1), result.output
    said: dict[str, Any] = json.loads(result.stdout)
    assert (result.exit_code == 1) == bool(said["findings"])
    assert 0 < said["requests"] <= 40
    return said


def ids(said: dict[str, Any]) -> set[str]:
    return {finding["id"] for finding in said["findings"]}


# --- Proxies and deployments ------------------------------------------------------------------


@needs_nginx
@pytest.mark.parametrize("name", WRONG)
def test_each_wrong_proxy_has_its_own_finding(name: str, proxied: dict[str, str]) -> None:
    said = report(proxied[name])
    assert ids(said) == WRONG[name][1], json.dumps(said, indent=2)


@needs_nginx
@pytest.mark.parametrize("name", RIGHT)
def test_a_correct_proxy_has_no_findings(name: str, proxied: dict[str, str]) -> None:
    mount = "/api" if name == "below a path" else ""
    for _ in range(2):  # The second time, what can be cached is.
        said = report(proxied[name] + mount)
        assert ids(said) == set(), json.dumps(said, indent=2)
        assert said["notes"] == []


@needs_nginx
@pytest.mark.parametrize("name", DOCUMENTED)
def test_the_documented_proxies_have_no_findings(
    name: str, proxied: dict[str, str], certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    for _ in range(2):
        said = report(proxied[name], "--path", "/items")
        assert ids(said) == set(), json.dumps(said, indent=2)


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_each_wrong_deployment_has_its_own_finding(name: str, deployed: dict[str, str]) -> None:
    service, environment, expected = DEPLOYMENTS[name]
    said = report(deployed[service], environment=environment)
    assert ids(said) == expected, json.dumps(said, indent=2)


@pytest.mark.parametrize("environment", ["production", "partners", "staging"])
def test_a_correct_deployment_has_no_findings(environment: str, deployed: dict[str, str]) -> None:
    said = report(deployed[environment], "--path", "/items", "--path", "/", environment=environment)
    assert ids(said) == set(), json.dumps(said, indent=2)
    assert said["environment"] == environment


def test_public_paths_are_asked_about(deployed: dict[str, str]) -> None:
    """Both if they are not among the paths to ask about, and if they are."""
    for path in ("/health", "/items"):
        said = report(deployed["production"], "--path", path, environment="partners")
        assert ids(said) == {"PROBE014"}, json.dumps(said, indent=2)


def test_every_finding_is_documented() -> None:
    text = (TEMPLATE / "docs" / "behind-a-proxy.md").read_text()
    rows = re.findall(r"^\| (PROBE\d+) \| ([^|]+) \|", text, flags=re.MULTILINE)
    assert rows == [(cause.id, cause.title) for cause in CAUSES]


def test_every_cause_is_tested() -> None:
    tried = set().union(*(expected for _, expected in WRONG.values()))
    tried |= set().union(*(expected for _, _, expected in DEPLOYMENTS.values()))
    # Request headers differ as methods do. The last one is tested with a made-up server below.
    assert {cause.id for cause in CAUSES} - tried == {"PROBE020", "PROBE025"}


# --- What is printed --------------------------------------------------------------------------


@needs_nginx
def test_a_finding_shows_question_response_cause_and_fix(
    proxied: dict[str, str],
) -> None:
    result = probe(proxied["OPTIONS answered 204"])
    assert result.exit_code == 1
    for said in (
        *("PROBE008", "preflight of PUT /health from https://app.acme.com with Content-Type"),
        *("expected: 204, Access-Control-Allow-Origin: https://app.acme.com", "came: 204, no "),
        *("No 'Access-Control-Allow-Origin' header is present", "Fix: pass OPTIONS on"),
        "does not keep the policy of production: 1 finding",
    ):
        assert said in result.stdout
    assert result.stderr == ""


@needs_nginx
def test_secrets_in_a_location_are_not_printed(proxied: dict[str, str]) -> None:
    result = probe(proxied["a login"])
    assert "https://login.acme.com/" in result.stdout
    assert "s3cret" not in result.output


def test_no_findings_says_what_was_asked(deployed: dict[str, str], project: Path) -> None:
    url = deployed["production"]
    result = run_warm(project, "orders_api.cors", "probe", url, ENVIRONMENT="production")
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.fullmatch(
        rf"{url} keeps the policy of production "
        r"\(\d+ requests answered; asked about /health, /items\)\.\n",
        result.stdout,
    )
    assert result.stderr == ""


def test_the_url_of_a_route_asks_about_that_route(deployed: dict[str, str]) -> None:
    said = report(f"{deployed['production']}/items")
    assert (said["paths"], ids(said)) == (["/items"], set())


def test_settings_of_the_deployment_are_not_needed(
    deployed: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class NeedsSecret(service_settings.Settings):
        database_url: str

    monkeypatch.setattr(import_module("service.main"), "Settings", NeedsSecret)
    said = report(deployed["production"])
    assert (said["paths"], ids(said)) == (["/"], set())


# --- No answer, or nothing to ask -------------------------------------------------------------

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@contextmanager
def listening(answer: Callable[[Any, bytes], None], host: str = "127.0.0.1") -> Iterator[str]:
    """Serve what a function does with each connection and its first bytes."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            # The probe may disconnect when it has seen enough.
            with suppress(OSError):
                answer(self.request, self.request.recv(65536))

    class Server(socketserver.ThreadingTCPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        daemon_threads = True

    with Server((host, 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        shown = f"[{host}]" if ":" in host else host
        yield f"http://{shown}:{server.server_address[1]}"
        server.shutdown()


def dribble(connection: Any, asked: bytes) -> None:
    """Send an endless header so steadily that no single read times out."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    for _ in range(100):
        connection.sendall(b"x")
        time.sleep(0.05)


BAD_SERVERS: dict[str, tuple[Callable[[Any, bytes], Any], str]] = {
    "silent": (lambda connection, asked: time.sleep(2), "did not respond to GET /.* within 0.3 s"),
    "dribbling": (dribble, "did not respond to GET /.* within 0.3 s"),
    "garbage": (lambda c, asked: c.sendall(b"SSH-2.0-\x1b[31m\r\n\r\n"), "does not speak HTTP"),
    "hanging up": (lambda connection, asked: None, "closed the connection|does not speak HTTP"),
    "endless headers": (
        lambda c, asked: c.sendall(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 400_000 + b"\r\n\r\n"),
        "more than 256 kB of headers",
    ),
}


@pytest.mark.parametrize("name", BAD_SERVERS)
def test_a_bad_server_is_explained_in_a_sentence(name: str) -> None:
    answer, sentence = BAD_SERVERS[name]
    # Servers that do respond have time enough on a busy machine.
    timeout = "0.3" if "0.3" in sentence else "10"
    with listening(answer) as url:
        result = probe(url, "--timeout", timeout)
    assert (result.exit_code, result.stdout) == (2, "")
    assert re.search(sentence, result.stderr)
    assert result.stderr.count("\n") == 1
    assert "\x1b" not in result.stderr


def test_a_refused_connection_is_explained() -> None:
    result = probe(f"http://127.0.0.1:{free_ports(1)[0]}")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "refuses the connection: nothing listens there." in result.stderr


def test_a_host_without_an_address_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_address(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_address)
    result = probe("https://api.acme.com")
    assert result.exit_code == 2
    assert "api.acme.com has no address (Name or service not known)" in result.stderr


def test_a_server_without_tls_is_explained() -> None:
    with listening(lambda connection, asked: connection.sendall(OK)) as url:
        result = probe(url.replace("http:", "https:"))
    assert result.exit_code == 2
    assert "does not speak TLS" in result.stderr
    assert url in result.stderr


@needs_nginx
def test_a_self_signed_certificate_needs_insecure(proxied: dict[str, str]) -> None:
    url = proxied[next(iter(DOCUMENTED))]
    result = probe(url)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "is not trusted: self-signed certificate" in result.stderr
    assert "--insecure" in result.stderr
    assert probe(url, "--insecure").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["api.acme.com"], "`api.acme.com` has no scheme. Did you mean https://api.acme.com?"),
        (["localhost:8000"], "`localhost:8000` has no scheme. Did you mean http://localhost:8000?"),
        (["https://api.acme.com", "--timeout", "inf"], "Invalid value for '--timeout'"),
        (["ftp://api.acme.com"], "begins with neither http:// nor https://"),
        (["https://"], "is not a URL"),
        (["https://api.acme.com:99999"], "is not a URL"),
        (["https://api .acme.com"], "is not a URL"),
        ([f"https://{'a' * 70}.acme.com"], "is not a host name"),
        (["https://user:s3cret@api.acme.com"], "a user name, a query or a fragment"),
        (["https://api.acme.com/?token=s3cret"], "a user name, a query or a fragment"),
        (["https://api.acme.com", "--path", "items"], "--path 'items' is not a path"),
        (["https://api.acme.com", "--path", "/items?a=1"], "is not a path"),
        (["https://api.acme.com", *(f"--path=/{name}" for name in "abcd")], "3 times"),
        (["https://api.acme.com", "-e", "qa"], "there is no .env.qa in "),
    ],
)
def test_wrong_use_is_explained_in_a_sentence(arguments: list[str], sentence: str) -> None:
    environment = [] if "-e" in arguments else ["-e", "production"]
    result = CliRunner().invoke(cli, ["probe", *arguments, *environment])
    assert (result.exit_code, result.stdout) == (2, "")
    assert sentence in result.stderr
    assert "s3cret" not in result.stderr
    assert "Traceback" not in result.stderr


def test_an_environment_must_be_named(deployed: dict[str, str]) -> None:
    """No deployed service has development's policy, the default without ENVIRONMENT."""
    result = CliRunner().invoke(cli, ["probe", deployed["production"]])
    assert result.exit_code == 2
    assert "--environment" in result.stderr
    assert "development, partners, staging, production" in result.stderr
    followed = CliRunner(env={"ENVIRONMENT": "production"})
    assert followed.invoke(cli, ["probe", deployed["production"]]).exit_code == 0


# --- What is sent -----------------------------------------------------------------------------


@contextmanager
def recording(answer: bytes = OK, host: str = "127.0.0.1") -> Iterator[tuple[str, list[str]]]:
    """Serve one fixed response, and keep the requests."""
    asked: list[str] = []

    def keep(connection: Any, request: bytes) -> None:
        asked.append(request.decode("latin-1"))
        connection.sendall(answer)

    with listening(keep, host) as url:
        yield url, asked


def test_at_most_40_requests_get_and_options_only(project: Path, tmp_path: Path) -> None:
    """Also for a policy with more origins than 40 requests can ask about."""
    shutil.copy(project / ".env.partners", tmp_path / ".env.many")
    text = (tmp_path / ".env.many").read_text().replace("=partners", "=many")
    many = ",".join(f"https://shop{number}.acme.com" for number in range(60))
    (tmp_path / ".env.many").write_text(text.replace("https://app.acme.com", many))
    os.chdir(tmp_path)
    paths = [option for path in ("/items", "/health", "/") for option in ("--path", path)]
    with recording() as (url, asked):
        said = report(url, *paths, environment="many")
    assert said["requests"] == len(asked) == 40
    assert {request.split()[0] for request in asked} == {"GET", "OPTIONS"}
    assert any(note.startswith("not asked, to send few requests: ") for note in said["notes"])
    assert not any("cookie:" in request.lower() for request in asked)


def test_redirects_are_not_followed() -> None:
    answer = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
    with recording(answer) as (url, asked):
        assert ids(report(url)) == {"PROBE003"}
    assert not any("/elsewhere" in request for request in asked)


def test_an_ipv6_address_can_be_probed() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with recording(host="::1") as (url, asked):
        assert ids(report(url)) == {"PROBE005"}
    host = url.removeprefix("http://")
    assert all(f"\r\nhost: {host}\r\n" in request.lower() for request in asked)


def test_header_lines_are_not_merged() -> None:
    """One line with two values counts as two, and so do two lines that are spelled differently."""
    once = b"Access-Control-Allow-Origin: https://app.acme.com"
    for lines in (once + b", *", once + b"\r\nACCESS-control-allow-ORIGIN: *"):
        with recording(b"HTTP/1.1 200 OK\r\nVary: Origin\r\n%b\r\n\r\n" % lines) as (url, _):
            said = report(url)
        assert "PROBE007" in ids(said), json.dumps(said, indent=2)


def test_an_unexplained_difference_is_a_finding(deployed: dict[str, str]) -> None:
    """A header without a grant for other sites; a refusal with a status of success."""
    told = b"HTTP/1.1 403 Forbidden\r\nVary: Origin\r\nAccess-Control-Max-Age: 5\r\n\r\n"
    with recording(told) as (url, _):
        assert "PROBE024" in ids(report(url))
    with recording(b"HTTP/1.1 204 No Content\r\nVary: Origin\r\n\r\n") as (url, _):
        assert ids(report(url)) != set()
