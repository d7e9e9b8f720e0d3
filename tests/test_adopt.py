"""Existing services move in by one command; refused or interrupted, they stay as they were."""

import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import adopt
import pytest
from compare import Caller, Comparison
from moving import Move, name_old_pin, pip_version, said
from proof import Proof, Result, command, environment, in_development, tests, without_suite
from proposal import propose
from survey import survey

from .project import clean_environment, git, run, run_suite

SERVICES = Path(__file__).with_name("adopt")
BRANCH = adopt.BRANCH
Snapshot = tuple[str, str, dict[str, bytes]]


def service(folder: Path, name: str, prefix: str = "") -> Path:
    """Put a service into a git repository, below `prefix`, and return its folder."""
    shutil.copytree(SERVICES / name, folder / prefix, dirs_exist_ok=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "config", "user.name", "Ada")
    git(folder, "config", "user.email", "ada@acme.com")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "A service")
    return folder / prefix


def snapshot(repository: Path) -> Snapshot:
    """Return the branches, what is checked out, and every file with its content."""
    paths = (path for path in repository.rglob("*") if ".git" not in path.parts and path.is_file())
    contents = {path.relative_to(repository).as_posix(): path.read_bytes() for path in paths}
    branches = git(repository, "for-each-ref", "--format=%(refname) %(objectname)", "refs/heads")
    return branches, git(repository, "symbolic-ref", "HEAD"), contents


