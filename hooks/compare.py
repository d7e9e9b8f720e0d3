"""Who could call a service before the policy moved in, and who can now.

`compare` loads the old app and the new one, each in a process of its own, and asks both what a
browser would ask: for each origin a simple GET and POST, with and without cookies, and a preflight
for each method and request header. The responses are judged by the rules of the Fetch Standard, not
by what either app says of itself.

Besides the origins that are in the lists of either app, it asks for those that attackers would try:
`https://app.acme.com.evil.org`, `https://evil-app.acme.com`, `null` and others.

Apps are loaded and asked, but not started: their lifespan does not run. Loading an app runs its
modules, so give it a copy of the folder. A GET and a POST go to a path that no service has. The
paths that the caller names get a GET and preflights. WebSockets are not asked.
"""

import json
import os
import re
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from threading import Timer
from typing import Any, NamedTuple, Self

HOOKS = Path(__file__).resolve().parent
sys.path.insert(0, str(HOOKS.parent / "tests" / "lib"))

from service.cors.cli import USER_INFO  # noqa: E402
from service.cors.fetch_standard import SAFELISTED_METHODS  # noqa: E402
from service.cors.origin import Origin, exact  # noqa: E402
from service.cors.origin_errors import OriginError, parse, suggest  # noqa: E402
from service.cors.tool.cors_check import (  # noqa: E402
    NO_CORS_SAFELISTED,
    SAFELISTED_RESPONSE_HEADERS,
    NetworkError,
    Response,
    Step,
    cors_check,
    is_forbidden_request_header,
    list_values,
    preflight_check,
)
from tables import code, markdown_table, plain  # noqa: E402

# For an app that answers under any name.
ANY_HOST = "localhost:8443"
# No service has a route there, so that no handler runs.
NO_ROUTE = "/asked-by-the-comparison-of-cors-policies"
EVERY_SITE = "every site"
UNRELATED = "https://evil.org"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# HEAD is allowed where GET is, and no front end sends OPTIONS itself.
NEVER_ASKED = ("HEAD", "OPTIONS")
HEADERS = ("authorization", "content-type")
# Stands for all that nobody has thought of.
ANY_HEADER = "x-asked-by-the-comparison"
# Look-alikes are asked for so many origins: each has half a dozen.
MOST_IMITATED = 20
IS_ORIGIN = re.compile(r"(https?)://(\[[^]]*\]|[a-z0-9.-]+)(?::(\d+))?")
SECONDS_FOR_A_RESPONSE = 5


@dataclass(frozen=True)
class App:
    """An app to ask: its folder, its entrypoint `module:attribute`, and where it runs.

    The attribute may be a factory. `python` is the interpreter of the service's own environment.
    `variables` are added to the process environment, from which CORS_* and ENVIRONMENT are removed.
    """

    folder: Path
    entrypoint: str
    python: str | Path = sys.executable
    variables: Mapping[str, str] = field(default_factory=dict)


class Ability(NamedTuple):
    """One thing that a page can do, with or without its user's cookies.

    `kind` is "method", "header" (of the request) or "exposed" (header of the response).
    """

    with_credentials: bool
    kind: str
    name: str


@dataclass(frozen=True)
class Caller:
    """An origin, and what its pages can do. `EVERY_SITE` stands for all that are not listed.

    `note` says what an origin imitates. `paths` is empty where it is the same on all that were
    asked.
    """

    origin: str
    abilities: frozenset[Ability]
    note: str = ""
    paths: tuple[str, ...] = ()

    def in_words(self, with_credentials: bool) -> str:
        """Return what it can do, as in `GET, PUT; headers content-type`."""
        names: dict[str, list[str]] = {"method": [], "header": [], "exposed": []}
        for ability in sorted(self.abilities):
            if ability.with_credentials == with_credentials:
                is_any = ability.name == ANY_HEADER
                names[ability.kind].append("any other" if is_any else ability.name)
        order = (*METHODS, *names["method"])
        methods = sorted(names["method"], key=order.index)
        parts = {"": methods, "headers ": names["header"], "reads ": names["exposed"]}
        return "; ".join(f"{word}{', '.join(each)}" for word, each in parts.items() if each)


