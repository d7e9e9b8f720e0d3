"""The steps of a move, in a clone of the service: each changes files and says what it did.

What a step cannot do goes into `Move.by_hand`, with file and line, and the others go on.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from edits import CannotEditError, SourceFile, enforce, finish, remove_policy
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version
from survey import App, OldPolicy, Survey, git

ANSWERS_FILE = ".copier-answers.yml"
# Where a service is made from another template, whose answers are in the former.
OTHER_ANSWERS_FILE = ".copier-answers.cors.yml"
DAYS_OF_REPORTS = 14
LONGEST_LINE = 300
# What the rendered pyproject.toml has: what a service needs, and what its tests and tools need.
DEPENDENCIES = ("publicsuffixlist>=1.0", "pydantic-settings>=2.11", "starlette>=1.7")
# The first release of each that the policy takes.
OLDEST = {"fastapi": "0.133.0", "starlette": "1.7.0"}
OLDEST_PYTHON = ">=3.11"
# A line of requirements, of [project] or of Poetry's tables, which have an = of their own.
PIN = re.compile(
    r"(?mi)^[ \t]*[\"']?(fastapi|starlette)(?![\w.-])(?:\[[^\]\n]*\])?[ \t]*"
    r"(?:=[ \t]*(?:\{.*?version[ \t]*=[ \t]*)?[\"'](?P<poetry>[^\"'\n]*)|(?P<pip>[^;#\"'\n]*))"
)
FOR_DEVELOPMENT = ("h11>=0.16", "httpx2>=2", "pytest>=8.4", "pyyaml>=6", "rich>=14", "typer>=0.20")


class RefusedError(Exception):
    """The service cannot move in as it is. The text says why, and what to do."""


def today() -> date:
    """Return the day from which the first week is counted. Tests replace this function."""
    return datetime.now(UTC).date()


@dataclass
class Move:
    """A service that moves: what was found, its folder in the clone, and what has happened."""

    found: Survey
    folder: Path
    before: Path
    answers: dict[str, Any]
    done: list[str] = field(default_factory=list)
    by_hand: list[str] = field(default_factory=list)
    dotenv_files: dict[str, str] = field(default_factory=dict)
    # What holds FastAPI or Starlette back, so that no environment can be made.
    old_pins: list[str] = field(default_factory=list)

    @property
    def package(self) -> str:
        """The package that has the policy."""
        return str(self.answers["package_name"])

    @property
    def package_path(self) -> str:
        """Its folder, seen from the service's."""
        return str(self.answers["package_path"])

    @property
    def answers_file(self) -> str:
        """The file that records the answers."""
        is_taken = (self.before / ANSWERS_FILE).exists()
        return OTHER_ANSWERS_FILE if is_taken else ANSWERS_FILE

    @property
    def old_variables(self) -> list[str]:
        """The variables that the old policies were read from."""
        values = (value for each in self.found.policies for value in each.arguments.values())
        return [*dict.fromkeys(name for value in values for name in value.variables)]

    @property
    def environments(self) -> list[str]:
        """Every environment that has a dotenv file."""
        return ["development", *self.answers["environments"]]

    @property
    def entrypoint(self) -> str:
        """What is served; `<package>.main:app` where that was not found."""
        return str(self.found.entrypoint or f"{self.package}.main:app")

    @property
    def uses_cookies(self) -> bool:
        """Whether browsers may send credentials."""
        return self.answers["credentials"] in ("cookies", "both")

    # --- Before anything is rendered ----------------------------------------------------------

    def refuse_collisions(self) -> None:
        """Raise RefusedError where a file of the service is in the way of a managed folder."""
        package = self.package_path
        for name in (f"{package}/cors", f"{package}/cors.py", "tests/cors", "tests/cors.py"):
            if (self.folder / name).exists():
                raise RefusedError(
                    f"{name} is in the way: the policy takes that name. Rename it, commit, and "
                    "repeat this."
                )

    def set_dotenv_files_aside(self) -> None:
        """Take the service's own dotenv files away, to put their lines below the template's."""
        for file in self.folder.glob(".env.*"):
            name = file.name.removeprefix(".env.")
            if name in ("development", "preview", "staging", "production") and file.is_file():
                self.dotenv_files[file.name] = file.read_text(encoding="utf-8-sig")
                file.unlink()

    def refuse_ignored_dotenv_files(self) -> None:
        """Raise RefusedError where the branch would overwrite a file that git does not have."""
        for name in self.environments:
            file = self.found.folder / f".env.{name}"
            if file.exists() and not (self.before / file.name).exists():
                raise RefusedError(
                    f"{file.name} is ignored by git, and the policy takes that name. Keep what it "
                    f"holds in {file.name}.local, which is read after it: "
                    f"mv {file.name} {file.name}.local"
                )


