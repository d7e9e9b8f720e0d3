"""The template's releases, found in its own history and tagged in a temporary clone.

A release is a commit whose subject is `Release X.Y.Z`. Tags do not travel everywhere, subjects do.
The clone also holds the working tree, committed and tagged as the release that would come next, so
that a change is tested before it is committed.
"""

import os
import re
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .project import TEMPLATE, git

RELEASE = re.compile(r"Release (\d+)\.(\d+)\.(\d+)")

# The first commit that rendered counts as the release before all others: people may have used it.
FIRST = "0.1.0"
FIRST_HAS = "template/{{ _copier_conf.answers_file }}.jinja"

# A commit on top of the next release that changes a line in every kind of file, as some release
# will: what people edit must survive that too, and not only what has changed until today.
LATER = "later"
# Stands between the variables of two releases, and before those of the owner.
RULE = f"# {'-' * 96}"
TOUCHED_LATER = {
    "template/{% yield file from dotenv_files %}.env.{{ file.name }}{% endyield %}.jinja": (
        ("# Seconds for which a browser may", "# Seconds, 0 to 86400, for which a browser may"),
        ("# Your own", f"# New in a later release.\nSERVED_SINCE=later\n{RULE}\n# Your own"),
    ),
    "template/.env.example.jinja": (("Default: 600.", "600 where it is not set."),),
    "template/README.md.jinja": (
        ("The service does not start with a wrong value", "No service starts with a wrong value"),
        ("\n<!--", "\nNew at the end in a later release.\n\n<!--"),
    ),
    "template/pyproject.toml.jinja": (
        ('"typer>=0.20"', '"typer>=0.20.1"'),
        ('"ruff>=0.14"', '"ruff>=0.14.1"'),
    ),
    "template/.gitignore.jinja": (("\n# Your own", "\n*.later\n# Your own"),),
    "template/{{ package_path }}/cors/policy.py": (('"""', '"""Revised. '),),
    "template/{{ package_path }}/main.py": (('"""The', '"""Revised: the'),),
    "template/tests/cors/test_caches.py": (('"""', '"""Revised. '),),
}

# And one that refuses an answer which everybody has given.
STRICTER = "stricter"
REFUSAL = "is no longer good enough"


class NoHistoryError(Exception):
    """The releases cannot be found; the text says why and what to do."""


@dataclass(frozen=True)
class Releases:
    """A clone of the template with a tag per release; `starts` come before `next_one`."""

    template: Path
    starts: tuple[str, ...]
    next_one: str


@cache
def commits() -> dict[str, str]:
    """Return the commit of each release by its version, oldest first.

    Raises NoHistoryError where git does not hold the whole history.
    """
    if not (TEMPLATE / ".git").exists():
        raise NoHistoryError("this is no git repository: the releases are found in its history")
    if git(TEMPLATE, "rev-parse", "--is-shallow-repository").strip() == "true":
        raise NoHistoryError("this is a shallow clone: run `git fetch --unshallow` first")
    added = ("--reverse", "--diff-filter=A", "--format=%H")
    first = git(TEMPLATE, "log", *added, "--", FIRST_HAS).split()
    if not first:
        raise NoHistoryError("no commit holds a template that records its answers")
    found = {FIRST: first[0]}
    for line in git(TEMPLATE, "log", "--reverse", "--format=%H %s").splitlines():
        commit, _, subject = line.partition(" ")
        if RELEASE.fullmatch(subject):
            found[subject.removeprefix("Release ")] = commit
    return found


def version_after(releases: list[str]) -> str:
    """Return the next minor version, 1.0.0 after the first commit."""
    major, minor, _ = map(int, releases[-1].split("."))
    return f"{major}.{minor + 1}.0" if major else "1.0.0"


def copy_working_tree(clone: Path) -> None:
    """Replace the clone's files by those in the template's folder that git does not ignore."""
    git(clone, "rm", "--quiet", "-r", "--ignore-unmatch", ".")
    listed = git(TEMPLATE, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listed.split("\0")):
        source, target = TEMPLATE / name, clone / name
        if os.path.lexists(source):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)


def commit_all(clone: Path, message: str) -> None:
    """Commit what lies in the clone."""
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--allow-empty", "--message", message)


def touch_every_kind_of_file(clone: Path) -> None:
    """Change a line in each kind of file, as a release does that changes them all."""
    for name, replacements in TOUCHED_LATER.items():
        path = clone / name
        text = path.read_text()
        for old, new in replacements:
            assert old in text, f"{name} no longer holds {old!r}"
            text = text.replace(old, new, 1)
        path.write_text(text)


def refuse_an_answer(clone: Path) -> None:
    """Have the question for production's origins refuse whatever was answered."""
    questions = clone / "copier.yml"
    head, separator, tail = questions.read_text().partition("\nproduction_origins:\n")
    body = re.sub(r"(?m)^  validator: .*$", f'  validator: "{REFUSAL}"', tail, count=1)
    assert separator
    assert body != tail
    questions.write_text(head + separator + body)


def clone_with_releases(folder: Path) -> Releases:
    """Clone the template into a folder, with a tag for each release and the working tree on top."""
    found = commits()
    head = git(TEMPLATE, "rev-parse", "HEAD").strip()
    git(
        folder.parent,
        "clone",
        "--quiet",
        "--no-checkout",
        "--no-tags",
        TEMPLATE.as_uri(),
        folder.name,
    )
    git(folder, "checkout", "--quiet", "--detach", head)
    for version, commit in found.items():
        git(folder, "tag", version, commit)
    next_one = version_after([*found])
    copy_working_tree(folder)
    commit_all(folder, f"Release {next_one}")
    git(folder, "tag", next_one)
    for branch, alter in ((LATER, touch_every_kind_of_file), (STRICTER, refuse_an_answer)):
        git(folder, "checkout", "--quiet", "-b", branch, next_one)
        alter(folder)
        commit_all(folder, f"A {branch} release")
    return Releases(folder, (*found,), next_one)
