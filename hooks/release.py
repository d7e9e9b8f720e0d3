"""Tag the newest release, if it has no tag yet.

    python hooks/release.py [--push]

A release is a commit with the subject `Release X.Y.Z`. Its pyproject.toml and the first section of
its CHANGELOG.md have to name the same version: services record it, and updates go by the tags.
`.github/workflows/release.yml` runs this when the tests of main have passed. Without a forge, run
it yourself. --push sends the tag to the remote `origin`.

Exit status: 0 tagged, or nothing to tag; 1 refused; 2 wrong arguments.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]


class RefusedError(Exception):
    """The release cannot be tagged. The text says why and what to do."""


def git(*arguments: str) -> str:
    """Run git and return what it prints. Raises RefusedError if it fails."""
    result = subprocess.run(
        ["git", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise RefusedError(f"`git {' '.join(arguments)}` failed: {result.stderr.strip()}")
    return result.stdout.strip()


def newest_release() -> tuple[str, str]:
    """Return commit and version of the newest release. Raises RefusedError if there is none."""
    if git("rev-parse", "--is-shallow-repository") == "true":
        raise RefusedError("This is a shallow clone: run `git fetch --unshallow --tags` first.")
    for line in git("log", "--format=%H %s").splitlines():
        commit, _, subject = line.partition(" ")
        if found := re.fullmatch(r"Release (\d+\.\d+\.\d+)", subject):
            return commit, found[1]
    raise RefusedError("No commit has the subject `Release X.Y.Z`.")


def contradictions(commit: str, version: str) -> list[str]:
    """Return a line for each file of the commit that names another version than its subject."""
    project = tomllib.loads(git("show", f"{commit}:pyproject.toml")).get("project", {})
    headings = re.findall("(?m)^## (.+)$", git("show", f"{commit}:CHANGELOG.md")) or ["nothing"]
    named = {
        "`version` in pyproject.toml": str(project.get("version")),
        "the first section of CHANGELOG.md": headings[0].strip(),
    }
    return [f"{where} is {found}" for where, found in named.items() if found != version]


def tag(push: bool) -> str:
    """Tag the newest release and return a sentence. Raises RefusedError where that is wrong."""
    commit, version = newest_release()
    if version in git("tag").splitlines():
        tagged = git("rev-list", "-1", version)
        if tagged != commit:
            raise RefusedError(
                f"{version} is the tag of {tagged[:7]}, but {commit[:7]} has the subject "
                f"`Release {version}`: release it under the next version. A tag that people have "
                "updated to must not move."
            )
        said = f"{version} has its tag"
    elif wrong := contradictions(commit, version):
        raise RefusedError(
            f"{commit[:7]} has the subject `Release {version}`, but {' and '.join(wrong)}: correct "
            f"it and commit the correction as `Release {version}`."
        )
    else:
        git("tag", version, commit)
        said = f"{commit[:7]} is tagged {version}"
    if push:
        git("push", "--quiet", "origin", f"refs/tags/{version}")
        return f"{said}, and `origin` has it."
    return f"{said}. To publish it: git push origin {version}"


def main(arguments: list[str]) -> int:
    """Tag the release and return the exit status."""
    if arguments not in ([], ["--push"]):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        print(tag(push=bool(arguments)))
    except RefusedError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
