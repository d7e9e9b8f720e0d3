# fmt: off
"""`cors probe`: ask a deployed service what its policy promises, and compare the responses.

Proxies and caches stand between a service and browsers, and the deployed release may be older than
the tested one. The browser model sends each question, which is a page's `Fetch`. The response is
compared with the one that the middleware gives to the same request in this process.
"""

from __future__ import annotations

import os
import secrets
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Self

import h11
from pydantic import ValidationError
from pydantic_core import Url
from rich.console import Console
from rich.progress import Progress
from rich.text import Text
from starlette.responses import PlainTextResponse

from ..cli import examine
from ..fetch_standard import SAFELISTED_METHODS
from ..findings import counted, shown
from ..middleware import StrictCORSMiddleware
from ..origin import DEFAULT_PORTS, Pattern, own_app_origin
from ..origin_errors import parse
from ..policy import ALLOWED_HOSTS, CORSPolicy
from ..sources import environments
from .browser import ASGITransport, Browser, Exchange, Fetch, Request, Response
from .cors_check import is_forbidden_request_header
from .development_rules import app_routes, with_advice
from .probe_findings import OTHER_SITE, Answer, Finding, Question, diagnose
from .show import print_json, table

MOST_REQUESTS = 40
MOST_PATHS = 3
MOST_DEFAULT_PATHS = 2
MOST_HEADER_BYTES = 256 * 1024
# Longer than what a correct service sends, shorter than what a wrong one may.
LONGEST_LINE = 500
# Nobody lists these, so each response shows the whole policy or nothing of it.
UNLISTED_METHOD = "PURGE"
UNLISTED_HEADER = "X-CORS-Probe"


class ProbeError(Exception):
    """The probe cannot run. The message says why, and what to do."""


# --- The target -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Target:
    """Where a service is deployed. `mount` is the path before its own paths: "" or "/api"."""

    scheme: str
    host: str
    port: int
    mount: str = ""

    @classmethod
    def read(cls, text: str) -> Self:
        """Read a URL. Raises ProbeError for what is not one, or is more than an address."""
        # First, because what stands there may be a password or a token, which is never shown.
        if "@" in text or "?" in text or "#" in text:
            raise ProbeError(
                "The URL has a user name, a query or a fragment in it. Give only the address, "
                "such as https://api.acme.com; a path goes into --path."
            )
        if any(character.isspace() or not character.isprintable() for character in text):
            raise ProbeError(f"`{shown(text)}` is not a URL. Write one like https://api.acme.com.")
        scheme, separator, _ = text.partition("://")
        if not separator:
            is_local = text.lower().startswith(("localhost", "127.", "[::1]"))
            likely = "http" if is_local else "https"
            raise ProbeError(f"`{shown(text)}` has no scheme. Did you mean {likely}://{text}?")
        if scheme.lower() not in DEFAULT_PORTS:
            raise ProbeError(f"`{shown(text)}` begins with neither http:// nor https://.")
        try:
            url = Url(text)
        except ValidationError as error:
            why = error.errors()[0].get("ctx", {}).get("error", "it cannot be read")
            raise ProbeError(f"`{shown(text)}` is not a URL: {why}.") from None
        if not url.port:
            raise ProbeError(f"`{shown(text)}` is not a URL: nothing can listen on port 0.")
        return cls(url.scheme, url.host or "", url.port, (url.path or "").rstrip("/"))

    @property
    def authority(self) -> str:
        """Host and port, as in the Host header."""
        is_default = str(self.port) == DEFAULT_PORTS[self.scheme]
        return self.host if is_default else f"{self.host}:{self.port}"

    @property
    def origin(self) -> str:
        """The service's own origin."""
        return f"{self.scheme}://{self.authority}"

    def __str__(self) -> str:
        return self.origin + self.mount


