"""What copying and updating a service costs, against Copier's own floor.

    python benchmarks/scaffold.py [--projects 20]

Three templates take turns, so that whatever else the machine does hits them alike:

empty  asks nothing and renders the recorded answers only: Python's start, Copier, a clone
files  asks nothing and renders, as they are, the files that this template renders
this   the template as it lies in the folder, with every answer by default

Each is measured as a command, Python's start included, and as a call in a process that has
Copier loaded. An update goes from one release to a next that changes a line. "One" is the median
of all projects, "all" their sum. The ratios are given in time on the clock and in time on the
processor, Git's included; a busy machine leaves the latter alone.
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

from copier import run_copy, run_update
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
COPIER = str(Path(sys.executable).with_name("copier"))
TEMPLATES = ("empty", "files", "this")
NOT_RELEASED = shutil.ignore_patterns(".git", ".venv", ".*_cache", "__pycache__", ".hypothesis")
# What an update of the template is measured with: a line more in a managed file.
CHANGED = {"files": "template/src/orders_api/cors/policy.py"}
CHANGED["this"] = CHANGED["files"].replace("orders_api", "{{ package_name }}")

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


def make_templates(folder: Path) -> None:
    """Make the three templates, each with the releases 1.0.0 and 1.1.0."""
    shutil.copytree(ROOT, folder / "this", ignore=NOT_RELEASED, symlinks=True)
    (answers_file,) = (ROOT / "template").glob("*answers_file*")
    for name in ("empty", "files"):
        (folder / name / "template").mkdir(parents=True)
        (folder / name / "copier.yml").write_text("_subdirectory: template\n")
        shutil.copy(answers_file, folder / name / "template")
    run_copy(str(ROOT), folder / "rendered", defaults=True, quiet=True, vcs_ref="HEAD")
    (folder / "rendered" / ".copier-answers.yml").unlink()
    shutil.copytree(folder / "rendered", folder / "files" / "template", dirs_exist_ok=True)
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
    """Copy and update one project, both ways."""
    costs = {}
    source = str(template)
    costs["copy, command"] = command("copy", "--vcs-ref=1.0.0", source, str(project))
    shutil.rmtree(project)
    costs["copy, call"] = measure(
        lambda: run_copy(source, project, defaults=True, quiet=True, vcs_ref="1.0.0")
    )
    git(project, "init", "--quiet")
    commit(project, "Start")
    costs["update, command"] = command("update", str(project))
    git(project, "reset", "--quiet", "--hard")
    costs["update, call"] = measure(
        lambda: run_update(project, defaults=True, quiet=True, overwrite=True)
    )
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


def row(costs: dict[str, list[Cost]], total: Callable[[list[float]], float]) -> list[str]:
    """Return seconds on the clock by template, and the ratios by both kinds of time."""
    clock, processor = (
        {name: total([cost[kind] for cost in costs[name]]) for name in TEMPLATES} for kind in (0, 1)
    )
    ratios = [
        f"{clock['this'] / clock[floor]:.2f} / {processor['this'] / processor[floor]:.2f}"
        for floor in ("empty", "files")
    ]
    return [*(f"{seconds:.2f}" for seconds in clock.values()), *ratios]


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--projects", type=int, default=20, help="how many to copy and update")
    projects = parser.parse_args().projects
    # Says only that this folder has uncommitted changes.
    warnings.simplefilter("ignore")
    os.environ["GIT_CONFIG_GLOBAL"] = os.devnull
    table = Table("seconds", *TEMPLATES, "this : empty", "this : files")
    for action, costs in results(projects).items():
        table.add_row(f"{action}, one", *row(costs, median))
        table.add_row(f"{action}, all {projects}", *row(costs, sum))
    console = Console(width=100)
    console.print(table)
    console.print("Ratios on the clock / on the processor. Targets against empty: 1.25 and 1.50.")


if __name__ == "__main__":
    main()
