"""Rendering the template and running what it rendered: the two helpers that every test uses."""

import atexit
import json
import os
import socket
import subprocess
import sys
import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from copier import run_copy
from copier.errors import DirtyLocalWarning

from . import quick_copier

TEMPLATE = Path(__file__).resolve().parents[1]
EXAMPLES = sorted((TEMPLATE / "examples").glob("*.yml"))
BIN = Path(sys.executable).parent
REAL_BROWSER = "tests/cors/test_real_browser.py"

# What mypy knows of the libraries is the same for every service.
MYPY_CACHE = str(TEMPLATE / ".mypy_cache" / "rendered")
Completed = subprocess.CompletedProcess[str]

# What a shell may have set and what would change a policy under test.
FOREIGN = ("CORS_", "ENVIRONMENT", "FASTAPI_", "PYTEST_", "VIRTUAL_ENV", "UV_PYTHON")


def example(name: str) -> dict[str, Any]:
    """Return the answers of an example file, by its name without the ending."""
    answers = yaml.safe_load((TEMPLATE / "examples" / f"{name}.yml").read_text())
    assert isinstance(answers, dict)
    return answers


def render(destination: Path, answers: Mapping[str, Any], **options: Any) -> Path:
    """Render the template as it lies here, without trust, and return the project's folder.

    It records an address as `make new` does, so that `cors check` has nothing to say about it.
    """
    with warnings.catch_warnings():
        # While a change is under way, the template is tested as it lies in the folder.
        warnings.simplefilter("ignore", DirtyLocalWarning)
        run_copy(
            str(TEMPLATE),
            destination,
            data={"template_address": "https://git.acme.com/template.git", **answers},
            defaults=True,
            quiet=True,
            vcs_ref="HEAD",
            **options,
        )
    return destination


def clean_environment(**variables: str) -> dict[str, str]:
    """Return the process environment without what could reach into a rendered project."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    kept |= {"PYTHONPATH": "src", "NO_COLOR": "1", "COLUMNS": "200", "MYPY_CACHE_DIR": MYPY_CACHE}
    return kept | variables


def run(project: Path, *command: str | Path, **variables: str) -> Completed:
    """Run a command of this environment in a rendered project; its name is looked up beside us."""
    program = BIN / str(command[0])
    return subprocess.run(
        [str(program if program.exists() else command[0]), *map(str, command[1:])],
        cwd=project,
        env=clean_environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@cache
def warm_python() -> subprocess.Popen[str]:
    """Return the process that runs modules for `run_warm`; this process waits for it at its end."""
    process = subprocess.Popen(
        # Without the folder of the program on the path: it holds modules of these tests.
        [sys.executable, "-P", TEMPLATE / "tests" / "warm_python.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(process.communicate)
    return process


def run_warm(project: Path, module: str, *arguments: str, **variables: str) -> Completed:
    """Run a Python module in a rendered project, with the libraries of a service imported already.

    The result is that of `run(project, "python", "-m", module, …)`, in a third of the time; with
    the module -c, that of `python -c`. Not for tests of what a process imports.
    """
    server = warm_python()
    assert server.stdin
    assert server.stdout
    with TemporaryDirectory() as folder:
        job = {
            "module": module,
            "arguments": arguments,
            "folder": str(project),
            "environment": clean_environment(**variables),
            "stdout": f"{folder}/stdout",
            "stderr": f"{folder}/stderr",
            "seconds": 300,
        }
        print(json.dumps(job), file=server.stdin, flush=True)
        status = int(server.stdout.readline())
        stdout, stderr = (Path(folder, name).read_text() for name in ("stdout", "stderr"))
    return subprocess.CompletedProcess([module, *arguments], status, stdout, stderr)


def run_copier(project: Path, *arguments: str | Path, **variables: str) -> Completed:
    """Run the command `copier` for a test of the template: the quick one, in a warm Python."""
    quick = Path(quick_copier.__file__)
    variables = {"PYTHONPATH": str(quick.parent)} | variables
    return run_warm(project, quick.stem, *map(str, arguments), **variables)


def run_suite(project: Path, *arguments: str, **variables: str) -> Completed:
    """Run a rendered project's own tests, without those that take a real browser and its time."""
    return run_pytest(project, f"--ignore={REAL_BROWSER}", *arguments, **variables)


def run_real_browser(project: Path, *arguments: str, **variables: str) -> Completed:
    """Run only the tests that `run_suite` leaves out; they fail without a browser if ours would."""
    required = os.environ.get("CORS_REQUIRE_BROWSER", "")
    variables = {"CORS_REQUIRE_BROWSER": required} | variables
    return run_pytest(project, REAL_BROWSER, *arguments, **variables)


def run_pytest(project: Path, *arguments: str, **variables: str) -> Completed:
    """Run pytest in a rendered project, without the plugins that only our own tests need."""
    variables = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} | variables
    return run_warm(project, "pytest", "-q", "-p", "no:cacheprovider", *arguments, **variables)


def shell(commands: str, folder: Path) -> str:
    """Run commands of a document as a person would, who has uv and git and a name."""
    variables = {
        f"GIT_{role}_{what}": "us@acme.com"
        for role in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    environment = clean_environment(UV_PYTHON_DOWNLOADS="never", **variables)
    # A service with an environment of its own has a cache of its own.
    del environment["PYTHONPATH"], environment["MYPY_CACHE_DIR"]
    # Images of containers set it, and then each command compiles all that it imports.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["PATH"] = f"{os.environ['PATH']}:{BIN}"
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder, as nobody in particular."""
    identity = ["-c", "user.name=Tester", "-c", "user.email=tester@acme.com"]
    result = subprocess.run(
        ["git", *identity, *arguments],
        cwd=folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, f"git {' '.join(arguments)}: {result.stderr}"
    return result.stdout


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