class NetworkTransport:
    """Sends a `Request` to a deployed service and returns its `Response`.

    It sends GET and OPTIONS only. Each request has a connection of its own, so that each of several
    instances behind one name may respond. `timeout` is for a whole request, in seconds.

    h11 keeps each header line apart, as it was written, and refuses what is not HTTP. The standard
    library's http.client silently drops all lines after a malformed one.
    """

    def __init__(self, target: Target, *, timeout: float = 10.0, insecure: bool = False) -> None:
        self.target = target
        self.timeout = timeout
        self.requests = 0
        # Made once: to read the machine's certificate authorities takes as long as 20 responses.
        self.tls = ssl.create_default_context() if target.scheme == "https" else None
        if self.tls and insecure:
            self.tls.check_hostname = False
            self.tls.verify_mode = ssl.CERT_NONE

    def __call__(self, request: Request) -> Response:
        """Send one request. Raises ProbeError if no HTTP response comes."""
        if request.method not in ("GET", "OPTIONS") or self.requests >= MOST_REQUESTS:
            raise RuntimeError(f"request {self.requests + 1}, {request.method}, must not be sent")
        self.requests += 1
        deadline = time.monotonic() + self.timeout
        asked = f"{request.method} {request.path}"
        with self.connect() as connection:
            try:
                return self.send(connection, request, deadline)
            except h11.RemoteProtocolError as error:
                why = self.not_http(str(error))
            except TimeoutError:
                why = (
                    f"{self.target.origin} accepted the connection but did not respond to {asked} "
                    f"within {self.timeout:g} s. Is the service up? To wait longer, give --timeout."
                )
            except OSError as error:
                why = (
                    f"{self.target.origin} closed the connection before it responded to {asked} "
                    f"({error.strerror or error})."
                )
        raise ProbeError(why)

    def connect(self) -> socket.socket:
        """Open a connection, with TLS where the URL says so."""
        target, where = self.target, self.target.authority
        try:
            address = (target.host.strip("[]"), target.port)
            plain = socket.create_connection(address, self.timeout)
            return self.tls.wrap_socket(plain, server_hostname=address[0]) if self.tls else plain
        except socket.gaierror as error:
            why = f"{target.host} has no address ({error.strerror}). Is the name spelled correctly?"
        except UnicodeError:
            why = f"{target.host[:80]} is not a host name: a part of it is too long."
        except ssl.SSLCertVerificationError as error:
            why = (
                f"The certificate of {where} is not trusted: {error.verify_message}. If that is as "
                "it should be, give --insecure."
            )
        except ssl.SSLError as error:
            problem = error.reason or "handshake failed"
            why = f"{where} does not speak TLS ({problem}). Did you mean http://{where}?"
        except TimeoutError:
            why = (
                f"{where} did not accept a connection within {self.timeout:g} s. The address may "
                "be wrong, or a firewall blocks it. To wait longer, give --timeout."
            )
        except ConnectionRefusedError:
            why = f"{where} refuses the connection: nothing listens there."
        except OSError as error:
            why = f"{where} cannot be reached ({error.strerror or error})."
        raise ProbeError(why)

    def send(self, connection: socket.socket, request: Request, deadline: float) -> Response:
        """Send the request and read the head of the response; the body is not needed."""
        http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_HEADER_BYTES)
        own = (("host", self.target.authority), ("user-agent", "cors-probe"))
        headers = [*own, *request.headers, ("connection", "close")]
        encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        asked = h11.Request(method=request.method, target=request.path, headers=encoded)
        connection.sendall(http.send(asked) + http.send(h11.EndOfMessage()))
        while not isinstance(event := http.next_event(), h11.Response):
            if isinstance(event, h11.ConnectionClosed):
                raise ConnectionResetError("closed without a response")
            if event is h11.NEED_DATA:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError
                connection.settimeout(left)
                http.receive_data(connection.recv(65536))
        lines = event.headers.raw_items()
        return Response(
            event.status_code, tuple((n.decode("latin-1"), v.decode("latin-1")) for n, v in lines)
        )

    def not_http(self, problem: str) -> str:
        """Say that what came is not HTTP. None of it is shown: it may be anything."""
        if "too long" in problem:
            size = f"{MOST_HEADER_BYTES // 1024} kB of headers"
            return f"{self.target.origin} sends more than {size}, which no browser would read."
        hint = f" Did you mean https://{self.target.authority}?" * (self.target.scheme == "http")
        return f"What responds at {self.target.origin} does not speak HTTP.{hint}"


# --- What is asked ----------------------------------------------------------------------------


