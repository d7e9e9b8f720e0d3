"""The weekly job: a newer release arrives on a branch with all that is to be said about it.

The script and the workflows run for real, against a template with three releases and a repository
that takes pushes. Only the forges' own programs are stand-ins, which record what they were told.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from copier import run_copy

from . import quick_copier
from .project import BIN, TEMPLATE, clean_environment, example, render, run, run_copier
from .project import git as run_git

FIRST, SECOND, NEWEST = "90.0.0", "91.0.0", "92.0.0"
BRANCH = "template-update"
POLICY = Path("template", "src", "{{ package_name }}", "cors", "policy.py")

# Runs what `uv run` is given, or only notes it and fails as told: most tests are about the rest.
UV = """#!/bin/sh
echo "$*" >> "$TOLD/uv"
[ "$1" = run ] || exit 0
shift
case "$1" in *.py) exec python "$@";; esac
[ "$1" = "$FAILING" ] && echo "$1: not like this" && exit 1
[ "$1" = "$SLEEPING" ] && touch "$TOLD/asleep" && exec sleep 60
[ -n "$REAL" ] || exit 0
exec "$@"
"""
# Has the one open pull request that $OPEN names, if any.
GH = """#!/bin/sh
printf '%s\\n' "$*" >> "$TOLD/gh"
case "$1 $2" in
  "pr list") echo "$OPEN";;
  "pr create") [ -z "$NO_DRAFTS" ] || case "$*" in *--draft*) exit 1;; esac;;
esac
"""
PIP = "#!/bin/sh\nexit 0\n"
CORS = '#!/bin/sh\nexec python -m orders_api.cors "$@"\n'
COPIER = f'#!/bin/sh\nexec python -P "{quick_copier.__file__}" "$@"\n'
# On the server: note the push options, as GitLab reads them.
POST_RECEIVE = """#!/bin/sh
i=0
while [ "$i" -lt "${GIT_PUSH_OPTION_COUNT:-0}" ]; do
  eval "printf '%s\\n' \\"\\$GIT_PUSH_OPTION_$i\\""
  i=$((i + 1))
done > "$TOLD/push"
"""


def git(folder: Path, *arguments: str) -> str:
    """Run git and return what it prints, without the last line break."""
    return run_git(folder, *arguments).rstrip("\n")


def commit_all(folder: Path, message: str) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)


def release(template: Path, version: str) -> None:
    """Tag what lies there, with a section in the CHANGELOG and a change in a managed file."""
    changelog = template / "CHANGELOG.md"
    head, separator, tail = changelog.read_text().partition("\n## ")
    changelog.write_text(f"{head}\n## {version}\n\nWhat {version} cures.\n{separator}{tail}")
    policy = template / POLICY
    policy.write_text(f"# As of {version}.\n{policy.read_text()}")
    commit_all(template, f"Release {version}")
    git(template, "tag", version)


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template with two releases. Shared: copy it before you change it."""
    template = tmp_path_factory.mktemp("releases") / "template"
    ignored = shutil.ignore_patterns(".git", ".venv", ".*_cache", "__pycache__", ".hypothesis")
    shutil.copytree(TEMPLATE, template, ignore=ignored, symlinks=True)
    git(template, "init", "--quiet", "--initial-branch=main")
    release(template, FIRST)
    release(template, SECOND)
    return template


