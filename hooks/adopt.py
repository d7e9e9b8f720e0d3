"""`make adopt`: an existing FastAPI service moves in, on a branch of its own repository.

    python hooks/adopt.py SERVICE [--answers FILE] [--defaults] [--python PYTHON]

Reads the service without running it, proposes answers, asks, and works in a temporary clone: the
service's own folder changes in the last step, when the finished branch `adopt-cors-policy` is
fetched from the clone. Interrupted or refused before that, nothing has changed.

Exit status: 0 moved in, or had moved in before; 1 refused or interrupted, with nothing changed;
2 wrong arguments.
"""

import argparse
import os
import shutil
import subprocess
import sys
import textwrap
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from copier import run_copy
from copier.errors import CopierError, DirtyLocalWarning
from moving import ANSWERS_FILE, OTHER_ANSWERS_FILE, Move, RefusedError, move_in
from new import (
    TEMPLATE,
    MisuseError,
    answers_in,
    release_commit,
    template_address,
    warn_of_commits_nobody_has,
)
from proof import prove
from proposal import Proposal, lines, propose
from report import REPORT, as_report, by_hand
from survey import Survey, git, survey

BRANCH = "adopt-cors-policy"
USAGE = "make adopt SERVICE=../existing [ANSWERS=file.yml] [DEFAULTS=1]"
FIXED = ("adopt", "package_name", "package_path", "template_address")


def look_at(text: str) -> Survey:
    """Return what a service is made of. Raises MisuseError or RefusedError where it cannot move."""
    if not text:
        raise MisuseError(f"SERVICE is missing: write where the service is. {USAGE}")
    folder = Path(text).expanduser().absolute()
    if not folder.is_dir():
        raise MisuseError(f"SERVICE={text} is no folder: write the folder of the service.")
    found = survey(folder)
    if not found.is_service:
        raise RefusedError(
            f"No file below {text} calls FastAPI(…), so there is nothing to protect. If the app "
            "is made in an unusual way, docs/adopting.md says how to move in by hand."
        )
    return found


def refuse_unsafe_repository(repository: Path) -> None:
    """Raise RefusedError unless the service can move in, and out again, by a branch."""
    status = git(repository, "status", "--porcelain")
    if status.returncode:
        raise RefusedError(f"git cannot read {repository}: {status.stderr.strip()}")
    if status.stdout:
        changed = status.stdout.splitlines()
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        raise RefusedError(
            f"{repository} has changes that are not committed ({changed[0][3:]}{more}). Commit or "
            "stash them first, so that `git switch -` brings everything back."
        )
    if git(repository, "rev-parse", "--verify", "--quiet", "HEAD").returncode:
        raise RefusedError(f"{repository} has no commit yet: commit the service first.")
    if not git(repository, "show-ref", "--verify", "--quiet", f"refs/heads/{BRANCH}").returncode:
        raise RefusedError(
            f"{repository} has a branch {BRANCH} already. Look at it with `git switch {BRANCH}`, "
            f"or delete it with `git branch -D {BRANCH}` and repeat this."
        )
    identity = git(repository, "var", "GIT_COMMITTER_IDENT")
    if identity.returncode:
        raise RefusedError('git does not know your name: git config --global user.name "…"')


def has_moved_in(found: Survey) -> bool:
    """Whether the service has the policy already."""
    for name in (ANSWERS_FILE, OTHER_ANSWERS_FILE):
        file = found.folder / name
        try:
            answers = yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else {}
        except (OSError, ValueError, yaml.YAMLError):
            continue
        if isinstance(answers, dict) and "development_origins" in answers:
            return True
    return False


# --- Asking -----------------------------------------------------------------------------------


def show(found: Survey, proposal: Proposal) -> None:
    """Print what was found and what is proposed, for a terminal of 80 columns."""
    print(f"\nFound in {found.folder}:\n")
    for name, value in facts(found):
        print(f"  {name:<16}{value}")
    print("\nProposed answers:\n")
    for name, value in lines(proposal):
        print(f"  {name:<20}{value}")
    if proposal.notes:
        print("\nLook at:\n")
        for note in proposal.notes:
            print(wrapped(note.text, "  - "))
    print()


