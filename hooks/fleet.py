"""`make fleet`: a team's services and how their CORS policies stand, in a table.

    python hooks/fleet.py [--format markdown] FOLDER…

For each service: the release of the template, its environments, who may call in production, what
the rules of this repository find, waivers and their days, managed files that somebody changed, and
the day of the last update. For a service that has not moved in: what its CORSMiddleware says.

It reads. Nothing of a service runs, so rules on a finished app, and those that ask git about single
files, are left to `cors check` in the service.

Exit status: 0, 1 if a service is red, 2 if there is none to show. docs/fleet.md says what is red.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

TEMPLATE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TEMPLATE / "tests" / "lib"))

from service.cors import RELEASE  # noqa: E402
from service.cors.cli import Environment, examine  # noqa: E402
from service.cors.findings import counted, read_waivers, shown  # noqa: E402
from service.cors.policy import CORSPolicy  # noqa: E402
from service.cors.sources import environments  # noqa: E402
from service.cors.tool.development_rules import ALL_RULES, OWN_QUESTION  # noqa: E402
from service.cors.tool.development_rules import release_of as release_in  # noqa: E402
from survey import POLICY_WORDS, OldPolicy, Survey, files, survey  # noqa: E402
from tables import markdown_table, plain  # noqa: E402

# They ask git for the state of single files, and git may then run programs that the repository's
# configuration names.
ASK_GIT = frozenset({"CORS042", "CORS046"})
RULES = tuple(rule for rule in ALL_RULES if rule.id not in ASK_GIT)
USES_THE_POLICY = re.compile(r"\b(CORSFastAPI|StrictCORSMiddleware)\b")
OTHER_POLICY = re.compile(r"\bCORSMiddleware\b")
MOST_ORIGINS = 8
MOST_REASONS = 5
NONE = "none"
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Row:
    """What the table says of a service. `release` is empty where the policy has not moved in.

    `red` has a sentence for each reason why it is red, `notes` what else is worth a line.
    """

    service: str
    release: str = ""
    environments: tuple[str, ...] = ()
    production: str = ""
    errors: int = 0
    warnings: int = 0
    waivers: tuple[str, ...] = ()
    drift: str = ""
    updated: str = ""
    red: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


# --- Services that have the policy ------------------------------------------------------------


def answers_files(folder: Path) -> list[Path]:
    """Return the files with the answers to this template, in a folder or right below it.

    `copier copy -a` gives the file another name, and beside it may be one of another template.
    """
    for pattern in (".copier-answers*.y*ml", "*/.copier-answers*.y*ml"):
        paths = (
            path for path in sorted(folder.glob(pattern)) if f"\n{OWN_QUESTION}:" in text(path)
        )
        first: dict[Path, Path] = {}
        for path in paths:
            first.setdefault(path.parent, path)
        if first:
            return [*first.values()]
    return []


def text(path: Path) -> str:
    """Return the text of a regular file, nothing where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8") if path.is_file() else ""
    except (OSError, ValueError):
        return ""


def moved_in(name: str, folder: Path, file: Path | None) -> Row:
    """Return the row of a service that has the policy. `file` has its answers."""
    answers, problem = read_answers(file)
    examined = [examine(each, folder, with_app=False, rules=RULES) for each in environments(folder)]
    found: dict[tuple[str, ...], str] = {}
    # What is wrong in several environments in the same way counts once, in production if it is.
    for environment in reversed(examined):
        for each in environment.findings:
            key = (each.severity, each.rule, each.sentence)
            found.setdefault(key, f"{environment.name}: {each}")
    errors = [line for (severity, *_), line in found.items() if severity == "error"]
    code = code_folder(folder, answers)
    in_code = release_in(code / "__init__.py")
    changed = changed_files(code, folder / "tests" / "cors", str(answers.get("_commit") or in_code))
    own = own_modules(folder, code)
    red = [problem, *errors, *beside_the_policy(folder, own)]
    if changed:
        names = listed([path.relative_to(folder).as_posix() for path in changed])
        red.append(f"managed files that were changed or are missing: {names}")
    if not examined:
        red.append("no .env.<environment> file, so the service does not start")
    return Row(
        name,
        release=release_of(answers) or in_code or UNKNOWN,
        environments=tuple(each.name for each in examined),
        production=who_may_call(examined, own),
        errors=len(errors),
        warnings=sum(severity == "warning" for severity, *_ in found),
        waivers=waivers_of(examined),
        drift=UNKNOWN if changed is None else counted(len(changed), "file") if changed else NONE,
        updated=last_update(file) if file else UNKNOWN,
        red=tuple(filter(None, red)),
    )


