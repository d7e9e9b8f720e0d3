# fmt: off
"""Where settings come from: the dotenv files of one environment, and the process on top.

Each file is read and parsed once for the variables of the policy. Later sources win:
`.env.<name>`, `.env.<name>.local`, process.
"""

import json
import logging
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from io import StringIO
from pathlib import Path
from stat import S_IFDIR, S_IFIFO, S_IFMT, S_IFREG, S_IFSOCK

from dotenv.parser import Binding, parse_stream
from pydantic_core import PydanticCustomError

from .findings import ConfigurationError, Finding
from .policy import STRICTNESSES, strictness_of

log = logging.getLogger(__name__)

PROCESS = "the process environment"
# Notepad and PowerShell begin a file with a byte order mark, which would hide the first variable.
ENCODING = "utf-8-sig"
ENVIRONMENT_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
OTHER_KINDS = {S_IFDIR: "a directory", S_IFIFO: "a FIFO", S_IFSOCK: "a socket"}


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable's name in upper case, its text, and where it stands: `.env.production:7`."""

    name: str
    value: str
    where: str


@dataclass(frozen=True)
class DotenvFile:
    """A dotenv file: its path, its text, and what python-dotenv makes of each line."""

    path: Path
    text: str
    bindings: tuple[Binding, ...]

    @cached_property
    def variables(self) -> tuple[Variable, ...]:
        """The variables in the order of their lines, `${NAME}` left as it stands."""
        found = []
        for key, value, original, _ in self.bindings:
            if key is not None:
                text = original.string
                skipped = text[: len(text) - len(text.lstrip())].count("\n")
                where = f"{self.path.name}:{original.line + skipped}"
                found.append(Variable(key.upper(), value or "", where))
        return tuple(found)


@dataclass(frozen=True)
class Sources:
    """What one environment is read from.

    `variables` holds each variable by its upper-case name, as the source that wins has it.
    """

    environment: str
    directory: Path
    files: tuple[DotenvFile, ...]

    @cached_property
    def variables(self) -> Mapping[str, Variable]:
        """Each variable of the files and of the process by its name."""
        found = {each.name: each for file in self.files for each in file.variables}
        return found | {each.name: each for each in process_variables()}


def process_variables() -> list[Variable]:
    """Return the variables of the process; their names may be in any case of letters."""
    return [Variable(name.upper(), value, PROCESS) for name, value in os.environ.items()]


def process_variable(name: str) -> str | None:
    """Return the text of a variable of the process."""
    return next((each.value for each in process_variables() if each.name == name), None)


def trusts_proxy() -> bool:
    """Whether the server is told to trust a proxy, as a deployed one is."""
    options = re.search("--proxy-headers|--forwarded-allow-ips", " ".join(sys.argv))
    return bool(options or process_variable("FORWARDED_ALLOW_IPS"))


def read_file(path: Path) -> DotenvFile:
    """Read and parse a dotenv file. Raises ConfigurationError (CORS031) if that is impossible."""
    try:
        # Asked first, because opening a FIFO waits for another process.
        kind = S_IFMT(path.stat().st_mode)
        if kind == S_IFREG:
            text = path.read_text(encoding=ENCODING)
            return DotenvFile(path, text, tuple(parse_stream(StringIO(text))))
        reason = f"is {OTHER_KINDS.get(kind, 'a device')} in the place of a file"
    except UnicodeDecodeError:
        reason = "is not UTF-8 text"
    except FileNotFoundError:
        reason = "is a link to a file that does not exist"
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
    fix = "put UTF-8 text there that the service's user may read, or remove it"
    raise refused_environment(path.name, path.name, reason, fix)


def read_list(text: str) -> list[str]:
    """Return the items of a list that is written `a,b` or as JSON, `["a","b"]`.

    Raises PydanticCustomError (CORS001), whose text continues a sentence, for JSON that is no list
    of strings, and for an item that keeps half of a quote or bracket: something else was meant.
    """
    text = text.strip()
    if not text.startswith(("[", "{")):
        items = [item.strip() for item in text.split(",") if item.strip()]
        for item in items:
            # An IPv6 address has brackets of its own, in pairs.
            if item.count('"') % 2 or item.count("'") % 2 or item.count("[") != item.count("]"):
                reason = "keeps half of a pair of quotes or brackets in `{item}`"
                raise PydanticCustomError("CORS001", reason, {"item": item})
        return items
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise PydanticCustomError("CORS001", "begins like JSON but is not valid JSON") from None
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise PydanticCustomError("CORS001", "is JSON, but not a list of strings")
    return [item.strip() for item in found]


