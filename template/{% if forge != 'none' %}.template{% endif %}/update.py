# /// script
# requires-python = ">=3.11"
# # 9.13 is the first with `copier check-update`.
# dependencies = ["copier>=9.13"]
# ///
"""Try the template's newest release on a branch. People and the weekly job run the same script.

    uv run .template/update.py [--leave-out PATH]

Asks Copier for a newer release, updates to it on the branch `template-update`, locks the
dependencies again if there is a uv.lock, and runs the service's checks. The result is in the folder
`template-update` of .git: `state`, `title` and `report.md`. Everything happens in a worktree of its
own, so your branch and your files never change, even if the script is killed. The caller opens the
request.

state: nothing  there is no newer release, or the branch has commits of yours
       ready    the branch has the release, and the checks pass
       draft    the branch has the release, with conflicts or with a failing check
       failed   the release cannot be applied: report.md says why

Exit status: 0 nothing, ready or draft; 1 failed; 2 wrong use, such as uncommitted changes.
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
# A request can hold some 65,000 characters, and a push option of Git as many bytes.
MOST_CHARACTERS = 50_000
LINES_OF_A_FAILURE = 30


def answers_file() -> str:
    """Return the name of the file with the recorded answers; `copier copy -a` chooses another one.

    The usual one may then hold the answers to another template, which asks for no such origins.
    """
    files = sorted(ROOT.glob(".copier-answers*.y*ml"))
    ours = [file.name for file in files if "\ndevelopment_origins:" in file.read_text("utf-8")]
    return (ours or [".copier-answers.yml"])[0]


ANSWERS = answers_file()

# An address that other machines can read, too; `C:` is the drive of a path.
IS_URL = re.compile(r"(?!(git\+)?file:)[\w.@+-]{2,}:")
# A long name without a password is an access token.
HAS_PASSWORD = re.compile(r"https?://([^/@]*:[^/@]+|[^/@]{20,})@")
RECORD_THE_URL = (
    "Record the template's URL and commit it: "
    f"sed -i.bak 's|^_src_path:.*|_src_path: https://git.acme.com/template.git|' {ANSWERS} "
    f"&& rm {ANSWERS}.bak"
)

# The template renders these: an update writes them whether git has them or not.
DOTENV_FILES = [
    f".env.{name}" for name in ("development", "preview", "staging", "production", "example")
]


class StopError(Exception):
    """There will be no update. The text is a sentence for people."""

    state = "failed"
    status = 1


class NothingToDoError(StopError):
    """There is nothing to do, and nothing is wrong."""

    state = "nothing"
    status = 0


class MisuseError(StopError):
    """Only the caller can put this right."""

    status = 2


@dataclass(frozen=True)
class Update:
    """The result of applying a release."""

    release: str
    previous: str
    changes: str
    conflicts: Sequence[str]
    left_out: str
    failures: Mapping[str, str]

    @property
    def state(self) -> str:
        return "draft" if self.conflicts or self.failures else "ready"


def main() -> int:
    """Try the newest release, say what came of it, and return the exit status."""
    parser = argparse.ArgumentParser(description="Try the template's newest release on a branch.")
    parser.add_argument(
        "--leave-out",
        metavar="PATH",
        action="append",
        default=[],
        help="do not commit changes below PATH: show them in the report, as a patch",
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
    return say(update.state, title(update.release), report(update), 0)


# --- Before ----------------------------------------------------------------------------------


def refuse_what_cannot_work() -> None:
    """Raise MisuseError where an update could not start, or would start from the wrong place."""
    for program in ("git", "copier", "uv"):
        if not shutil.which(program):
            raise MisuseError(f"`{program}` is not installed: run this as `uv run {__file__}`.")
    if run("git", "rev-parse", "--verify", "HEAD").returncode:
        raise MisuseError(f"{ROOT} has no Git history: make the first commit.")
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
        raise MisuseError(f"{BRANCH} is checked out: switch to the branch that you merge it into.")
    git("worktree", "prune")


def newer_release() -> tuple[str, str]:
    """Return the recorded version and the newest, as Copier counts them.

    Raises NothingToDoError unless the newest is newer, StopError if the template cannot be read.
    """
    failure = "The template cannot be asked for releases"
    address = template_address()
    if not IS_URL.match(address) and not (Path(address).is_absolute() and Path(address).exists()):
        raise StopError(
            f"{failure}: `_src_path: {address}` in {ANSWERS} is a relative path, or one that does "
            f"not exist on this machine. {RECORD_THE_URL}"
        )
    asked = run("copier", "check-update", "--output-format", "json", *answers_option())
    if asked.returncode:
        raise StopError(
            f"{failure}: {last_words(asked.stdout)}. It is at the address `_src_path` in "
            f"{ANSWERS}, and you have its commit `_commit`: this machine must be able to read both."
        )
    answer = json.loads(asked.stdout.splitlines()[-1])
    current, newest = answer["current_version"], answer["latest_version"]
    if answer["update_available"]:
        return current, newest
    if current == newest:
        name = release_name(current, read(ROOT / CHANGELOG))
        raise NothingToDoError(f"{name} is the newest release: nothing to do.")
    raise NothingToDoError(
        f"{newest} is the newest release, and this service is made from a later commit of the "
        f"template ({current}): nothing to do until the next release. Until then, Copier answers "
        "an update with “Downgrades are not supported”."
    )


def template_address() -> str:
    """Return the recorded address of the template."""
    found = re.search("(?m)^_src_path: *(.+)$", read(ROOT / ANSWERS))
    return found[1].strip("'\"") if found else ""


def refuse_to_replace_work() -> None:
    """Raise NothingToDoError if somebody has committed to the branch of an earlier run."""
    for ref in (f"refs/heads/{BRANCH}", f"refs/remotes/origin/{BRANCH}"):
        if run("git", "rev-parse", "--verify", ref).returncode:
            continue
        form = f"--format=%h %(trailers:key={TRAILER},valueonly,separator=%x20)"
        lines = git("log", form, f"HEAD..{ref}").splitlines()
        if theirs := [line.split()[0] for line in lines if len(line.split()) == 1]:
            raise NothingToDoError(
                f"{BRANCH} has commits of yours ({', '.join(theirs)}): merge it or delete it. "
                "Newer releases are tried again after that."
            )


# --- The update ------------------------------------------------------------------------------


def try_release(previous: str, version: str, leave_out: Sequence[str]) -> Update:
    """Apply the release, commit it, check it, and let the branch point to it."""
    with worktree() as project:
        before = read(project / CHANGELOG)
        apply_release(project, version)
        conflicts = git("diff", "--name-only", "--diff-filter=U", cwd=project).splitlines()
        after = read(project / CHANGELOG)
        release = release_name(version, after)
        if (project / "uv.lock").exists():
            # The release may require other versions. If they cannot be resolved, the checks fail.
            run("uv", "lock", cwd=project)
        git("add", "--all", cwd=project)
        left_out = taken_back(leave_out, project)
        commit(project, release, version)
        made = git("rev-parse", "HEAD", cwd=project)
        failures = run_checks(project)
    git("branch", "--force", BRANCH, made)
    return Update(
        release,
        release_name(previous, before),
        new_sections(before, after),
        conflicts,
        left_out,
        failures,
    )


@contextmanager
def worktree() -> Iterator[Path]:
    """Check out HEAD in a temporary folder and yield this project's folder there."""
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
    # Copier's exit status where a template wants to run code and nobody said `--trust`.
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
            f"`{by_hand('--data', f'{refused[1]}=…')}` with an answer that it accepts."
        )
    if result.returncode:
        raise StopError(f"{version} cannot be applied: {last_words(result.stdout)}.")