def read_answers(file: Path | None) -> tuple[Mapping[str, Any], str]:
    """Return the answers, and a sentence where they cannot be read."""
    if file is None:
        return {}, "no .copier-answers.yml that can be read, so no update reaches it"
    try:
        found = yaml.safe_load(text(file))
    except yaml.YAMLError:
        markers = " and has merge markers" if re.search("(?m)^<{7} ", text(file)) else ""
        return {}, f"{file.name} is not YAML{markers}, so no update reaches it"
    return (found, "") if isinstance(found, dict) else ({}, f"{file.name} holds no answers")


def release_of(answers: Mapping[str, Any]) -> str:
    """Return the release, with a + where it was made from a commit after it."""
    if written := str(answers.get("_release", "")):
        return shown(written.replace(" and unreleased changes", "+"))
    commit = str(answers.get("_commit", ""))
    known = (name for name, each in releases().items() if commit and each.startswith(commit))
    return next(known, shown(commit))


def own_modules(folder: Path, code: Path) -> dict[Path, str]:
    """Return the text of the modules that are neither managed nor tests."""
    managed = (code, folder / "tests")
    paths = (path for path in files(folder) if path.suffix == ".py")
    return {path: text(path) for path in paths if not any(map(path.is_relative_to, managed))}


def beside_the_policy(folder: Path, own: Mapping[Path, str]) -> Iterator[str]:
    """Yield a sentence where the code uses no policy, or has another one beside it."""
    if not any(USES_THE_POLICY.search(content) for content in own.values()):
        yield "no module makes a CORSFastAPI, so nothing enforces the policy"
    if any(OTHER_POLICY.search(content) for content in own.values()):
        for policy in survey(folder, POLICY_WORDS).policies:
            if folder / policy.place.file in own:
                yield f"{policy.place}: a CORSMiddleware beside the policy (CORS034)"


def who_may_call(examined: Sequence[Environment], own: Mapping[Path, str]) -> str:
    """Return who may call in production, as a phrase."""
    production = next((each for each in examined if each.name == "production"), None)
    if production is None:
        return "no .env.production"
    if production.policy is None:
        return "not readable"
    # It decides about origins that no list names.
    is_asked = any("origin_provider=" in content for content in own.values())
    return callers(production.policy) + ("; others by origin_provider" if is_asked else "")


def callers(policy: CORSPolicy) -> str:
    """Return who may call under a policy, as a phrase."""
    who = listed(policy.allow_origins) if policy.allow_origins else "no other site"
    if policy.allow_credentials and policy.allow_origins:
        who += ", with cookies"
    if policy.public_paths:
        who += f"; every site at {listed(policy.public_paths)}"
    return who


def listed(texts: Sequence[str]) -> str:
    """Return the first few texts, and how many more there are."""
    more = f" and {len(texts) - MOST_ORIGINS} more" if len(texts) > MOST_ORIGINS else ""
    return ", ".join(map(shown, texts[:MOST_ORIGINS])) + more


def waivers_of(examined: Sequence[Environment]) -> tuple[str, ...]:
    """Return the waivers with the days that are left, those that end first at the beginning."""
    policies = [each.policy for each in examined if each.policy]
    waivers = {waiver for policy in policies for waiver in read_waivers(policy.waivers)}
    return tuple(
        f"{each.rule} {'over' if each.days_left < 0 else counted(each.days_left, 'day')}"
        for each in sorted(waivers, key=lambda each: (each.until, each.rule, each.value))
    )