def move_in(move: Move) -> None:
    """Do every step."""
    merge_dotenv_files(move)
    report_writes_first(move)
    name_other_environments(move)
    keep_dotenv_files_in_git(move)
    make_package(move)
    edit_code(move)
    write_pyproject(move)
    add_dependencies(move)


# --- Dotenv files -----------------------------------------------------------------------------


def merge_dotenv_files(move: Move) -> None:
    """Put the lines of the service's own dotenv files below those of the template."""
    for name, text in move.dotenv_files.items():
        file = move.folder / name
        rendered = file.read_text(encoding="utf-8") if file.exists() else ""
        taken = set(re.findall(r"(?m)^([A-Z_]+)=", rendered))
        own = []
        for line in text.splitlines():
            variable = re.match(r"\s*(?:export\s+)?(\w+)\s*=", line)
            if variable and variable[1].upper() in taken:
                move.done.append(f"{name}: its line for {variable[1]} gave way to the policy's.")
            elif variable and is_refused(variable[1].upper(), move.old_variables):
                move.done.append(f"{name}: its line for {variable[1]} is gone; nothing reads it.")
            else:
                own.append(line)
        file.write_text(rendered + "\n".join(own).strip("\n") + "\n", encoding="utf-8")
    names = ", ".join(f".env.{name}" for name in move.environments)
    move.done.append(f"{names}: the policy of each environment.")


def is_refused(name: str, old_variables: Iterable[str]) -> bool:
    """Whether a variable of the old policy would keep the service from starting (CORS030)."""
    return name.startswith("CORS_") and name in old_variables


def report_writes_first(move: Move) -> None:
    """Let deployed environments with cookies log refused writes first, until a dated day."""
    if not move.uses_cookies:
        return
    until = today() + timedelta(days=DAYS_OF_REPORTS)
    for name in move.environments:
        if name == "development":
            continue
        file = move.folder / f".env.{name}"
        text = file.read_text(encoding="utf-8")
        text = text.replace("\nCORS_GUARD_WRITES=true\n", "\nCORS_GUARD_WRITES=report\n", 1)
        text += (
            f"# CORS040: moved in on {today()}; for two weeks the log shows which writes of other\n"
            "# sites would be refused. Then write CORS_GUARD_WRITES=true and remove these lines.\n"
            f"CORS_WAIVERS=CORS040:{until}:report\n"
        )
        file.write_text(text, encoding="utf-8")
    move.done.append(
        f"CORS_GUARD_WRITES=report until {until}: other sites' writes still run, and the log names "
        "those that `true` would refuse. After that day `cors check` fails."
    )


def name_other_environments(move: Move) -> None:
    """Give tests a policy where they set ENVIRONMENT=test; say so of other names."""
    others: dict[str, list[str]] = {}
    for name, place in move.found.environment_names.items():
        if name in move.environments:
            continue
        text = (move.folder / ".env.development").read_text(encoding="utf-8")
        if name == "test":
            text = text.replace("ENVIRONMENT=development", "ENVIRONMENT=test")
            text = text.replace("in development. I", "in test. I", 1)
            file = move.folder / ".env.test"
            own = file.read_text(encoding="utf-8") if file.exists() else ""
            file.write_text(text + own, encoding="utf-8")
            move.done.append(
                f".env.test: {place} names an environment test. Its policy is that of "
                "development. It is yours: updates leave it alone."
            )
            continue
        others.setdefault(place, []).append(name)
    for place, names in others.items():
        called = "an environment" if len(names) == 1 else "environments"
        instead = [f"{near(name, move.environments)} for {name}" for name in names]
        move.by_hand.append(
            f"{place} calls {called} {', '.join(map(repr, names))}, and the policy has no "
            f".env.{names[0]}: with ENVIRONMENT={names[0]} in the process, the service does not "
            f"start. Use the names of the policy, in the code, too: {', '.join(instead)}."
        )


