"""`hooks/compare.py` says who could call a service before the policy moved in, and who can now."""

import os
from pathlib import Path

import pytest
from compare import EVERY_SITE, App, Caller, Comparison, as_markdown, compare

from .project import TEMPLATE

# The apps are plain Starlette, which is imported in half the time.
OLD = """
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware

print('{{"lists": {{}}}}')
app = Starlette()
app.add_middleware(CORSMiddleware, {arguments})
"""
NEW = """
from service.cors.middleware import StrictCORSMiddleware
from service.cors.policy import CORSPolicy
from starlette.applications import Starlette

POLICY = CORSPolicy(
    environment="production",
    allow_origins=("https://app.acme.com",),
    allow_credentials=True,
    allow_methods=("GET", "POST", "PUT"),
    allow_headers=("Content-Type",),
    guard_writes=True,
)

def create_app():
    app = StrictCORSMiddleware(Starlette(), **POLICY.middleware_arguments())
    app.cors_policy = POLICY
    return app
"""
LIB = {"PYTHONPATH": str(TEMPLATE / "tests" / "lib")}


def service(folder: Path, code: str, entrypoint: str = "main:app") -> App:
    """Write a service that is a lone main.py."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "main.py").write_text(code)
    return App(folder, entrypoint, variables=LIB)


def old(folder: Path, arguments: str) -> App:
    """Write a service with Starlette's CORSMiddleware."""
    return service(folder, OLD.format(arguments=arguments))


def found(callers: tuple[Caller, ...], origin: str) -> Caller | None:
    """Return the caller with this origin."""
    return next((each for each in callers if each.origin == origin), None)


def origins(callers: tuple[Caller, ...]) -> list[str]:
    return [each.origin for each in callers]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """From `*` with credentials to one origin."""
    folder = tmp_path_factory.mktemp("opened")
    before = old(
        folder / "old",
        'allow_origins=["*"], allow_credentials=True, allow_methods=["*"], allow_headers=["*"]',
    )
    (before.folder / "README.md").write_text(
        "CORS: call from http://localhost:3000, as in the guide."
    )
    after = service(folder / "new", NEW, "main:create_app")
    return compare(before, after)


def test_the_listed_origin_still_can(opened: Comparison) -> None:
    caller = found(opened.still, "https://app.acme.com")
    assert caller
    assert caller.in_words(True) == "GET, POST, PUT; headers content-type"
    assert caller.in_words(False) == caller.in_words(True)


def test_every_site_is_one_line_not_examples(opened: Comparison) -> None:
    lost = found(opened.no_longer, EVERY_SITE)
    assert lost
    assert lost.in_words(True).startswith("GET, POST, PUT, PATCH, DELETE")
    assert not [each for each in origins(opened.no_longer) if "evil" in each or each == "null"]
    text = as_markdown(opened)
    assert "**Every site could read responses and no longer can, with the user's cookies.**" in text


def test_what_a_listed_origin_lost_is_named(opened: Comparison) -> None:
    lost = found(opened.no_longer, "https://app.acme.com")
    assert lost
    assert lost.in_words(True) == "PATCH, DELETE; headers authorization, any other"


def test_origins_in_the_documents_are_asked(opened: Comparison) -> None:
    assert found(opened.no_longer, "http://localhost:3000")
    assert not found(opened.still, "http://localhost:3000")


def test_forms_of_other_sites_are_compared(opened: Comparison) -> None:
    assert (opened.forms_before, opened.forms_now) == (True, False)
    assert "A form that any site posts reached the old app" in as_markdown(opened)


def test_a_look_alike_says_what_it_imitates(tmp_path: Path) -> None:
    regex = r'allow_origin_regex=r"https://.*acme\.com", allow_origins=["https://app.acme.com"]'
    before = old(tmp_path / "old", regex)
    # As some do, to have it outside of the middleware for errors.
    wrapped = f"app = CORSMiddleware(Starlette(), {regex})\n"
    (before.folder / "main.py").write_text(OLD.partition("app =")[0] + wrapped)
    after = old(tmp_path / "new", 'allow_origins=["https://app.acme.com", "https://new.acme.com"]')
    result = compare(before, after)
    lost = found(result.no_longer, "https://evil-app.acme.com")
    assert lost
    assert lost.note == "ends like https://app.acme.com"
    example = found(result.no_longer, "https://xacme.com")
    assert example
    assert example.note == r"an example of https://.*acme\.com"
    assert origins(result.still) == ["https://app.acme.com", "https://new.acme.com"]
    assert result.now == ()
    assert "`https://evil-app.acme.com` (ends like https://app.acme.com)" in as_markdown(result)


def test_an_app_is_asked_under_a_host_it_accepts(tmp_path: Path) -> None:
    after = old(tmp_path / "new", 'allow_origins=["https://app.acme.com"]')
    before = old(tmp_path / "old", 'allow_origins=["https://app.acme.com"]')
    trusted = "from starlette.middleware.trustedhost import TrustedHostMiddleware as Hosts\n"
    with (before.folder / "main.py").open("a") as file:
        file.write(f"{trusted}app.add_middleware(Hosts, allowed_hosts=['*.acme.com'])\n")
    result = compare(before, after)
    assert origins(result.still) == ["https://app.acme.com"]
    assert (result.no_longer, result.now) == ((), ())