@dataclass(frozen=True)
class Service:
    """A service made from the first release, in a clone of a repository that takes pushes."""

    folder: Path
    origin: Path
    template: Path
    told: Path

    def environment(self, **variables: str) -> dict[str, str]:
        return clean_environment(
            PATH=f"{self.told}/bin:{BIN}:{os.environ['PATH']}", TOLD=str(self.told), **variables
        )

    def update(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return run(
            self.folder,
            *("python", ".template/update.py", *arguments),
            **self.environment(**variables),
        )

    def said(self, file: str) -> str:
        return (self.folder / ".git" / BRANCH / file).read_text().rstrip("\n")

    def of_branch(self, file: str) -> str:
        return git(self.folder, "show", f"{BRANCH}:{file}")

    def calls(self, program: str) -> list[str]:
        record = self.told / program
        return record.read_text().splitlines() if record.exists() else []


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture(scope="module")
def rendered(releases: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A function that returns a committed service of the first release for a forge."""
    made: dict[str, Path] = {}

    def make(forge: str) -> Path:
        if forge not in made:
            folder = tmp_path_factory.mktemp(forge) / "orders-api"
            answers = example("spa-cookies") | {"forge": forge}
            run_copy(str(releases), folder, answers, defaults=True, quiet=True, vcs_ref=FIRST)
            git(folder, "init", "--quiet", "--initial-branch=main")
            commit_all(folder, "Start")
            made[forge] = folder
        return made[forge]

    return make


@pytest.fixture
def service_on(
    rendered: Callable[[str], Path], releases: Path, tmp_path: Path
) -> Callable[[str], Service]:
    """A function that returns a service on a forge, with a template of its own to release in."""

    def make(forge: str) -> Service:
        template, folder = tmp_path / "template", tmp_path / "orders-api"
        origin, told = tmp_path / "origin.git", tmp_path / "told"
        shutil.copytree(releases, template, symlinks=True)
        shutil.copytree(rendered(forge), folder)
        answers = folder / ".copier-answers.yml"
        answers.write_text(answers.read_text().replace(str(releases), str(template)))
        commit_all(folder, "Use the template that the test may change")
        git(tmp_path, "clone", "--quiet", "--bare", str(folder), str(origin))
        git(origin, "config", "receive.advertisePushOptions", "true")
        program(origin / "hooks" / "post-receive", POST_RECEIVE)
        git(folder, "remote", "add", "origin", str(origin))
        for name, text in (("uv", UV), ("gh", GH), ("pip", PIP), ("cors", CORS)):
            program(told / "bin" / name, text)
        program(told / "bin" / "copier", COPIER)
        return Service(folder, origin, template, told)

    return make


@pytest.fixture
def service(service_on: Callable[[str], Service]) -> Service:
    return service_on("github")


def assert_untouched(service: Service) -> None:
    """The person's branch, files and worktrees are as they were."""
    assert git(service.folder, "branch", "--show-current") == "main"
    assert git(service.folder, "status", "--porcelain") == ""
    assert git(service.folder, "log", "-1", "--format=%s").startswith("Use the template")
    assert len(git(service.folder, "worktree", "list").splitlines()) == 1


# --- The script --------------------------------------------------------------------------------


def test_nothing_new_is_said_and_done(service: Service) -> None:
    git(service.template, "tag", "--delete", SECOND)
    result = service.update()
    assert result.returncode == 0, result.stderr
    assert f"{FIRST} is the newest release" in result.stdout
    assert service.said("state") == "nothing"
    assert git(service.folder, "branch", "--list", BRANCH) == ""
    assert service.calls("uv") == []
    assert_untouched(service)


def test_a_newer_release_arrives_on_a_branch_with_its_changelog(service: Service) -> None:
    release(service.template, NEWEST)
    (service.told / "bin" / "copier").unlink()
    result = service.update(REAL="1")
    assert result.returncode == 0, result.stdout + result.stderr
    assert service.said("state") == "ready", service.said("report.md")
    assert service.said("title") == f"Update from the template to {NEWEST}"
    report = service.said("report.md")
    assert f"From {FIRST} to {NEWEST}." in report
    assert f"What {NEWEST} cures." in report
    assert f"What {SECOND} cures." in report
    assert f"What {FIRST} cures." not in report
    for check in ("ruff check .", "ruff format --check .", "mypy", "pytest", "cors check --all"):
        assert f"| `{check}` | passes |" in report
    assert f"# As of {NEWEST}." in service.of_branch("src/orders_api/cors/policy.py")
    changed = git(service.folder, "diff", "--name-only", "main", BRANCH).splitlines()
    assert changed == [
        ".copier-answers.yml",
        ".template/CHANGELOG.md",
        "src/orders_api/cors/policy.py",
    ]
    assert_untouched(service)


def test_the_same_update_is_the_same_commit(service: Service) -> None:
    """So that a repeat neither asks reviewers again nor starts anything."""
    assert service.update().returncode == 0
    first = git(service.folder, "rev-parse", BRANCH)
    time.sleep(1)
    assert service.update().returncode == 0
    assert git(service.folder, "rev-parse", BRANCH) == first


def test_a_conflict_is_listed_and_makes_a_draft(service: Service) -> None:
    dotenv = service.template / "template"
    (file,) = dotenv.glob("*dotenv_files*")
    file.write_text(file.read_text().replace("ENVIRONMENT=", "# Theirs.\nENVIRONMENT=", 1))
    release(service.template, NEWEST)
    mine = service.folder / ".env.production"
    mine.write_text(mine.read_text().replace("ENVIRONMENT=", "# Mine.\nENVIRONMENT=", 1))
    commit_all(service.folder, "Use the template, and a comment of mine")
    result = service.update()
    assert result.returncode == 0, result.stdout + result.stderr
    assert service.said("state") == "draft"
    report = service.said("report.md")
    assert "## Conflicts" in report
    assert "- `.env.production`" in report
    assert ".env.staging" not in report
    assert "<<<<<<<" in service.of_branch(".env.production")
    assert_untouched(service)


def test_a_failing_check_makes_a_draft_and_is_quoted(service: Service) -> None:
    result = service.update(FAILING="pytest")
    assert result.returncode == 0, result.stderr
    assert service.said("state") == "draft"
    assert "| `pytest` | fails |" in service.said("report.md")
    assert "```text\npytest: not like this\n```" in service.said("report.md")


def test_the_checks_do_not_see_what_the_job_may_do(service: Service) -> None:
    program(service.told / "bin" / "uv", '#!/bin/sh\nenv >> "$TOLD/uv"\n')
    assert service.update(TEMPLATE_UPDATE_TOKEN="glpat-1", CI_JOB_TOKEN="2").returncode == 0
    seen = "\n".join(service.calls("uv"))
    assert "PATH=" in seen
    assert "TOKEN" not in seen


def test_what_the_job_may_not_change_is_shown_as_a_patch(service: Service) -> None:
    (workflows,) = (service.template / "template").glob("*github*/workflows")
    (workflows / "test.yml").write_text(
        (workflows / "test.yml").read_text().replace("checkout@v5", "checkout@v6")
    )
    (workflows / "another.yml").write_text("name: another\n")
    release(service.template, NEWEST)
    assert service.update("--leave-out", ".github/workflows").returncode == 0
    changed = git(service.folder, "diff", "--name-only", "main", BRANCH)
    assert ".github" not in changed
    patch = re.search(r"## Left out.*```diff\n(.*?\n)```", service.said("report.md"), re.DOTALL)
    assert patch
    git(service.folder, "switch", "--quiet", BRANCH)
    (service.folder / "left-out.patch").write_text(patch[1])
    git(service.folder, "apply", "left-out.patch")
    assert "checkout@v6" in (service.folder / ".github/workflows/test.yml").read_text()
    assert (service.folder / ".github/workflows/another.yml").exists()


def test_a_refused_answer_is_said_in_a_sentence(service: Service) -> None:
    questions = service.template / "copier.yml"
    questions.write_text(
        re.sub(
            r"(?<=\nproduction_origins:\n)(.*?)  validator: .*?\n",
            r"\1  validator: 'that origin is gone: write `https://acme.com`'\n",
            questions.read_text(),
            count=1,
            flags=re.DOTALL,
        )
    )
    release(service.template, NEWEST)
    result = service.update()
    assert result.returncode == 1
    assert f"{NEWEST} refuses your answer to production_origins: " in result.stderr
    assert "that origin is gone: write `https://acme.com`" in result.stderr
    assert "uvx copier update --data production_origins=" in result.stderr
    assert "Traceback" not in result.stderr
    assert service.said("state") == "failed"
    assert service.said("report.md") in result.stderr
    assert git(service.folder, "branch", "--list", BRANCH) == ""
    assert_untouched(service)


def test_an_update_that_needs_trust_is_left_to_a_person(service: Service) -> None:
    with (service.template / "copier.yml").open("a") as questions:
        questions.write(f'\n_migrations:\n  - version: v{NEWEST}\n    command: "true"\n')
    release(service.template, NEWEST)
    result = service.update()
    assert result.returncode == 1
    assert "uvx copier update --trust" in result.stderr
    assert service.said("state") == "failed"
    assert_untouched(service)


def test_a_dotenv_file_that_git_ignores_is_refused(service: Service) -> None:
    with (service.folder / ".gitignore").open("a") as own:
        own.write(".env.*\n")
    git(service.folder, "rm", "--quiet", "--cached", ".env.production")
    commit_all(service.folder, "Keep production's file to ourselves")
    (service.folder / ".env.backup").write_text("# Not the template's.\n")
    result = service.update()
    assert result.returncode == 2
    assert "Git ignores .env.production, and" in result.stderr
    assert "Add !.env.production at the end of .gitignore" in result.stderr
    assert git(service.folder, "branch", "--list", BRANCH) == ""


def test_uncommitted_changes_are_refused(service: Service) -> None:
    (service.folder / "README.md").write_text("Not committed.\n")
    result = service.update()
    assert result.returncode == 2
    assert "commit or stash" in result.stderr
    assert (service.folder / "README.md").read_text() == "Not committed.\n"


def test_the_branch_itself_is_no_place_to_start_from(service: Service) -> None:
    git(service.folder, "switch", "--quiet", "--create", BRANCH)
    result = service.update()
    assert result.returncode == 2
    assert f"{BRANCH} is checked out" in result.stderr


def test_a_folder_without_history_is_refused(service: Service) -> None:
    shutil.rmtree(service.folder / ".git")
    result = service.update()
    assert result.returncode == 2
    assert "has no Git history" in result.stderr


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("/no/such/place", "is a relative path, or one that does not exist"),
        ("../template", "is a relative path, or one that does not exist"),
        ("file:///no/such/place", "is a relative path, or one that does not exist"),
        ("https://127.0.0.1:9/acme/template.git", "127.0.0.1"),
    ],
)
def test_an_unreachable_template_is_a_sentence(service: Service, source: str, reason: str) -> None:
    answers = service.folder / ".copier-answers.yml"
    answers.write_text(re.sub("_src_path: .*", f"_src_path: {source}", answers.read_text()))
    commit_all(service.folder, "Use the template from elsewhere")
    result = service.update()
    assert result.returncode == 1
    assert "The template cannot be asked for releases: " in result.stderr
    assert reason in result.stderr
    assert "_src_path" in result.stderr
    assert "Traceback" not in result.stderr
    assert_untouched(service)