def environments(directory: Path | None = None) -> list[str]:
    """Return the names of the environments that have a dotenv file, local ones first."""
    paths = (directory or Path.cwd()).glob(".env.*")
    names = (path.name.removeprefix(".env.") for path in paths)
    found = (name for name in names if name != "example" and ENVIRONMENT_NAME.fullmatch(name))
    return sorted(found, key=lambda name: (STRICTNESSES.index(strictness_of(name)), name))


def find_sources(environment: str | None = None, directory: Path | None = None) -> Sources:
    """Find and read what an environment is read from.

    Without `environment`, the variable ENVIRONMENT decides. If that is not set, it is development,
    but only if `.env.development` exists: an image without that file must not serve production with
    the policy of development. `directory` defaults to the working directory. Raises
    ConfigurationError (CORS031) if nothing describes the environment, or a file cannot be read.
    """
    directory = directory or Path.cwd()
    given = process_variable("ENVIRONMENT")
    if not environment and given is not None and not given.strip():
        listed = ", ".join(environments(directory)) or "the environments"
        fix = f"set it to one of {listed}, or unset it for development"
        raise refused_environment("", PROCESS, "is empty", fix)
    chosen = environment or (given or "").strip()
    name = chosen or "development"
    paths = [directory / f".env.{name}", directory / f".env.{name}.local"]
    well_named = ENVIRONMENT_NAME.fullmatch(name) is not None
    # What is no file counts too: to pass over it would start without its lines.
    found = [path for path in paths if well_named and os.path.lexists(path)]
    in_process = chosen and process_variable("CORS_ALLOWED_ORIGINS") is not None
    # `prod` beside `.env.production` is a slip, and lacks the lines of that file.
    is_slip = any(each.startswith(name) and each != name for each in environments(directory))
    if not well_named or not (found or (in_process and not is_slip)):
        raise unknown_environment(name, bool(chosen), directory)
    if not chosen:
        other = process_variable("FASTAPI_ENV") or name
        doubt = f", though FASTAPI_ENV is {other}" if strictness_of(other) != "local" else ""
        doubt += ", though the server trusts a proxy" if trusts_proxy() else ""
        log.warning("ENVIRONMENT is not set: using development, from %s%s", found[0], doubt)
    return Sources(name, directory, tuple(map(read_file, found)))


def refused_environment(value: str, where: str, reason: str, fix: str) -> ConfigurationError:
    """Return the error for an environment that cannot be read."""
    finding = Finding(
        rule="CORS031", variable="ENVIRONMENT", value=value, reason=reason, fix=fix, where=where
    )
    return ConfigurationError([finding])


def unknown_environment(name: str, chosen: bool, directory: Path) -> ConfigurationError:
    """Return the error for an environment that nothing describes, with the ones that exist."""
    # Imported here: no service that starts needs it.
    from difflib import get_close_matches

    known = environments(directory)
    there_are = f"(there are: {', '.join(known) or 'none'})"
    in_process = process_variable("CORS_ALLOWED_ORIGINS") is not None
    near = [each for each in known if each.startswith(name.lower())]
    near += get_close_matches(name.lower(), known, n=1)
    bare = name.strip("\"' ").lower()

    reason = f"names no environment: there is no .env.{name} in {directory} {there_are}"
    if not chosen:
        reason = f"is not set, and there is no .env.development in {directory} {there_are}"
    elif ENVIRONMENT_NAME.fullmatch(name) is None:
        reason = "is not a valid name: a name has lower-case letters, digits, - and _"
    elif in_process:
        reason = f"is only the beginning of a name {there_are}"

    fix = f"set ENVIRONMENT={near[0]}" if near and chosen else "set ENVIRONMENT to one of them"
    if not chosen and in_process:
        fix = "set ENVIRONMENT too, to the name of the environment that the variables are for"
    elif bare != name and ENVIRONMENT_NAME.fullmatch(bare):
        fix = f"set ENVIRONMENT={bare}"
    elif not known:
        fix = "start the service in the folder that holds its .env.<environment> files"
    return refused_environment(name if chosen else "", PROCESS, reason, fix)
