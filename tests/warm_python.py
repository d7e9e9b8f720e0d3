"""A Python that has imported the libraries of a service, and runs modules in its children.

Most of the time of a small pytest run goes into importing FastAPI, pydantic and pytest. Here that
happens once: each job runs in a fork() of this process. Nothing of a service is imported before.

Reads a job in each line of standard input and answers with a line, the exit status. `run_warm` in
`project.py` writes the jobs.
"""

import atexit
import gc
import hashlib
import json
import marshal
import os
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import threading
import traceback
from _imp import _fix_co_filename  # type: ignore[attr-defined]
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.machinery import SourceFileLoader
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from types import CodeType
from typing import Any, NoReturn

import publicsuffixlist
from _pytest.assertion import rewrite
from _pytest.config import default_plugins

LIBRARIES = [
    "anyio._backends._asyncio",
    "fastapi.testclient",
    "jinja2.sandbox",
    "jinja2_ansible_filters",
    "playwright.async_api",
    "pydantic.v1",
    "pydantic_settings",
    "questionary",
    "rich.console",
    "trustme",
    "typer",
    "uvicorn",
    "yaml",
    *(f"_pytest.{name}" for name in default_plugins),
]


def run(job: dict[str, Any], parent: socket.socket) -> None:
    """Become the job's process, as `python -m module arguments…` would be, and end with it.

    The module -c stands for `python -c code`.
    """
    signal.alarm(job["seconds"])
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["environment"])
    for number, name in ((0, os.devnull), (1, job["stdout"]), (2, job["stderr"])):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT), number)
    paths = job["environment"].get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:0] = [os.getcwd(), *map(os.path.abspath, filter(None, paths))]
    subprocess.run = python_from(parent)  # type: ignore[assignment]
    sys.argv = [job["module"], *job["arguments"]]
    if job["module"] == "-c":
        exec(job["arguments"][0], {"__name__": "__main__"})
    else:
        runpy.run_module(job["module"], run_name="__main__", alter_sys=True)
    sys.exit()


def python_from(parent: socket.socket) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a `subprocess.run` that has this process's parent run `python -c`, with a fork too."""
    run_program = subprocess.run

    def run_python(
        command: Any, *arguments: Any, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        wanted = {"cwd", "env", "capture_output", "text"}
        if command[:-1] != [sys.executable, "-c"] or arguments or options.keys() != wanted:
            return run_program(command, *arguments, **options)
        with TemporaryDirectory() as folder:
            files = {name: f"{folder}/{name}" for name in ("stdout", "stderr")}
            job = {
                "module": "-c",
                "arguments": [command[-1]],
                "folder": str(options["cwd"]),
                "environment": dict(options["env"]),
                "seconds": 60,
                **files,
            }
            parent.sendall(json.dumps(job).encode() + b"\n")
            status = int(parent.makefile().readline())
            stdout, stderr = (Path(file).read_text() for file in files.values())
        return subprocess.CompletedProcess(command, status, stdout, stderr)

    return run_python


def status_of(job: dict[str, Any]) -> int:
    """Run a job in a child, and what that child asks for in further ones; return its status."""
    ours, theirs = socket.socketpair()
    child = os.fork()
    if not child:
        ours.close()
        try:
            run(job, theirs)
        except BaseException as ending:
            end(ending)
    theirs.close()
    with ours:
        # Ends with the child, which has the other end open.
        for line in ours.makefile():
            ours.sendall(b"%d\n" % status_of(json.loads(line)))
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def end(ending: BaseException) -> NoReturn:
    """End this process as Python does, but free no object: that would copy all of the parent's."""
    status = 1
    if not isinstance(ending, SystemExit):
        traceback.print_exception(ending)
    elif isinstance(ending.code, int | None):
        status = ending.code or 0
    else:
        print(ending.code, file=sys.stderr)
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def compile_once(folder: Path) -> None:
    """Let children find in a folder what another has compiled: most services have the same files.

    Python itself would compile each file of each service, as each has a path of its own.
    """

    def kept(kind: str, source: bytes, path: str, compiled: Callable[[], CodeType]) -> CodeType:
        file = folder / hashlib.sha256(kind.encode() + source).hexdigest()
        if file.exists():
            code: CodeType = marshal.loads(file.read_bytes())
            _fix_co_filename(code, path)
            return code
        code = compiled()
        # Written beside and renamed, for the children that a test has stopped.
        beside = file.with_suffix(f".{os.getpid()}")
        beside.write_bytes(marshal.dumps(code))
        beside.rename(file)
        return code

    to_code, rewritten = SourceFileLoader.source_to_code, rewrite._rewrite_test

    def source_to_code(self: Any, data: Any, path: Any, **options: Any) -> CodeType:
        return kept("source", bytes(data), str(path), lambda: to_code(self, data, path, **options))

    def rewrite_test(file: Path, config: Any) -> tuple[bytes, CodeType]:
        source = file.read_bytes()
        code = kept("test", source, str(file), lambda: rewritten(file, config)[1])
        return import_module("importlib.util").source_hash(source), code

    SourceFileLoader.source_to_code = source_to_code  # type: ignore[method-assign]
    rewrite._rewrite_test = rewrite_test  # type: ignore[assignment]


def main() -> None:
    """Import the libraries, then run jobs until standard input ends."""
    for name in LIBRARIES:
        import_module(name)
    # Reading the list takes a tenth of a second.
    publicsuffixlist.PublicSuffixList = cache(publicsuffixlist.PublicSuffixList)  # type: ignore[misc,assignment]
    publicsuffixlist.PublicSuffixList()
    # Not a TemporaryDirectory, which the end of the first child would remove.
    folder = Path(mkdtemp())
    compile_once(folder)
    # Objects that no garbage collection visits stay shared between this process and its children.
    gc.freeze()
    for line in iter(sys.stdin.readline, ""):
        print(status_of(json.loads(line)), flush=True)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
