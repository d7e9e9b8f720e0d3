"""Where settings come from: the dotenv files of one environment, and the process on top."""

import logging
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from io import StringIO
from pathlib import Path

from dotenv.parser import parse_stream

from .findings import ConfigurationError, Finding
from .policy import CLASSES, strictness_of

log = logging.getLogger(__name__)

PROCESS = "the process environment"

# Notepad and PowerShell begin a file with a byte order mark, which would hide the first variable.
ENCODING = "utf-8-sig"

ENVIRONMENT_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
# What a line begins with that is about the policy, however it goes on.
ABOUT_THE_POLICY = re.compile(
    r"\s*(?:(?:export|set)\s+)?['\"]?(?:CORS_|ENVIRONMENT\b)", re.IGNORECASE
)
MERGE_MARKER = re.compile(r"^(<{7}|={7}|>{7}|\|{7})( |$)")


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable's text and where it stands, such as `.env.production:7`."""

    name: str
    value: str
    where: str


@dataclass(frozen=True, slots=True)
class Sources:
    """The places one environment is read from, in rising priority: files, then the process.

    `variables` holds each variable by its upper-case name, as the highest source has it.
    """

    environment: str
    directory: Path
    files: tuple[Path, ...]
    variables: Mapping[str, Variable]


def read_variables(files: Iterable[Path]) -> dict[str, Variable]:
    """Read the files and then the process; what comes later wins."""
    found: dict[str, Variable] = {}
    for file in files:
        found |= {variable.name: variable for variable in read_dotenv(file)}
    for name, value in os.environ.items():
        found[name.upper()] = Variable(name.upper(), value, PROCESS)
    return found


def read_text(file: Path) -> str:
    """Return a dotenv file's text, or refuse one that is not UTF-8 in a readable line."""
    try:
        return file.read_text(encoding=ENCODING)
    except (UnicodeDecodeError, OSError) as error:
        reason = (
            "is not UTF-8 text"
            if isinstance(error, UnicodeDecodeError)
            else f"cannot be read ({error.strerror})"
        )
        fault = Finding(
            rule="CORS031",
            variable="ENVIRONMENT",
            value=file.name,
            reason=reason,
            fix="save it as UTF-8 text that the service's user may read",
            where=file.name,
        )
        raise ConfigurationError([fault]) from None


def read_dotenv(file: Path) -> Iterator[Variable]:
    """Yield a dotenv file's variables in the order they stand, with their lines."""
    for binding in parse_stream(StringIO(read_text(file))):
        if binding.key is not None:
            leading = binding.original.string
            skipped = leading[: len(leading) - len(leading.lstrip())].count("\n")
            where = f"{file.name}:{binding.original.line + skipped}"
            yield Variable(binding.key.upper(), binding.value or "", where)


def unread_lines(file: Path) -> Iterator[Variable]:
    """Yield each line about the policy that `read_dotenv` finds no value in.

    Either it cannot be read itself, or it lies within the quotes of another variable.
    """
    for binding in parse_stream(StringIO(read_text(file))):
        own_line = binding.value is not None
        for number, line in enumerate(binding.original.string.split("\n"), binding.original.line):
            if line.strip() and own_line:
                own_line = False
            elif ABOUT_THE_POLICY.match(line):
                yield Variable("", line.strip(), f"{file.name}:{number}")


def merge_markers(file: Path) -> Iterator[Variable]:
    """Yield each line that a conflicting update left in a dotenv file."""
    for number, line in enumerate(read_text(file).splitlines(), start=1):
        if MERGE_MARKER.match(line):
            yield Variable("", line, f"{file.name}:{number}")


def rejected_lines(file: Path) -> Iterator[Variable]:
    """Yield the file beside it in which `copier update --conflict rej` left what you wrote."""
    rejected = file.with_name(f"{file.name}.rej")
    if rejected.exists():
        yield Variable("", rejected.name, rejected.name)