def test_a_slash_in_a_list_allows_nobody(tmp_path: Path) -> None:
    """Browsers send no slash, so what was listed with one could never call."""
    before = old(tmp_path / "old", 'allow_origins=["https://app.acme.com/"]')
    after = old(tmp_path / "new", 'allow_origins=["https://app.acme.com"]')
    result = compare(before, after)
    assert origins(result.now) == ["https://app.acme.com"]
    assert (result.still, result.no_longer) == ((), ())


@pytest.mark.parametrize("methods", ["['GET']", "['GET', 'POST']", "['*']"])
def test_a_header_is_asked_with_a_method_that_both_allow(tmp_path: Path, methods: str) -> None:
    """Starlette refuses the preflight for a header with a method that is not in its list."""
    who = 'allow_origins=["https://app.acme.com"], allow_headers=["X-Tenant"]'
    before = old(tmp_path / "old", f"{who}, allow_methods=['GET', 'DELETE']")
    result = compare(before, old(tmp_path / "new", f"{who}, allow_methods={methods}"))
    kept = found(result.still, "https://app.acme.com")
    assert kept
    assert "x-tenant" in kept.in_words(False)
    new = found(result.now, "https://app.acme.com")
    assert new is None or "headers" not in new.in_words(False)


MOUNTED = """
import os
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

def answer(request):
    open("asked", "a").write(request.method)
    return PlainTextResponse(os.environ.get("CORS_LEFT_OVER", ""))

async def silent(request):
    import asyncio
    await asyncio.sleep(60)

items = Route("/items", answer, methods=["GET", "POST", "DELETE"])
public = CORSMiddleware(Starlette(routes=[items]), allow_origins=["*"])
app = Starlette(routes=[Mount("/public", public), items, Route("/silent", silent)])
"""


def test_paths_with_a_policy_of_their_own_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("compare.SECONDS_FOR_A_RESPONSE", 2)
    before = service(tmp_path / "old", MOUNTED)
    after = old(tmp_path / "new", "allow_origins=()")
    result = compare(before, after, paths=["/public/items", "/items", "/silent"])
    (lost,) = result.no_longer
    assert (lost.origin, lost.paths) == (EVERY_SITE, ("/public/items",))
    assert "**every site** at `/public/items`" in as_markdown(result)
    assert result.not_compared == ("`/silent`: no response within 2 seconds.",)
    # No write reaches a handler.
    assert set((before.folder / "asked").read_text()) == set("GET")


FAILS = {
    "import": ("import nothing_of_this_name", "ModuleNotFoundError: No module named"),
    "exit": (
        "raise SystemExit('two errors\\n  CORS006 error: a slash.')",
        "CORS006 error: a slash.",
    ),
    "secret": ("raise OSError('no route to postgresql://me:hunter2@db')", "//***@db"),
    "dies": (
        "import os, sys; print('out of memory', file=sys.stderr); os._exit(3)",
        "out of memory",
    ),
    "settings": (
        "from pydantic import BaseModel\n"
        "class Settings(BaseModel):\n  port: int\n"
        "Settings(port='hunter2')",
        "ValidationError: port: Input should be a valid integer",
    ),
    "rows of signs": (
        "from pydantic import BaseModel, field_validator\n"
        "class Settings(BaseModel):\n  user: str\n"
        "  @field_validator('user')\n"
        "  def check(cls, value): raise ValueError('\\n' + '=\\n' * 99 + 'Set USER!\\n=')\n"
        "Settings(user='hunter2')",
        "ValidationError: user: Value error, = Set USER! =",
    ),
    "hangs": ("import time; time.sleep(60)", "no answer within 2 seconds"),
}


@pytest.mark.parametrize("case", FAILS)
def test_an_app_that_does_not_start_says_why(case: str, tmp_path: Path) -> None:
    code, reason = FAILS[case]
    before, after = service(tmp_path / "old", code), old(tmp_path / "new", "allow_origins=()")
    seconds = 2 if case == "hangs" else 60
    result = compare(before, after, origins=["https://app.acme.com"], seconds=seconds)
    assert (result.still, result.no_longer, result.now) == ((), (), ())
    text = as_markdown(result)
    assert "The old app does not start (main:app)" in text
    assert reason in text
    assert "hunter2" not in text
    assert "nothing was compared, neither from https://app.acme.com" in text


def test_a_python_that_is_missing_is_said(tmp_path: Path) -> None:
    after = service(tmp_path / "new", NEW, "main:create_app")
    before = App(tmp_path / "new", "main:app", python=tmp_path / "python")
    result = compare(before, after)
    assert str(tmp_path / "python") in result.not_compared[0]


def test_apps_do_not_see_the_variables_of_this_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORS_ORIGINS", "https://left.acme.com")
    monkeypatch.setenv("ENVIRONMENT", "production")
    code = "import os\nraise SystemExit(sorted({'CORS_ORIGINS', 'ENVIRONMENT'} & {*os.environ}))"
    before = service(tmp_path / "old", code)
    assert "main:app): []" in compare(before, before).not_compared[0]
    assert os.listdir(before.folder) == ["main.py"]