class Questions:
    """Makes the questions about a policy. `own` is the service's own origin.

    Few of them use a URL that pages use. What could spoil a cache that ignores `Origin` is asked
    with a query that nobody else uses.
    """

    def __init__(self, policy: CORSPolicy, own: str) -> None:
        self.policy = policy
        self.own = own
        self.token = secrets.token_hex(4)
        self.count = 0
        entries = policy.entries
        # An example for each pattern. Pages of the service itself need no permission.
        origins = [sample(entry) if isinstance(entry, Pattern) else str(entry) for entry in entries]
        self.allowed = [origin for origin in dict.fromkeys(origins) if origin != own]

    def about_all(self, paths: Sequence[str]) -> tuple[list[Question], list[str]]:
        """Return the questions about these paths, and the allowed origins there is no room for."""
        asked = [*self.about(paths[0], thorough=True), *self.once(paths[0])]
        for path in paths[1:]:
            asked += self.about(path, thorough=False)
        room = MOST_REQUESTS - len(asked)
        more = self.allowed[2:]
        asked += [self.preflight(origin, self.fresh(paths[0])) for origin in more[:room]]
        return asked, more[room:]

    def about(self, path: str, *, thorough: bool) -> Iterator[Question]:
        """Yield what is asked about each path: reads, caches, preflights, an error."""
        first, second = self.allowed[:1], self.allowed[1:2]
        for origin in first:
            yield Question(self.fetch(origin, path), reused=True)
        # One query for all: a cache that keeps the first response gives it to the others.
        shared = self.fresh(path)
        for number, origin in enumerate((*first, *second, *first, OTHER_SITE)):
            yield Question(self.fetch(origin, shared), reused=number > 0)
        for origin in (*second, OTHER_SITE) if thorough else ():
            yield Question(self.fetch(origin, self.fresh(path)))
        for origin in first:
            yield self.preflight(origin, path)
            nowhere = f"{path.rstrip('/')}/cors-probe-{self.token}"
            yield Question(self.fetch(origin, nowhere), missing=True)
        for origin in (*second, OTHER_SITE) if thorough else ():
            yield self.preflight(origin, self.fresh(path))

    def once(self, path: str) -> Iterator[Question]:
        """Yield what is asked about one path only: its own pages, look-alikes, public paths."""
        yield Question(self.fetch(self.own, self.fresh(path)))
        for origin in self.allowed[:1]:
            unlisted = (UNLISTED_METHOD, (UNLISTED_HEADER,))
            yield Question(self.fetch(origin, self.fresh(path), *unlisted))
            for lookalike in lookalikes(origin):
                yield Question(self.fetch(lookalike, self.fresh(path)))
        for prefix in self.policy.public_paths[:1]:
            yield Question(self.fetch(OTHER_SITE, self.fresh(prefix)))
            yield self.preflight(OTHER_SITE, self.fresh(prefix))

    def fresh(self, path: str) -> str:
        """Return the path with a query that no cache has seen."""
        self.count += 1
        return f"{path}?cors-probe={self.token}-{self.count}"

    def preflight(self, origin: str, path: str) -> Question:
        """Return a fetch whose preflight asks for all that the policy allows."""
        listed = [name for name in self.policy.allow_methods if name not in SAFELISTED_METHODS]
        method = next((name for name in listed if name != "*"), "PUT" if listed else "GET")
        names = tuple(
            name
            for name in self.policy.allow_headers
            if name != "*" and not is_forbidden_request_header(name.lower(), "")
        )
        if method == "GET" and not names:
            names = (UNLISTED_HEADER,)
        return Question(self.fetch(origin, path, method, names))

    def fetch(
        self, origin: str, path: str, method: str = "GET", names: tuple[str, ...] = ()
    ) -> Fetch:
        """Return what a page does. A page of an allowed origin includes credentials if it can."""
        # No form can send this value, so that even Content-Type needs a preflight.
        headers = tuple((name, "application/json") for name in names)
        if self.policy.allow_credentials and origin in self.allowed:
            return Fetch(origin, method, path, headers, "include")
        return Fetch(origin, method, path, headers)


def sample(pattern: Pattern) -> str:
    """Return an origin that a pattern covers."""
    return str(pattern).replace(":*", ":4711").replace("*", "pr-12")


def lookalikes(origin: str) -> Iterator[str]:
    """Yield origins that a careless comparison takes for this one."""
    site = own_app_origin(origin) or parse(origin)
    scheme, host, port = site.scheme, site.host, f":{site.port}" if site.port else ""
    parent = host.partition(".")[2]
    yield "null"
    yield f"{'http' if scheme == 'https' else 'https'}://{host}{port}"
    # For patterns without an anchor at the end, without one at the start, with a dot that matches
    # any character.
    yield f"{scheme}://{host}.evil.net{port}"
    yield f"{scheme}://evil{host}{port}"
    if "." in parent:
        yield f"{scheme}://evil{parent}{port}"
        yield f"{scheme}://{host.replace('.', 'x', 1)}{port}"


