# /// script
# requires-python = ">=3.11"
# # 9.14 is the first with `copier check-update`.
# dependencies = ["copier>=9.14"]
# ///
"""Try the template's newest release on a branch, for a person as for a scheduled job.

    uv run .template/update.py [--leave-out PATH]

Asks Copier for a newer release, updates to it on the branch `template-update`, runs the service's
checks there, and writes what to say about it: `state`, `title` and `report.md` in the folder
`template-update` of .git. All of it happens in a worktree of its own, so your branch and your
files stay as they are, however this ends. Opening a request is left to the caller.

state: nothing  there is no newer release, or the branch holds work of yours
       ready    the branch is there and its checks pass
       draft    the branch is there, with conflicts or with a check that fails
       failed   the release cannot be applied: report.md says why

Exit status: 0 nothing, ready or draft; 1 failed; 2 misused, as with uncommitted changes.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
BRANCH = "template-update"
# Marks the commits that this script made and may therefore replace.
TRAILER = "Template-Version"
CHECKS = ("ruff check .", "ruff format --check .", "mypy", "pytest", "cors check --all")
CHANGELOG = Path(".template", "CHANGELOG.md")
# Requests hold some 65,000 characters, and Git's push options as many bytes.
MOST = 50_000
TAIL = 30

# What the template renders: an update writes these whether git has them or not.
DOTENV_FILES = [
    f".env.{name}" for name in ("development", "preview", "staging", "production", "example")
]


class StopError(Exception):
    """An end before there is an update. The text is a sentence for people."""

    state = "failed"
    status = 1


class NothingToDoError(StopError):
    """No reason to complain, and nothing to do."""

    state = "nothing"
    status = 0


class MisuseError(StopError):
    """Something that only the caller can put right."""

    status = 2


@dataclass(frozen=True)
class Update:
    """A release, applied: what became of it."""

    version: str
    previous: str
    changes: str
    conflicts: Sequence[str]
    left_out: str
    failures: Mapping[str, str]

    @property
    def state(self) -> str:
        return "draft" if self.conflicts or self.failures else "ready"


def main() -> int:
    """Do it all, say what came of it, and return the exit status."""
    parser = argparse.ArgumentParser(description="Try the template's newest release on a branch.")
    parser.add_argument(
        "--leave-out",
        metavar="PATH",
        action="append",
        default=[],
        help="do not commit changes below PATH; the report shows them as a patch instead",
    )
    leave_out = parser.parse_args().leave_out
    try:
        refuse_what_cannot_work()
        previous, version = newer_release()
        refuse_to_replace_work()
        update = try_release(previous, version, leave_out)
    except StopError as stop:
        return say(stop.state, "No update from the template", f"{stop}\n", stop.status)
    except KeyboardInterrupt:
        return say("failed", "No update from the template", "Interrupted.\n", 1)
    return say(update.state, title(version), report(update), 0)


# --- Before ----------------------------------------------------------------------------------


def refuse_what_cannot_work() -> None:
    """Raise MisuseError where an update could not start, or would start from the wrong place."""
    for program in ("git", "copier", "uv"):
        if not shutil.which(program):
            raise MisuseError(f"There is no `{program}` here: start this as `uv run {__file__}`.")
    if run("git", "rev-parse", "--verify", "HEAD").returncode:
        raise MisuseError(f"{ROOT} has no Git history: commit first.")
    if git("status", "--porcelain"):
        raise MisuseError("There are uncommitted changes: commit or stash them first.")
    if ignored := git("ls-files", "--others", "--ignored", "--exclude-standard", *DOTENV_FILES):
        names = ignored.splitlines()
        raise MisuseError(
            f"Git ignores {', '.join(names)}, and an update would overwrite your lines for good. "
            f"Add {', '.join(f'!{name}' for name in names)} at the end of .gitignore, then run: "
            f"git add .gitignore {' '.join(names)} && git commit"
        )
    if git("branch", "--show-current") == BRANCH:
        raise MisuseError(f"{BRANCH} is checked out: switch to the branch that it is made for.")
    git("worktree", "prune")


def newer_release() -> tuple[str, str]:
    """Return the recorded version and the newest. Raises NothingToDoError if they are the same."""
    asked = run("copier", "check-update", "--output-format", "json", *answers_option())
    if asked.returncode:
        raise StopError(
            f"The template cannot be asked for releases: {last_words(asked.stdout)}. "
            "`_src_path` and `_commit` in .copier-answers.yml say where it is and what you have: "
            "this machine must be able to read both."
        )
    answer = json.loads(asked.stdout.splitlines()[-1])
    if not answer["update_available"]:
        raise NothingToDoError(f"{answer['current_version']} is the newest release: nothing to do.")
    return answer["current_version"], answer["latest_version"]


def refuse_to_replace_work() -> None:
    """Raise NothingToDoError if somebody has worked on the branch of an earlier run."""
    for ref in (f"refs/heads/{BRANCH}", f"refs/remotes/origin/{BRANCH}"):
        if run("git", "rev-parse", "--verify", ref).returncode:
            continue
        form = f"--format=%h %(trailers:key={TRAILER},valueonly,separator=%x20)"
        lines = git("log", form, f"HEAD..{ref}").splitlines()
        if theirs := [line.split()[0] for line in lines if len(line.split()) == 1]:
            raise NothingToDoError(
                f"{BRANCH} has commits of yours ({', '.join(theirs)}): merge it or delete it, "
                "then newer releases are tried again."
            )


# --- The update ------------------------------------------------------------------------------


def try_release(previous: str, version: str, leave_out: Sequence[str]) -> Update:
    """Apply the release, commit it, check it, and let the branch point to it."""
    with worktree() as project:
        before = read(project / CHANGELOG)
        apply_release(project, version)
        conflicts = git("diff", "--name-only", "--diff-filter=U", cwd=project).splitlines()
        changes = new_sections(before, read(project / CHANGELOG))
        if (project / "uv.lock").exists():
            # A requirement may have changed; if that cannot be resolved, the checks will tell.
            run("uv", "lock", cwd=project)
        git("add", "--all", cwd=project)
        left_out = taken_back(leave_out, project)
        commit(project, version)
        made = git("rev-parse", "HEAD", cwd=project)
        failures = run_checks(project)
    git("branch", "--force", BRANCH, made)
    return Update(version, previous, changes, conflicts, left_out, failures)


@contextmanager
def worktree() -> Iterator[Path]:
    """Check out HEAD elsewhere, yield this project's folder there, and remove it again."""
    inside = git("rev-parse", "--show-prefix")
    with TemporaryDirectory(prefix="template-update.") as folder:
        tree = Path(folder, "tree")
        git("worktree", "add", "--quiet", "--detach", str(tree), "HEAD")
        try:
            yield tree / inside
        finally:
            git("worktree", "remove", "--force", str(tree))