def last_update(file: Path) -> str:
    """Return the day on which the answers last changed, as git has it.

    Nothing of the repository runs: `git log` without a patch calls no filter, and what could verify
    signatures or fetch is turned off.
    """
    log = ("-c", "log.showSignature=false", "--no-pager", "log", "-1", "--format=%cs")
    return git(file.parent, *log, "--", file.name) or UNKNOWN


def git(folder: Path, *arguments: str) -> str:
    """Run git and return what it prints; nothing where it fails or is missing."""
    try:
        return subprocess.run(
            ["git", *arguments],
            cwd=folder,
            env={**os.environ, "GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0"},
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        ).stdout.strip()
    except OSError:
        return ""


# --- Managed files that somebody changed ------------------------------------------------------


def changed_files(code: Path, suite: Path, release: str) -> list[Path] | None:
    """Return the managed files that differ from their release; None where that is not known."""
    managed = managed_files(commit_of(release))
    folders = {"code": code, "suite": suite}
    paths = {folders[kind] / name: blob for (kind, name), blob in managed.items()}
    return [path for path, blob in paths.items() if blob_of(path) != blob] if paths else None


def code_folder(folder: Path, answers: Mapping[str, Any]) -> Path:
    """Return the folder of the managed code: where the answers say, or where it was moved to."""
    written = folder / str(answers.get("package_path") or f"src/{answers.get('package_name')}")
    elsewhere = policy_folders(folder)
    is_there = (written / "cors").is_dir() or not elsewhere
    return written / "cors" if is_there else elsewhere[0]


def policy_folders(folder: Path) -> list[Path]:
    """Return the folders in which the policy's code is."""
    paths = [*folder.glob("src/*/cors/middleware.py"), *folder.glob("*/cors/middleware.py")]
    return [path.parent for path in sorted(paths) if "class StrictCORSMiddleware" in text(path)]


def blob_of(path: Path) -> str:
    """Return the name that git gives to the content of a file; nothing where it cannot be read."""
    try:
        content = path.read_bytes().replace(b"\r\n", b"\n") if path.is_file() else None
    except OSError:
        content = None
    if content is None:
        return ""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@cache
def commit_of(release: str) -> str:
    """Return the commit of this repository that a service was made from, or nothing.

    A release has a tag, or the subject `Release 1.2.1`. Between releases, Copier records
    `1.2.1-5-g68468d4` or `1.2.1.post5.dev0+68468d4`.
    """
    if commit := re.search(r"(?:-g|\+|^)([0-9a-f]{7,40})$", release):
        return commit[1]
    if re.fullmatch(r"v?\d+(\.\d+)*", release):
        return releases().get(release.removeprefix("v"), "")
    return ""


@cache
def releases() -> dict[str, str]:
    """Return the commit of each release in the history of this repository."""
    pattern = ("--extended-regexp", "--grep=^Release [0-9.]+$", "--format=%H %s")
    lines = git(TEMPLATE, "log", *pattern).splitlines()
    return {line.rpartition(" ")[2]: line.partition(" ")[0] for line in lines}


@cache
def managed_files(commit: str) -> dict[tuple[str, str], str]:
    """Return the managed files of a commit: whether "code" or "suite", name, and blob.

    Files that are rendered from answers are left out.
    """
    if not commit:
        return {}
    found = {}
    for line in git(TEMPLATE, "ls-tree", "-r", commit, "template").splitlines():
        about, _, path = line.partition("\t")
        where, _, name = path.strip('"').partition("/cors/")
        if name and "{" not in name and not name.endswith(".jinja"):
            found["suite" if "tests" in where else "code", name] = about.split()[2]
    return found


# --- Services that have not moved in ----------------------------------------------------------