def test_the_command_that_records_the_url_works_as_printed(service: Service) -> None:
    answers = service.folder / ".copier-answers.yml"
    text = answers.read_text()
    answers.write_text(re.sub("_src_path: .*", "_src_path: ../template", text))
    commit_all(service.folder, "Use the template that the test may change, by another path")
    told = service.update().stderr
    (command,) = re.findall("(sed .*)", told)
    url = "https://git.acme.com/template.git"
    shell(service, command.replace(url, str(service.template)))
    assert answers.read_text() == text
    shell(service, command)
    assert f"\n_src_path: {url}\n" in answers.read_text()
    assert git(service.folder, "status", "--porcelain") == " M .copier-answers.yml"


def test_a_path_that_only_this_machine_has_is_said_each_time(service: Service) -> None:
    git(service.template, "tag", "--delete", SECOND)
    assert service.update().returncode == 0
    assert f"Only this machine can update this service: `{service.template}`" in service.said(
        "report.md"
    )


def test_a_password_in_the_address_is_said_and_never_printed(service: Service) -> None:
    answers = service.folder / ".copier-answers.yml"
    source = "https://ci:hunter2@127.0.0.1:9/acme/template.git"
    answers.write_text(re.sub("_src_path: .*", f"_src_path: {source}", answers.read_text()))
    commit_all(service.folder, "Use the template with a password")
    result = service.update()
    assert result.returncode == 1
    assert "holds a password" in result.stderr
    assert "hunter2" not in result.stdout + result.stderr + service.said("report.md")
    (command,) = re.findall("(sed .*)", result.stderr)
    shell(service, command)
    assert "\n_src_path: https://127.0.0.1:9/acme/template.git\n" in answers.read_text()