def near(name: str, environments: Iterable[str]) -> str:
    """Return the environment of the policy that another name seems to mean."""
    beginnings = {"prod": "production", "live": "production", "stag": "staging", "stg": "staging"}
    found = next((v for k, v in beginnings.items() if name.lower().startswith(k)), "development")
    return found if found in environments else "production"


def keep_dotenv_files_in_git(move: Move) -> None:
    """Make git keep the dotenv files, and leave out those that hold secrets."""
    every = (*move.environments, "test")
    names = [f".env.{name}" for name in every if (move.folder / f".env.{name}").exists()]
    ignored = [name for name in names if is_ignored(move.folder, name)]
    lines = [f"!{name}" for name in ignored]
    if not is_ignored(move.folder, ".env.production.local"):
        lines += [".env.*.local"]
    if not lines:
        return
    file = move.folder / ".gitignore"
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    why = "# Dotenv files without secrets are in git; those with secrets end in .local."
    newline = "" if text.endswith("\n") or not text else "\n"
    file.write_text(f"{text}{newline}{why}\n" + "\n".join(lines) + "\n", encoding="utf-8")
    move.done.append(f".gitignore: {', '.join(lines)}.")
    for name in names:
        if is_ignored(move.folder, name):
            move.by_hand.append(f"{name} is still ignored by git. Keep it: git add -f {name}")


def is_ignored(folder: Path, name: str) -> bool:
    """Whether git ignores a file of this name."""
    return git(folder, "check-ignore", "--quiet", "--no-index", name).returncode == 0


# --- Code -------------------------------------------------------------------------------------


def make_package(move: Move) -> None:
    """Make the folder of modules without a package a package."""
    marker = move.folder / move.package_path / "__init__.py"
    if move.found.package or marker.exists():
        return
    marker.write_text('"""The CORS policy of this service, in `cors`."""\n', encoding="utf-8")
    move.done.append(f"{move.package_path}/: a package for the policy, beside your modules.")


def edit_code(move: Move) -> None:
    """Make the app a CORSFastAPI and remove the old policies; or say what to write by hand."""
    app, files = move.found.app, dict[str, SourceFile]()
    try:
        if app is None:
            raise CannotEditError("the code that makes the app was not found")
        if app.call != "FastAPI":
            raise CannotEditError(f"{app.place} calls {app.call}, not FastAPI")
        for policy in move.found.policies:
            remove_old(move, files, policy)
        file = opened(move, files, app.place.file)
        own = Path(app.place.file).parent.as_posix() == move.package_path
        enforce(file, app.place.line, move.package, own=own)
        results = {file.path: finish(file) for file in files.values()}
    except (CannotEditError, SyntaxError) as error:
        edit_by_hand(move, app, f"{error}")
        return
    for path, result in results.items():
        path.write_bytes(result)
    move.done.append(f"{app.place}: the app is a CORSFastAPI with the policy of its environment.")
    for policy in move.found.policies:
        lines = f"{policy.place.line}-{policy.place.end_line}"
        move.done.append(f"{policy.place.file}, lines {lines}: the old CORSMiddleware is removed.")
    name_leftovers(move)


