"""What a move has changed, found by running the service before and after it, in a clone.

Who may call is compared by `compare`. Then `cors check`, the generated suite, and the service's own
tests before and after. Everything runs in the service's own environment, or in one that is made
from its dependencies.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from compare import App, Comparison, as_markdown, compare
from moving import (
    DEPENDENCIES,
    FOR_DEVELOPMENT,
    Move,
    pip_version,
    program,
    said,
    shortened,
    testpaths,
)
from tables import code

# For each command. A suite that waits for a database that is not there never ends.
SECONDS = 300
SUITE = "tests/cors"
NEEDS_VARIABLES = (
    "\nThe clone has no `.env`. If that is the reason, set what the service needs as variables of "
    "your shell, such as `DATABASE_URL`, undo this move and repeat it. Variables whose names begin "
    "with `CORS_`, `ENVIRONMENT`, `FASTAPI_` or `PYTHON` are not passed on.\n"
)


@dataclass(frozen=True, slots=True)
class Result:
    """What a command did: whether it passed, and the last lines that it printed."""

    passed: bool
    tail: tuple[str, ...]
    in_time: bool = True

    @property
    def last(self) -> str:
        """The last line, such as `3 passed in 0.12s`."""
        return self.tail[-1] if self.tail else "it printed nothing"


@dataclass(frozen=True, slots=True)
class Proof:
    """The comparison as Markdown, and each result; None where there was nothing to run.

    `problem` says why nothing could be run at all.
    """

    comparison: str = ""
    check: Result | None = None
    suite: Result | None = None
    own_before: Result | None = None
    own_after: Result | None = None
    problem: str = ""


def prove(move: Move, python: str = "") -> Proof:
    """Compare the service before and after, by `python`, or in an environment made for it."""
    interpreter, problem = (absolute(python), "") if python else environment(move)
    if problem:
        return Proof(problem=problem)
    folders = (move.before, move.folder)
    entrypoint = move.entrypoint
    environment_name = "production" if "production" in move.environments else "development"
    old, new = (
        App(folder, entrypoint, interpreter, variables)
        for folder, variables in zip(folders, ({}, {"ENVIRONMENT": environment_name}), strict=True)
    )
    found = compare(old, new, origins=move.found.origins_seen, methods=move.found.methods)
    before = tests(move.before, interpreter) if move.found.tests else None
    can_be_compared = before is not None and before.in_time
    comparison = as_markdown(found, f"Who may call, before and in {environment_name} now")
    if not found.origins:
        comparison += NEEDS_VARIABLES
    elif environment_name == "production":
        comparison += in_development(move, found)
    return Proof(
        comparison=comparison,
        check=command(move.folder, interpreter, "-m", f"{move.package}.cors", "check", "--all"),
        suite=command(move.folder, interpreter, "-m", "pytest", "-q", SUITE),
        own_before=before,
        own_after=tests(move.folder, interpreter, *without_suite(move))
        if can_be_compared
        else None,
    )


def in_development(move: Move, found: Comparison) -> str:
    """Return a sentence on those that can call in development only, from now on."""
    listed = str(move.answers.get("development_origins") or "").split(",")
    kept = [code(each) for each in listed if each in {caller.origin for caller in found.no_longer}]
    return f"\nIn development these still can: {', '.join(kept)}.\n" if kept else ""


def absolute(python: str) -> str:
    """Return the path of an interpreter; a link, as in a virtual environment, stays one."""
    return str(Path(shutil.which(python) or python).expanduser().absolute())


def tests(folder: Path, python: str, *options: str) -> Result:
    """Run the service's own tests."""
    return command(folder, python, "-m", "pytest", "-q", *options)


def without_suite(move: Move) -> list[str]:
    """Return the options with which pytest runs what it ran before; it ignores no testpath."""
    before = testpaths(move.before / "pyproject.toml")
    paths = ["--override-ini", f"testpaths={shlex.join(before)}"] if before else []
    return [f"--ignore={SUITE}", *paths]


def command(folder: Path, *words: str) -> Result:
    """Run a command in a folder of the clone, without what this process has in its environment."""
    foreign = ("CORS_", "ENVIRONMENT", "FASTAPI_", "PYTEST_", "VIRTUAL_ENV", "PYTHON")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    paths = [str(folder / "src"), str(folder)]
    kept |= {"PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "100"}
    # In a workspace, uv would make it at the top.
    kept |= {"UV_PROJECT_ENVIRONMENT": str(folder / ".venv")}
    try:
        done = subprocess.run(
            words,
            cwd=folder,
            env=kept,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Result(False, (f"no result within {SECONDS} seconds",), in_time=False)
    except OSError as error:
        return Result(False, (f"{words[0]}: {error.strerror}",))
    printed = (done.stdout.strip() or done.stderr.strip()).splitlines()
    return Result(done.returncode == 0, tuple(map(shortened, printed[-12:])))


def environment(move: Move) -> tuple[str, str]:
    """Make an environment from the service's dependencies; return its Python, or a problem."""
    uv, folder = program("uv"), move.folder
    if not uv:
        return "", "uv is not installed, so there was no environment to run the service in"
    python = folder / ".venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    if move.found.manager == "uv":
        made = command(folder, uv, "sync", "--quiet")
    else:
        made = command(folder, uv, "venv", "--quiet", "--python", sys.executable)
        install = (uv, "pip", "install", "--quiet", "--python", str(python))
        if made.passed:
            made = command(folder, *install, *requirements(move))
    if not made.passed:
        why = " ".join(move.old_pins).rstrip(".") or said("\n".join(made.tail))
        return "", f"The service's environment could not be made ({why})"
    return str(python), ""


def requirements(move: Move) -> list[str]:
    """Return what pip is to install for a service: its lists of requirements, or itself."""
    ours = [*DEPENDENCIES, *FOR_DEVELOPMENT]
    files = sorted(move.folder.glob("*requirements*.txt"))
    if move.found.manager in ("requirements", "pip-tools") and files:
        return [word for file in files for word in ("-r", file.name)]
    if move.found.manager == "poetry":
        return [*poetry_requirements(move.folder / "pyproject.toml"), *ours]
    return ["-e", ".", *ours]


def poetry_requirements(file: Path) -> Iterator[str]:
    """Yield the lines of Poetry's tables as pip takes them; a project may be no package itself."""
    poetry = tomllib.loads(file.read_text(encoding="utf-8"))["tool"]["poetry"]
    groups = [poetry, *poetry.get("group", {}).values()]
    tables = [group.get("dependencies", {}) for group in groups]
    for table in (*tables, poetry.get("dev-dependencies", {})):
        for name, wanted in table.items():
            details = wanted if isinstance(wanted, dict) else {"version": wanted}
            version = details.get("version", "*")
            if name == "python" or not isinstance(version, str):
                continue
            extras = f"[{','.join(details['extras'])}]" if "extras" in details else ""
            yield f"{name}{extras}{pip_version(version)}"
