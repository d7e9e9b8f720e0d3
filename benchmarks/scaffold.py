"""What copying and updating a service costs, against Copier's floor and a small template.

    python benchmarks/scaffold.py [--projects 20]

Three templates take turns, so that other work on the machine hits them alike:

empty  asks nothing and renders only the recorded answers: the start of Python and Copier, a clone
small  a stand-in for a common small template: a dozen questions, 19 files, no validators
this   the template as it is in the folder, with every answer by default

Each command is measured as a whole, Python's start included. An update goes from one release to a
next one that changes a line. The figures are medians over all projects. The ratios are given in
time on the clock and in processor time, Git's included; a busy machine leaves the latter alone.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from statistics import median
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
COPIER = str(Path(sys.executable).with_name("copier"))
TEMPLATES = ("empty", "small", "this")
NOT_RELEASED = shutil.ignore_patterns(".git", ".venv", ".*_cache", "__pycache__", ".hypothesis")
# What an update of the template is measured with: a line more in a managed file.
CHANGED = {
    "small": "template/src/{{ package_name }}/core.py",
    "this": "template/{{ package_path }}/cors/policy.py",
}
LIMITS = {"copy": 1.5, "update": 1.8}

# The files of the small template, with their lines. Those that end in .jinja take an answer.
SMALL = {
    ".github/workflows/ci.yml": 45,
    ".github/workflows/publish.yml": 40,
    ".gitignore": 120,
    ".vscode/settings.json": 12,
    "LICENSE.jinja": 21,
    "Makefile": 30,
    "README.md.jinja": 60,
    "development.md.jinja": 90,
    "devtools/lint.py": 60,
    "docs/installation.md": 40,
    "docs/publishing.md": 80,
    "pyproject.toml.jinja": 150,
    "src/{{ package_name }}/__init__.py": 3,
    "src/{{ package_name }}/core.py": 20,
    "src/{{ package_name }}/py.typed": 0,
    "tests/__init__.py": 0,
    "tests/conftest.py": 10,
    "tests/test_core.py": 10,
}
SMALL_QUESTIONS = (
    *("project_name", "package_name", "description", "author", "email", "organization"),
    *("licence", "python", "copyright_year", "homepage", "keywords", "forge"),
)

# Seconds on the clock and on the processor.
Cost = tuple[float, float]


def git(folder: Path, *arguments: str) -> None:
    """Run Git, as nobody in particular."""
    identity = ("-c", "user.name=Benchmark", "-c", "user.email=benchmark@acme.com")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True)


def commit(folder: Path, message: str) -> None:
    """Commit what lies there; the templates' commits are their releases."""
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)


def make_small(folder: Path) -> None:
    """Make the small template, of filler."""
    questions = {"package_name": "{{ project_name | lower | replace(' ', '_') }}"}
    lines = ["_subdirectory: template"]
    for name in SMALL_QUESTIONS:
        default = questions.get(name, "Orders API")
        lines += [
            f"{name}:",
            "  type: str",
            f"  help: What is the {name}?",
            f'  default: "{default}"',
        ]
    (folder / "copier.yml").write_text("\n".join(lines) + "\n")
    for name, length in SMALL.items():
        path = folder / "template" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        first = "# {{ project_name }}\n" if name.endswith(".jinja") else ""
        path.write_text(first + "# A line of about as many characters as others have.\n" * length)


def make_templates(folder: Path) -> None:
    """Make the three templates, each with the releases 1.0.0 and 1.1.0."""
    shutil.copytree(ROOT, folder / "this", ignore=NOT_RELEASED, symlinks=True)
    for name in ("empty", "small"):
        (folder / name / "template").mkdir(parents=True)
        answers_file = folder / name / "template" / "{{ _copier_conf.answers_file }}.jinja"
        answers_file.write_text("{{ _copier_answers | to_nice_yaml }}")
    (folder / "empty" / "copier.yml").write_text("_subdirectory: template\n")
    make_small(folder / "small")
    for name in TEMPLATES:
        git(folder / name, "init", "--quiet")
        commit(folder / name, "Release 1.0.0")
        git(folder / name, "tag", "1.0.0")
        if name in CHANGED:
            with (folder / name / CHANGED[name]).open("a") as changed:
                changed.write("# A line more.\n")
        commit(folder / name, "Release 1.1.0")
        git(folder / name, "tag", "1.1.0")


def measure(action: Callable[[], object]) -> Cost:
    """Return what an action costs on the clock and on the processor."""
    clock, processor = time.perf_counter(), processor_time()
    action()
    return time.perf_counter() - clock, processor_time() - processor


def processor_time() -> float:
    """Return the processor time of this process and of all that it has waited for."""
    used = (getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def command(*arguments: str) -> Cost:
    """Measure a `copier` command."""
    quiet = [COPIER, *arguments, "--defaults", "--quiet"]
    return measure(lambda: subprocess.run(quiet, check=True))


def measure_once(template: Path, project: Path) -> dict[str, Cost]:
    """Copy and update one project."""
    costs = {"copy": command("copy", "--vcs-ref=1.0.0", str(template), str(project))}
    git(project, "init", "--quiet")
    commit(project, "Start")
    costs["update"] = command("update", str(project))
    return costs


def results(projects: int) -> dict[str, dict[str, list[Cost]]]:
    """Measure all templates in turn; return the costs by what was done and by template."""
    measured: dict[str, dict[str, list[Cost]]] = {}
    with TemporaryDirectory() as name:
        folder = Path(name)
        make_templates(folder)
        for number in range(projects):
            for template in TEMPLATES:
                project = folder / f"{template}-{number}"
                for action, cost in measure_once(folder / template, project).items():
                    by_template = measured.setdefault(action, {each: [] for each in TEMPLATES})
                    by_template[template].append(cost)
    return measured


def medians(costs: dict[str, list[Cost]], kind: int) -> dict[str, float]:
    """Return the median by template of the time on the clock (0) or on the processor (1)."""
    return {name: median(cost[kind] for cost in costs[name]) for name in TEMPLATES}


def main() -> int:
    """Measure, print the table, and tell by the exit status whether the limits hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--projects", type=int, default=20, help="how many to copy and update")
    projects = parser.parse_args().projects
    # Says only that this folder has uncommitted changes.
    warnings.simplefilter("ignore")
    os.environ["GIT_CONFIG_GLOBAL"] = os.devnull
    table = Table("seconds", *TEMPLATES, "this : empty", "this : small", "limit")
    failed = False
    for action, costs in results(projects).items():
        clock, processor = medians(costs, 0), medians(costs, 1)
        ratios = {
            floor: (clock["this"] / clock[floor], processor["this"] / processor[floor])
            for floor in ("empty", "small")
        }
        failed = failed or ratios["small"][1] > LIMITS[action]
        printed = (f"{on_clock:.2f} / {on_cpu:.2f}" for on_clock, on_cpu in ratios.values())
        seconds = (f"{found:.2f}" for found in clock.values())
        table.add_row(action, *seconds, *printed, f"{LIMITS[action]:.2f}")
    console = Console(width=100)
    console.print(table)
    console.print(f"Medians of {projects} projects. Ratios on the clock / on the processor.")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