def name_leftovers(move: Move) -> None:
    """Say what nothing may use any more: names and variables of the old policies."""
    for policy in move.found.policies:
        value = policy.arguments.get("allow_origins")
        if value and value.source and not value.source.startswith(("[", "(", '"')):
            names = ", ".join((value.source, *value.variables))
            move.by_hand.append(
                f"Remove what only the old policy in {policy.place.file} used, if nothing else "
                f"does: {names}."
            )
    taken = (move.folder / ".env.development").read_text(encoding="utf-8")
    for name in move.old_variables:
        if f"\n{name}=" in taken:
            move.by_hand.append(
                f"{name} is a variable of the policy, too. Where the process has it, it replaces "
                "the line of the dotenv file: compare them."
            )
    if places := move.found.tests_of_policy:
        move.by_hand.append(
            f"Look at the tests in {', '.join(map(str, places))}, which import CORSMiddleware: it "
            "is gone, and tests/cors proves what they were for."
        )
    refused = [name for name in move.old_variables if is_refused(name, move.old_variables)]
    if unread := [name for name in refused if f"\n{name}=" not in taken]:
        move.by_hand.append(
            f"Take {', '.join(unread)} out of the process and of .env files where the service is "
            "deployed. The policy refuses what it does not know, so the service does not start "
            "(CORS030)."
        )


def opened(move: Move, files: dict[str, SourceFile], name: str) -> SourceFile:
    """Return a file of the service, opened once."""
    if name not in files:
        files[name] = SourceFile(move.folder / name)
    return files[name]


def remove_old(move: Move, files: dict[str, SourceFile], policy: OldPolicy) -> None:
    """Remove an old policy. Raises CannotEditError where that needs a person."""
    if policy.how == "wrapped":
        raise CannotEditError(f"{policy.place} wraps the app in a CORSMiddleware")
    remove_policy(opened(move, files, policy.place.file), policy.place.line, policy.how)


def edit_by_hand(move: Move, app: App | None, reason: str) -> None:
    """Say what to write, where no edit was made."""
    where = str(app.place) if app else f"where {move.entrypoint} is made"
    move.by_hand.append(
        f"Nothing was edited in your code, because {reason}. Write these three lines at {where}:\n"
        f"    from {move.package}.cors.app import CORSFastAPI\n"
        f"    from {move.package}.cors.settings import CORSSettings\n"
        "    app = CORSFastAPI(cors=CORSSettings.load().cors_policy(), …)  # in place of FastAPI(…)"
    )
    for policy in move.found.policies:
        lines = f"{policy.place.line}-{policy.place.end_line}"
        move.by_hand.append(f"Remove the CORSMiddleware in {policy.place.file}, lines {lines}.")


# --- pyproject.toml ---------------------------------------------------------------------------


def write_pyproject(move: Move) -> None:
    """Say what is served, where tools look for it, and let pytest find the suite."""
    file = move.folder / "pyproject.toml"
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    try:
        project: Mapping[str, Any] = tomllib.loads(text)
    except ValueError as error:
        move.by_hand.append(
            f"pyproject.toml is not TOML ({error}). Mend it, then add a table [tool.fastapi] with "
            f'entrypoint = "{move.entrypoint}".'
        )
        return
    added = ""
    tools = project.get("tool", {})
    if "entrypoint" in tools.get("fastapi", {}):
        pass
    elif "fastapi" in tools:
        move.by_hand.append(f'Add entrypoint = "{move.entrypoint}" to [tool.fastapi].')
    elif text or move.entrypoint != f"{move.package}.main:app":
        added += (
            "\n[tool.fastapi]\n# What `cors check` and tests/cors look at, and `fastapi dev` "
            f'serves.\nentrypoint = "{move.entrypoint}"\n'
        )
        move.done.append(f'pyproject.toml: [tool.fastapi] entrypoint = "{move.entrypoint}".')
    is_installed = "build-system" in project and "project" in project
    if is_installed and "scripts" not in project["project"]:
        added += f'\n[project.scripts]\ncors = "{move.package}.cors.cli:app"\n'
        move.done.append("pyproject.toml: the command `cors`.")
    text = with_tests(move, text, testpaths(move.before / "pyproject.toml"))
    if added:
        text = (text.rstrip("\n") + "\n" if text else "") + (added if text else added.lstrip("\n"))
    if text:
        file.write_text(text, encoding="utf-8")