def not_moved_in(name: str, folder: Path, found: Survey) -> Row:
    """Return the row of a service by what stands in its source code."""
    red, says = list[str](), list[str]()
    for policy in found.policies:
        says.append(f"{old_callers(policy)} ({policy.place})")
        if policy.allows_everybody and policy.credentials:
            red.append(
                f"{policy.place}: CORSMiddleware lets every site read responses with the user's "
                f"cookies. Move in: make adopt SERVICE={shown(str(folder))}"
            )
    for place in found.cors_headers_by_hand:
        says.append(f"CORS headers by hand ({place})")
    return Row(
        name,
        environments=tuple(file.name for file in found.dotenv_files),
        production="; ".join(says) or "no other site (no CORSMiddleware)",
        red=tuple(red),
        notes=tuple(f"not read: {file}: {why}" for file, why in found.unread.items()),
    )


def old_callers(policy: OldPolicy) -> str:
    """Return who may call by a CORSMiddleware, as a phrase."""
    value = policy.arguments.get("allow_origins")
    if policy.allows_everybody:
        who = "every site"
    elif value and not value.is_read:
        seen = f", where {listed(policy.origins)} is seen" if policy.origins else ""
        who = f"not readable: {shown(value.source)}{seen}"
    else:
        who = listed(policy.origins) or ("" if policy.origin_regex else "no other site")
    if policy.origin_regex and not policy.allows_everybody:
        who = " and ".join(filter(None, [who, f"what matches {shown(policy.origin_regex)}"]))
    return f"{who}, with cookies" if policy.credentials else who


# --- All of them ------------------------------------------------------------------------------


def rows_of(folder: Path, name: str) -> list[Row]:
    """Return the rows of a folder: none where there is no service in it."""
    try:
        if found_answers := answers_files(folder):
            inside = [each.parent.relative_to(folder).as_posix() for each in found_answers]
            names = [name if each == "." else shown(f"{name}/{each}") for each in inside]
            return [moved_in(names[i], each.parent, each) for i, each in enumerate(found_answers)]
        if policy_folders(folder):
            return [moved_in(name, folder, None)]
        found = survey(folder, POLICY_WORDS)
        return [not_moved_in(name, folder, found)] if found.is_service or found.policies else []
    except Exception as error:
        # One odd service must not hide the others.
        return [Row(name, red=(f"cannot be read: {type(error).__name__}: {shown(str(error))}",))]


def names_of(folders: Sequence[Path]) -> list[str]:
    """Return what the table calls the folders: their name, with that around it if two share it."""
    paths = [folder.resolve() for folder in folders]
    number = Counter(path.name for path in paths)
    return [shown("/".join(path.parts[-min(number[path.name], 2) :])) for path in paths]


def without_own_variables() -> None:
    """Remove the variables of a policy from this process: they are of no service."""
    for name in [*os.environ]:
        if name.upper().startswith("CORS_") or name.upper() == "ENVIRONMENT":
            del os.environ[name]


# --- Text and Markdown ------------------------------------------------------------------------

HEAD = ("   ", "service", "release", "errors", "warnings", "waivers", "drift", "updated")
SHORTEST, LONGEST = 80, 100


def state(row: Row) -> str:
    """Return the word that the row begins with."""
    return "red" if row.red else "ok" if row.release else "old"


def cells(row: Row) -> tuple[str, ...]:
    """Return what stands in the columns of the text."""
    if not row.release:
        return (state(row), row.service, *["-"] * (len(HEAD) - 2))
    first_to_end = row.waivers[0].partition(" ")[2] if row.waivers else NONE
    numbers = (str(row.errors), str(row.warnings))
    return (state(row), row.service, row.release, *numbers, first_to_end, row.drift, row.updated)


def as_text(rows: Sequence[Row], width: int) -> Iterator[str]:
    """Yield the lines of the table: one for the columns, and some for what does not fit there."""
    table = [list(HEAD), *(list(cells(row)) for row in rows)]
    widths = [max(len(line[column]) for line in table) for column in range(len(HEAD))]
    room = widths[1] - max(0, sum(widths) + 2 * (len(HEAD) - 1) - width)
    for line in table:
        line[1] = line[1] if len(line[1]) <= room else f"{line[1][: room - 1]}…"
    widths[1] = min(widths[1], room)
    wrapper = textwrap.TextWrapper(width, subsequent_indent=" " * 19)
    wrapper.break_on_hyphens = False
    for row, line in zip([None, *rows], table, strict=True):
        yield "  ".join(cell.ljust(size) for cell, size in zip(line, widths, strict=True)).rstrip()
        for label, what in details(row) if row else ():
            wrapper.initial_indent = f"     {label:14}"
            yield from wrapper.wrap(visible(what))


