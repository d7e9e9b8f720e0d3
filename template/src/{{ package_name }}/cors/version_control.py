"""Which files git does not have: those that it ignores, and those that nobody has added yet."""

import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

Unkept = Literal["ignored", "untracked"]

# What `git status --porcelain` writes before the name of a file.
MARKS: dict[str, Unkept] = {"!!": "ignored", "??": "untracked"}


def unkept(files: Iterable[Path], directory: Path) -> dict[Path, Unkept]:
    """Return those of the files in `directory` that its git repository does not have.

    Nothing without git, outside of a repository, and for a folder that is ignored as a whole.
    """
    by_name = {file.name: file for file in files}
    status = ("status", "--porcelain", "-z", "--ignored", "--untracked-files=all")
    lines = git(directory, *status, "--", *by_name).stdout.split("\0")
    # Git names files from the top of the repository.
    found = {line[3:].rpartition("/")[2]: line[:2] for line in lines if line[:2] in MARKS}
    if found and git(directory, "check-ignore", "--quiet", ".").returncode == 0:
        return {}
    return {by_name[name]: MARKS[mark] for name, mark in found.items() if name in by_name}


def git(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run git; where there is none, it fails."""
    command = ["git", *arguments]
    try:
        return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    except OSError:
        return subprocess.CompletedProcess(command, returncode=127, stdout="", stderr="")
