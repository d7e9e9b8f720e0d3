"""What the programs that get a dotenv file make of it: the rules that each of them documents.

Each reader takes the bytes of a file and returns its variables by name. It leaves out a line that
the program ignores. `Unreadable` stands for a program that refuses the whole file.
"""

import re
import subprocess
from collections.abc import Callable, Mapping
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from dotenv import dotenv_values

Variables = Mapping[str, str]
BOM = b"\xef\xbb\xbf"


class Unreadable(Exception):  # noqa: N818
    """The program refuses the file, and says so."""


def python_dotenv(data: bytes) -> Variables:
    """Read as the service does: python-dotenv itself, without interpolation."""
    stream = StringIO(data.decode("utf-8-sig"), newline=None)
    return {
        name: value or "" for name, value in dotenv_values(stream=stream, interpolate=False).items()
    }


def bash(data: bytes) -> Variables:
    """Read with bash itself: `set -a; source FILE`."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "dotenv")
        path.write_bytes(data)
        # PATH is empty, so that what bash takes for a command does nothing.
        done = subprocess.run(
            [
                "/bin/bash",
                "--norc",
                "--noprofile",
                "-c",
                f"set -a; source {path}; exec /usr/bin/env -0",
            ],
            env={"PATH": "", "HOME": "/home/somebody"},
            cwd=folder,
            capture_output=True,
            check=False,
        )
    found = dict(line.split("=", 1) for line in done.stdout.decode().split("\0") if "=" in line)
    return {name: text for name, text in found.items() if name not in BASH_OWN}


BASH_OWN = ("PATH", "HOME", "PWD", "OLDPWD", "SHLVL", "_")


def lines_of_go(data: bytes) -> list[str]:
    """Return the lines as Go scans them, without a byte order mark, leading blanks and comments."""
    lines = data.removeprefix(BOM).decode().split("\n")
    lines = [line.removesuffix("\r").lstrip() for line in lines]
    return [line for line in lines if line and not line.startswith("#")]


def docker(data: bytes, *, takes_quotes_out: bool = False) -> Variables:
    """Read as `docker run --env-file`.

    Source: docker/cli, pkg/kvfile/kvfile.go, whose comment is the documentation. The value is taken
    as it stands; newer releases take out one pair of quotes around it. A name without = is looked
    up in the process; a name with a blank is refused.
    """
    found = {}
    for line in lines_of_go(data):
        name, equals, value = line.partition("=")
        if not name or re.search("[ \t]", name):
            raise Unreadable(f"docker: variable {name!r} contains whitespaces")
        if takes_quotes_out and len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        if equals:
            found[name] = value
    return found


def newer_docker(data: bytes) -> Variables:
    """Read as releases of Docker that take out quotes."""
    return docker(data, takes_quotes_out=True)


def kubernetes(data: bytes) -> Variables:
    """Read as `kubectl create configmap --from-env-file`.

    Source: kubernetes/kubernetes, staging/src/k8s.io/kubectl/pkg/cmd/util/env_file.go, and
    IsEnvVarName of apimachinery. The value is taken as it stands.
    """
    found = {}
    for line in lines_of_go(data):
        name, _, value = line.partition("=")
        if not re.fullmatch("[-._a-zA-Z][-._a-zA-Z0-9]*", name):
            raise Unreadable(f"kubectl: {name!r} is not a valid key name")
        found[name] = value
    return found


def systemd(data: bytes, *, continues_comments: bool = False) -> Variables:
    r"""Read as systemd's EnvironmentFile=.

    Source: systemd.exec(5), and src/basic/env-file.c. Lines that begin with # or ; are comments. A
    value may be in quotes, in several pieces; outside of single quotes, \ takes the next character
    as it is, or joins the next line. Blanks around name and value do not count. Before release 254,
    a comment that ends in \ went on in the next line.
    """
    text, found, at = data.decode("utf-8", "replace").replace("\r\n", "\n"), {}, 0
    while at < len(text):
        line_end = (text.find("\n", at) + 1 or len(text) + 1) - 1
        line = text[at:line_end].lstrip()
        if line.startswith(("#", ";")):
            while continues_comments and text[at:line_end].endswith("\\"):
                line_end = (text.find("\n", line_end + 1) + 1 or len(text) + 1) - 1
            at = line_end + 1
        elif "=" not in line:
            at = line_end + 1
        else:
            equals = text.index("=", at)
            value, after = systemd_value(text, equals + 1)
            name = text[at:equals].strip()
            if re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name):
                found[name] = value
            at = after
    return found


def systemd_value(text: str, at: int) -> tuple[str, int]:
    """Return the value that begins here, and where the next line begins."""
    value, blanks, is_begun = "", "", False
    while at < len(text) and text[at] != "\n":
        char = text[at]
        if char in "'\"" and not is_begun:
            at += 1
            while at < len(text) and text[at] != char:
                if char == '"' and text[at] == "\\" and at + 1 < len(text):
                    at += 1
                    kept = "" if text[at] in '"\\`$\n' else "\\"
                    value += kept + text[at].strip("\n")
                else:
                    value += text[at]
                at += 1
        elif char == "\\":
            at, is_begun = at + 1, True
            value, blanks = value + blanks + text[at : at + 1].strip("\n"), ""
        elif char in " \t":
            blanks += char if is_begun else ""
        else:
            value, blanks, is_begun = value + blanks + char, "", True
        at += 1
    return value, at + 1


def older_systemd(data: bytes) -> Variables:
    """Read as systemd before release 254."""
    return systemd(data, continues_comments=True)


READERS: dict[str, Callable[[bytes], Variables]] = {
    "python-dotenv": python_dotenv,
    "bash": bash,
    "Docker": docker,
    "newer Docker": newer_docker,
    "Kubernetes": kubernetes,
    "systemd": systemd,
    "older systemd": older_systemd,
}


def readings(data: bytes, names: set[str] | None = None) -> dict[str, Variables | None]:
    """Return what each reader makes of a file, None where it refuses it; or of some names alone."""
    found: dict[str, Variables | None] = {}
    for reader, read in READERS.items():
        try:
            variables = read(data)
        except Unreadable:
            found[reader] = None
        else:
            found[reader] = {n: v for n, v in variables.items() if names is None or n in names}
    return found