def testpaths(file: Path) -> list[str]:
    """Return where pytest looks for tests by itself, as a pyproject.toml says."""
    try:
        tools = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {})
    except (OSError, ValueError):
        return []
    paths = tools.get("pytest", {}).get("ini_options", {}).get("testpaths", [])
    return paths.split() if isinstance(paths, str) else [*map(str, paths)]


def with_tests(move: Move, text: str, paths: list[str]) -> str:
    """Return pyproject.toml with tests/cors among the tests that `pytest` runs by itself."""
    if not paths or any("tests/cors".startswith(path.strip("./")) for path in paths):
        return text
    found = re.search(r"(?m)^testpaths\s*=\s*(\[[^\]]*\]|\"[^\"]*\")", text)
    if not found:
        move.by_hand.append('Add "tests/cors" to the testpaths of pytest.')
        return text
    move.done.append("pyproject.toml: pytest also runs tests/cors.")
    listed = json.dumps([*paths, "tests/cors"])
    return text[: found.start(1)] + listed + text[found.end(1) :]


# --- Dependencies -----------------------------------------------------------------------------


def add_dependencies(move: Move) -> None:
    """Add what the policy and its tests need, by the service's own manager."""
    manager, name = move.found.manager, move.found.dependency_file
    name_old_pin(move, name)
    if manager in ("uv", "pyproject", "pdm"):
        top = git(move.folder, "rev-parse", "--show-toplevel").stdout.strip()
        locks = (move.folder / "uv.lock", Path(top, "uv.lock"))
        with_uv(move, locked=manager == "uv" and any(lock.exists() for lock in locks))
        if manager == "pdm":
            move.by_hand.append("pdm.lock is not up to date: pdm lock")
    elif manager == "poetry":
        with_poetry(move)
    elif manager in ("requirements", "pip-tools"):
        with_requirements(move, name)
    else:
        move.by_hand.append(
            f"Add what the policy needs: {' '.join(DEPENDENCIES)}; and for its tests: "
            f"{' '.join(FOR_DEVELOPMENT)}"
        )


def name_old_pin(move: Move, name: str) -> None:
    """Say where the service holds back what the policy is made with."""
    text = (move.folder / name).read_text(encoding="utf-8") if name else ""
    for pin in PIN.finditer(text):
        package = pin[1].lower()
        wanted = (pin["poetry"] or pin["pip"] or "").strip()
        if not holds_back(pip_version(wanted) if pin["poetry"] else wanted, OLDEST[package]):
            continue
        line = text.count("\n", 0, pin.start()) + 1
        move.old_pins.append(
            f"{name}:{line} holds {package} back ({wanted}), and the policy needs fastapi "
            f"{OLDEST['fastapi']} and starlette {OLDEST['starlette']} or later. Undo this move, "
            "raise the version, run your tests, commit, and repeat this."
        )
    if name == "pyproject.toml":
        name_old_python(move, text)
    move.by_hand += move.old_pins


def name_old_python(move: Move, text: str) -> None:
    """Say where the service promises to run on a Python that the policy does not run on."""
    declared = re.search(r"(?m)^(requires-python|python)\s*=\s*[\"']([^\"'\n]+)", text)
    try:
        wanted = SpecifierSet(pip_version(declared[2]) if declared else OLDEST_PYTHON)
    except InvalidSpecifier:
        return
    older = [each for each in ("3.8", "3.9", "3.10") if f"{each}.99" in wanted or each in wanted]
    if declared and older:
        line = text.count("\n", 0, declared.start()) + 1
        move.by_hand.append(
            f"pyproject.toml:{line} promises Python {older[0]}, and the policy needs 3.11: write "
            f'{declared[1]} = "{OLDEST_PYTHON}".'
        )


def holds_back(wanted: str, oldest: str) -> bool:
    """Whether a requirement allows no release from the oldest one on."""
    try:
        allowed = SpecifierSet(wanted, prereleases=True)
    except InvalidSpecifier:
        return False
    named = [Version(each.version.removesuffix(".*")) for each in allowed if each.operator != "==="]
    later = [Version(f"{each}.99") for each in named] + [Version(each) for each in (oldest, "999")]
    return not any(each >= Version(oldest) and each in allowed for each in (*named, *later))