def move_in(folder: Path, *options: str) -> int:
    """Run the command as `make adopt … DEFAULTS=1` does, by the Python of these tests."""
    with patch.dict(os.environ, clean_environment(), clear=True):
        return adopt.main([str(folder), "--defaults", "--python", sys.executable, *options])


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Render three files in the place of the template, and run nothing."""

    def render(move: Move, **_: object) -> None:
        code = move.folder / move.package_path / "cors" / "app.py"
        code.parent.mkdir(parents=True)
        code.write_text("")
        for name in move.environments:
            (move.folder / f".env.{name}").write_text(f"ENVIRONMENT={name}\n")
        (move.folder / "tests" / "cors").mkdir(parents=True)
        (move.folder / "tests" / "cors" / "__init__.py").write_text("")
        (move.folder / move.answers_file).write_text("development_origins: ''\n")

    monkeypatch.setattr(adopt, "render", render)
    monkeypatch.setattr(adopt, "prove", lambda *_: Proof(problem="it was not asked for"))


# --- Four shapes --------------------------------------------------------------------------------

ORIGINS = (
    'origins = os.getenv("ALLOWED_ORIGINS", "http://localhost:5173,https://acme.com").split(",")'
)
EDITED = {
    "uv_src": (
        "src/shop/main.py",
        "-from fastapi import FastAPI, Response, WebSocket\n"
        "-from fastapi.middleware.cors import CORSMiddleware\n"
        "+from fastapi import Response, WebSocket\n"
        "+from .cors.app import CORSFastAPI\n"
        "+from .cors.settings import CORSSettings\n"
        '-app = FastAPI(title="Shop", version="3.2.0")\n'
        "+app = CORSFastAPI(cors=CORSSettings.load().cors_policy(), "
        'title="Shop", version="3.2.0")\n'
        "-app.add_middleware(\n-    CORSMiddleware,\n"
        '-    allow_origins=["*"],\n-    allow_credentials=True,\n'
        '-    allow_methods=["*"],\n-    allow_headers=["*"],\n-)\n',
    ),
    "requirements_app": (
        "app/main.py",
        "-from fastapi import Depends, FastAPI\n-from fastapi.middleware import Middleware\n"
        "+from fastapi import Depends\n"
        "-from starlette.middleware.cors import CORSMiddleware\n"
        "+from app.cors.app import CORSFastAPI\n"
        "+from app.cors.settings import CORSSettings\n"
        "-app = FastAPI(\n"
        "+app = CORSFastAPI(\n+    cors=CORSSettings.load().cors_policy(),\n"
        "-        Middleware(\n-            CORSMiddleware,\n"
        "-            allow_origins=settings.origins,\n"
        '-            allow_methods=["GET", "POST"],\n'
        '-            allow_headers=["Authorization", "Content-Type"],\n-        ),\n',
    ),
    "lone_main": (
        "main.py",
        "-from fastapi import FastAPI\n-from fastapi.middleware.cors import CORSMiddleware\n"
        "-app = FastAPI()\n"
        "+from lone_main.cors.app import CORSFastAPI\n"
        "+from lone_main.cors.settings import CORSSettings\n"
        f"-{ORIGINS}\n"
        "+app = CORSFastAPI(cors=CORSSettings.load().cors_policy())\n"
        '-app.add_middleware(CORSMiddleware, allow_origins=origins, allow_methods=["*"])\n'
        f"+{ORIGINS}\n",
    ),
    "poetry_backend": (
        "backend/billing/api.py",
        "-from fastapi.middleware.cors import CORSMiddleware\n"
        "+from billing.cors.app import CORSFastAPI\n"
        "+from billing.cors.settings import CORSSettings\n"
        "-    app = FastAPI(debug=testing)\n"
        "-    app.add_middleware(CORSMiddleware, allow_origins=Config.ORIGINS,\n"
        '-                       allow_methods=["GET", "DELETE"],\n'
        '-                       allow_headers=["X-Tenant"], expose_headers=["X-Total-Count"],\n'
        "-                       max_age=3600)\n"
        "+    app = CORSFastAPI(cors=CORSSettings.load().cors_policy(), debug=testing)\n",
    ),
}
# What a move may touch besides the managed folders.
TOUCHED = re.compile(
    r"(backend/)?(\.copier-answers\.yml|\.env\.\w+|\.gitignore|cors-adoption\.md|pyproject\.toml|"
    r"requirements(-dev)?\.txt|lone_main/__init__\.py|(src/\w+|\w+)/cors/.+)"
)


@pytest.mark.parametrize("name", EDITED)
def test_a_service_moves_in_by_one_command(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository = tmp_path / name
    service(repository, name)
    before = snapshot(repository)
    assert move_in(repository) == 0, capsys.readouterr().err
    assert git(repository, "status", "--porcelain") == ""
    assert git(repository, "branch", "--show-current").strip() == BRANCH

    file, expected = EDITED[name]
    changed = git(repository, "diff", "--name-only", "main").split()
    assert [each for each in changed if each != file and not TOUCHED.fullmatch(each)] == []
    diff = git(repository, "diff", "--unified=0", "main", "--", file)
    assert "".join(re.findall(r"(?m)^[+-](?![+-]{2} ).*\n", diff)) == expected

    report = next(repository.rglob("cors-adoption.md")).read_text()
    for what in ("`cors check --all`", "`pytest tests/cors`"):
        assert f"| {what} | passed |" in report, report
    if name != "lone_main":
        assert "| your tests, after | passed |" in report, report
    assert "Not compared" not in report

    assert move_in(repository) == 0
    assert "has moved in already" in " ".join(capsys.readouterr().out.split())
    git(repository, "switch", "--quiet", "-")
    git(repository, "branch", "--quiet", "-D", BRANCH)
    assert snapshot(repository) == before


# --- Refused, or interrupted --------------------------------------------------------------------


@pytest.mark.parametrize(
    "step",
    [
        *("adopt.survey", "adopt.propose", "adopt.Workshop.clone", "moving.Move.refuse_collisions"),
        *(
            "adopt.render",
            "moving.merge_dotenv_files",
            "moving.edit_code",
            "moving.write_pyproject",
        ),
        *("moving.add_dependencies", "adopt.Workshop.commit", "adopt.prove", "adopt.as_report"),
        "adopt.Workshop.put_in_place",
    ],
)
@pytest.mark.usefixtures("quick")
def test_interrupted_at_any_step_nothing_has_changed(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = service(tmp_path, "lone_main")
    before = snapshot(tmp_path)

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(step, interrupt)
    assert move_in(folder) == 1
    assert "as it was" in capsys.readouterr().err
    assert snapshot(tmp_path) == before
    monkeypatch.undo()
    assert git(tmp_path, "worktree", "list").count("\n") == 1


@pytest.mark.parametrize("command", ["fetch", "switch"])
@pytest.mark.usefixtures("quick")
def test_interrupted_while_it_takes_its_place_nothing_has_changed(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = service(tmp_path, "lone_main")
    before, really = snapshot(tmp_path), adopt.run

    def run(*arguments: str, **options: Path | None) -> None:
        really(*arguments, **options)
        if arguments[0] == command:
            raise KeyboardInterrupt

    monkeypatch.setattr(adopt, "run", run)
    assert move_in(folder) == 1
    assert snapshot(tmp_path) == before


def uncommitted(folder: Path) -> None:
    (folder / "main.py").write_text("# mine\n" + (folder / "main.py").read_text())


def a_branch_of_that_name(folder: Path) -> None:
    git(folder, "branch", BRANCH)


def a_module_in_the_way(folder: Path) -> None:
    (folder / "tests" / "cors").mkdir(parents=True)
    (folder / "tests" / "cors" / "test_ours.py").write_text("")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "Ours")


def an_ignored_dotenv_file(folder: Path) -> None:
    (folder / ".gitignore").write_text(".env.*\n")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "Ignore")
    (folder / ".env.production").write_text("SECRET=hunter2\n")


def no_repository(folder: Path) -> None:
    shutil.rmtree(folder / ".git")


def no_app(folder: Path) -> None:
    (folder / "main.py").write_text("print('hello')\n")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (uncommitted, "has changes that are not committed (main.py)"),
        (a_branch_of_that_name, f"git branch -D {BRANCH}"),
        (a_module_in_the_way, "tests/cors is in the way"),
        (an_ignored_dotenv_file, "mv .env.production .env.production.local"),
        (no_repository, "git init"),
        (no_app, "calls FastAPI(…)"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
@pytest.mark.usefixtures("quick")
def test_a_refusal_says_what_to_do_and_changes_nothing(
    spoil: Callable[[Path], None],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = service(tmp_path / "orders", "lone_main")
    spoil(folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert move_in(folder) == 1
    printed = capsys.readouterr()
    assert message in " ".join(printed.err.split())
    assert "hunter2" not in printed.out + printed.err
    unlike = {".git"} if spoil is no_repository else set()
    assert {
        path: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not unlike & set(path.parts)
    } == before


def test_arguments_that_are_wrong_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert adopt.main([""]) == 2
    assert "make adopt SERVICE=" in capsys.readouterr().err
    assert adopt.main([str(tmp_path / "missing")]) == 2
    folder = service(tmp_path / "orders", "lone_main")
    (tmp_path / "answers.yml").write_text("production_origin: https://app.acme.com\n")
    assert adopt.main([str(folder), "--answers", str(tmp_path / "answers.yml")]) == 2
    assert "did you mean `production_origins`?" in " ".join(capsys.readouterr().err.split())


# --- What is kept, and what a person has to do --------------------------------------------------


@pytest.mark.usefixtures("quick")
def test_an_app_that_is_made_unusually_is_left_alone(tmp_path: Path) -> None:
    folder = service(tmp_path / "orders", "lone_main")
    text = (folder / "main.py").read_text().replace("FastAPI()", "Own()")
    own = "class Own(FastAPI):\n    pass\n\n\napp = "
    (folder / "main.py").write_text(text.replace("app = ", own, 1))
    git(folder, "commit", "--quiet", "-a", "-m", "Our own class")
    assert move_in(folder) == 0
    assert git(folder, "diff", "main", "--", "main.py") == ""
    report = (folder / "cors-adoption.md").read_text()
    assert "Nothing was edited in your code, because main.py:11 calls Own, not FastAPI." in report
    assert "  from orders.cors.app import CORSFastAPI\n" in report
    assert "Remove the CORSMiddleware in main.py, lines 15-15." in report


def test_what_is_named_beside_an_open_list_is_kept(tmp_path: Path) -> None:
    """As where development allows everything and production a list."""
    lists = 'allow_methods=["PURGE"], allow_headers=["X-Request-ID"]'
    (tmp_path / "main.py").write_text(
        "from fastapi import FastAPI\nfrom starlette.middleware.cors import CORSMiddleware\n"
        "app = FastAPI()\nif app.debug:\n    app.add_middleware(CORSMiddleware, "
        'allow_methods=["*"], allow_headers=["*"])\n'
        f"else:\n    app.add_middleware(CORSMiddleware, {lists})\n"
        "@app.get('/')\ndef read(): ...\n"
    )
    answers = propose(survey(tmp_path)).answers
    assert answers["allow_methods"] == "GET,PURGE"
    assert answers["request_headers"] == "Content-Type,X-Request-ID"


def test_a_service_with_local_origins_alone_is_asked_for_more(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(
        "from fastapi import FastAPI\nfrom starlette.middleware.cors import CORSMiddleware\n"
        "app = FastAPI()\n"
        "app.add_middleware(CORSMiddleware, allow_origins=['http://localhost:3000'])\n"
    )
    found = survey(tmp_path)
    proposal = propose(found)
    assert any("No origin of production was found" in note.text for note in proposal.notes)
    move = Move(found, folder=tmp_path, before=tmp_path, answers=proposal.answers)
    lost = Caller("http://localhost:3000", frozenset())
    assert "In development these still can: `http://localhost:3000`." in in_development(
        move, Comparison(no_longer=(lost,))
    )


@pytest.mark.usefixtures("quick")
def test_lines_of_their_dotenv_files_stay(tmp_path: Path) -> None:
    folder = service(tmp_path / "orders", "lone_main")
    (folder / ".env.production").write_text("# Ours\nENVIRONMENT=prod\nDATABASE_URL=sqlite://\n")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "Our variables")
    assert move_in(folder) == 0
    text = (folder / ".env.production").read_text()
    assert text == "ENVIRONMENT=production\n# Ours\nDATABASE_URL=sqlite://\n"
    report = (folder / "cors-adoption.md").read_text()
    assert ".env.production: its line for ENVIRONMENT gave way" in report.replace("\\_", "_")
    assert "calls an environment 'prod'" in report


@pytest.mark.usefixtures("quick")
def test_variables_that_would_stop_the_start_are_named(tmp_path: Path) -> None:
    folder = service(tmp_path / "ledger", "requirements_app")
    (folder / ".env.staging").write_text("CORS_ORIGINS=https://staging.acme.com\nDEBUG=1\n")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "Our variables")
    assert move_in(folder) == 0
    assert (folder / ".env.staging").read_text() == "ENVIRONMENT=staging\nDEBUG=1\n"
    report = (folder / "cors-adoption.md").read_text().replace("\\_", "_")
    assert "Take CORS_ORIGINS out of the process" in report
    assert "`https://staging.acme.com`" in report


def test_their_tests_run_without_the_suite(tmp_path: Path) -> None:
    """Of a folder that is named in testpaths, pytest ignores nothing."""
    before, after = tmp_path / "before", tmp_path / "after"
    for folder, paths in ((before, ["src"]), (after, ["src", "tests/cors"])):
        (folder / "src").mkdir(parents=True)
        (folder / "src" / "test_ours.py").write_text("def test_ours(): ...\n")
        (folder / "pyproject.toml").write_text(f"[tool.pytest.ini_options]\ntestpaths={paths}\n")
    (after / "tests" / "cors").mkdir(parents=True)
    (after / "tests" / "cors" / "test_theirs.py").write_text("def test_theirs(): ...\n")
    move = Move(survey(before), folder=after, before=before, answers={})
    assert tests(after, sys.executable, *without_suite(move)).last.startswith("1 passed")


@pytest.mark.usefixtures("quick")
def test_tests_of_the_old_policy_are_named(tmp_path: Path) -> None:
    folder = service(tmp_path / "orders", "lone_main")
    text = "import main\nfrom starlette.middleware.cors import CORSMiddleware\n"
    (folder / "test_policy.py").write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "A test")
    assert move_in(folder) == 0
    report = (folder / "cors-adoption.md").read_text().replace("\\_", "_")
    assert "Look at the tests in test_policy.py:2, which import CORSMiddleware" in report


@pytest.mark.usefixtures("quick")
def test_environments_by_other_names_are_named_once(tmp_path: Path) -> None:
    """With ENVIRONMENT=PRODUCTION in the process, the policy finds no dotenv file."""
    folder = service(tmp_path / "orders", "lone_main")
    (folder / "compose.yaml").write_text("x:\n  ENVIRONMENT: PRODUCTION\n")
    names = 'class Settings(BaseSettings):\n    ENVIRONMENT: Literal["LOCAL", "STG"]\n'
    (folder / "config.py").write_text(f"from pydantic_settings import BaseSettings\n{names}")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "Our names")
    assert move_in(folder) == 0
    report = (folder / "cors-adoption.md").read_text()
    assert "config.py:3 calls environments 'LOCAL', 'STG'" in report
    assert "development for LOCAL, production for STG." in report
    assert "compose.yaml:2 calls an environment 'PRODUCTION'" in report


@pytest.mark.parametrize(
    ("line", "pin"),
    [
        ("fastapi==0.115.0", "fastapi back (==0.115.0)"),
        ("fastapi[standard]~=0.100.0", "fastapi back (~=0.100.0)"),
        ("fastapi<0.120,>=0.1", "fastapi back (&lt;0.120,>=0.1)"),
        ("starlette == 1.3.1  # ours", "starlette back (== 1.3.1)"),
        ("fastapi>=0.115", ""),
        ("fastapi==0.140.2", ""),
        ("fastapi~=0.100", ""),
        ("fastapi-users==10.1", ""),
    ],
)
@pytest.mark.usefixtures("quick")
def test_a_pin_that_is_too_old_is_named(tmp_path: Path, line: str, pin: str) -> None:
    folder = service(tmp_path / "orders", "lone_main")
    (folder / "requirements.txt").write_text(f"uvicorn\n{line}\n")
    git(folder, "commit", "--quiet", "-a", "-m", "Pin")
    assert move_in(folder) == 0
    report = (folder / "cors-adoption.md").read_text()
    named = re.findall(r"requirements.txt:2 holds (.*), and the policy", report)
    assert named == [pin] * bool(pin)


@pytest.mark.parametrize(
    "line", ['fastapi = "^0.111.0"', 'fastapi = {extras = ["all"], version = "~0.115"}']
)
def test_a_pin_of_poetry_is_why_nothing_was_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.setattr("proof.command", lambda *_: Result(False, ("error: no",)))
    (tmp_path / "pyproject.toml").write_text(f"[tool.poetry.dependencies]\n{line}\n")
    move = Move(survey(tmp_path), folder=tmp_path, before=tmp_path, answers={})
    name_old_pin(move, "pyproject.toml")
    assert "pyproject.toml:2 holds fastapi back" in environment(move)[1]


def test_a_line_that_nobody_reads_is_cut(tmp_path: Path) -> None:
    done = command(tmp_path, sys.executable, "-c", "print('DB_USER is not set! ' * 999)")
    assert len(done.last) < 400
    assert len(said("error: " + "git fetch " * 999)) < 400


def test_the_cause_of_a_conflict_is_said() -> None:
    assert said("error: No solution.\n  cause: Because a needs b<1.\n  And c.") == (
        "error: No solution: Because a needs b<1"
    )


@pytest.mark.parametrize(
    ("poetry", "pip"),
    [
        *(("*", ""), ("^1.2.3", ">=1.2.3,<2"), ("^0.115", ">=0.115,<0.116")),
        *(("~1.2", ">=1.2,==1.2.*"), (">=1,<3", ">=1,<3"), ("1.2.3", "==1.2.3")),
    ],
)
def test_versions_of_poetry_are_read(poetry: str, pip: str) -> None:
    assert pip_version(poetry) == pip


@pytest.mark.usefixtures("quick")
def test_the_answers_to_another_template_stay(tmp_path: Path) -> None:
    folder = service(tmp_path / "orders", "lone_main")
    (folder / ".copier-answers.yml").write_text("_src_path: gh:acme/template\n")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "From another template")
    assert move_in(folder) == 0
    assert git(folder, "diff", "main", "--", ".copier-answers.yml") == ""
    assert (folder / ".copier-answers.cors.yml").exists()
    assert move_in(folder) == 0


@pytest.mark.usefixtures("quick")
def test_answers_in_a_file_replace_those_that_are_proposed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = service(tmp_path / "orders", "uv_src")
    (tmp_path / "answers.yml").write_text("production_origins: https://shop.acme.com\n")
    assert move_in(folder, "--answers", str(tmp_path / "answers.yml")) == 0
    assert "production_origins  https://shop.acme.com" in capsys.readouterr().out


def test_the_generated_suite_refuses_the_old_app(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where no edit was made, and nobody wrote the three lines."""
    monkeypatch.setattr(adopt, "prove", lambda *_: Proof(problem="it was not asked for"))
    folder = service(tmp_path / "orders", "uv_src")
    assert move_in(folder) == 0
    git(folder, "checkout", "main", "--", "src/shop/main.py")
    suite = run_suite(folder, "tests/cors/test_configuration.py", "tests/cors/test_allowed.py")
    assert suite.returncode == 1
    assert "CORSFastAPI" in suite.stdout
    checked = run(folder, "python", "-m", "shop.cors", "check", "-e", "production")
    assert checked.returncode == 1
    assert "CORS034 error" in checked.stdout
    assert "is not a CORSFastAPI" in checked.stdout
    pyproject = folder / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace('"shop.main:app"', '"shop.api:app"'))
    checked = run(folder, "python", "-m", "shop.cors", "check", "-e", "production")
    assert "write where your app is into pyproject.toml" in checked.stdout
