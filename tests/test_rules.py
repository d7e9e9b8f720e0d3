"""The rule book, case by case: what is refused, warned of and accepted, in each class."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import httpx2
import pytest
import yaml
from fastapi import APIRouter, Depends, FastAPI, Form, Request, Response, UploadFile
from fastapi.security import APIKeyCookie, HTTPBearer, OAuth2PasswordBearer
from fastapi.testclient import TestClient
from service.cors import RELEASE
from service.cors.app import CORSFastAPI
from service.cors.cli import NOT_AT_START, examine
from service.cors.findings import ConfigurationError, Finding
from service.cors.origin import Origin
from service.cors.policy import CORSPolicy
from service.cors.rules import Subject, findings_of
from service.cors.settings import CORSSettings, read_settings
from service.cors.sources import find_sources
from service.cors.tool import development_rules
from service.cors.tool.development_rules import ALL_RULES, with_advice
from service.cors.tool.show import rule_texts
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from .rule_cases import CASES, WAIVER_CASES, Case

ENVIRONMENTS = {"local": "development", "shared": "staging", "production": "production"}
# Rules on the policy alone that `cors check` judges, and a start does not.
ONLY_CHECKED = [
    rule
    for rule in development_rules.BOOK
    if rule.id in ("CORS020", "CORS024", "CORS026", "CORS029", "CORS060", "CORS061")
]
LETTERS = {"error": "E", "warning": "W"}

GOOD = {
    "CORS_ALLOWED_ORIGINS": "https://app.acme.com",
    "CORS_ALLOW_CREDENTIALS": "false",
    "CORS_ALLOW_METHODS": "GET,POST",
    "CORS_ALLOW_HEADERS": "Content-Type",
    "CORS_EXPOSE_HEADERS": "X-Total-Count",
    "CORS_MAX_AGE": "600",
    "CORS_PUBLIC_PATHS": "",
    "CORS_GUARD_WRITES": "false",
    "CORS_GUARD_EXEMPT_PATHS": "",
    "CORS_WAIVERS": "",
}


@pytest.fixture(autouse=True)
def only_dotenv(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*GOOD, "ENVIRONMENT"):
        monkeypatch.delenv(name, raising=False)


def dotenv(environment: str, lines: tuple[str, ...]) -> str:
    """Return a good dotenv file with these lines in it."""
    values = {"ENVIRONMENT": environment} | GOOD
    extra = []
    for line in lines:
        name, equals, value = line.partition("=")
        if line.startswith("-"):
            del values[line[1:]]
        elif equals and name in values:
            values[name] = value
        else:
            extra.append(line)
    return "\n#\n".join([f"{name}={value}" for name, value in values.items()] + extra) + "\n"


def findings(directory: Path, environment: str, lines: tuple[str, ...]) -> list[Finding]:
    """Return what is said of a dotenv file with these lines."""
    (directory / f".env.{environment}").write_text(dotenv(environment, lines))
    sources = find_sources(environment, directory)
    settings, found = read_settings(CORSSettings, sources)
    if settings:
        found += findings_of(Subject(settings.as_policy(), sources), ONLY_CHECKED)
    return found


def checked(directory: Path, lines: tuple[str, ...]) -> tuple[Finding, ...]:
    """Return what `cors check` says of production with these lines, with its advice."""
    (directory / ".env.production").write_text(dotenv("production", lines))
    return with_advice(examine("production", directory, with_app=False)).findings


def classes(verdict: str) -> Iterator[tuple[str, str]]:
    return zip(ENVIRONMENTS.values(), verdict.split(), strict=True)


PARAMETERS = [
    pytest.param(
        case, environment, letter, id=f"{case.rule} {environment} {letter} {case.sentence}"
    )
    for case in CASES
    for environment, letter in classes(case.verdict)
]


@pytest.mark.parametrize(("case", "environment", "letter"), PARAMETERS)
def test_the_rule_book(tmp_path: Path, case: Case, environment: str, letter: str) -> None:
    found = [each for each in findings(tmp_path, environment, case.lines) if each.rule == case.rule]
    letters = {LETTERS[each.severity] for each in found} or {"-"}
    assert letters == {letter}, [str(each) for each in found]
    for each in found:
        assert each.reason
        assert each.fix
        assert "\n" not in str(each)
        assert len(str(each)) < 600
    refused = any(each.severity == "error" for each in found)
    if refused:
        with pytest.raises(ConfigurationError, match=case.rule):
            CORSSettings.load(environment, tmp_path)


@pytest.mark.parametrize(
    ("origin", "advice"),
    [
        (
            "https://localhost",
            "a Capacitor app on Android, set its server.hostname to a name of your own",
        ),
        ("http://tauri.localhost", "Tauri's HTTP plugin"),
    ],
)
def test_an_app_shell_on_localhost_is_told_what_to_do(
    tmp_path: Path, origin: str, advice: str
) -> None:
    lines = (f"CORS_ALLOWED_ORIGINS={origin}",)
    (found,) = (each for each in checked(tmp_path, lines) if each.rule == "CORS011")
    assert advice in found.fix


def test_a_switch_for_private_networks_is_told_what_browsers_do(tmp_path: Path) -> None:
    (found,) = checked(tmp_path, ("CORS_ALLOW_PRIVATE_NETWORK=true",))
    assert found.reason == "is read by nothing"
    assert found.fix.startswith("remove it; there is nothing to set: before a page")
    assert "the browser asks its user" in found.fix


def test_shared_previews_are_warned_of_with_what_they_cost(tmp_path: Path) -> None:
    lines = ("CORS_ALLOWED_ORIGINS=https://acme-shop-*-acme.vercel.app",)
    (found,) = findings(tmp_path, "preview", lines)
    assert (found.rule, found.severity) == ("CORS014", "warning")
    assert "anybody can take a name that fits" in found.reason
    assert "Behind a VPN or an IP allow-list" in found.reason
    guarded = (*lines, "CORS_ALLOW_CREDENTIALS=true", "CORS_GUARD_WRITES=true")
    assert [each.severity for each in findings(tmp_path, "preview", guarded)] == ["error"]


def test_a_good_file_has_nothing_said_against_it(tmp_path: Path) -> None:
    for environment in ENVIRONMENTS.values():
        assert findings(tmp_path, environment, ()) == []


def test_a_repeated_key_is_enforced_shown_and_named_alike(tmp_path: Path) -> None:
    """pydantic-settings took the 60 of these, and the line that was named held 50."""
    text = dotenv("production", ("-CORS_MAX_AGE",))
    text += "CORS_MAX_AGE=10\n#\ncors_max_age=60\n#\nCORS_MAX_AGE=50\n"
    (tmp_path / ".env.production").write_text(text)
    sources = find_sources("production", tmp_path)
    settings, found = read_settings(CORSSettings, sources)
    assert settings is not None
    assert settings.cors_max_age == 50
    named = [each for each in found if each.rule == "CORS044"]
    assert [each.value for each in named] == ["60", "50"]
    assert named[-1].where == sources.variables["CORS_MAX_AGE"].where


@pytest.mark.parametrize("name", ["CORS_PUBLIC_PATHS", "cors_public_paths"])
def test_a_dollar_in_the_process_is_refused_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "/${PREFIX}")
    found = findings(tmp_path, "production", ())
    assert "CORS043" in [each.rule for each in found if each.severity == "error"]


def test_a_dollar_that_another_source_overrides_is_refused_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORS_PUBLIC_PATHS", "/public")
    found = findings(tmp_path, "production", ("CORS_PUBLIC_PATHS=${PREFIX}/",))
    assert "CORS043" in [each.rule for each in found]


class OwnSettings(CORSSettings):
    database_url: str = ""


def test_a_variable_of_ones_own_may_use_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOST", "db.acme.com")
    text = dotenv("production", ()) + "DATABASE_URL=postgres://${HOST}/orders\n"
    (tmp_path / ".env.production").write_text(text)
    settings = OwnSettings.load("production", tmp_path)
    assert settings.database_url == "postgres://db.acme.com/orders"


# --- The rules that look at the app -----------------------------------------------------------


Build = Callable[[CORSPolicy], object]


def policy(environment: str, **fields: Any) -> CORSPolicy:
    defaults: dict[str, Any] = {
        "allow_origins": ("https://app.acme.com",),
        "allow_methods": ("GET", "POST"),
        "allow_headers": ("Content-Type",),
    }
    return CORSPolicy(environment=environment, **(defaults | fields))


def strict(policy: CORSPolicy) -> CORSFastAPI:
    app = CORSFastAPI(cors=policy)
    app.add_api_route("/items", lambda: None, methods=["GET", "POST"])
    return app


def plain_app(policy: CORSPolicy) -> object:
    return FastAPI()


def wrapped(policy: CORSPolicy) -> object:
    return GZipMiddleware(strict(policy))


def with_stock_middleware(policy: CORSPolicy) -> object:
    app = strict(policy)
    app.add_middleware(CORSMiddleware, allow_origins=["*"])
    return app


def with_mounted_stock_middleware(policy: CORSPolicy) -> object:
    app = strict(policy)
    app.mount("/old", CORSMiddleware(Starlette(), allow_origins=["*"]))
    return app


def with_stock_middleware_in_a_sub_app(policy: CORSPolicy) -> object:
    inner = FastAPI()
    inner.add_middleware(CORSMiddleware, allow_origins=["*"])
    app = strict(policy)
    app.mount("/old", Starlette(routes=[Mount("/older", inner)]))
    return app


def on_a_host_of_its_own(policy: CORSPolicy) -> object:
    inner = FastAPI()
    inner.add_middleware(CORSMiddleware, allow_origins=["*"])
    app = strict(policy)
    app.host("old.acme.com", inner)
    return app


def behind_a_mounts_middleware(policy: CORSPolicy) -> object:
    app = strict(policy)
    inner = GZipMiddleware(CORSMiddleware(Starlette(), allow_origins=["*"]))
    app.router.routes.append(Mount("/old", inner, middleware=[Middleware(GZipMiddleware)]))
    return app


def around_one_route(policy: CORSPolicy) -> object:
    app = strict(policy)
    around = [Middleware(CORSMiddleware, allow_origins=["*"])]
    app.router.routes.append(Route("/old", lambda request: Response(), middleware=around))
    return app


class AroundThePolicy(CORSFastAPI):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await FastAPI.__call__(self, scope, receive, send)


def with_a_call_of_its_own(policy: CORSPolicy) -> object:
    return AroundThePolicy(cors=policy)


async def allows_all(origin: Origin) -> bool:
    return True


def with_provider(credentials: bool) -> Build:
    return lambda policy: CORSFastAPI(
        cors=policy, origin_provider=allows_all, provider_credentials=credentials
    )


def with_other_middleware(policy: CORSPolicy) -> object:
    app = strict(policy)
    app.add_middleware(GZipMiddleware)
    app.mount("/sub", FastAPI())
    return app


def with_route(method: str) -> Build:
    def build(policy: CORSPolicy) -> object:
        app = strict(policy)
        router = APIRouter(prefix="/v1")
        router.add_api_route("/things/{thing}", lambda thing: None, methods=[method])
        app.include_router(router)
        return app

    return build


def with_security(scheme: Callable[..., Any]) -> Build:
    def build(policy: CORSPolicy) -> object:
        app = strict(policy)
        app.add_api_route("/me", lambda: None, dependencies=[Depends(scheme)])
        return app

    return build


def with_cookie(**attributes: object) -> Build:
    if attributes == {"samesite": "lax"}:

        def set_cookie(response: Response) -> None:
            response.set_cookie("session", "1", samesite="lax")
    elif attributes == {"samesite": "strict", "secure": True}:

        def set_cookie(response: Response) -> None:
            response.set_cookie("session", "1", samesite="strict", secure=True)
    elif attributes == {"samesite": "none"}:

        def set_cookie(response: Response) -> None:
            response.set_cookie("session", "1", samesite="none")
    else:

        def set_cookie(response: Response) -> None:
            response.set_cookie("session", "1", samesite="none", secure=True)

    def build(policy: CORSPolicy) -> object:
        app = strict(policy)
        app.add_api_route("/session", set_cookie, methods=["POST"])
        return app

    return build


def with_callback(endpoint: Callable[..., Any], path: str = "/auth/callback") -> Build:
    def build(policy: CORSPolicy) -> object:
        app = strict(policy)
        app.add_api_route(path, endpoint, methods=["GET", "POST"])
        app.mount("/files", FastAPI())
        app.mount("/legacy", Response())
        return app

    return build


def with_files(policy: CORSPolicy) -> object:
    """The pages of a front end, as the last route."""
    app = strict(policy)
    app.mount("/", StaticFiles(directory=".", html=True))
    return app


async def reads_a_form(request: Request) -> None:
    async with httpx2.AsyncClient() as provider:
        (await provider.get("https://login.acme.com/keys")).json()
    await request.form()


def reads_form_fields(state: Annotated[str, Form()], file: UploadFile) -> None:
    pass


async def reads_json(request: Request) -> None:
    await request.json()


def takes_json(body: dict[str, str]) -> None:
    pass


def depends_on_json(body: Annotated[None, Depends(takes_json)]) -> None:
    pass


def exempt(*paths: str, **fields: Any) -> dict[str, Any]:
    return {"guard_writes": True, "guard_exempt_paths": paths} | fields


TWO_SITES = {
    "allow_credentials": True,
    "allow_origins": ("https://app.acme.com", "https://acme-shop.org"),
}
ONE_SITE = {"allow_credentials": True}

# The rule, a sentence, how the app is built, the policy's fields, the verdict.
APP_CASES: tuple[tuple[str, str, Build, dict[str, Any], str], ...] = (
    ("CORS034", "a FastAPI without a policy", plain_app, {}, "E E E"),
    ("CORS034", "the policy inside another app", wrapped, {}, "E E E"),
    ("CORS034", "a second policy as middleware", with_stock_middleware, {}, "E E E"),
    ("CORS034", "a second policy that is mounted", with_mounted_stock_middleware, {}, "E E E"),
    ("CORS034", "a second policy in a sub-app", with_stock_middleware_in_a_sub_app, {}, "E E E"),
    ("CORS034", "a second policy on a host of its own", on_a_host_of_its_own, {}, "E E E"),
    ("CORS034", "a second policy behind others", behind_a_mounts_middleware, {}, "E E E"),
    ("CORS034", "a second policy around one route", around_one_route, {}, "E E E"),
    ("CORS034", "a way around the policy", with_a_call_of_its_own, {}, "E E E"),
    ("CORS034", "other middleware and a sub-app", with_other_middleware, {}, "- - -"),
    ("CORS034", "an app as the template makes it", strict, {}, "- - -"),
    ("CORS035", "a DELETE that no front end may use", with_route("DELETE"), {}, "W W W"),
    ("CORS035", "a method of one's own that none may use", with_route("PURGE"), {}, "W W W"),
    ("CORS035", "an allowed method without a route", strict, {"allow_methods": ("PUT",)}, "W W W"),
    (
        "CORS035",
        "a DELETE that is allowed",
        with_route("DELETE"),
        {"allow_methods": ("GET", "POST", "DELETE")},
        "- - -",
    ),
    ("CORS035", "a POST, which needs no listing", strict, {"allow_methods": ("GET",)}, "- - -"),
    ("CORS035", "no front end at all", with_route("DELETE"), {"allow_origins": ()}, "- - -"),
    ("CORS056", "tenants with cookies", with_provider(credentials=True), ONE_SITE, "W W W"),
    ("CORS056", "tenants without cookies", with_provider(credentials=False), ONE_SITE, "- - -"),
    ("CORS056", "no credentials for anybody", with_provider(credentials=True), {}, "- - -"),
    ("CORS028", "nobody", strict, {"allow_origins": (), **ONE_SITE}, "W W W"),
    ("CORS028", "somebody", strict, ONE_SITE, "- - -"),
    ("CORS028", "nobody, without cookies", strict, {"allow_origins": ()}, "- - -"),
    (
        "CORS028",
        "only tenants, with cookies",
        with_provider(credentials=True),
        {"allow_origins": (), **ONE_SITE},
        "- - -",
    ),
    (
        "CORS028",
        "only tenants, without cookies",
        with_provider(credentials=False),
        {"allow_origins": (), **ONE_SITE},
        "W W W",
    ),
    ("CORS027", "an OAuth2 token", with_security(OAuth2PasswordBearer("token")), {}, "W E E"),
    ("CORS027", "a bearer token", with_security(HTTPBearer()), {}, "W E E"),
    ("CORS027", "a cookie", with_security(APIKeyCookie(name="session")), {}, "- - -"),
    (
        "CORS027",
        "a token whose header is allowed",
        with_security(HTTPBearer()),
        {"allow_headers": ("authorization",)},
        "- - -",
    ),
    ("CORS027", "no security at all", strict, {}, "- - -"),
    ("CORS036", "Lax with two sites", with_cookie(samesite="lax"), TWO_SITES, "W W E"),
    (
        "CORS036",
        "Strict with two sites",
        with_cookie(samesite="strict", secure=True),
        TWO_SITES,
        "W W E",
    ),
    ("CORS036", "None without Secure", with_cookie(samesite="none"), ONE_SITE, "W W E"),
    ("CORS036", "None with Secure", with_cookie(), TWO_SITES, "- - -"),
    ("CORS036", "Lax with one site", with_cookie(samesite="lax"), ONE_SITE, "- - -"),
    ("CORS036", "None without Secure, no credentials", with_cookie(samesite="none"), {}, "- - -"),
    ("CORS050", "no route at all", strict, exempt("/auth/callback"), "W E E"),
    ("CORS050", "a route without POST", strict, exempt("/openapi.json"), "W E E"),
    (
        "CORS050",
        "a route with another ending",
        with_callback(reads_a_form),
        exempt("/auth/callback/"),
        "W E E",
    ),
    ("CORS050", "a mount with routes", with_callback(reads_a_form), exempt("/files/x"), "W E E"),
    ("CORS050", "the route", with_callback(reads_a_form), exempt("/auth/callback"), "- - -"),
    (
        "CORS050",
        "a route for any provider",
        with_callback(reads_a_form, "/auth/{provider}/callback"),
        exempt("/auth/acme/callback"),
        "- - -",
    ),
    (
        "CORS050",
        "a mount without routes",
        with_callback(reads_a_form),
        exempt("/legacy/x"),
        "- - -",
    ),
    ("CORS050", "a mount of files", with_files, exempt("/auth/callback"), "W E E"),
    ("CORS051", "request.json()", with_callback(reads_json), exempt("/auth/callback"), "W W W"),
    ("CORS051", "a JSON body", with_callback(takes_json), exempt("/auth/callback"), "W W W"),
    (
        "CORS051",
        "a dependency's JSON body",
        with_callback(depends_on_json),
        exempt("/auth/callback"),
        "W W W",
    ),
    ("CORS051", "request.form()", with_callback(reads_a_form), exempt("/auth/callback"), "- - -"),
    ("CORS051", "form fields", with_callback(reads_form_fields), exempt("/auth/callback"), "- - -"),
    (
        "CORS052",
        "no guard to be exempt from",
        with_callback(reads_a_form),
        exempt("/auth/callback", guard_writes=False),
        "W W W",
    ),
    (
        "CORS052",
        "a guard that reports",
        with_callback(reads_a_form),
        exempt("/auth/callback", guard_writes=False, report_writes=True),
        "- - -",
    ),
    ("CORS052", "the guard", with_callback(reads_a_form), exempt("/auth/callback"), "- - -"),
)

APP_PARAMETERS = [
    pytest.param(rule, build, fields, environment, letter, id=f"{rule} {environment} {sentence}")
    for rule, sentence, build, fields, verdict in APP_CASES
    for environment, letter in classes(verdict)
]


def test_a_second_policy_that_a_router_mounts_is_found() -> None:
    inner = FastAPI()
    inner.add_middleware(CORSMiddleware, allow_origins=["*"])
    router = APIRouter()
    router.mount("/old", inner)
    app = strict(policy("production"))
    app.include_router(router)
    if TestClient(app).get("/old/docs").status_code == 404:
        pytest.skip("this FastAPI leaves out what an included router mounts")
    found = [each.rule for each in findings_of(Subject(app.cors_policy, app=app), ALL_RULES)]
    assert "CORS034" in found


@pytest.mark.parametrize(("rule", "build", "fields", "environment", "letter"), APP_PARAMETERS)
def test_the_rules_on_the_app(
    rule: str, build: Build, fields: dict[str, Any], environment: str, letter: str
) -> None:
    judged = policy(environment, **fields)
    subject = Subject(judged, app=build(judged))
    found = [each for each in findings_of(subject, ALL_RULES) if each.rule == rule]
    assert ({LETTERS[each.severity] for each in found} or {"-"}) == {letter}, found


# --- The recorded answers ---------------------------------------------------------------------

ANSWER_CASES: tuple[tuple[str, dict[str, Any], str, str], ...] = (
    ("another max-age", {"preflight_max_age": 60}, "CORS_MAX_AGE", "W W W"),
    ("other methods", {"allow_methods": "GET"}, "CORS_ALLOW_METHODS", "W W W"),
    ("other exempt paths", {"guard_exempt_paths": "/acs"}, "CORS_GUARD_EXEMPT_PATHS", "W W W"),
    ("no exempt paths, as answered", {"guard_exempt_paths": ""}, "", "- - -"),
    ("cookies that nobody answered", {"credentials": "cookies"}, "CORS_ALLOW_CREDENTIALS", "W W W"),
    ("the same max-age", {"preflight_max_age": 600}, "", "- - -"),
    ("the same methods with blanks", {"allow_methods": "GET, POST"}, "", "- - -"),
    (
        "bearer tokens without their header",
        {"credentials": "bearer"},
        "CORS_ALLOW_HEADERS",
        "W W W",
    ),
    ("no answers", {}, "", "- - -"),
)


@pytest.mark.parametrize(
    ("answers", "variable", "environment", "letter"),
    [
        pytest.param(answers, variable, environment, letter, id=f"{environment} {sentence}")
        for sentence, answers, variable, verdict in ANSWER_CASES
        for environment, letter in classes(verdict)
    ],
)
def test_the_rule_on_recorded_answers(
    tmp_path: Path, answers: dict[str, object], variable: str, environment: str, letter: str
) -> None:
    (tmp_path / ".copier-answers.yml").write_text(yaml.safe_dump(answers))
    found = development_findings(tmp_path, environment, "CORS037")
    assert ({LETTERS[each.severity] for each in found} or {"-"}) == {letter}
    assert all(
        each.variable == variable and "copier update --defaults --data" in each.fix
        for each in found
    )


def development_findings(folder: Path, environment: str, rule: str) -> list[Finding]:
    """Return what one of the development rules says about a good dotenv file."""
    (folder / f".env.{environment}").write_text(dotenv(environment, ()))
    sources = find_sources(environment, folder)
    settings, _ = read_settings(CORSSettings, sources)
    assert settings is not None
    found = findings_of(Subject(settings.as_policy(), sources), ALL_RULES)
    return [each for each in found if each.rule == rule]


# --- Where the template is --------------------------------------------------------------------

ADDRESS_CASES: tuple[tuple[str, str, str], ...] = (
    ("a relative path", "../template", "W - -"),
    ("a path of one machine", "/home/me/template", "W - -"),
    ("a path of one machine as a URL", "file:///home/me/template", "W - -"),
    ("a drive", r"C:\templates\cors", "W - -"),
    ("a password", "https://me:hunter2@git.acme.com/template.git", "W - -"),
    ("a token", "git+https://glpat-hunter2hunter2hunter2@git.acme.com/template", "W - -"),
    ("a URL", "https://git.acme.com/template.git", "- - -"),
    ("a user without a password", "https://me@git.acme.com/template.git", "- - -"),
    ("SSH", "git@git.acme.com:template.git", "- - -"),
    ("an abbreviation of Copier's", "gh:acme/template", "- - -"),
    ("no address", "", "- - -"),
)


@pytest.mark.parametrize(
    ("address", "environment", "letter"),
    [
        pytest.param(address, environment, letter, id=f"{environment} {sentence}")
        for sentence, address, verdict in ADDRESS_CASES
        for environment, letter in classes(verdict)
    ],
)
def test_the_rule_on_the_address_of_the_template(
    tmp_path: Path, address: str, environment: str, letter: str
) -> None:
    answers = tmp_path / ".copier-answers.yml"
    answers.write_text(yaml.safe_dump({"_src_path": address}))
    found = development_findings(tmp_path, environment, "CORS045")
    assert ({LETTERS[each.severity] for each in found} or {"-"}) == {letter}
    for each in found:
        assert "hunter2" not in str(each)
        command = each.fix[each.fix.index("sed ") :]
        subprocess.run(command, shell=True, cwd=tmp_path, check=True)
        assert development_findings(tmp_path, environment, "CORS045") == []
        assert sorted(path.name for path in tmp_path.glob(".copier*")) == [answers.name]


# --- What git has -----------------------------------------------------------------------------

# A sentence, what is done in the repository, the verdict.
GIT_CASES: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("a file that git ignores", (), "E E E"),
    ("a file that is not added yet", ("rm .gitignore",), "W W W"),
    ("a file that git has", ("git add --force .env.*",), "- - -"),
)


@pytest.mark.parametrize(
    ("commands", "environment", "letter"),
    [
        pytest.param(commands, environment, letter, id=f"{environment} {sentence}")
        for sentence, commands, verdict in GIT_CASES
        for environment, letter in classes(verdict)
    ],
)
def test_the_rule_on_what_git_has(
    tmp_path: Path, commands: tuple[str, ...], environment: str, letter: str
) -> None:
    (tmp_path / ".copier-answers.yml").write_text("environments: [staging, production]")
    (tmp_path / ".gitignore").write_text(".env*\n")
    (tmp_path / f".env.{environment}").touch()
    for command in ("git init --quiet", *commands):
        subprocess.run(command, shell=True, cwd=tmp_path, check=True)
    found = development_findings(tmp_path, environment, "CORS042")
    assert ({LETTERS[each.severity] for each in found} or {"-"}) == {letter}
    assert all(f"git add .env.{environment}" in each.fix for each in found)


# --- Whether updates arrive -------------------------------------------------------------------

# A sentence, where the code is, the release of its tests, the verdict.
ARRIVAL_CASES: tuple[tuple[str, str, str, str], ...] = (
    ("a flat layout", "orders_api/cors", RELEASE, "W W W"),
    ("a renamed package", "src/shop_api/cors", RELEASE, "W W W"),
    ("a flat layout that an update has missed", "orders_api/cors", "99.0.0", "E E E"),
    ("tests of another release", "src/orders_api/cors", "99.0.0", "E E E"),
    ("tests that name no release", "src/orders_api/cors", "", "- - -"),
    ("the code where updates write", "src/orders_api/cors", RELEASE, "- - -"),
)


@pytest.mark.parametrize(
    ("code", "release", "environment", "letter"),
    [
        pytest.param(code, release, environment, letter, id=f"{environment} {sentence}")
        for sentence, code, release, verdict in ARRIVAL_CASES
        for environment, letter in classes(verdict)
    ],
)
def test_the_rule_on_where_updates_write(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    code: str,
    release: str,
    environment: str,
    letter: str,
) -> None:
    (tmp_path / ".copier-answers.yml").write_text("package_name: orders_api")
    suite = tmp_path / "tests" / "cors" / "__init__.py"
    suite.parent.mkdir(parents=True)
    suite.write_text(f'RELEASE = "{release}"\n' if release else "")
    monkeypatch.setattr(development_rules, "CORS_FOLDER", tmp_path.resolve() / code)
    found = development_findings(tmp_path, environment, "CORS046")
    assert ({LETTERS[each.severity] for each in found} or {"-"}) == {letter}
    assert all(each.variable == code for each in found)


# A sentence, the dotenv files beside that of the environment, the verdict.
FILE_CASES: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("no other environment", (), "W W W"),
    # What concerns the whole service is said under its first environment.
    ("no production", ("development", "staging"), "W - -"),
    ("all environments", ("development", "staging", "production"), "- - -"),
    ("one more", ("development", "staging", "production", "qa"), "- - -"),
)


@pytest.mark.parametrize(
    ("others", "environment", "letter"),
    [
        pytest.param(others, environment, letter, id=f"{environment} {sentence}")
        for sentence, others, verdict in FILE_CASES
        for environment, letter in classes(verdict)
    ],
)
def test_the_rule_on_missing_dotenv_files(
    tmp_path: Path, others: tuple[str, ...], environment: str, letter: str
) -> None:
    (tmp_path / ".copier-answers.yml").write_text("environments: [staging, production]")
    for other in others:
        (tmp_path / f".env.{other}").touch()
    found = development_findings(tmp_path, environment, "CORS047")
    assert ({LETTERS[each.severity] for each in found} or {"-"}) == {letter}


def test_a_dotenv_file_under_another_name_is_found(tmp_path: Path) -> None:
    (tmp_path / ".copier-answers.yml").write_text("environments: [production]")
    (tmp_path / ".env.development").touch()
    (found,) = development_findings(tmp_path, "prod", "CORS047")
    assert found.variable == ".env.prod"
    assert "is judged as production" in found.reason
    assert "rename it to .env.production, with ENVIRONMENT=production in it" in found.fix
    assert development_findings(tmp_path, "qa", "CORS047") == []


# A sentence, the names, the verdict.
NAME_CASES: tuple[tuple[str, list[str], str], ...] = (
    ("a misspelt question", ["production_origin"], "W W W"),
    ("nothing dropped", [], "- - -"),
)


@pytest.mark.parametrize(
    ("names", "environment", "letter"),
    [
        pytest.param(names, environment, letter, id=f"{environment} {sentence}")
        for sentence, names, verdict in NAME_CASES
        for environment, letter in classes(verdict)
    ],
)
def test_the_rule_on_dropped_answers(
    tmp_path: Path, names: list[str], environment: str, letter: str
) -> None:
    answers = {"production_origins": "https://app.acme.com", "_not_asked": names}
    (tmp_path / ".copier-answers.yml").write_text(yaml.safe_dump(answers))
    found = development_findings(tmp_path, environment, "CORS048")
    assert ({LETTERS[each.severity] for each in found} or {"-"}) == {letter}
    assert all("--data production_origins=…" in each.fix.replace("'", "") for each in found)


# --- Lines that others read otherwise ---------------------------------------------------------

# A sentence, a line, the verdict. tests/test_dotenv_readers.py has the table of lines.
LINE_CASES: tuple[tuple[str, str, str], ...] = (
    ("quotes", 'CORS_ALLOW_METHODS="GET"', "W W W"),
    ("plain text", "CORS_ALLOW_METHODS=GET", "- - -"),
)


@pytest.mark.parametrize(
    ("line", "environment", "letter"),
    [
        pytest.param(line, environment, letter, id=f"{environment} {sentence}")
        for sentence, line, verdict in LINE_CASES
        for environment, letter in classes(verdict)
    ],
)
def test_the_rule_on_lines_that_others_read_otherwise(
    tmp_path: Path, line: str, environment: str, letter: str
) -> None:
    (tmp_path / f".env.{environment}").write_text(dotenv(environment, (line,)))
    subject = Subject(policy(environment), find_sources(environment, tmp_path))
    found = [each for each in findings_of(subject, ALL_RULES) if each.rule == "CORS059"]
    assert ({LETTERS[each.severity] for each in found} or {"-"}) == {letter}


# --- Signs of another environment -------------------------------------------------------------

# A sentence, FASTAPI_ENV by the class of the environment that is served, the verdict.
DOUBT_CASES: tuple[tuple[str, dict[str, str], str], ...] = (
    (
        "another class in FASTAPI_ENV",
        {"development": "production", "staging": "development", "production": "staging"},
        "W W W",
    ),
    (
        "the same class in FASTAPI_ENV",
        {"development": "test", "staging": "preview", "production": "prod"},
        "- - -",
    ),
    ("nothing in FASTAPI_ENV", {}, "- - -"),
)


@pytest.mark.parametrize(
    ("other", "environment", "letter"),
    [
        pytest.param(
            other.get(environment, ""), environment, letter, id=f"{environment} {sentence}"
        )
        for sentence, other, verdict in DOUBT_CASES
        for environment, letter in classes(verdict)
    ],
)
def test_the_rule_on_signs_of_another_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: str, environment: str, letter: str
) -> None:
    monkeypatch.setenv("ENVIRONMENT", environment)
    monkeypatch.setenv("FASTAPI_ENV", other)
    found = [each for each in findings(tmp_path, environment, ()) if each.rule == "CORS060"]
    assert ({LETTERS[each.severity] for each in found} or {"-"}) == {letter}
    # What is served elsewhere is not said of this process.
    monkeypatch.setenv("ENVIRONMENT", "qa")
    assert findings(tmp_path, environment, ()) == []


# --- The book itself --------------------------------------------------------------------------


def test_the_ids_are_in_order_and_without_a_gap() -> None:
    assert [rule.id for rule in ALL_RULES] == [f"CORS{n:03}" for n in range(1, len(ALL_RULES) + 1)]


def test_what_only_the_check_judges_does_not_stop_a_start() -> None:
    errors = {rule.id for rule in development_rules.BOOK if "E" in rule.severities}
    assert errors <= NOT_AT_START


def test_every_rule_has_a_refusing_and_an_accepting_case_in_each_class() -> None:
    verdicts: dict[tuple[str, str], set[str]] = {}
    rows = [(case.rule, case.verdict) for case in CASES]
    rows += [(rule, verdict) for rule, _, _, _, verdict in APP_CASES]
    rows += [("CORS037", verdict) for _, _, _, verdict in ANSWER_CASES]
    rows += [("CORS042", verdict) for _, _, verdict in GIT_CASES]
    rows += [(case.rule, case.verdict) for case in WAIVER_CASES]
    rows += [("CORS045", verdict) for _, _, verdict in ADDRESS_CASES]
    rows += [("CORS046", verdict) for _, _, _, verdict in ARRIVAL_CASES]
    rows += [("CORS047", verdict) for _, _, verdict in FILE_CASES]
    rows += [("CORS048", verdict) for _, _, verdict in NAME_CASES]
    # A suggestion for all environments at once: `test_hosts` has its cases.
    rows += [("CORS057", verdict) for verdict in ("- S S", "- - -")]
    rows += [("CORS059", verdict) for _, _, verdict in LINE_CASES]
    rows += [("CORS060", verdict) for _, _, verdict in DOUBT_CASES]
    for rule, verdict in rows:
        for environment, letter in classes(verdict):
            verdicts.setdefault((rule, environment), set()).add(letter)
    for each in ALL_RULES:
        for environment, letter in classes(each.severities):
            assert verdicts.get((each.id, environment), set()) >= {letter, "-"}, each.id
    assert 3 * len(rows) >= 300


def test_what_the_book_calls_good_is_good_and_bad_is_bad(tmp_path: Path) -> None:
    """The examples of `cors rules` are judged like anybody's dotenv file."""
    for rule, text in rule_texts().items():
        bad, good = text["bad"], text["good"]
        is_line = bad.startswith("CORS_") and " while " not in bad and "@" not in bad
        # Those two look at the app.
        if is_line and rule not in ("CORS027", "CORS028"):
            found = findings(tmp_path, "production", tuple(bad.split(" with ")))
            assert rule in {each.rule for each in found}, bad
        if good.startswith("CORS_"):
            found = findings(tmp_path, "production", (good,))
            assert rule not in {each.rule for each in found}, good


def test_every_rule_has_its_text() -> None:
    assert [*rule_texts()] == [rule.id for rule in ALL_RULES]
    for rule in ALL_RULES:
        assert rule.title
        assert {*rule_texts()[rule.id]} == {"why", "bad", "good", *["ask"] * rule.waivable}