# --- The run ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Report:
    """What was asked, and what is wrong. `notes` say what a clean result does not prove."""

    url: str
    environment: str
    paths: tuple[str, ...]
    requests: int
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Probe:
    """A policy, where to look whether it is kept, and the paths to ask about."""

    policy: CORSPolicy
    target: Target
    paths: tuple[str, ...]

    @classmethod
    def read(cls, url: str, environment: str | None, paths: Sequence[str] = ()) -> Self:
        """Read what the command was given. Raises ProbeError for what cannot be probed.

        Without `paths`, choose up to two of the app's own paths, from different routers.
        """
        policy, own_paths = read_policy(environment)
        target = Target.read(url)
        for path in paths:
            if not path.startswith("/") or not path.isprintable() or set(path) & set(" ?#\\"):
                raise ProbeError(
                    f"--path {path!a} is not a path: write one like /items, without a query."
                )
            if not path.isascii():
                raise ProbeError(f"--path {path!a} must be percent-encoded.")
        chosen = tuple(dict.fromkeys(paths))
        if len(chosen) > MOST_PATHS:
            raise ProbeError(f"--path can be given up to {MOST_PATHS} times.")
        # Somebody pasted the URL of a route instead of the service's.
        if not chosen and target.mount in own_paths:
            chosen = (target.mount,)
            target = replace(target, mount="")
        routers: dict[str, str] = {}
        for path in own_paths:
            routers.setdefault(path.split("/")[1], path)
        defaults = tuple(routers.values())[:MOST_DEFAULT_PATHS]
        return cls(policy, target, chosen or defaults or ("/",))

    def run(
        self,
        exchange: Exchange,
        follow: Callable[[Sequence[Question]], Iterable[Question]] = iter,
    ) -> Report:
        """Ask everything. Raises ProbeError for the first question without a response.

        `follow` passes the questions on one by one, to show the progress.
        """
        questions, not_asked = Questions(self.policy, self.target.origin).about_all(self.paths)
        expected = expected_responses(self.policy)
        answers = [ask(question, self.target, exchange, expected) for question in follow(questions)]
        return Report(
            url=str(self.target),
            environment=self.policy.environment,
            paths=self.paths,
            requests=len(answers),
            findings=tuple(diagnose(answers)),
            notes=tuple(self.notes(answers, not_asked)),
        )

    def notes(self, answers: Sequence[Answer], not_asked: Sequence[str]) -> Iterator[str]:
        """Yield what a clean result does not prove."""
        if not any(answer.expected_grant for answer in answers):
            yield "no other site is allowed, so only refusals could be compared"
        if not_asked:
            yield f"not asked, to send few requests: {', '.join(not_asked)}"
        layer = StrictCORSMiddleware(PlainTextResponse(""), **self.policy.middleware_arguments())
        if layer.other_host(self.target.authority.encode()):
            yield f"{ALLOWED_HOSTS} lacks {self.target.host}: under that Host, it responds with 400"
        for answer in answers:
            question, status = answer.question, answer.response.status
            got = f"GET {answer.request.path} got {status}"
            if question.reused and question.fetch.path in self.paths and status >= 400:
                yield got
            if question.missing and answer.response.is_ok:
                yield f"{got}, so no error response could be compared"


def read_policy(name: str | None) -> tuple[CORSPolicy, list[str]]:
    """Return an environment's policy, and the paths without parameters that its app serves.

    Raises ProbeError if no environment is named, or if it has no policy to compare with.
    """
    name = name or os.environ.get("ENVIRONMENT", "").strip()
    if not name:
        listed = ", ".join(environments()) or "none here"
        raise ProbeError(
            "Which policy should the service keep? Name its environment with --environment, or "
            f"set ENVIRONMENT (there are: {listed})."
        )
    examined = with_advice(examine(name))
    # A secret that only the deployment has is not missing from the policy.
    refusals = [finding for finding in examined.refusals if finding.rule != "SETTINGS"]
    if refusals or examined.policy is None:
        lines = "".join(f"\n  {finding}" for finding in refusals)
        raise ProbeError(f"{name} has no policy to compare with.{lines}")
    own_paths = [
        route.path
        for route in app_routes(examined.app)
        if "GET" in route.methods
        and "{" not in route.path
        and not route.endpoint.__module__.startswith(("fastapi.", "starlette."))
    ]
    return examined.policy, own_paths