def visible(text: str) -> str:
    """Return text without what could control a terminal."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def details(row: Row) -> Iterator[tuple[str, str]]:
    """Yield what is said of a service below its columns, with a label."""
    if row.environments:
        yield "environments", ", ".join(row.environments)
    if row.production:
        yield "production" if row.release else "everywhere", row.production
    if row.waivers:
        yield "waivers", ", ".join(row.waivers)
    for reason in row.red[:MOST_REASONS]:
        yield "red", reason
    if len(row.red) > MOST_REASONS:
        yield "red", f"and {len(row.red) - MOST_REASONS} more: run `cors check --all` in it"
    for note in row.notes[:MOST_REASONS]:
        yield "note", note


def findings_of(row: Row) -> str:
    """Return how many errors and warnings there are, in words."""
    errors = [counted(row.errors, "error")] if row.errors else []
    warnings = [counted(row.warnings, "warning")] if row.warnings else []
    return ", ".join([*errors, *warnings]) or NONE


def as_markdown(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the lines of the table in Markdown, and below it why services are red."""
    head = ["", "service", "release", "environments", "may call in production", "findings"]
    yield from markdown_table(
        [*head, "waivers", "drift", "last update"],
        (
            [
                f"**{state(row)}**" if row.red else state(row),
                plain(row.service),
                plain(row.release or "not moved in"),
                plain(", ".join(row.environments)) or "-",
                plain(row.production) or "-",
                findings_of(row) if row.release else "-",
                plain(", ".join(row.waivers)) or "-",
                row.drift or "-",
                row.updated or "-",
            ]
            for row in rows
        ),
    )
    yield ""
    for row in rows:
        for label, what in details(row):
            if label in ("red", "note"):
                yield f"- {plain(row.service)}: {plain(what)}"


def summary(rows: Sequence[Row], passed_over: Sequence[str]) -> Iterator[str]:
    """Yield what all rows add up to, and the folders that hold no service."""
    red, moved = sum(bool(row.red) for row in rows), sum(bool(row.release) for row in rows)
    yield f"{counted(len(rows), 'service')}: {red} red, {moved} moved in, {len(rows) - moved} not."
    if behind := [f"{row.service} ({row.release})" for row in rows if is_behind(row.release)]:
        names = ", ".join(behind)
        yield f"Behind release {RELEASE}, which `copier update` brings: {names}."
    if passed_over:
        yield f"No FastAPI service in {', '.join(passed_over)}."


def is_behind(release: str) -> bool:
    """Whether a release is older than that of this repository."""

    def numbered(text: str) -> list[int]:
        return [int(part) for part in re.findall(r"\d+", text)[:3]]

    return bool(re.match(r"\d+\.\d+\.\d+", release)) and numbered(release) < numbered(RELEASE)


def main(arguments: Sequence[str]) -> int:
    """Print the table and return the exit status."""
    parser = argparse.ArgumentParser(prog="make fleet", description="Show a team's services.")
    parser.add_argument("--format", choices=["text", "markdown"], default="text")
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER")
    given = parser.parse_args(arguments)
    if not given.folders:
        parser.error("name the folders of the services: make fleet SERVICES='../services/*'")
    without_own_variables()
    rows, passed_over = [], []
    for folder, name in zip(given.folders, names_of(given.folders), strict=True):
        found = rows_of(folder, name) if folder.is_dir() else []
        rows += found
        passed_over += [] if found else [shown(str(folder))]
    if not rows:
        parser.error(f"no FastAPI service in {', '.join(passed_over)}")
    width = min(max(shutil.get_terminal_size((LONGEST, 24)).columns, SHORTEST), LONGEST)
    print(*(as_markdown(rows) if given.format == "markdown" else as_text(rows, width)), sep="\n")
    print("", *summary(rows, passed_over), sep="\n")
    return int(any(row.red for row in rows))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