def apply_release(project: Path, version: str) -> None:
    """Run `copier update`. Raises StopError, with what to do, if it refuses."""
    options = ("--defaults", "--quiet", "--conflict=inline", *answers_option())
    result = run("copier", "update", *options, cwd=project)
    # What Copier returns for code that it only runs for those who trust a template.
    if result.returncode == 4:
        raise StopError(
            f"{version} comes with a migration, a script that Copier runs only if you trust the "
            "template. Read what the CHANGELOG says about it, then run "
            f"`{by_hand('--trust')}` yourself."
        )
    refused = re.search(r"Validation error for question '(\w+)': (.+)", result.stdout)
    if result.returncode and refused:
        raise StopError(
            f"{version} refuses your answer to {refused[1]}: {refused[2]}. Run "
            f"`{by_hand('--data', f'{refused[1]}=…')}` with an answer that holds."
        )
    if result.returncode:
        raise StopError(f"{version} cannot be applied: {last_words(result.stdout)}.")


def answers_option() -> list[str]:
    """Return `-a FILE` where the recorded answers are in another file than usual.

    The usual one may hold the answers to another template, which asks for no such origins.
    """
    files = sorted(ROOT.glob(".copier-answers*.y*ml"))
    ours = [file.name for file in files if "\ndevelopment_origins:" in read(file)]
    return ["-a", *ours[:1]] if ours and ours[0] != ".copier-answers.yml" else []


def by_hand(*options: str) -> str:
    """Return the command with which a person updates."""
    return " ".join(["uvx copier update", *answers_option(), *options])


def taken_back(paths: Sequence[str], project: Path) -> str:
    """Take back the staged changes below the paths and return them as a patch."""
    patch = git("diff", "--cached", "HEAD", "--", *paths, cwd=project) if paths else ""
    if patch:
        git("restore", "--source=HEAD", "--staged", "--worktree", "--", *paths, cwd=project)
    return patch


