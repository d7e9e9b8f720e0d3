"""What is no readable file is refused by its name; a long file takes no longer for each line.

Docker makes a directory for a bind mount whose source is missing: a service that passed over it
started without the lines that nobody missed.
"""

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from service.cors.cli import examine
from service.cors.findings import ConfigurationError
from service.cors.settings import CORSSettings, read_settings
from service.cors.sources import find_sources
from service.cors.tool.development_rules import ALL_RULES

APP = "https://app.acme.com"


def bind(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        # The path of a socket may have about 100 characters.
        before = os.getcwd()
        os.chdir(path.parent)
        listening.bind(path.name)
        os.chdir(before)


def link_to(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


# What is in the place of the file, and what is said of it.
IN_ITS_PLACE: dict[str, tuple[Callable[[Path], None], str]] = {
    "a directory": (Path.mkdir, "is a directory in the place of a file"),
    "a FIFO": (os.mkfifo, "is a FIFO in the place of a file"),
    "a socket": (bind, "is a socket in the place of a file"),
    "a device": (link_to("/dev/null"), "is a device in the place of a file"),
    "a dangling link": (link_to("not-there"), "is a link to a file that does not exist"),
    "a link to a directory": (link_to("/"), "is a directory in the place of a file"),
    "a link to itself": (
        lambda path: path.symlink_to(path.name),
        "cannot be read (Too many levels",
    ),
}


@pytest.fixture(autouse=True)
def only_these(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ENVIRONMENT", "CORS_ALLOWED_ORIGINS"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(("make", "said"), IN_ITS_PLACE.values(), ids=IN_ITS_PLACE)
@pytest.mark.parametrize("suffix", ["", ".local"])
@pytest.mark.parametrize("in_process", [False, True], ids=["", "with origins in the process"])
def test_what_is_no_file_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[Path], None],
    said: str,
    suffix: str,
    in_process: bool,
) -> None:
    if in_process:
        monkeypatch.setenv("ENVIRONMENT", "production")
        monkeypatch.setenv("CORS_ALLOWED_ORIGINS", APP)
    if suffix:
        (tmp_path / ".env.production").write_text("CORS_ALLOWED_ORIGINS=\n")
    make(tmp_path / f".env.production{suffix}")
    with pytest.raises(ConfigurationError) as refused:
        CORSSettings.load(None if in_process else "production", tmp_path)
    assert f"`.env.production{suffix}` {said}" in str(refused.value)


def test_a_link_to_a_file_is_read(tmp_path: Path) -> None:
    """Kubernetes mounts each file of a ConfigMap as a link to a link."""
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "file").write_text(f"CORS_ALLOWED_ORIGINS={APP}\n")
    (tmp_path / ".env.production").symlink_to("..data/file")
    assert CORSSettings.load("production", tmp_path).cors_allowed_origins == (APP,)


@pytest.fixture
def as_nobody(tmp_path: Path) -> Iterator[None]:
    """Let this process be somebody who may look into the folder of the test, but is not root."""
    if os.geteuid() != 0:
        yield
        return
    # pytest makes its folders for one user.
    parents = [each for each in tmp_path.parents if each.stat().st_uid == os.getuid()]
    modes = {each: each.stat().st_mode for each in parents}
    for each in parents:
        each.chmod(modes[each] | 0o111)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        for each in parents:
            each.chmod(modes[each])


@pytest.mark.parametrize("suffix", ["", ".local"])
def test_a_file_that_may_not_be_read_is_refused(
    tmp_path: Path, suffix: str, request: pytest.FixtureRequest
) -> None:
    tmp_path.chmod(0o755)
    for name in (".env.production", f".env.production{suffix}"):
        (tmp_path / name).write_text("CORS_ALLOWED_ORIGINS=\n")
    (tmp_path / f".env.production{suffix}").chmod(0)
    request.getfixturevalue("as_nobody")
    with pytest.raises(ConfigurationError) as refused:
        CORSSettings.load("production", tmp_path)
    said = f"`.env.production{suffix}` cannot be read (Permission denied)"
    assert said in str(refused.value)


# --- Long files -------------------------------------------------------------------------------

LONG_FILES = {
    "variables": "VARIABLE_{}=x",
    "comments": "# {}",
    "lines that cannot be read": "garbage {} {}",
}


def seconds(folder: Path, line: str, count: int) -> float:
    """Return the processor time that reading and judging a file of so many lines takes."""
    lines = "\n".join(line.replace("{}", str(number)) for number in range(count))
    (folder / ".env.production").write_text(f"CORS_ALLOWED_ORIGINS=\n{lines}\nCORS_MAX_AGE=60\n")
    begun = time.process_time()
    sources = find_sources("production", folder)
    read_settings(CORSSettings, sources)
    examine("production", folder, with_app=False, rules=ALL_RULES)
    return time.process_time() - begun


@pytest.mark.parametrize("line", LONG_FILES.values(), ids=LONG_FILES)
def test_a_long_file_is_read_in_linear_time(tmp_path: Path, line: str) -> None:
    """Ten times the lines take ten times as long; a search in all lines for each takes 100."""
    seconds(tmp_path, line, 100)
    few = min(seconds(tmp_path, line, 2_000) for _ in range(3))
    assert seconds(tmp_path, line, 20_000) < 30 * few + 1
