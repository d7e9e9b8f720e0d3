"""Nothing that `cors check` proposes leads to another finding.

Each service below is wrong. The fix of the first finding is followed to the letter until nothing is
left to find. No step may bring a finding that was not there before.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from shlex import split
from typing import Any

import pytest
import yaml
from fastapi import Depends, FastAPI, Response
from fastapi.security import HTTPBearer
from service.cors import cli
from service.cors.app import CORSFastAPI
from service.cors.findings import Finding
from service.cors.policy import CORSPolicy
from service.cors.settings import CORSSettings
from service.cors.sources import read_list
from service.cors.tool.development_rules import check
from starlette.middleware.cors import CORSMiddleware

from .prompts import refusal

APP = "https://app.acme.com"
WWW = "https://www.acme.com"
GOOD = {
    "CORS_ALLOWED_ORIGINS": APP,
    "CORS_ALLOW_CREDENTIALS": "false",
    "CORS_ALLOW_METHODS": "GET,POST",
    "CORS_ALLOW_HEADERS": "Content-Type",
    "CORS_EXPOSE_HEADERS": "X-Total-Count",
    "CORS_MAX_AGE": "600",
    "CORS_PUBLIC_PATHS": "",
    "CORS_GUARD_WRITES": "false",
}
QUESTIONS = {
    "CORS_ALLOW_METHODS": "allow_methods",
    "CORS_ALLOW_HEADERS": "request_headers",
    "CORS_EXPOSE_HEADERS": "exposed_headers",
    "CORS_MAX_AGE": "preflight_max_age",
    "CORS_PUBLIC_PATHS": "public_paths",
}
COOKIES = {"CORS_ALLOW_CREDENTIALS": "true", "CORS_GUARD_WRITES": "true"}
TODAY = date.today()

Build = Callable[[CORSPolicy], object]


# --- Apps -------------------------------------------------------------------------------------


def app(policy: CORSPolicy) -> CORSFastAPI:
    """Return an app with a route for the methods of GOOD."""
    made = CORSFastAPI(cors=policy)
    made.add_api_route("/items", lambda: None, methods=["GET", "POST"])
    return made


def with_delete(policy: CORSPolicy) -> object:
    made = app(policy)
    made.add_api_route("/items/{item}", lambda item: None, methods=["DELETE", "PATCH"])
    return made


def with_token(policy: CORSPolicy) -> object:
    made = app(policy)
    made.add_api_route("/me", lambda: None, dependencies=[Depends(HTTPBearer())])
    return made


def with_second_policy(policy: CORSPolicy) -> object:
    made = app(policy)
    made.add_middleware(CORSMiddleware, allow_origins=["*"])
    return made


def without_policy(policy: CORSPolicy) -> object:
    made = FastAPI()
    made.add_api_route("/items", lambda: None, methods=["GET", "POST"])
    return made


def lax_cookie(response: Response) -> None:
    response.set_cookie("session", "1", samesite="lax")


def insecure_cookie(response: Response) -> None:
    response.set_cookie("session", "1", samesite="none")


def right_cookie(response: Response) -> None:
    response.set_cookie("session", "1", samesite="none", secure=True)


def with_cookie(route: Callable[..., None]) -> Build:
    def build(policy: CORSPolicy) -> object:
        made = app(policy)
        made.add_api_route("/session", route, methods=["POST"])
        return made

    return build


# --- The wrong services -----------------------------------------------------------------------


@dataclass(frozen=True)
class Wrong:
    """A wrong service: lines that differ from GOOD, further lines, and its app.

    `knows` is what only its owner knows, for a fix that leaves it open. `corrected` is the app
    after a fix of its code. `answered`: the lines say what was answered at a prompt. Otherwise the
    answers are those of GOOD, and the lines were edited afterwards.
    """

    sentence: str
    lines: Mapping[str, str | None] = field(default_factory=dict)
    more: tuple[str, ...] = ()
    knows: str = ""
    environment: str = "production"
    build: Build = app
    corrected: Build | None = None
    answered: bool = False
    credentials: str = "none"


def origins(sentence: str, text: str, knows: str = "", **options: Any) -> Wrong:
    return Wrong(sentence, {"CORS_ALLOWED_ORIGINS": text}, knows=knows, **options)


WAIVER = "CORS_WAIVERS=CORS012:{}:https://*.acme.com"
OVER, SOON, FAR = (str(TODAY + timedelta(days)) for days in (-1, 200, 800))

WRONG = (
    origins("a slash at the end", f"{APP}/"),
    origins("a slash, and the same without", f"{APP},{APP}/"),
    origins("upper case and plain http", "http://App.acme.com"),
    origins("a host of one's own machine", "localhost:3000"),
    origins("a placeholder with a path", "https://shop.example.com/a", "https://shop.acme.com"),
    origins("a pattern with a slash", "https://*.acme.com/", "https://www.acme.com"),
    origins("a pattern with a slash, and one that it covers", f"{APP},https://*.acme.com/", WWW),
    origins("a path below a pattern", "https://*.acme.com,https://app.acme.com/a", APP),
    origins("the default port", f"{APP}:443"),
    origins("plain http", "http://app.acme.com"),
    origins("plain http and https", f"{APP},http://app.acme.com"),
    origins("plain http on the port of https", "http://app.acme.com:443"),
    Wrong("plain http with cookies", {"CORS_ALLOWED_ORIGINS": "http://a.acme.com"} | COOKIES),
    origins("everybody", "*", APP),
    origins("an app shell, as it was answered", f"{APP},https://localhost", answered=True),
    origins("null", "null", APP),
    origins("no scheme", "app.acme.com"),
    origins("a misspelt scheme", "htps://app.acme.com", APP),
    origins("a WebSocket's scheme", "wss://app.acme.com"),
    origins("a wildcard in a later label", "https://app.*.com", APP),
    origins("any port", f"{APP}:*"),
    origins("every subdomain, as it was answered", "https://*.acme.com", APP, answered=True),
    origins("a part of a label", "https://a-*.acme.com", APP),
    origins("everybody at a hoster", "https://*.vercel.app", "https://acme.vercel.app"),
    origins(
        "previews at a hoster",
        "https://a-*-b.vercel.app",
        "https://a.vercel.app",
        environment="preview",
    ),
    origins("a placeholder", "https://app.example.com", APP),
    origins("twice the same", f"{APP},{APP}"),
    origins("one that a pattern covers", f"https://*.acme.com,{APP}", APP),
    origins("half of a JSON list", f'["{APP}"', APP),
    origins("a front end that was not answered", f"{APP},https://www.acme.com"),
    Wrong("no line for the origins", {"CORS_ALLOWED_ORIGINS": None}),
    Wrong("a method in lower case", {"CORS_ALLOW_METHODS": "GET,post"}),
    Wrong("a method that is forbidden", {"CORS_ALLOW_METHODS": "GET,POST,TRACE"}),
    Wrong("every method", {"CORS_ALLOW_METHODS": "*"}, knows="GET,POST"),
    Wrong("Cookie as a request header", {"CORS_ALLOW_HEADERS": "Content-Type,Cookie"}),
    Wrong("a header that overrides", {"CORS_ALLOW_HEADERS": "X-Method-Override"}),
    Wrong("every header with cookies", {"CORS_ALLOW_HEADERS": "*"} | COOKIES, knows="Content-Type"),
    Wrong("Set-Cookie exposed", {"CORS_EXPOSE_HEADERS": "Set-Cookie,X-Total-Count"}),
    Wrong("a header that is readable anyway", {"CORS_EXPOSE_HEADERS": "Content-Type"}),
    Wrong("an hour as a person writes it", {"CORS_MAX_AGE": "1h"}),
    Wrong("a day, as it was answered", {"CORS_MAX_AGE": "86400"}, answered=True),
    Wrong("cookies for nobody", {"CORS_ALLOWED_ORIGINS": ""} | COOKIES, credentials="cookies"),
    Wrong("cookies without the guard", {"CORS_ALLOW_CREDENTIALS": "true"}, credentials="cookies"),
    Wrong(
        "cookies and no line for the guard",
        {"CORS_ALLOW_CREDENTIALS": "true", "CORS_GUARD_WRITES": None},
        credentials="cookies",
    ),
    Wrong("cookies that nobody answered", COOKIES),
    Wrong(
        "everything public, with cookies",
        {"CORS_PUBLIC_PATHS": "/"} | COOKIES,
        credentials="cookies",
    ),
    Wrong("a public path with a star", {"CORS_PUBLIC_PATHS": "/public/*"}),
    Wrong("a variable that nothing reads", more=("CORS_ALLOW_ORIGINS=https://a.acme.com",)),
    Wrong(
        "Starlette's name in the place of ours",
        {"CORS_ALLOWED_ORIGINS": None},
        more=(f"CORS_ALLOW_ORIGINS={APP}",),
    ),
    Wrong("a switch for private networks", more=("CORS_ALLOW_PRIVATE_NETWORK=true",)),
    Wrong("the name of another environment", more=("ENVIRONMENT=qa",)),
    Wrong("a switch that is none", {"CORS_GUARD_WRITES": "maybe"}, knows="false"),
    Wrong("a method that no front end may use", build=with_delete),
    Wrong("methods without a route", {"CORS_ALLOW_METHODS": "GET,POST,PUT,PURGE"}, answered=True),
    Wrong("both at once", {"CORS_ALLOW_METHODS": "GET,POST,PUT"}, build=with_delete, answered=True),
    Wrong("a token whose header is missing", build=with_token, credentials="bearer"),
    Wrong("a second policy", build=with_second_policy, corrected=app),
    Wrong("no policy", build=without_policy, corrected=app),
    Wrong(
        "a cookie that is never sent",
        {"CORS_ALLOWED_ORIGINS": f"{APP},https://acme.org"} | COOKIES,
        build=with_cookie(lax_cookie),
        corrected=with_cookie(right_cookie),
        credentials="cookies",
    ),
    Wrong(
        "a cookie that browsers refuse",
        COOKIES,
        build=with_cookie(insecure_cookie),
        corrected=with_cookie(right_cookie),
        credentials="cookies",
    ),
    Wrong(
        "a waiver that is over",
        {"CORS_ALLOWED_ORIGINS": "https://*.acme.com"},
        ("# CORS012: landing pages", WAIVER.format(OVER)),
        knows=APP,
    ),
    Wrong(
        "a waiver without a comment",
        {"CORS_ALLOWED_ORIGINS": "https://*.acme.com"},
        ("#", WAIVER.format(SOON)),
    ),
    Wrong(
        "a waiver for ever",
        {"CORS_ALLOWED_ORIGINS": "https://*.acme.com"},
        ("# CORS012: landing pages", WAIVER.format(FAR)),
    ),
    Wrong("a waiver for nothing", more=("# CORS012: landing pages", WAIVER.format(SOON))),
)


# --- Following a fix to the letter -------------------------------------------------------------


class Follower:
    """A service, and a person who does what `cors check` says and nothing else."""

    def __init__(self, wrong: Wrong) -> None:
        self.wrong = wrong
        self.build = wrong.build
        self.file = Path(f".env.{wrong.environment}")
        values = {"ENVIRONMENT": wrong.environment, **GOOD, **wrong.lines}
        if any(line.startswith("ENVIRONMENT=") for line in wrong.more):
            del values["ENVIRONMENT"]
        lines = [f"{name}={value}" for name, value in values.items() if value is not None]
        # Every service has this file, which no fix here is about.
        Path(".env.development").touch()
        self.write([*lines, *wrong.more])
        answered = values if wrong.answered else GOOD
        self.answers = {question: answered[name] for name, question in QUESTIONS.items()}
        self.answers[f"{wrong.environment}_origins"] = answered["CORS_ALLOWED_ORIGINS"]
        self.answers["credentials"] = wrong.credentials

    def write(self, lines: list[str]) -> None:
        self.file.write_text("\n".join(lines) + "\n")

    def lines(self) -> list[str]:
        return self.file.read_text().splitlines()

    def value(self, name: str) -> str:
        (found,) = (line for line in self.lines() if line.startswith(f"{name}="))
        return found.partition("=")[2]

    def set(self, name: str, value: str) -> None:
        """Set a variable, in its line or in a new one."""
        lines = self.lines()
        places = [i for i, line in enumerate(lines) if line.startswith(f"{name}=")]
        at = places[0] if places else len(lines)
        lines[at : at + 1] = [f"{name}={value}"]
        self.write(lines)

    def remove(self, name: str) -> None:
        self.write([line for line in self.lines() if not line.startswith(f"{name}=")])

    def replace_item(self, name: str, item: str, *instead: str) -> None:
        """Replace the last occurrence of an item of a list, or the value as a whole."""
        value = self.value(name)
        if item in ("", value):
            self.set(name, ",".join(instead))
            return
        items = read_list(value)
        at = len(items) - 1 - items[::-1].index(item)
        items[at : at + 1] = instead
        self.set(name, ",".join(items))

    def answer(self, question: str, value: str) -> None:
        """Do what `copier update --data` does: change the lines that said the former answer."""
        if question == "credentials":
            cookies = str(value in ("cookies", "both")).lower()
            self.set("CORS_ALLOW_CREDENTIALS", cookies)
            self.set("CORS_GUARD_WRITES", cookies)
        else:
            refused = refusal(question, value, (self.wrong.environment,), self.wrong.credentials)
            assert not refused, f"the prompt refuses the proposed answer: {refused}"
            origins = f"{self.wrong.environment}_origins"
            names = {origins: "CORS_ALLOWED_ORIGINS"} | {q: name for name, q in QUESTIONS.items()}
            name = names[question]
            if self.value(name) == self.answers[question]:
                self.set(name, value)
            assert self.value(name) == value, "the update ends in a conflict"
        self.answers[question] = value

    def found(self) -> list[Finding]:
        Path(".copier-answers.yml").write_text(yaml.safe_dump(self.answers))
        return [each for each in check(self.wrong.environment).findings if not each.until]

    def follow(self, finding: Finding) -> None:
        """Do what a fix says: the first of its alternatives, then what it says to record."""
        fix, _, recording = finding.fix.partition("; then record the line with ")
        self.do(fix.removesuffix(", and remove the waiver"), finding)
        if fix.endswith(", and remove the waiver"):
            self.remove("CORS_WAIVERS")
        if recording:
            question = recording.split()[-1].removesuffix("=…")
            self.answer(question, self.value(finding.variable))

    def do(self, fix: str, finding: Finding) -> None:
        name, value, knows = finding.variable, finding.value, self.wrong.knows
        if command := re.search(r"uvx copier update --defaults --data (.*?)(, or .*)?$", fix):
            (answer,) = split(command[1])
            self.answer(*answer.split("=", 1))
        elif self.wrong.corrected:
            self.build = self.wrong.corrected
        elif match := re.match(r"(?:write|add|set) ([A-Z_]+)=(\S*?)(?:[,;]| into|$)", fix):
            self.set(match[1], match[2])
        elif match := re.match(r"write ([A-Z_]+), or remove it", fix):
            lines = [line.replace(f"{name}=", f"{match[1]}=", 1) for line in self.lines()]
            self.write(lines)
        elif match := re.match(r"write a line `(.*)` above", fix):
            at = next(i for i, line in enumerate(self.lines()) if line.startswith(name))
            self.write([*self.lines()[:at], match[1], *self.lines()[at:]])
        elif "remove the waiver" in fix:
            self.remove(name)
        elif fix == "write a day within a year":
            self.set(name, re.sub(r"[0-9-]{10}", SOON, self.value(name)))
        elif fix.startswith("remove ") and value:
            self.replace_item(name, value)
        elif fix.startswith("remove "):
            self.remove(name)
        elif match := re.search(r"such as (\S+?)(,|$)", fix):
            self.replace_item(name, value, match[1])
        elif knows:
            self.replace_item(name, value, knows)
        elif match := re.match(r"write `?([^\s`]+?)`?(, or .*)?$", fix):
            self.replace_item(name, value, match[1])
        else:
            raise AssertionError(f"nobody could follow: {finding}")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (*GOOD, "ENVIRONMENT", "CORS_WAIVERS"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.sentence)
def test_following_every_fix_ends_in_silence(wrong: Wrong, monkeypatch: pytest.MonkeyPatch) -> None:
    person = Follower(wrong)

    def made(environment: str = "") -> object:
        return person.build(CORSSettings.load(wrong.environment).cors_policy())

    monkeypatch.setattr(cli, "create_app", made)
    monkeypatch.setattr(cli, "served", made)
    found = person.found()
    assert found, "nothing is wrong"
    for _ in range(8):
        before = {(each.rule, each.variable) for each in found}
        first = found[0]
        person.follow(first)
        found = person.found()
        added = [str(each) for each in found if (each.rule, each.variable) not in before]
        assert not added, f"{first}\nleads to\n" + "\n".join(added)
        if not found:
            return
    raise AssertionError("no end: " + "\n".join(map(str, found)))