def commit(project: Path, version: str) -> None:
    """Commit what is staged: the same update on the same base always as the same commit."""
    date = git("show", "--no-patch", "--format=%cI")
    git(
        *("-c", "user.name=Template update", "-c", "user.email=template-update@localhost"),
        # Conflict markers are to be seen in the request, not to be stopped by a hook.
        *("commit", "--quiet", "--no-verify", "--no-gpg-sign"),
        *("--message", title(version), "--message", f"{TRAILER}: {version}"),
        cwd=project,
        env={**os.environ, "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date},
    )


def run_checks(project: Path) -> dict[str, str]:
    """Run the service's checks and return the end of what each failing one printed."""
    # The release's code has no business with what a job may do in your name, and runs in the
    # service's environment, not in this script's.
    withheld = re.compile("TOKEN|SECRET|PASSWORD|CREDENTIAL|_KEY|^VIRTUAL_ENV$")
    env = {name: value for name, value in os.environ.items() if not withheld.search(name)}
    failures = {}
    for command in CHECKS:
        result = run("uv", "run", *command.split(), cwd=project, env=env)
        if result.returncode:
            failures[command] = "\n".join(result.stdout.splitlines()[-TAIL:])
    return failures


# --- What to say -----------------------------------------------------------------------------


def title(version: str) -> str:
    """Return the title of the request, which is the commit's as well."""
    return f"Update from the template to {version}"


def new_sections(before: str, after: str) -> str:
    """Return the sections of a changelog that an older one does not have."""
    known = {version for version, _ in sections(before)}
    return "".join(text for version, text in sections(after) if version not in known).strip()


def sections(changelog: str) -> list[tuple[str, str]]:
    """Return version and text of the sections `## 1.1.0` or `## [1.1.0] - 2027-01-31`."""
    texts = re.split(r"^(?=## \S)", changelog, flags=re.MULTILINE)[1:]
    return [(text.split(maxsplit=2)[1].strip("[]"), text) for text in texts]


def report(update: Update) -> str:
    """Return the body of the request, in Markdown."""
    parts = [f"From {update.previous} to {update.version}."]
    if update.conflicts:
        parts.append(
            "## Conflicts\n\n"
            "You and the release changed the same lines. Look for `<<<<<<<`, keep what is right, "
            "and commit to this branch.\n\n" + "\n".join(f"- `{path}`" for path in update.conflicts)
        )
    parts.append(update.changes or "The CHANGELOG says nothing about it.")
    rows = [f"| `{each}` | {'fails' if each in update.failures else 'passes'} |" for each in CHECKS]
    parts.append("## Checks\n\n| | |\n|---|---|\n" + "\n".join(rows))
    parts += [f"{each}:\n\n{fenced(output)}" for each, output in update.failures.items()]
    if update.left_out:
        parts.append(
            "## Left out\n\nThe job that made this branch may not change these files. "
            "Apply the patch yourself, with `git apply`.\n\n" + fenced(update.left_out, "diff")
        )
    text = "\n\n".join(parts)
    return (text if len(text) <= MOST else f"{text[:MOST]}\n\n… and so on.") + "\n"


def fenced(text: str, language: str = "text") -> str:
    """Return the text as a code block, whatever it contains."""
    longest = max((len(ticks) for ticks in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def say(state: str, headline: str, text: str, status: int) -> int:
    """Print the outcome, leave it in .git for the caller, and return the exit status."""
    print(f"{headline}\n\n{text}", end="", file=sys.stderr if status else sys.stdout)
    place = run("git", "rev-parse", "--git-path", BRANCH)
    if not place.returncode:
        folder = ROOT / place.stdout.strip()
        folder.mkdir(exist_ok=True)
        for name, content in (("state", state), ("title", headline), ("report.md", text.rstrip())):
            (folder / name).write_text(f"{content}\n", encoding="utf-8")
    return status


# --- Tools -----------------------------------------------------------------------------------


def run(
    *command: str, cwd: Path = ROOT, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command that asks nothing, with all it prints in its `stdout`."""
    return subprocess.run(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


def git(*arguments: str, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> str:
    """Run Git and return what it printed. Raises StopError if it fails."""
    result = run("git", *arguments, cwd=cwd, env=env)
    if result.returncode:
        raise StopError(f"`git {arguments[0]}` failed: {last_words(result.stdout)}.")
    return result.stdout.rstrip("\n")


def read(path: Path) -> str:
    """Return a text file's content, nothing for one that is not there."""
    return path.read_text(encoding="utf-8") if path.exists() else ""


def last_words(output: str) -> str:
    """Return the last line of what a program printed: under a traceback, the message."""
    lines = [line.strip() for line in output.splitlines() if line.strip()] or ["no reason given"]
    return re.sub(r"^(Stderr:\s*\||[\w.]+Error:)\s*", "", lines[-1]).rstrip(".")


if __name__ == "__main__":
    raise SystemExit(main())