def answers_option() -> list[str]:
    """Return `-a FILE` where the recorded answers are in another file than usual."""
    return [] if ANSWERS == ".copier-answers.yml" else ["-a", ANSWERS]


def by_hand(*options: str) -> str:
    """Return the command with which a person updates."""
    return " ".join(["uvx copier update", *answers_option(), *options])


def taken_back(paths: Sequence[str], project: Path) -> str:
    """Take back the staged changes below the paths and return them as a patch."""
    patch = git("diff", "--cached", "HEAD", "--", *paths, cwd=project) if paths else ""
    if patch:
        git("restore", "--source=HEAD", "--staged", "--worktree", "--", *paths, cwd=project)
    return patch


def commit(project: Path, release: str, version: str) -> None:
    """Commit what is staged. The same update of the same commit gives the same commit again."""
    date = git("show", "--no-patch", "--format=%cI")
    git(
        *("-c", "user.name=Template update", "-c", "user.email=template-update@localhost"),
        # No hook may stop conflict markers: the request shows them.
        *("commit", "--quiet", "--no-verify", "--no-gpg-sign"),
        *("--message", title(release), "--message", f"{TRAILER}: {version}"),
        cwd=project,
        env={**os.environ, "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date},
    )


def run_checks(project: Path) -> dict[str, str]:
    """Run the service's checks and return the last lines of each one that fails."""
    # The code of the release must not see the secrets of the job. It runs in the environment of the
    # service, not in the one of this script.
    withheld = re.compile("TOKEN|SECRET|PASSWORD|CREDENTIAL|_KEY|^VIRTUAL_ENV$")
    env = {name: value for name, value in os.environ.items() if not withheld.search(name)}
    failures = {}
    for command in CHECKS:
        result = run("uv", "run", *command.split(), cwd=project, env=env)
        if result.returncode:
            failures[command] = "\n".join(result.stdout.splitlines()[-LINES_OF_A_FAILURE:])
    return failures


# --- What to say -----------------------------------------------------------------------------


def title(release: str) -> str:
    """Return the title of the request, which is also the subject of the commit."""
    return f"Update from the template to {release}"


def release_name(version: str, changelog: str) -> str:
    """Return the name of a version for people: without tags, Copier only counts commits."""
    if not version.startswith("0.0.0.post"):
        return version
    names = [name for name, _ in sections(changelog)] or ["an unknown release"]
    if names[0] == "Unreleased":
        names[:1] = [f"{each} and unreleased changes" for each in names[1:2]]
    return f"{names[0]} (commit {version.partition('+')[2]})"


def new_sections(before: str, after: str) -> str:
    """Return the sections of a changelog that an older one does not have.

    `Unreleased` is new whenever its text is another one.
    """
    known = dict(sections(before))
    return "".join(
        text
        for name, text in sections(after)
        if (known.get(name) != text if name == "Unreleased" else name not in known)
    ).strip()


def sections(changelog: str) -> list[tuple[str, str]]:
    """Return name and text of the sections, such as `## 1.1.0` or `## [1.1.0] - 2027-01-31`."""
    texts = re.split(r"^(?=## \S)", changelog, flags=re.MULTILINE)[1:]
    return [(text.split(maxsplit=2)[1].strip("[]"), text) for text in texts]


def report(update: Update) -> str:
    """Return the body of the request, in Markdown."""
    parts = [f"From {update.previous} to {update.release}."]
    if update.conflicts:
        parts.append(
            "## Conflicts\n\n"
            "You and the release changed the same lines. In these files, keep the right lines "
            "between `<<<<<<<` and `>>>>>>>`, and commit to this branch.\n\n"
            + "\n".join(f"- `{path}`" for path in update.conflicts)
        )
    parts.append(update.changes or "The CHANGELOG has no new section.")
    rows = [f"| `{each}` | {'fails' if each in update.failures else 'passes'} |" for each in CHECKS]
    parts.append("## Checks\n\n| | |\n|---|---|\n" + "\n".join(rows))
    parts += [f"{each}:\n\n{fenced(output)}" for each, output in update.failures.items()]
    if update.left_out:
        parts.append(
            "## Left out\n\nThe job that made this branch is not allowed to change these files. "
            "Apply the patch yourself, with `git apply`.\n\n" + fenced(update.left_out, "diff")
        )
    text = "\n\n".join(parts)
    cut = f"{text[:MOST_CHARACTERS]}\n\n… The rest does not fit here."
    return (text if len(text) <= MOST_CHARACTERS else cut) + "\n"


def fenced(text: str, language: str = "text") -> str:
    """Return the text as a code block, with a fence longer than any in the text."""
    longest = max((len(ticks) for ticks in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def say(state: str, headline: str, text: str, status: int) -> int:
    """Print the outcome, leave it in .git for the caller, and return the exit status."""
    text += "".join(f"\n{line}\n" for line in advice())
    print(f"{headline}\n\n{text}", end="", file=sys.stderr if status else sys.stdout)
    place = run("git", "rev-parse", "--git-path", BRANCH)
    if not place.returncode:
        folder = ROOT / place.stdout.strip()
        folder.mkdir(exist_ok=True)
        for name, content in (("state", state), ("title", headline), ("report.md", text.rstrip())):
            (folder / name).write_text(f"{content}\n", encoding="utf-8")
    return status


def advice() -> Iterator[str]:
    """Yield what would keep updates from this service, or other updates than these."""
    address = template_address()
    if Path(address).is_absolute() and Path(address).exists():
        yield f"Only this machine can update this service: `{address}` is a path. {RECORD_THE_URL}"
    elif HAS_PASSWORD.search(address):
        yield (
            f"The address of the template in {ANSWERS} holds a password, which all who read the "
            "repository can read. Revoke it, then run: "
            f"sed -i.bak '/^_src_path:/s|//[^/@]*@|//|' {ANSWERS} && rm {ANSWERS}.bak"
        )
    if '"enabledManagers": ["copier"]' in read(ROOT / "renovate.json"):
        yield (
            "renovate.json keeps Renovate from updating anything but the template: delete its "
            "line `enabledManagers` if you want the other updates, too."
        )


# --- Tools -----------------------------------------------------------------------------------


def run(
    *command: str, cwd: Path = ROOT, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command without input and return its output and errors together, as `stdout`."""
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
    """Return the text of a file, or nothing if there is none."""
    return path.read_text(encoding="utf-8") if path.exists() else ""


def last_words(output: str) -> str:
    """Return the last line that a program printed, without passwords: often the message."""
    lines = [line.strip() for line in output.splitlines() if line.strip()] or ["no reason given"]
    said = re.sub(r"^(Stderr:\s*\||[\w.]+Error:)\s*", "", lines[-1]).rstrip(".")
    return re.sub(r"//[^/@\s]*@", "//***@", said)


if __name__ == "__main__":
    raise SystemExit(main())