def pip_version(version: str) -> str:
    """Return a version of Poetry as pip writes it: `^1.2` as `>=1.2,<2`."""
    version = version.strip()
    if version in ("", "*"):
        return ""
    numbers = version.lstrip("^~ ").split(".")
    if version.startswith("^"):
        # What may change is all to the right of the first number that is not 0.
        kept = next((i for i, each in enumerate(numbers) if each != "0"), len(numbers) - 1)
        upper = [*numbers[:kept], str(int(numbers[kept]) + 1)] if numbers[kept].isdigit() else []
        return f">={version[1:]}" + (f",<{'.'.join(upper)}" if upper else "")
    if version.startswith("~") and not version.startswith("~="):
        return f">={version[1:]},=={'.'.join(numbers[:2])}.*"
    return version if version[0] in "<>=!~" else f"=={version}"


def program(name: str) -> str:
    """Return the path of a program, beside our Python or on the path; empty where there is none."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else shutil.which(name) or ""


def runs(move: Move, *command: str) -> str:
    """Run a command in the service's folder; return the last line of the error if it fails."""
    kept = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    done = subprocess.run(
        command, cwd=move.folder, env=kept, capture_output=True, text=True, check=False, timeout=600
    )
    return said(done.stderr or done.stdout) if done.returncode else ""


def said(text: str) -> str:
    """Return the line that says what failed: the first error, or else the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = (line for line in lines if line.lower().startswith(("error", "no solution")))
    error = next(errors, lines[-1] if lines else "it failed").rstrip(".")
    causes = (line for line in lines if line.startswith("cause: "))
    parts = [error, *(each.removeprefix("cause: ").rstrip(".") for each in causes)]
    return ": ".join(map(shortened, parts))


def shortened(line: str) -> str:
    """Return a line of somebody's output, cut where it is too long to be read."""
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]} …"


def with_uv(move: Move, *, locked: bool) -> None:
    """Add the dependencies with `uv add`, which keeps pyproject.toml as it is written."""
    uv = program("uv")
    how = ("--no-sync",) if locked else ("--frozen",)
    present = listed_in(move.folder / "pyproject.toml")
    needed = [each for each in DEPENDENCIES if name_of(each) not in present]
    wanted = [each for each in FOR_DEVELOPMENT if name_of(each) not in present]
    lists = ((needed, ()), (wanted, ("--dev",)))
    failed, unlocked = "" if uv else "uv is not installed", ""
    for command in [("add", *options, *names) for names, options in lists if names and uv]:
        failed = runs(move, uv, *command, *how)
        if failed and locked:
            unlocked, failed = failed, runs(move, uv, *command, "--frozen")
        if failed:
            break
    if failed:
        move.by_hand.append(
            f"Dependencies were not added ({failed}): uv add {quoted(needed)} && "
            f"uv add --dev {quoted(wanted)}"
        )
        return
    move.done.append(f"pyproject.toml: {', '.join([*needed, *wanted])}, by `uv add`.")
    name_present(move, present)
    if unlocked:
        move.by_hand.append(f"uv.lock is not up to date ({unlocked}): uv lock")


def listed_in(file: Path) -> set[str]:
    """Return the names of the distributions that pyproject.toml lists."""
    try:
        project = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return set()
    groups = (project.get("dependency-groups") or {}).values()
    texts = [project.get("project", {}).get("dependencies", []), *groups]
    names = (each for group in texts for each in group if isinstance(each, str))
    return {name_of(each) for each in names}


def name_of(requirement: str) -> str:
    """Return the name of the distribution that a requirement is for."""
    found = re.match(r"\s*([\w.-]+)", requirement)
    return canonicalize_name(found[1]) if found else ""


def name_present(move: Move, present: Iterable[str]) -> None:
    """Say what was listed already and stays as it is, with what the policy needs."""
    every = (*DEPENDENCIES, *FOR_DEVELOPMENT)
    if kept := [each for each in every if name_of(each) in present]:
        move.done.append(
            f"Listed already, and left as it is: {', '.join(kept)} or later is needed."
        )


