"""The core serves and imports no tool; the wheel holds the core alone, and starts and checks.

What each module imports is read from its source, so that a late import counts like any other.
"""

import ast
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from .project import BIN, TEMPLATE, clean_environment, example, git, render, run, run_suite
from .releases import NoHistoryError, commits

CORS = TEMPLATE / "template" / "{{ package_path }}" / "cors"
OWNED = ("main", "settings", "routes")


def module_of(path: Path) -> str:
    """Return a module's dotted name below `cors`: `origin`, `tool.cli`."""
    return ".".join(path.relative_to(CORS).with_suffix("").parts).removesuffix(".__init__")


def imported(path: Path) -> Iterator[str]:
    """Yield the dotted names below the package that a module imports, as in `cors.origin`."""
    here = ["cors", *path.relative_to(CORS).parent.parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = here[: len(here) - node.level + 1]
            parts = [*base, *(node.module or "").split(".")] if node.module else base
            yield ".".join(parts)
            yield from (".".join([*parts, alias.name]) for alias in node.names)


def is_for_types_only(path: Path, name: str) -> bool:
    """Whether a module imports this name only for the type checker."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            module = name.rpartition(".")[2]
            return any(module in ast.unparse(each) for each in node.body)
    return False


CORE = sorted(path for path in CORS.rglob("*.py") if "tool" not in path.relative_to(CORS).parts)
EVERYTHING = sorted(CORS.rglob("*.py"))


def test_the_core_imports_neither_tools_nor_owned_files() -> None:
    for path in CORE:
        for name in imported(path):
            assert not name.startswith("cors.tool"), f"{path.name} imports {name}"
            assert name.startswith("cors"), f"{path.name} imports {name}, which is the owner's"


def test_the_tools_import_no_owned_file() -> None:
    for path in EVERYTHING:
        for name in imported(path):
            assert name.partition(".")[0] not in OWNED, f"{path.name} imports {name}"


def test_there_is_no_import_cycle() -> None:
    modules = {module_of(path): path for path in EVERYTHING}
    graph = {
        module: {
            name.removeprefix("cors.")
            for name in imported(path)
            if name.removeprefix("cors.") in modules
            and name.removeprefix("cors.") != module
            and not is_for_types_only(path, name)
        }
        for module, path in modules.items()
    }
    assert graph["app"] >= {"middleware", "rules"}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"import cycle: {' -> '.join(error.args[1])}")


def test_a_start_reads_each_dotenv_file_once(cookies_service: Path) -> None:
    code = """
import sys
opened = []
sys.addaudithook(lambda event, args: event == "open" and opened.append(str(args[0])))
import orders_api.main
names = ("typer", "rich", "yaml", "h11", "publicsuffixlist", "difflib", "ast")
tools = [name for name in sys.modules if ".cors.tool" in name]
print([path.rpartition("/")[2] for path in opened if "/.env" in path], tools)
print([name for name in names[:4] + names[4:5] if name in sys.modules])
"""
    result = run(cookies_service, "python", "-c", code, ENVIRONMENT="production")
    assert result.stdout.splitlines() == ["['.env.production'] []", "[]"], result.stderr


# --- The wheel --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a service, built as its owner builds it."""
    folder = render(tmp_path_factory.mktemp("wheel") / "orders-api", example("spa-cookies"))
    uv = [str(BIN / "uv"), "build", "--wheel", "--quiet", "--python", sys.executable]
    subprocess.run(uv, cwd=folder, env=clean_environment(), check=True)
    (built,) = (folder / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment that has the wheel and what it depends on, and no more."""
    folder = tmp_path_factory.mktemp("installed")
    uv = str(BIN / "uv")
    for command in (
        [uv, "venv", "--quiet", "--python", sys.executable, "venv"],
        [uv, "pip", "install", "--quiet", "--python", "venv/bin/python", str(wheel)],
    ):
        subprocess.run(command, cwd=folder, env=clean_environment(), check=True)
    return folder / "venv" / "bin"


def in_image(installed: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command where there is nothing but the wheel and the variables of the process."""
    environment = {"PATH": os.environ["PATH"], "COLUMNS": "80"} | variables
    return subprocess.run(
        [str(installed / command[0]), *command[1:]],
        cwd=installed.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


GOOD = {
    "ENVIRONMENT": "production",
    "CORS_ALLOWED_ORIGINS": "https://app.acme.com",
    "CORS_ALLOW_METHODS": "GET,POST,PUT,PATCH,DELETE",
}


def test_the_wheel_holds_the_core_and_no_tool(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert not [name for name in names if "/tool" in name]
    for path in CORE:
        assert f"orders_api/cors/{path.relative_to(CORS).as_posix()}" in names


def test_the_wheel_starts_from_variables_alone(installed: Path) -> None:
    code = "import orders_api.main as m; print(m.app.cors_policy.allow_origins)"
    result = in_image(installed, "python", "-c", code, **GOOD)
    assert result.stdout == "('https://app.acme.com',)\n", result.stderr


def test_the_wheel_checks_itself(installed: Path) -> None:
    for command in (("cors",), ("python", "-m", "orders_api.cors")):
        good = in_image(installed, *command, "check", **GOOD)
        assert (good.returncode, good.stdout) == (0, "production: no findings.\n"), good.stderr
        bad = in_image(
            installed, *command, "check", **(GOOD | {"CORS_ALLOWED_ORIGINS": "https://a.b/"})
        )
        assert bad.returncode == 1
        assert "CORS006 error: CORS_ALLOWED_ORIGINS (the process environment)" in bad.stdout
        assert "write `https://a.b`" in bad.stdout


@pytest.mark.parametrize("name", ["show", "rules", "explain", "probe", "lab"])
def test_the_wheel_says_how_to_get_a_tool(installed: Path, name: str) -> None:
    result = in_image(installed, "cors", name, "--anything", "https://app.acme.com", **GOOD)
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert f"`cors {name}` is a development tool and not installed here" in line
    assert "uv sync" in line


def test_wrong_use_of_the_check_is_said_in_a_line(installed: Path) -> None:
    for arguments in (("check", "--alll"), ("check", "x"), ("chek",), ()):
        result = in_image(installed, "cors", *arguments, **GOOD)
        assert result.returncode == 2, arguments
        assert "Traceback" not in result.stderr


# --- Files of owners, which no update touches --------------------------------------------------


def test_files_of_owners_from_the_first_release_work(tmp_path: Path) -> None:
    try:
        commit = commits()["1.0.0"]
    except NoHistoryError as error:
        pytest.skip(str(error))
    project = render(tmp_path / "orders-api", example("spa-cookies"))
    package = "template/src/{{ package_name }}"
    for name, path in {
        "src/orders_api/main.py": f"{package}/main.py",
        "src/orders_api/settings.py": f"{package}/settings.py",
        "tests/conftest.py": "template/tests/conftest.py",
    }.items():
        (project / name).write_text(git(TEMPLATE, "show", f"{commit}:{path}"))
    suite = run_suite(project)
    assert suite.returncode == 0, suite.stdout
    assert run(project, "mypy").returncode == 0
    shutil.rmtree(project / "src" / "orders_api" / "cors" / "tool")
    started = run(project, "python", "-c", "import orders_api.main", ENVIRONMENT="production")
    assert started.returncode == 0, started.stderr