def wrapped(text: str, bullet: str = "") -> str:
    """Return a sentence in lines of at most 80 characters."""
    width = min(shutil.get_terminal_size().columns, 100)
    return textwrap.fill(
        text,
        width,
        initial_indent=bullet,
        subsequent_indent=" " * len(bullet),
        break_long_words=False,
        break_on_hyphens=False,
    )


def facts(found: Survey) -> Iterator[tuple[str, str]]:
    """Yield what is known of a service, as it is shown."""
    entrypoint = found.entrypoint
    yield "app", f"{entrypoint} ({entrypoint.read_in})" if entrypoint else "not found"
    yield "package", found.package_path or "none: the modules lie in the service's folder"
    for policy in found.policies:
        credentials = ", with credentials" if policy.credentials else ""
        who = ", ".join(policy.origins) or policy.origin_regex or "nobody that can be read"
        yield "CORSMiddleware", f"{policy.place}: {who}{credentials}"
    if not found.policies:
        yield "CORSMiddleware", "none"
    yield "dependencies", f"{found.manager or 'unknown'} {found.dependency_file}".strip()
    yield "tests", found.tests or "none"
    for name, reason in found.unread.items():
        yield "not read", f"{name} {reason}"


def render(move: Move, *, ask: bool, address: str) -> None:
    """Render what is managed into the clone; Copier asks its questions, or takes the answers."""
    fixed = {"adopt": True, "template_address": address}
    fixed |= {name: move.answers[name] for name in FIXED if name in move.answers}
    asked = {name: answer for name, answer in move.answers.items() if name not in fixed}
    with warnings.catch_warnings():
        # `make new` says so where it matters.
        warnings.simplefilter("ignore", DirtyLocalWarning)
        run_copy(
            str(TEMPLATE),
            move.folder,
            data=fixed if ask else fixed | asked,
            user_defaults=asked,
            defaults=not ask,
            overwrite=True,
            quiet=True,
            vcs_ref=release_commit(),
            answers_file=move.answers_file,
        )
    recorded = yaml.safe_load((move.folder / move.answers_file).read_text(encoding="utf-8"))
    move.answers |= {name: answer for name, answer in recorded.items() if name[0] != "_"}


# --- Moving -----------------------------------------------------------------------------------


@dataclass
class Workshop:
    """The temporary clone in which the service moves, and a second one that stays as it was."""

    repository: Path
    folder: Path
    before: Path = field(init=False)
    after: Path = field(init=False)

    def __post_init__(self) -> None:
        self.before, self.after = self.folder / "before", self.folder / "after"

    def clone(self) -> None:
        """Clone the repository as it is checked out."""
        head = git(self.repository, "rev-parse", "HEAD").stdout.strip()
        for clone in (self.before, self.after):
            run("clone", "--quiet", "--shared", "--no-checkout", str(self.repository), str(clone))
            run("checkout", "--quiet", "--detach", head, folder=clone)

    def commit(self, message: str, *files: str, amend: bool = False) -> None:
        """Commit files, or all, in the clone, as the person whose repository it is."""
        name = git(self.repository, "var", "GIT_AUTHOR_IDENT").stdout.rpartition(">")[0]
        author, _, email = name.partition(" <")
        identity = ("-c", f"user.name={author}", "-c", f"user.email={email}")
        run("add", *(files or ("--all",)), folder=self.after)
        how = ("--amend", "--no-edit") if amend else ("-m", message)
        run(*identity, "commit", "--quiet", "--no-verify", *how, folder=self.after)

    def put_in_place(self) -> None:
        """Bring the commit into the repository as a branch, and check it out.

        An ignored file that the branch would overwrite stops it: git has no copy of that file.
        """
        head = git(self.repository, "rev-parse", "HEAD").stdout.strip()
        branch = git(self.repository, "symbolic-ref", "--quiet", "--short", "HEAD").stdout.strip()
        back = (branch,) if branch else ("--detach", head)
        new = f"HEAD:refs/heads/{BRANCH}"
        try:
            run("fetch", "--quiet", "--no-tags", str(self.after), new, folder=self.repository)
            run("switch", "--quiet", "--no-overwrite-ignore", BRANCH, folder=self.repository)
        except BaseException:
            git(self.repository, "switch", "--quiet", *back)
            git(self.repository, "branch", "-D", BRANCH)
            raise