def test_without_tags_the_changelog_says_what_is_new(service: Service) -> None:
    """Copier then counts commits: 0.0.0.post3.dev0+0a1b2c3."""
    git(service.template, "tag", "--delete", FIRST, SECOND)
    changelog = service.template / "CHANGELOG.md"
    text = changelog.read_text()
    changelog.write_text(text.replace("\n## ", "\n## Unreleased\n\nIn the making.\n\n## ", 1))
    commit_all(service.template, "Begin the next release")
    answers = service.folder / ".copier-answers.yml"
    recorded = git(service.template, "rev-parse", "--short", "HEAD~2")
    answers.write_text(re.sub("_commit: .*", f"_commit: '{recorded}'", answers.read_text()))
    commit_all(service.folder, "Use the template that the test may change, without tags")
    assert service.update().returncode == 0
    newest = git(service.template, "rev-parse", "--short", "HEAD")
    name = f"{SECOND} and unreleased changes (commit {newest})"
    assert service.said("title") == f"Update from the template to {name}"
    report = service.said("report.md")
    assert f"From {FIRST} (commit {recorded}) to {name}." in report
    assert "In the making." in report
    assert f"What {SECOND} cures." in report
    assert "0.0.0.post" not in report
    assert f"_release: {SECOND} and unreleased changes\n" in service.of_branch(answers.name)