@dataclass(frozen=True)
class Comparison:
    """What has changed for whom.

    An origin can be in several lists: it could call with cookies and no longer can, and still can
    without them. `forms_before` and `forms_now`: whether a form of any site reaches the app.
    `not_compared` has a sentence for each thing that is not known.
    """

    still: tuple[Caller, ...] = ()
    no_longer: tuple[Caller, ...] = ()
    now: tuple[Caller, ...] = ()
    forms_before: bool | None = None
    forms_now: bool | None = None
    origins: tuple[str, ...] = ()
    not_compared: tuple[str, ...] = ()


class NotStartedError(Exception):
    """An app that does not start, or does not answer. The text is the last line of the reason."""


# --- Asking an app ----------------------------------------------------------------------------


class RunningApp:
    """An app in a process of its own, which ends with the `with` block.

    `name` is what messages call it. It has so many `seconds` for each answer. `lists` is what its
    middleware is given, once it is loaded.
    """

    def __init__(self, name: str, app: App, seconds: float) -> None:
        self.lists: dict[str, list[str]] = {}
        self._name = name
        self._app = app
        self._seconds = seconds
        self._is_late = False
        self._printed = TemporaryFile()  # noqa: SIM115
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._printed.close()
        if self._process:
            self._kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                with suppress(OSError):
                    pipe.close()  # type: ignore[union-attr]

    def load(self) -> str:
        """Load the app. Return a sentence if it does not start, else nothing."""
        try:
            self._process = self._start()
            self.lists = self._tell({"entrypoint": self._app.entrypoint})["lists"]
        except NotStartedError as error:
            return f"The {self._name} app does not start ({self._app.entrypoint}): {error}"
        return ""

    def ask(self, plan: "Plan") -> "Responses":
        """Ask the app everything. Raises NotStartedError where it stops answering."""
        questions = list(plan.questions)
        host = host_of(self.lists["allowed_hosts"])
        requests = [each.as_request(host) for each in questions]
        try:
            answer = self._tell({"requests": requests, "seconds": SECONDS_FOR_A_RESPONSE})
        except NotStartedError as error:
            raise NotStartedError(f"The {self._name} app stopped answering: {error}") from None
        said = (
            each and Response(each[0], tuple(map(tuple, each[1]))) for each in answer["responses"]
        )
        return dict(zip(questions, said, strict=True))

    def _start(self) -> "subprocess.Popen[str]":
        kept = {name: value for name, value in os.environ.items() if not is_ours(name)}
        try:
            return subprocess.Popen(
                [str(self._app.python), "-c", (HOOKS / "ask_app.py").read_text(encoding="utf-8")],
                cwd=self._app.folder,
                # The folder stays as it is: no bytecode.
                env={**kept, "PYTHONDONTWRITEBYTECODE": "1", **self._app.variables},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._printed,
                start_new_session=True,
                text=True,
                encoding="utf-8",
            )
        except OSError as error:
            raise NotStartedError(f"{error.filename} cannot be used: {error.strerror}") from None

    def _kill(self) -> None:
        """End the process, and those that it has started."""
        assert self._process
        with suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _give_up(self) -> None:
        self._is_late = True
        self._kill()

    def _tell(self, what: Mapping[str, object]) -> dict[str, Any]:
        """Send a line and return the one that comes back. Raises NotStartedError without one."""
        assert self._process
        assert self._process.stdin
        assert self._process.stdout
        line, timer = "", Timer(self._seconds, self._give_up)
        timer.start()
        with suppress(OSError):
            self._process.stdin.write(json.dumps(what) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        timer.cancel()
        if not line.endswith("\n"):
            raise NotStartedError(self._last_words())
        said: dict[str, Any] = json.loads(line)
        if "error" in said:
            raise NotStartedError(USER_INFO.sub("://***@", said["error"]))
        return said

    def _last_words(self) -> str:
        """Return why there is no line: the time is up, or the last thing that the app printed."""
        if self._is_late:
            return f"no answer within {self._seconds:g} seconds"
        status = self._process.wait() if self._process else None
        self._printed.seek(0)
        lines = self._printed.read().decode("utf-8", "replace").strip().splitlines()
        return USER_INFO.sub("://***@", lines[-1]) if lines else f"exit status {status}"


def is_ours(variable: str) -> bool:
    """Whether a variable of this process would change how another service is loaded."""
    return variable.upper().startswith(("CORS_", "PYTHON", "ENVIRONMENT", "FASTAPI_"))


# --- What is asked ----------------------------------------------------------------------------


class Question(NamedTuple):
    """A request of a page: `kind` is "request", "method" or "header", the last two preflights.

    `origin` is empty for a request that no page sends. `method` is what sends a header.
    """

    path: str
    origin: str
    kind: str
    name: str
    with_cookie: bool = False
    method: str = ""

    def as_request(self, host: str) -> tuple[str, str, list[tuple[str, str]]]:
        """Return method, path and headers."""
        headers = [("host", host), ("accept", "*/*")]
        if self.origin:
            headers += [("origin", self.origin), ("sec-fetch-site", "cross-site")]
            headers += [("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")]
        if self.with_cookie:
            headers.append(("cookie", "asked=by-the-comparison"))
        if self.kind == "request":
            length = [("content-length", "0")] if self.name == "POST" else []
            return self.name, self.path, headers + length
        method = self.name if self.kind == "method" else self.method
        headers.append(("access-control-request-method", method))
        if self.kind == "header":
            headers.append(("access-control-request-headers", self.name))
        return "OPTIONS", self.path, headers


@dataclass(frozen=True)
class Plan:
    """All that is asked. The origins are those that somebody wrote, and others, with notes.

    `with_headers` are the methods that request headers are asked with.
    """

    seen: dict[str, str]
    made_up: dict[str, str]
    methods: tuple[str, ...]
    headers: tuple[str, ...]
    paths: tuple[str, ...]
    with_headers: tuple[str, ...] = ("POST",)

    @property
    def questions(self) -> Iterator[Question]:
        """Every question once."""
        yield Question(NO_ROUTE, "", "request", "POST")
        for path in self.paths:
            for origin in (*self.seen, *self.made_up):
                simple = ("GET", "POST") if path == NO_ROUTE else ("GET",)
                for method in simple:
                    yield Question(path, origin, "request", method)
                    yield Question(path, origin, "request", method, with_cookie=True)
                for method in set(self.methods) - SAFELISTED_METHODS:
                    yield Question(path, origin, "method", method)
                for header in self.headers:
                    for method in self.with_headers:
                        yield Question(path, origin, "header", header, method=method)


def imitations(origin: str) -> dict[str, str]:
    """Return origins that a careless comparison takes for this one, each with what it is."""
    found = IS_ORIGIN.fullmatch(origin)
    if not found:
        return {}
    scheme, host, digits = found.groups()
    port = f":{digits}" if digits else ""
    twin = "http" if scheme == "https" else "https"
    return {
        f"{scheme}://{host}.evil.org{port}": f"begins like {origin}",
        f"{scheme}://evil-{host}{port}": f"ends like {origin}",
        f"{scheme}://evil.{host}{port}": f"is below {origin}",
        f"{twin}://{host}{port}": f"is {twin}, not {scheme}",
        f"{scheme}://{host}:{int(digits or 8000) + 1}": f"is another port of {origin}",
        origin.upper(): f"is {origin} in upper case",
    }


def examples_of(text: str) -> dict[str, str]:
    """Return what browsers send that an entry of a list is, means or covers, each with a note.

    `https://app.acme.com/` means an origin without the slash, which an exact comparison refuses.
    """
    with suppress(OriginError):
        parse(text)
        example = text.replace(":*", ":8123").replace("*", "x")
        return {example: "" if example == text else f"an example of {text}"}
    meant = (suggest(text) or "").split(",")
    return {each: f"written as {text}" for each in meant if isinstance(exact(each), Origin)}


def example_of_regex(regex: str) -> str:
    """Return an origin that a simple expression matches, or nothing."""
    with suppress(re.error):
        if re.fullmatch(regex, UNRELATED):
            return UNRELATED
    text = re.sub(r"\((?:\?:)?([^()|]*)[^()]*\)", r"\1", regex.strip("^$"))
    text = re.sub(r"(?:\\d|\[0-9\])(?:[+*]|\{[\d,]+\})?", "8", text)
    text = re.sub(r"(?:\[[^]]*\]|\\w|(?<!\\)\.(?=[+*]))(?:[+*]|\{[\d,]+\})?", "x", text)
    text = re.sub(r"\\(.)", r"\1", text.replace("?", ""))
    with suppress(re.error):
        return text if re.fullmatch(regex, text) and IS_ORIGIN.fullmatch(text) else ""
    return ""


def origins_in_docs(folder: Path) -> list[str]:
    """Return the origins in a service's own documents, from the lines that speak of origins."""
    found: list[str] = []
    for path in [*folder.glob("*.md"), *folder.glob("*.rst"), *folder.glob("docs/*.md")]:
        with suppress(OSError, ValueError):
            for line in path.read_text(encoding="utf-8").splitlines():
                if re.search(r"origin|cors", line, re.IGNORECASE):
                    found += re.findall(r"https?://[a-z0-9.-]+(?::\d+)?(?![\w/.:-])", line)
    return found


def planned(
    lists: Sequence[Mapping[str, Sequence[str]]],
    origins: Iterable[str],
    methods: Iterable[str],
    headers: Iterable[str],
    paths: Iterable[str],
) -> Plan:
    """Return what to ask, given what is in the lists of the apps and what the caller names."""

    def in_lists(name: str) -> list[str]:
        return [text for each in lists for text in each.get(name, ()) if text != "*"]

    seen: dict[str, str] = {}
    for regex in in_lists("allow_origin_regex"):
        seen[example_of_regex(regex)] = f"an example of {regex}"
    for text in (*in_lists("allow_origins"), *origins):
        # What is listed as it is needs no note.
        seen |= {
            each: note for each, note in examples_of(text).items() if not note or each not in seen
        }
    for text in ("", UNRELATED):
        seen.pop(text, None)
    made_up = {
        origin: what
        for each in [*seen][:MOST_IMITATED]
        for origin, what in imitations(each).items()
        if origin not in seen
    }
    sendable = (*METHODS, *in_lists("allow_methods"), *methods)
    sent = [each.lower() for each in (*HEADERS, *in_lists("allow_headers"), *headers, ANY_HEADER)]
    return Plan(
        seen=seen,
        made_up=made_up | {"null": "sandboxed frames and local files", UNRELATED: ""},
        methods=tuple(each for each in dict.fromkeys(sendable) if each not in NEVER_ASKED),
        headers=tuple(dict.fromkeys(filter(needs_permission, sent))),
        paths=tuple(dict.fromkeys([NO_ROUTE, *paths])),
        with_headers=sent_with_headers([each.get("allow_methods", ()) for each in lists]),
    )


def sent_with_headers(lists: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Return methods that the apps allow: Starlette refuses a header with any other method."""
    known = [METHODS if "*" in each else each for each in lists if each]
    shared = {*METHODS}.intersection(*known)
    groups = [shared] if shared else known
    usual = ("POST", *METHODS)
    first = [next((each for each in usual if each in group), "POST") for group in groups]
    return tuple(dict.fromkeys(first))


def needs_permission(header: str) -> bool:
    """Whether scripts can set a header, and only after a preflight."""
    is_safe = header in NO_CORS_SAFELISTED and header != "content-type"
    return not is_safe and not is_forbidden_request_header(header, "")


# --- Judging the responses --------------------------------------------------------------------

Responses = Mapping[Question, Response | None]


def passes(check: Callable[..., object], *arguments: object, credentials: bool) -> bool:
    """Whether a check of the Fetch Standard lets a response pass."""
    try:
        check(*arguments, credentials=credentials)
    except NetworkError:
        return False
    return True


@dataclass(frozen=True)
class Page:
    """A page of an origin that calls one path, with or without its user's cookies."""

    origin: str
    path: str
    cookies: bool
    said: Responses

    def abilities(self, plan: Plan) -> Iterator[Ability]:
        """Yield what it can do, as browsers judge the responses."""
        if not self.can_read("GET"):
            return
        for method in plan.methods:
            if self.can_send(method):
                yield Ability(self.cookies, "method", method)
        for header in plan.headers:
            if any(self.is_permitted("header", header, each) for each in plan.with_headers):
                yield Ability(self.cookies, "header", header)
        for name in self.exposed():
            yield Ability(self.cookies, "exposed", name)

    def can_read(self, method: str) -> bool:
        """Whether its script gets the response to a simple request."""
        response = self.said[Question(self.path, self.origin, "request", method, self.cookies)]
        judged = (Step.RESPONSE, response, self.origin)
        return passes(cors_check, *judged, credentials=self.cookies)

    def can_send(self, method: str) -> bool:
        """Whether its script can send a method. A POST was not sent to a path that was named."""
        if method == "POST" and self.path == NO_ROUTE:
            return self.can_read(method)
        return method in SAFELISTED_METHODS or self.is_permitted("method", method)

    def is_permitted(self, kind: str, name: str, method: str = "") -> bool:
        """Whether the preflight for a method, or for a header with a method, passes."""
        response = self.said[Question(self.path, self.origin, kind, name, method=method)]
        judged = (response, self.origin, method or name, (name,) if method else ())
        return passes(preflight_check, *judged, credentials=self.cookies)

    def exposed(self) -> Iterator[str]:
        """Yield the response headers that its script can read only because they are listed."""
        response = self.said[Question(self.path, self.origin, "request", "GET", self.cookies)]
        assert response
        for name in list_values(response.headers, "access-control-expose-headers") or ():
            if name.lower() not in (*SAFELISTED_RESPONSE_HEADERS, "*"):
                yield name.lower()
            elif name == "*" and not self.cookies:
                # With credentials, it is the name of a header.
                yield ANY_HEADER


def abilities_of(origin: str, path: str, plan: Plan, said: Responses) -> frozenset[Ability]:
    """Return what pages of an origin can do at a path, without and with cookies."""
    pages = (Page(origin, path, cookies, said) for cookies in (False, True))
    return frozenset(ability for page in pages for ability in page.abilities(plan))


def forms_reach(said: Responses) -> bool | None:
    """Whether a form of an unrelated site reaches the app; None if the responses do not tell."""
    without = said[Question(NO_ROUTE, "", "request", "POST")]
    with_origin = said[Question(NO_ROUTE, UNRELATED, "request", "POST", with_cookie=True)]
    if without is None or with_origin is None or without.status == 403:
        return None
    return with_origin.status == without.status


def unanswered(plan: Plan, *apps: Responses) -> list[str]:
    """Return the paths where a response of either app did not come."""
    return [
        path
        for path in plan.paths
        if any(said[q] is None for said in apps for q in said if q.path == path)
    ]


def callers(
    plan: Plan, paths: Sequence[str], found: Mapping[tuple[str, str], frozenset[Ability]]
) -> tuple[Caller, ...]:
    """Return who can do what, given the abilities by path and origin.

    What every site can do is said once: an origin that was made up is left out if it can do no
    more.
    """
    result = []
    for origin in (UNRELATED, *plan.seen, *(each for each in plan.made_up if each != UNRELATED)):
        where: dict[frozenset[Ability], list[str]] = defaultdict(list)
        for path in paths:
            abilities = found[path, origin]
            if origin in plan.made_up and origin != UNRELATED:
                abilities -= found[path, UNRELATED]
            if abilities:
                where[abilities].append(path)
        name = EVERY_SITE if origin == UNRELATED else origin
        for abilities, at in where.items():
            only = () if len(at) == len(paths) else tuple(at)
            result.append(Caller(name, abilities, (plan.seen | plan.made_up)[origin], only))
    return tuple(result)


def compare(
    before: App,
    after: App,
    *,
    origins: Iterable[str] = (),
    methods: Iterable[str] = (),
    headers: Iterable[str] = (),
    paths: Iterable[str] = (),
    seconds: float = 60,
) -> Comparison:
    """Ask two apps who may call. An app that does not start makes a comparison that says so.

    `origins`, `methods`, `headers` and `paths` are asked besides what is in the lists of the apps
    and in the documents of the old one. Each app has so many `seconds`.
    """
    origins = [*origins, *origins_in_docs(before.folder)]
    with RunningApp("old", before, seconds) as old, RunningApp("new", after, seconds) as new:
        faults = [*filter(None, (old.load(), new.load()))]
        if faults:
            seen = ", ".join(each for each in dict.fromkeys(origins) if each != "*")
            faults.append("So nothing was compared" + (f", neither from {seen}." if seen else "."))
            return Comparison(not_compared=tuple(faults))
        plan = planned((old.lists, new.lists), origins, methods, headers, paths)
        try:
            said = old.ask(plan), new.ask(plan)
        except NotStartedError as error:
            return Comparison(not_compared=(str(error),))
    regexes = (*old.lists["allow_origin_regex"], *new.lists["allow_origin_regex"])
    return compared(plan, *said, unread=[each for each in regexes if not example_of_regex(each)])


def host_of(allowed: Sequence[str]) -> str:
    """Return a host name under which an app answers, given the names that it accepts."""
    return ANY_HOST if "*" in allowed or not allowed else allowed[0].replace("*", "x")


def compared(plan: Plan, old: Responses, new: Responses, *, unread: Iterable[str]) -> Comparison:
    """Return what is different between the responses of two apps.

    `unread` are expressions for origins from which no example could be made.
    """
    silent = unanswered(plan, old, new)
    paths = [path for path in plan.paths if path not in silent]
    everyone = (*plan.seen, *plan.made_up)
    could, can = (
        {(p, o): abilities_of(o, p, plan, said) for p in paths for o in everyone}
        for said in (old, new)
    )
    missing = [f"`{path}`: no response within {SECONDS_FOR_A_RESPONSE} seconds." for path in silent]
    missing += [f"What `{each}` matches: write an origin of it into `origins`." for each in unread]
    if len(plan.seen) > MOST_IMITATED:
        missing.append(f"Look-alikes of the origins after the first {MOST_IMITATED}.")
    return Comparison(
        still=callers(plan, paths, {key: could[key] & can[key] for key in could}),
        no_longer=callers(plan, paths, {key: could[key] - can[key] for key in could}),
        now=callers(plan, paths, {key: can[key] - could[key] for key in could}),
        forms_before=forms_reach(old),
        forms_now=forms_reach(new),
        origins=everyone,
        not_compared=tuple(missing),
    )


# --- The section of the report ----------------------------------------------------------------


def as_markdown(comparison: Comparison, title: str = "Who may call, before and after") -> str:
    """Return a section for people: a table for each of the three lists."""
    lines = [f"## {title}", ""]
    if comparison.not_compared:
        lines += ["Not compared:", "", *(f"- {each}" for each in comparison.not_compared), ""]
    if not comparison.origins:
        return "\n".join(lines)
    lines += [
        f"Both apps were asked as browsers do, from {len(comparison.origins)} origins: those that "
        "either app lists, those that you use, and others that attackers would try. Cookies stand "
        "for everything that `credentials: 'include'` sends.",
        "",
    ]
    lines += [f"{sentence}\n" for sentence in about_every_site(comparison)]
    lists = {
        "Could call and still can": comparison.still,
        "Could call and no longer can": comparison.no_longer,
        "Could not call and now can": comparison.now,
    }
    for heading, found in lists.items():
        lines += [f"### {heading}", "", *rows(found), ""]
    if sentence := about_forms(comparison):
        lines += [sentence, ""]
    return "\n".join(lines)


def rows(found: Sequence[Caller]) -> list[str]:
    """Return the lines of a table of callers."""
    if not found:
        return ["Nobody."]
    table = []
    for each in found:
        who = f"**{EVERY_SITE}**" if each.origin == EVERY_SITE else code(each.origin)
        who += f" ({plain(each.note)})" if each.note else ""
        if each.paths:
            named = ["any other path" if path == NO_ROUTE else code(path) for path in each.paths]
            who += f" at {', '.join(named)}"
        without, with_cookies = each.in_words(False), each.in_words(True)
        same = "the same" if without else ""
        cells = [without, same if with_cookies == without else with_cookies]
        table.append([who, *(plain(text) or "-" for text in cells)])
    return markdown_table(["from", "without cookies", "with cookies"], table)


def about_every_site(comparison: Comparison) -> Iterator[str]:
    """Yield a sentence for what every site could or can read."""
    ends = {
        "could read responses and no longer can": comparison.no_longer,
        "could read responses and still can": comparison.still,
        "could not read responses and now can": comparison.now,
    }
    for what, found in ends.items():
        reads = [a for c in found if c.origin == EVERY_SITE for a in c.abilities if a.name == "GET"]
        if reads:
            how = (
                "with the user's cookies"
                if any(a.with_credentials for a in reads)
                else "without cookies"
            )
            yield f"**Every site {what}, {how}.**"


def about_forms(comparison: Comparison) -> str:
    """Return a sentence on writes by forms, which no preflight precedes."""
    match comparison.forms_before, comparison.forms_now:
        case True, False:
            what = "reached the old app, with the user's cookies. The new one refuses it."
        case True, True:
            what = "reached the old app and reaches the new one, with the user's cookies."
        case False, True:
            what = "was refused by the old app and reaches the new one, with the user's cookies."
        case _:
            return ""
    return f"A form that any site posts {what}"