def run(*arguments: str, folder: Path | None = None) -> None:
    """Run git to its end, whoever presses Ctrl-C. Raises RefusedError where it fails."""
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        # A clone needs no large files.
        env={**os.environ, "GIT_LFS_SKIP_SMUDGE": "1"},
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    if done.returncode:
        raise RefusedError(f"git {arguments[0]} failed: {done.stderr.strip()}")


def adopt(found: Survey, proposal: Proposal, *, ask: bool, python: str, address: str) -> Move:
    """Move a service in; return what was done. Nothing changes in its folder before the end."""
    assert found.repository is not None
    with TemporaryDirectory(prefix="adopt-") as folder:
        workshop = Workshop(found.repository, Path(folder))
        workshop.clone()
        move = Move(
            found,
            folder=workshop.after / found.prefix,
            before=workshop.before / found.prefix,
            answers=dict(proposal.answers),
        )
        move.refuse_collisions()
        move.set_dotenv_files_aside()
        render(move, ask=ask, address=address)
        move.refuse_ignored_dotenv_files()
        move_in(move)
        managed = (f"{move.package_path}/cors", "tests/cors", move.answers_file)
        run("add", "--force", *managed, folder=move.folder)
        workshop.commit("Adopt the CORS policy of the template")
        print(wrapped("Comparing both apps, and running the tests. This can take minutes."))
        report = move.folder / REPORT
        report.write_text(as_report(move, proposal, prove(move, python)), encoding="utf-8")
        workshop.commit("", str(report), amend=True)
        workshop.put_in_place()
    return move


def main(arguments: list[str]) -> int:
    """Move a service in and return the exit status."""
    parser = argparse.ArgumentParser(prog="adopt.py", description="Move an existing service in.")
    parser.add_argument("service", nargs="?", default="")
    parser.add_argument("--answers", default="", metavar="FILE", help="take the answers from FILE")
    parser.add_argument("--defaults", action="store_true", help="take what is proposed")
    parser.add_argument("--python", default="", help="the interpreter of the service")
    given = parser.parse_args(arguments)
    try:
        found = look_at(given.service)
        if has_moved_in(found):
            print(wrapped(f"{found.folder} has moved in already. Updates: uvx copier update"))
            return 0
        if found.repository is None:
            raise RefusedError(
                f"{found.folder} is in no git repository, so moving in could not be undone. Run "
                "`git init`, commit, and repeat this."
            )
        refuse_unsafe_repository(found.repository)
        proposal = propose(found)
        if given.answers:
            proposal.answers |= answers_in(given.answers)
        show(found, proposal)
        ask = not (given.answers or given.defaults)
        move = adopt(found, proposal, ask=ask, python=given.python, address=template_address())
    except MisuseError as error:
        print(wrapped(str(error)), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Interrupted: the service is as it was.", file=sys.stderr)
        return 1
    except (RefusedError, CopierError, OSError, TypeError, ValueError) as error:
        print(wrapped(f"{error}"), file=sys.stderr)
        print("The service is as it was.", file=sys.stderr)
        return 1
    warn_of_commits_nobody_has(template_address())
    say_what_is_next(move)
    return 0


def say_what_is_next(move: Move) -> None:
    """Print where the result is and what is left to do."""
    report = Path(move.found.prefix, REPORT)
    print(f"\nMoved in, on the branch {BRANCH}. The report is {report}.")
    if left := by_hand(move):
        print("\nTo do by hand:\n")
    for sentence in left:
        print(wrapped(sentence, "  - "))
    print(f"\nTo undo it: git switch - && git branch -D {BRANCH}")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
