# fmt: off
"""Rules on updates, for `cors check` in a checkout and for the test suite.

Updates reach this service and lose nothing: the recorded answers, the address of the template, what
git has, and where the code is.
"""

import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from shlex import quote
from typing import Any

import yaml

from .. import RELEASE
from ..audit import (
    CREDENTIALS,
    EXPOSED_HEADERS,
    GUARD_EXEMPT_PATHS,
    MAX_AGE,
    METHODS,
    ORIGINS,
    PUBLIC_PATHS,
    REQUEST_HEADERS,
    Fault,
    RuleBook,
    Subject,
    findings_of,
)
from ..findings import errors_among
from ..rules import RULES
from ..sources import Sources, environments, read_list

UPDATE_RULES = RuleBook()

# --- Recorded answers -------------------------------------------------------------------------

ANSWERS_FILE = ".copier-answers.yml"
# Every service is asked this question, and no other template has it.
OWN_QUESTION = "development_origins"

# The questions whose answer is in the dotenv file of every environment.
SHARED_QUESTIONS = {
    METHODS: "allow_methods",
    REQUEST_HEADERS: "request_headers",
    EXPOSED_HEADERS: "exposed_headers",
    MAX_AGE: "preflight_max_age",
    PUBLIC_PATHS: "public_paths",
    GUARD_EXEMPT_PATHS: "guard_exempt_paths",
}


def find_answers(sources: Sources | None) -> tuple[str, Mapping[str, Any]]:
    """Return the name of the file with the recorded answers, and the answers.

    With `copier copy -a` it has another name than usual, and beside it there may be the answers to
    another template. The answers are empty where there are none of ours.
    """
    paths = sorted(sources.directory.glob(".copier-answers*.y*ml")) if sources else []
    found = {path.name: read_yaml(path) for path in paths}
    named = [name for name in found if OWN_QUESTION in found[name]] or [ANSWERS_FILE]
    return named[0], found.get(named[0], {})