def expected_responses(policy: CORSPolicy) -> Exchange:
    """Return what responds as the policy promises: the service's middleware, without its app."""
    app = PlainTextResponse("")
    # Whether the URL has one of the service's hosts is no question of the policy's.
    arguments = policy.middleware_arguments() | {"allowed_hosts": ()}
    return ASGITransport(StrictCORSMiddleware(app, **arguments))


def ask(question: Question, target: Target, exchange: Exchange, expected: Exchange) -> Answer:
    """Ask one question over the network, and the same in this process."""
    asked: list[tuple[Request, Response]] = []

    def unmounted(request: Request) -> Response:
        below = request.path.removeprefix(target.mount)
        return expected(replace(request, path=below if below.startswith("/") else f"/{below}"))

    def first_over_the_network(request: Request) -> Response:
        # One request goes out. A PUT after its preflight, and what a redirect leads to, get the
        # expected response, so the outcome depends on the one response that came.
        if asked:
            return unmounted(request)
        asked.append((request, exchange(request)))
        return asked[0][1]

    fetch = replace(question.fetch, path=target.mount + question.fetch.path)
    outcome = Browser(first_over_the_network, target.origin).fetch(fetch)
    request, response = asked[0]
    expected_outcome = Browser(unmounted, target.origin).fetch(fetch)
    return Answer(question, request, response, unmounted(request), outcome, expected_outcome)


# --- The command ------------------------------------------------------------------------------


def run_probe(
    url: str,
    environment: str | None,
    paths: Sequence[str],
    *,
    timeout: float,
    insecure: bool,
    as_json: bool,
    console: Console,
) -> int:
    """Probe and print the report. Return the exit status: 0 kept, 1 not kept, 2 no result."""
    stderr = Console(stderr=True)
    try:
        probe = Probe.read(url, environment, paths)
        transport = NetworkTransport(probe.target, timeout=timeout, insecure=insecure)
        with Progress(console=stderr, transient=True, disable=not stderr.is_terminal) as bar:
            report = probe.run(transport, partial(bar.track, description="asking"))
    except ProbeError as error:
        stderr.print(str(error), markup=False, highlight=False, soft_wrap=True)
        return 2
    if as_json:
        print_json(asdict(report), console)
    else:
        print_report(report, console)
    return int(bool(report.findings))


def print_report(report: Report, console: Console) -> None:
    """Print the findings as a table, and the result as a sentence with what it is based on."""
    if report.findings:
        drawn = table("id", "what", "asked", "cause and fix")
        for found in report.findings:
            effect = " Browsers allow an origin that they should block." * found.lets_in
            effect += " Browsers block an origin that they should allow." * found.blocks
            more = f" (and {found.answers - 1} more)" * (found.answers > 1)
            lines = [f"{found.asked}{more}", f"expected: {found.expected}", f"came: {found.came}"]
            if found.console:
                lines.append(f"the browser says: {found.console}")
            drawn.add_row(
                Text(found.id, style="bold red"),
                Text(f"{found.title}.{effect}"),
                Text("\n".join(map(visible, lines))),
                Text(f"{found.why}\nFix: {found.fix}."),
            )
        console.print(drawn)
    for note in report.notes:
        console.print(Text(f"Note: {note}."), soft_wrap=True)
    kept = f"keeps the policy of {report.environment}"
    if report.findings:
        findings = counted(len(report.findings), "finding")
        kept = f"does not keep the policy of {report.environment}: {findings}"
    asked = f"{counted(report.requests, 'request')} answered; asked about {', '.join(report.paths)}"
    console.print(Text(f"{report.url} {kept} ({asked})."), soft_wrap=True)


def visible(line: str) -> str:
    """Return a line with text from the network as a terminal can show it: escaped and cut."""
    safe = line if line.isprintable() else line.encode("unicode_escape").decode()
    return safe if len(safe) <= LONGEST_LINE else f"{safe[:LONGEST_LINE]}…"