def test_a_service_that_is_newer_than_the_newest_release_has_time(service: Service) -> None:
    """It was made from a commit that follows the release. Copier calls an update a downgrade."""
    git(service.template, "commit", "--quiet", "--allow-empty", "--message", "After the release")
    later = git(service.template, "describe", "--tags")
    answers = service.folder / ".copier-answers.yml"
    answers.write_text(re.sub("_commit: .*", f"_commit: {later}", answers.read_text()))
    commit_all(service.folder, "Use the template of today")
    result = service.update()
    assert result.returncode == 0, result.stderr
    assert f"{SECOND} is the newest release, and this service is made from a later" in result.stdout
    assert "nothing to do until the next release" in result.stdout
    assert service.said("state") == "nothing"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interruption_leaves_everything_as_it_was(service: Service, how: signal.Signals) -> None:
    process = subprocess.Popen(
        [BIN / "python", ".template/update.py"],
        cwd=service.folder,
        env=service.environment(SLEEPING="pytest"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not (service.told / "asleep").exists():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.1)
    os.killpg(process.pid, how)
    process.wait(timeout=60)
    assert git(service.folder, "branch", "--show-current") == "main"
    assert git(service.folder, "status", "--porcelain") == ""
    assert git(service.folder, "branch", "--list", BRANCH) == ""
    assert service.update().returncode == 0
    assert service.said("state") == "ready"


def test_work_of_yours_on_the_branch_is_never_replaced(service: Service) -> None:
    assert service.update().returncode == 0
    git(service.folder, "switch", "--quiet", BRANCH)
    (service.folder / "README.md").write_text("Resolved by hand.\n")
    commit_all(service.folder, "Resolve")
    mine = git(service.folder, "rev-parse", BRANCH)
    git(service.folder, "push", "--quiet", "origin", BRANCH)
    git(service.folder, "switch", "--quiet", "main")
    release(service.template, NEWEST)
    for _ in ("here", "in a clone that has the branch on its remote only"):
        result = service.update()
        assert result.returncode == 0, result.stderr
        assert service.said("state") == "nothing"
        assert "has commits of yours" in result.stdout
        git(service.folder, "update-ref", "-d", f"refs/heads/{BRANCH}")
    assert git(service.origin, "rev-parse", BRANCH) == mine


def test_the_answers_may_be_beside_those_to_another_template(service: Service) -> None:
    git(service.folder, "mv", ".copier-answers.yml", ".copier-answers.cors.yml")
    (service.folder / ".copier-answers.yml").write_text("_src_path: ../another\n")
    commit_all(service.folder, "Use two templates")
    result = service.update()
    assert result.returncode == 0, result.stderr
    assert service.said("title") == f"Update from the template to {SECOND}"
    assert f"_commit: {SECOND}" in service.of_branch(".copier-answers.cors.yml")
    assert "_commit" not in service.of_branch(".copier-answers.yml")


def test_a_lock_file_follows(service: Service) -> None:
    (service.folder / "uv.lock").write_text("")
    commit_all(service.folder, "Use the template, and lock")
    assert service.update().returncode == 0
    assert service.calls("uv")[0] == "lock"


def test_the_script_says_how_it_is_used(service: Service) -> None:
    result = service.update("--help")
    assert result.returncode == 0
    assert "--leave-out PATH" in result.stdout


# --- GitHub ------------------------------------------------------------------------------------


def workflow(project: Path, name: str) -> dict[str, Any]:
    loaded = yaml.safe_load((project / ".github" / "workflows" / name).read_text())
    assert isinstance(loaded, dict)
    # YAML 1.1 reads the key `on` as a truth value.
    return {"on" if key is True else key: value for key, value in loaded.items()}


def shell(service: Service, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a step's script as the forges do."""
    return run(
        service.folder,
        *("bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script),
        **service.environment(**variables),
    )


def run_github_job(service: Service, **variables: str) -> list[int]:
    """Run the steps of the update job and return their exit statuses."""
    (job,) = workflow(service.folder, "template-update.yml")["jobs"].values()
    statuses: list[int] = []
    for step in job["steps"]:
        if "run" in step and (not any(statuses) or step.get("if") == "always()"):
            statuses.append(run_step(service, step["run"], **variables).returncode)
    return statuses


def run_step(service: Service, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    known = {
        "GITHUB_REF_NAME": "main",
        "GITHUB_REPOSITORY": "acme/orders-api",
        "GITHUB_STEP_SUMMARY": str(service.told / "summary"),
        "LEAVE_OUT": ".github/workflows",
        "GH_TOKEN": "ghs_1",
    }
    return shell(service, script, **known | variables)


def open_on_github(service: Service, state: str, **variables: str) -> list[str]:
    """Run the step that opens the request, for an update that is there; return the calls of gh."""
    outcome(service, state)
    (job,) = workflow(service.folder, "template-update.yml")["jobs"].values()
    (script,) = (step["run"] for step in job["steps"] if "GH_TOKEN" in step.get("env", {}))
    result = run_step(service, script, **variables)
    assert result.returncode == 0, result.stdout + result.stderr
    return service.calls("gh")


def outcome(service: Service, state: str) -> None:
    """Leave what the script leaves, in a moment."""
    git(service.folder, "branch", "--force", BRANCH)
    folder = service.folder / ".git" / BRANCH
    folder.mkdir(exist_ok=True)
    (folder / "state").write_text(f"{state}\n")
    (folder / "title").write_text("Update from the template to 1.1.0\n")
    (folder / "report.md").write_text("From 1.0.0 to 1.1.0.\n\n## 1.1.0\n")


def test_github_opens_a_pull_request(service: Service) -> None:
    assert run_github_job(service) == [0, 0, 0, 0]
    assert git(service.origin, "rev-parse", BRANCH) == git(service.folder, "rev-parse", BRANCH)
    assert service.calls("gh")[-1] == (
        f"pr create --head {BRANCH} --base main --title Update from the template to {SECOND}"
        f" --body-file .git/{BRANCH}/report.md"
    )
    assert (service.told / "summary").read_text().rstrip("\n") == service.said("report.md")


def test_github_opens_a_draft_where_there_is_something_to_do(service: Service) -> None:
    assert open_on_github(service, "draft")[-1].endswith("report.md --draft")


def test_github_opens_an_ordinary_request_where_drafts_cost_extra(service: Service) -> None:
    assert open_on_github(service, "draft", NO_DRAFTS="1")[-1].endswith("report.md")


@pytest.mark.parametrize(
    ("state", "ready"), [("ready", "pr ready 7"), ("draft", "pr ready 7 --undo")]
)
def test_github_refreshes_an_open_pull_request(service: Service, state: str, ready: str) -> None:
    *_, refreshed, last = open_on_github(service, state, OPEN="7")
    assert refreshed == (
        "api --silent --method PATCH repos/acme/orders-api/pulls/7"
        f" -f title=Update from the template to 1.1.0 -F body=@.git/{BRANCH}/report.md"
    )
    assert last == ready


def test_github_does_nothing_where_nothing_is_new(service: Service) -> None:
    git(service.template, "tag", "--delete", SECOND)
    assert run_github_job(service) == [0, 0, 0, 0]
    assert service.calls("gh") == []
    assert "nothing to do" in (service.told / "summary").read_text()


def test_github_says_in_the_summary_why_it_failed(service: Service) -> None:
    shutil.rmtree(service.template)
    assert run_github_job(service) == [0, 1, 0]
    assert "The template cannot be asked for releases" in (service.told / "summary").read_text()


def test_github_workflows_are_sound(service: Service) -> None:
    for name in ("test.yml", "template-update.yml"):
        loaded = workflow(service.folder, name)
        assert loaded["name"] == name.removesuffix(".yml")
        for job in loaded["jobs"].values():
            assert job["timeout-minutes"] <= 30
            for step in job["steps"]:
                if "uses" in step:
                    assert re.fullmatch(r"actions/(checkout|setup-python)@v\d+", step["uses"])
                else:
                    assert "${{" not in step["run"], "an expression in a script is an injection"
                    assert_bash(step["run"])
                if step.get("uses", "").startswith("actions/checkout"):
                    assert step["with"]["persist-credentials"] is False


def test_github_workflows_may_do_no_more_than_they_must(service: Service) -> None:
    test, update = (workflow(service.folder, f"{n}.yml") for n in ("test", "template-update"))
    assert test["permissions"] == {"contents": "read"}
    assert all("permissions" not in job for job in test["jobs"].values())
    assert set(test["on"]) == {"push", "pull_request", "workflow_dispatch"}
    assert update["permissions"] == {}
    (job,) = update["jobs"].values()
    assert job["permissions"] == {"contents": "write", "pull-requests": "write"}
    assert update["concurrency"] == {"group": BRANCH}
    assert set(update["on"]) == {"schedule", "workflow_dispatch"}
    (schedule,) = update["on"]["schedule"]
    minute, hour, day, month, weekday = schedule["cron"].split()
    assert (day, month) == ("*", "*")
    assert all(part.isdigit() for part in (minute, hour, weekday)), "once a week"
    tokens = [step for step in job["steps"] if "GH_TOKEN" in step.get("env", {})]
    assert len(tokens) == 1, "only the step that opens the request gets the token"


def test_both_forges_check_what_the_update_checks(
    service: Service, service_on: Callable[[str], Service], tmp_path: Path
) -> None:
    text = (service.folder / ".template" / "update.py").read_text()
    (checks,) = re.findall(r"^CHECKS = \((.*)\)$", text, re.MULTILINE)
    expected = [f"uv run {check}" for check in re.findall(r'"([^"]+)"', checks)]
    (job,) = workflow(service.folder, "test.yml")["jobs"].values()
    on_github = [step["run"].removesuffix(" --format github") for step in job["steps"][-5:]]
    on_gitlab = gitlab(render(tmp_path / "gitlab", {"forge": "gitlab"}))["test"]["script"]
    assert on_github == on_gitlab == expected


def assert_bash(script: str) -> None:
    parsed = subprocess.run(["bash", "-n", "-c", script], capture_output=True, text=True)
    assert parsed.returncode == 0, parsed.stderr


# --- GitLab ------------------------------------------------------------------------------------


def gitlab(project: Path) -> dict[str, Any]:
    loaded = yaml.safe_load((project / ".gitlab-ci.yml").read_text())
    assert isinstance(loaded, dict)
    return loaded


def run_gitlab_job(
    service: Service, *, scripts: slice = slice(None), **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the update job's script. Its push goes to the bare repository, with all its options."""
    known = {
        "CI_COMMIT_REF_NAME": "main",
        "CI_SERVER_PROTOCOL": "https",
        "CI_PROJECT_URL": "https://gitlab.acme.com/shop/orders-api",
        "TEMPLATE_UPDATE_TOKEN": "glpat-1",
    }
    url = "https://template-update:glpat-1@gitlab.acme.com/shop/orders-api.git"
    git(service.folder, "config", f"url.{service.origin}.insteadOf", url)
    script = "\n".join(gitlab(service.folder)["template-update"]["script"][scripts])
    return shell(service, script, **known | variables)


def test_gitlab_opens_a_merge_request_with_the_push(
    service_on: Callable[[str], Service],
) -> None:
    service = service_on("gitlab")
    result = run_gitlab_job(service)
    assert result.returncode == 0, result.stdout + result.stderr
    assert git(service.origin, "rev-parse", BRANCH) == git(service.folder, "rev-parse", BRANCH)
    *options, description = service.calls("push")
    assert options == [
        "merge_request.create",
        "merge_request.target=main",
        "merge_request.remove_source_branch",
        f"merge_request.title=Update from the template to {SECOND}",
    ]
    name, _, text = description.partition("=")
    assert name == "merge_request.description"
    assert text.replace("\\n", "\n").rstrip("\n") == service.said("report.md")


def test_gitlab_marks_a_draft_in_the_title(service_on: Callable[[str], Service]) -> None:
    service = service_on("gitlab")
    outcome(service, "draft")
    assert run_gitlab_job(service, scripts=slice(-1, None)).returncode == 0
    assert "merge_request.title=Draft: Update from the template to 1.1.0" in service.calls("push")


def test_gitlab_does_nothing_where_nothing_is_new(service_on: Callable[[str], Service]) -> None:
    service = service_on("gitlab")
    git(service.template, "tag", "--delete", SECOND)
    assert run_gitlab_job(service, TEMPLATE_UPDATE_TOKEN="").returncode == 0
    assert service.calls("push") == []


def test_gitlab_leaves_work_on_the_branch_alone(service_on: Callable[[str], Service]) -> None:
    """Although a runner's clone holds no other branch."""
    service = service_on("gitlab")
    assert run_gitlab_job(service).returncode == 0
    git(service.folder, "switch", "--quiet", BRANCH)
    git(service.folder, "commit", "--quiet", "--allow-empty", "--message", "Mine")
    git(service.folder, "push", "--quiet", "origin", BRANCH)
    mine = git(service.origin, "rev-parse", BRANCH)
    git(service.folder, "switch", "--quiet", "main")
    git(service.folder, "branch", "--delete", "--force", "--quiet", BRANCH)
    git(service.folder, "update-ref", "-d", f"refs/remotes/origin/{BRANCH}")
    assert run_gitlab_job(service).returncode == 0
    assert git(service.origin, "rev-parse", BRANCH) == mine


def test_gitlab_says_that_the_token_is_missing(service_on: Callable[[str], Service]) -> None:
    service = service_on("gitlab")
    outcome(service, "ready")
    result = run_gitlab_job(service, scripts=slice(-1, None), TEMPLATE_UPDATE_TOKEN="")
    assert result.returncode != 0
    assert "TEMPLATE_UPDATE_TOKEN: is not set" in result.stderr


def test_the_gitlab_pipeline_is_sound(tmp_path: Path) -> None:
    loaded = gitlab(render(tmp_path / "service", {"forge": "gitlab"}))
    update = loaded["template-update"]
    sources = [rule["if"] for rule in update["rules"]]
    assert sources == ['$CI_PIPELINE_SOURCE == "schedule"', '$CI_PIPELINE_SOURCE == "web"']
    assert update["rules"][1]["when"] == "manual"
    assert update["resource_group"] == BRANCH
    assert update["variables"] == {"GIT_DEPTH": "0"}
    for job in (loaded["default"], loaded["test"], update):
        for script in (*job.get("before_script", ()), *job.get("script", ())):
            assert_bash(script)


# --- What is rendered --------------------------------------------------------------------------

ADDED = {
    "none": set(),
    "github": {
        ".github/workflows/template-update.yml",
        ".github/workflows/test.yml",
        ".template/CHANGELOG.md",
        ".template/update.py",
        "renovate.json",
    },
    "gitlab": {
        ".gitlab-ci.yml",
        ".template/CHANGELOG.md",
        ".template/update.py",
        "renovate.json",
    },
}


@pytest.mark.parametrize("forge", ADDED)
def test_a_service_gets_its_forge_s_files_only(forge: str, tmp_path: Path) -> None:
    def files(project: Path) -> set[str]:
        return {p.relative_to(project).as_posix() for p in project.rglob("*") if p.is_file()}

    default = files(render(tmp_path / "default", {}))
    assert files(render(tmp_path / forge, {"forge": forge})) - default == ADDED[forge]


def test_the_changelog_is_rendered_as_it_is(service: Service) -> None:
    ours = git(service.template, "show", f"{FIRST}:CHANGELOG.md")
    assert (service.folder / ".template" / "CHANGELOG.md").read_text().rstrip("\n") == ours


def test_renovate_looks_after_the_template_and_everything_else(service: Service) -> None:
    """Its manager for Copier is on by default; a list of managers would turn off the others."""
    settings = json.loads((service.folder / "renovate.json").read_text())
    assert settings["extends"] == ["config:recommended"]
    assert set(settings) == {"$schema", "description", "extends"}


OWN_RENOVATE = '{"extends": ["config:recommended"], "enabledManagers": ["pep621"]}\n'


def test_a_copy_keeps_your_renovate_json_and_prints_what_to_add(
    releases: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "orders-api"
    folder.mkdir()
    (folder / "renovate.json").write_text(OWN_RENOVATE)
    copy = ("copy", "--defaults", "--data", "forge=github", releases, folder)
    result = run_copier(tmp_path, *copy)
    assert result.returncode == 0, result.stderr
    assert (folder / "renovate.json").read_text() == OWN_RENOVATE
    assert 'Then add to that list: "copier"' in result.stderr


def test_an_update_keeps_your_renovate_json(service_on: Callable[[str], Service]) -> None:
    service = service_on("none")
    (service.folder / "renovate.json").write_text(OWN_RENOVATE)
    commit_all(service.folder, "Use the template, and Renovate")
    update = ("update", "--defaults", "--quiet", "--data", "forge=github")
    result = run_copier(service.folder, *update)
    assert result.returncode == 0, result.stderr
    assert (service.folder / ".template" / "update.py").is_file()
    assert (service.folder / "renovate.json").read_text() == OWN_RENOVATE


def test_the_renovate_json_of_older_releases_is_explained(service: Service) -> None:
    git(service.template, "tag", "--delete", SECOND)
    (service.folder / "renovate.json").write_text('{\n  "enabledManagers": ["copier"]\n}\n')
    commit_all(service.folder, "Use the template of 1.2.1")
    assert service.update().returncode == 0
    assert "renovate.json keeps Renovate from updating anything" in service.said("report.md")


@pytest.mark.skipif(
    not shutil.which("renovate-config-validator"), reason="there is no renovate-config-validator"
)
def test_renovate_accepts_its_settings(service: Service) -> None:
    result = run(service.folder, "renovate-config-validator", "--strict", "renovate.json")
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_service_of_an_older_release_can_start_staying_current(
    service_on: Callable[[str], Service],
) -> None:
    service = service_on("none")
    update = ("update", "--defaults", "--quiet", "--data", "forge=gitlab")
    result = run_copier(service.folder, *update)
    assert result.returncode == 0, result.stderr
    assert (service.folder / ".gitlab-ci.yml").is_file()
    assert (service.folder / ".template" / "update.py").is_file()