def read_yaml(path: Path) -> Mapping[str, Any]:
    """Return the mapping in a YAML file; an empty one where it holds none."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return found if isinstance(found, dict) else {}


def copier(command: str, file: str, *options: str) -> str:
    """Return a command line of Copier, with `-a` where the answers are in another file."""
    options = options if file == ANSWERS_FILE else ("-a", file, *options)
    return " ".join(["uvx copier", command, "--defaults", *map(quote, options)])


def update_with(file: str, question: str, answer: str) -> str:
    """Return the command that records an answer."""
    return copier("update", file, "--data", f"{question}={answer}")


def recorded_answers(sources: Sources | None) -> dict[str, tuple[str, str]]:
    """Return the question and the recorded answer of each variable that has both.

    Leaves out variables whose line in force is in no file of the template.
    """
    if sources is None:
        return {}
    (_, answers), file = find_answers(sources), f".env.{sources.environment}"
    questions = {ORIGINS: f"{sources.environment}_origins"} | SHARED_QUESTIONS
    places = {name: each.where.partition(":")[0] for name, each in sources.variables.items()}
    return {
        variable: (question, str(answers[question]))
        for variable, question in questions.items()
        if answers.get(question) is not None and places.get(variable, file) == file
    }


def change(subject: Subject, variable: str, listed: list[str]) -> str:
    """Return how to give a list variable these items, as an instruction.

    A line that says what the recorded answer says is changed in all files by one command.
    """
    text, recorded = ",".join(listed), recorded_answers(subject.sources).get(variable)
    written = subject.variables.get(variable)
    if recorded and written and items(recorded[1]) == items(written.value):
        file, _ = find_answers(subject.sources)
        return f"commit, then run {update_with(file, recorded[0], text)}"
    return f"write {variable}={text}"


@UPDATE_RULES.rule("CORS037", "W W W")
def answers_disagree(subject: Subject) -> Iterator[Fault]:
    """The dotenv file and the recorded answers disagree."""
    file, answers = find_answers(subject.sources)
    for variable, (question, answer) in recorded_answers(subject.sources).items():
        text = subject.variables[variable].value if variable in subject.variables else answer
        # A line that a rule refuses is not recorded: the question would refuse it too.
        if items(text) == items(answer) or is_refused(subject, variable):
            continue
        reason = f"is not the recorded answer to {question}, {answer!r}"
        recorded = update_with(file, question, ",".join(items(text)))
        yield Fault(variable, text, reason, f"record it with {recorded}")
    yield from credentials_disagree(subject, file, answers)


def is_refused(subject: Subject, variable: str) -> bool:
    """Whether a rule refuses what is written for a variable."""
    return any(each.variable == variable for each in errors_among([*findings_of(subject, RULES)]))


def items(text: str) -> list[str]:
    """Return the items of a list; JSON and blanks make no difference."""
    try:
        return read_list(text)
    except ValueError:
        return [text]


def credentials_disagree(
    subject: Subject, file: str, answers: Mapping[str, Any]
) -> Iterator[Fault]:
    """Find that the answer says another use of cookies or bearer tokens than is allowed."""
    answer, found = answers.get("credentials"), subject.variables.get(CREDENTIALS)
    cookies, bearer = answer in ("cookies", "both"), answer in ("bearer", "both")
    allowed = subject.policy.allow_credentials
    # One answer is for all environments. One that nobody may call has no use for cookies yet.
    is_used = allowed or bool(subject.policy.allow_origins)
    if answer is not None and found is not None and allowed != cookies and is_used:
        recorded = {(True, True): "both", (True, False): "cookies", (False, True): "bearer"}
        reason = f"is not what the recorded answer to credentials, {answer!r}, says"
        update = update_with(file, "credentials", recorded.get((allowed, bearer), "none"))
        yield Fault(CREDENTIALS, found.value, reason, f"record it with {update}")
    headers = subject.policy.allow_headers
    if bearer and "authorization" not in map(str.lower, headers):
        reason = (
            "does not list Authorization, the header of the bearer tokens that the recorded answer "
            f"to credentials, {answer!r}, names: a browser blocks every request that has it"
        )
        fix = update_with(file, "request_headers", ",".join(["Authorization", *headers]))
        yield Fault(REQUEST_HEADERS, ",".join(headers), reason, f"allow it with {fix}")


IS_URL = re.compile(r"(?!(git\+)?file:)[\w.@+-]{2,}:")
# A long name without a password is an access token.
HAS_PASSWORD = re.compile(r"https?://([^/@]*:[^/@]+|[^/@]{20,})@")


@UPDATE_RULES.rule("CORS045", "W - -")
def template_out_of_reach(subject: Subject) -> Iterator[Fault]:
    """The recorded address of the template is a path, or holds a password."""
    file, answers = find_answers(subject.sources)
    address = str(answers.get("_src_path", ""))
    edit = f"{file} && rm {file}.bak"
    if address and not IS_URL.match(address):
        reason = "is a path on one machine, so nobody else can update this service"
        url = "https://git.acme.com/template.git"
        fix = f"record the URL: sed -i.bak 's|^_src_path:.*|_src_path: {url}|' {edit}"
        yield Fault("_src_path", address, reason, fix, file)
    elif HAS_PASSWORD.search(address):
        reason = "holds a password, which all who read the repository can read"
        fix = f"revoke it, then run: sed -i.bak '/^_src_path:/s|//[^/@]*@|//|' {edit}"
        shown = re.sub("//[^/@]*@", "//***@", address)
        yield Fault("_src_path", shown, reason, fix, file)


# --- Git --------------------------------------------------------------------------------------


@UPDATE_RULES.rule("CORS042", "E E E")
def file_not_in_git(subject: Subject) -> Iterator[Fault]:
    """A dotenv file that git does not have."""
    for file in rendered_files(subject):
        mark = git_mark(file)
        add = f"git add {file.name} && git commit"
        if mark == "!!":
            reason = "is ignored by git, so a template update overwrites your lines for good"
            fix = f"add !{file.name} as the last line of .gitignore, then run: {add}"
            yield Fault(file.name, "", reason, fix)
        elif mark == "??":
            yield Fault(file.name, "", "is not in git yet", f"run: {add}", severity="warning")


def rendered_files(subject: Subject) -> Iterator[Path]:
    """Yield the files of an environment that updates of the template write."""
    environment = subject.policy.environment
    for file in subject.files:
        rendered = rendered_environments(find_answers(subject.sources)[1])
        if file.path.name == f".env.{environment}" and environment in rendered:
            yield file.path


def rendered_environments(answers: Mapping[str, Any]) -> list[str]:
    """Return the environments whose dotenv file updates write; none without recorded answers."""
    return ["development", *answers.get("environments", ())] if answers else []


def git_mark(file: Path) -> str:
    """Return `!!` for a file that git ignores, `??` for one that is not added, else nothing.

    Also nothing without git, outside of a repository, and in a folder that is ignored as a whole.
    """
    status = ("status", "--porcelain", "--ignored", "--untracked-files=all", "--", file.name)
    mark = git(file.parent, *status).stdout[:2]
    ignored_folder = mark == "!!" and not git(file.parent, "check-ignore", "-q", ".").returncode
    return "" if ignored_folder else mark


def git(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run git; where there is none, it fails."""
    command = ["git", *arguments]
    try:
        return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    except OSError:
        return subprocess.CompletedProcess(command, returncode=127, stdout="", stderr="")