def quoted(names: Iterable[str]) -> str:
    """Return requirements as a shell takes them."""
    return " ".join(f"'{name}'" for name in names)


def with_poetry(move: Move) -> None:
    """Add the dependencies with Poetry, or as lines of its tables where it is not installed."""
    poetry = program("poetry")
    if poetry:
        failed = runs(move, poetry, "add", "--lock", *DEPENDENCIES)
        failed = failed or runs(move, poetry, "add", "--lock", "--group", "dev", *FOR_DEVELOPMENT)
        if not failed:
            move.done.append("pyproject.toml and poetry.lock: dependencies, by `poetry add`.")
            return
    file = move.folder / "pyproject.toml"
    text = file.read_text(encoding="utf-8")
    tables = (("tool.poetry.dependencies", DEPENDENCIES),)
    dev = "tool.poetry.group.dev.dependencies"
    if f"[{dev}]" not in text and "[tool.poetry.dev-dependencies]" in text:
        dev = "tool.poetry.dev-dependencies"
    for table, requirements in (*tables, (dev, FOR_DEVELOPMENT)):
        text = with_table_lines(text, table, requirements)
    file.write_text(text, encoding="utf-8")
    move.done.append("pyproject.toml: dependencies, as lines of Poetry's tables.")
    if (move.folder / "poetry.lock").exists():
        move.by_hand.append("poetry.lock is not up to date: poetry lock")


def with_table_lines(text: str, table: str, requirements: Iterable[str]) -> str:
    """Return TOML with `name = "version"` lines at the end of a table, which is made if missing."""
    head = f"[{table}]\n"
    if head not in text:
        text = text.rstrip("\n") + f"\n\n{head}"
    start = text.index(head) + len(head)
    following = re.search(r"(?m)^\[", text[start:])
    end = following.start() if following else len(text) - start
    body = text[start : start + end]
    present = {canonicalize_name(name) for name in re.findall(r'(?m)^"?([\w.-]+)"?\s*=', body)}
    lines = ""
    for requirement in requirements:
        name, _, version = requirement.partition(">=")
        if canonicalize_name(name) not in present:
            lines += f'{name} = ">={version}"\n'
    kept = body.rstrip("\n")
    kept += "\n" if kept else ""
    return text[:start] + kept + lines + body[len(kept) :] + text[start + end :]


def with_requirements(move: Move, name: str) -> None:
    """Add lines to the files that pip reads."""
    ending = Path(name).suffix
    names = ("requirements-dev", "requirements_dev", "dev-requirements")
    candidates = [f"{each}{ending}" for each in (*names, "requirements/dev", "requirements/test")]
    development = next((each for each in candidates if (move.folder / each).is_file()), "")
    if not development:
        development = candidates[0]
        (move.folder / development).write_text(f"-r {name}\n", encoding="utf-8")
    for file, requirements in ((name, DEPENDENCIES), (development, FOR_DEVELOPMENT)):
        path = move.folder / file
        text = path.read_text(encoding="utf-8")
        present = {
            canonicalize_name(each) for each in re.findall(r"(?m)^\s*([A-Za-z0-9][\w.-]*)", text)
        }
        lines = [each for each in requirements if name_of(each) not in present]
        newline = "" if text.endswith("\n") or not text else "\n"
        path.write_text(text + newline + "".join(f"{each}\n" for each in lines), encoding="utf-8")
        pinned = {
            canonicalize_name(each) for each in re.findall(r"(?m)^\s*([\w.-]+)[^\n#]*[=<~]", text)
        }
        old = [each for each in requirements if name_of(each) in pinned]
        move.done.append(f"{file}: {', '.join(lines) or 'nothing was missing'}.")
        for each in old:
            move.by_hand.append(f"{file} lists {each.partition('>=')[0]}: it has to allow {each}.")
    if ending == ".in":
        move.by_hand.append(f"The compiled requirements are not up to date: pip-compile {name}")