def environments(directory: Path) -> list[str]:
    """Return the names of the environments that have a dotenv file, local ones first."""
    names = (path.name.removeprefix(".env.") for path in directory.glob(".env.*"))
    found = (name for name in names if name != "example" and ENVIRONMENT_NAME.fullmatch(name))
    return sorted(found, key=lambda name: (CLASSES.index(strictness_of(name)), name))


def find_sources(environment: str | None = None, directory: Path | None = None) -> Sources:
    """Find what an environment is read from.

    `environment` defaults to the variable ENVIRONMENT, and that to development where
    `.env.development` exists: an image built without that file refuses to start rather than serve
    production with development's policy. `directory` defaults to the working directory.

    Raises ConfigurationError for an environment that nothing describes, for an empty ENVIRONMENT,
    which somebody meant to fill, and for files that cannot be read (CORS031).
    """
    directory = directory or Path.cwd()
    given = process_variable("ENVIRONMENT")
    if not environment and given is not None and not given.strip():
        raise ConfigurationError([empty_environment(directory)])
    chosen = environment or (given or "").strip()
    name = chosen or "development"
    candidates = (directory / f".env.{name}", directory / f".env.{name}.local")
    well_named = ENVIRONMENT_NAME.fullmatch(name) is not None
    files = tuple(file for file in candidates if well_named and file.is_file())
    in_process = chosen and process_variable("CORS_ALLOWED_ORIGINS") is not None
    if not well_named or not (files or (in_process and not is_cut_short(name, directory))):
        raise ConfigurationError([unknown_environment(name, bool(chosen), directory)])
    if not chosen:
        log.warning("ENVIRONMENT is not set: using development, from %s", files[0])
    return Sources(name, directory, files, read_variables(files))


def process_variable(name: str) -> str | None:
    """Return a variable of the process; its name may be in any case of letters."""
    return next((value for key, value in os.environ.items() if key.upper() == name), None)


def is_cut_short(name: str, directory: Path) -> bool:
    """Whether this is a slip, as `prod` is beside `.env.production`, and judged less strictly."""
    return any(each.startswith(name) for each in environments(directory) if each != name)


def empty_environment(directory: Path) -> Finding:
    """Say that ENVIRONMENT is set to nothing."""
    return Finding(
        rule="CORS031",
        variable="ENVIRONMENT",
        value="",
        reason="is set, but to nothing",
        fix=f"name one of {', '.join(environments(directory)) or 'the environments'}, or unset it "
        "for development",
        where=PROCESS,
    )


def unknown_environment(name: str, chosen: bool, directory: Path) -> Finding:
    """Say that nothing describes the environment, and which ones there are."""
    known = environments(directory)
    near = [each for each in known if each.startswith(name.lower())]
    near += get_close_matches(name.lower(), known, n=1)
    listed = ", ".join(known) or "none"
    in_process = process_variable("CORS_ALLOWED_ORIGINS") is not None
    reason = (
        f"names no environment: there is no .env.{name} in {directory} (there are: {listed})"
        + (", and it is cut short" if in_process else ", and no origins are set in the process")
    )
    if ENVIRONMENT_NAME.fullmatch(name) is None:
        reason = "names no environment: a name has lower-case letters, digits, - and _ in it"
    if not chosen:
        reason = (
            f"is not set, and there is no .env.development in {directory} to stand in "
            f"(there are: {listed})"
        )
    fix = f"set ENVIRONMENT={near[0]}" if near and chosen else "set ENVIRONMENT to one of them"
    if not chosen and in_process:
        fix = "set ENVIRONMENT too, to the name of the environment that the variables are for"
    elif (bare := name.strip("\"' ").lower()) != name and ENVIRONMENT_NAME.fullmatch(bare):
        fix = f"set ENVIRONMENT={bare}"
    elif not known:
        fix = "start the service in the folder that holds its .env.<environment> files"
    return Finding(
        rule="CORS031",
        variable="ENVIRONMENT",
        value=name if chosen else "",
        reason=reason,
        fix=fix,
        where=PROCESS,
    )