# --- Whether updates arrive -------------------------------------------------------------------

CORS_FOLDER = Path(__file__).resolve().parents[1]
SUITE = Path("tests", "cors", "__init__.py")
# What GitHub and GitLab read, at the top of a repository only.
PIPELINES = {"github": ".github/workflows", "gitlab": ".gitlab-ci.yml"}


@UPDATE_RULES.rule("CORS046", "W W W")
def update_does_not_arrive(subject: Subject) -> Iterator[Fault]:
    """Updates of the template do not reach this service."""
    file, answers = find_answers(subject.sources)
    if subject.sources is None or not answers:
        return
    directory = subject.sources.directory.resolve()
    if CORS_FOLDER.is_relative_to(directory):
        name = str(answers.get("package_name", ""))
        # Only a service that moved in records where its package is.
        written = directory / str(answers.get("package_path") or f"src/{name}")
        yield from code_elsewhere(subject, directory, file, name, written)
    if is_first(subject):
        yield from unread_pipelines(directory, str(answers.get("forge", "none")))


def code_elsewhere(
    subject: Subject, directory: Path, file: str, name: str, written: Path
) -> Iterator[Fault]:
    """Find code that is not where updates write, or of another release than its tests."""
    package = CORS_FOLDER.parent
    here, there = place(package, directory), place(written, directory)
    only = ("--overwrite", "--vcs-ref=:current:", "--exclude=*", "--exclude=!src")
    take = (
        f"run {copier('recopy', file, *only)} && rm -r {here}/cors && mv {there}/cors {here} && "
        f"rm -r {there}"
    )
    # At the same release, so that nothing else changes.
    rename = copier("update", file, "--vcs-ref=:current:", "--data", f"package_name={package.name}")
    suite, is_renamed = release_of(directory / SUITE), package.parent == written.parent
    if suite not in ("", RELEASE):
        reason = f"is of release {RELEASE}, and its tests in tests/cors of {suite}"
        fix = "undo the update and repeat it from a clean work tree"
        if name and package != written:
            fix = f"{take}; then commit, and run {rename}" if is_renamed else take
        yield Fault(f"{here}/cors", "", reason, fix, severity="error")
    elif name and package != written and is_first(subject):
        reason = "is not where updates write, so no fix arrives"
        fix = f"before the next update, run {rename}"
        if not is_renamed:
            fix = f"move {here} to {there}; or after each update, {take}"
        yield Fault(f"{here}/cors", "", reason, fix)


def place(path: Path, directory: Path) -> str:
    """Return a path as messages name it: seen from the folder of the service."""
    return path.relative_to(directory).as_posix() if path.is_relative_to(directory) else str(path)


def is_first(subject: Subject) -> bool:
    """Whether to say here what concerns the whole service, so that `--all` says it once."""
    directory = subject.sources.directory if subject.sources else None
    return subject.policy.environment in environments(directory)[:1]


def release_of(suite: Path) -> str:
    """Return the release that a test suite is of; nothing where it does not say."""
    text = suite.read_text(encoding="utf-8") if suite.is_file() else ""
    return "".join(re.findall(r'(?m)^RELEASE = "(.*)"$', text)[:1])


def unread_pipelines(directory: Path, forge: str) -> Iterator[Fault]:
    """Find pipelines of a service in a subfolder that no pipeline at the top speaks of."""
    top = git(directory, "rev-parse", "--show-toplevel").stdout.strip()
    name = PIPELINES.get(forge, "")
    if not name or not top or Path(top) == directory:
        return
    inside = place(directory, Path(top))
    read = [Path(top, name), *Path(top, name).glob("*.y*ml")]
    if any(inside in path.read_text(encoding="utf-8") for path in read if path.is_file()):
        return
    reason = f"is read by no one, because the top of the repository is {top}"
    fix = f"copy it to {name} there, and let its jobs work in {inside}"
    yield Fault(f"{inside}/{name}", "", reason, fix)


@UPDATE_RULES.rule("CORS047", "W W W")
def environment_without_file(subject: Subject) -> Iterator[Fault]:
    """An environment whose dotenv file is missing or has another name."""
    file, answers = find_answers(subject.sources)
    directory = subject.sources.directory if subject.sources else None
    rendered, found = rendered_environments(answers), environments(directory)
    # Development is no answer: every service has it.
    answered = rendered[1:]
    environment = subject.policy.environment
    for missing in (name for name in rendered if name not in found):
        own = [name for name in found if name not in rendered]
        near = [name for name in own if missing.startswith(name) or alike(name, [missing])]
        if environment in near:
            reason = f"is judged like staging, and updates write .env.{missing}, which is not here"
            fix = f"rename it to .env.{missing}, with ENVIRONMENT={missing} in it"
            yield Fault(f".env.{environment}", "", reason, fix)
        elif not near and (environment == missing or is_first(subject)):
            only = ("--vcs-ref=:current:", "--skip=*", "--exclude=*", f"--exclude=!.env.{missing}")
            fix = (
                f"bring it back with {copier('recopy', file, *only)}, keep it in git, and make the "
                f"variables of {missing} from it"
            )
            if missing in answered:
                kept = ", ".join(name for name in answered if name != missing)
                give_up = update_with(file, "environments", f"[{kept}]")
                fix += f"; or give the environment up with {give_up}"
            yield Fault(f".env.{missing}", "", "is not here, so no update reaches it", fix)


def alike(name: str, names: Iterable[str]) -> list[str]:
    """Return the one of the names that is spelt most like a name, if one is."""
    return get_close_matches(name, names, n=1)


@UPDATE_RULES.rule("CORS048", "W W W")
def answer_without_question(subject: Subject) -> Iterator[Fault]:
    """An answer to a question that the template does not ask."""
    file, answers = find_answers(subject.sources)
    for name in answers.get("_not_asked", ()) if is_first(subject) else ():
        (meant,) = alike(name, answers) or ("question",)
        reason = "is not a question of the template, so the last update dropped the answer"
        yield Fault(name, "", reason, f"repeat it with {update_with(file, meant, '…')}")
