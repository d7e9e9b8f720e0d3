"""A Python that has imported the libraries of a service already, and runs modules in its children.

Most of the time of a small pytest run goes into importing FastAPI, pydantic and pytest. Here that
happens once: each job runs in a fork() of this process. Nothing of a service is imported before.

Reads a job in each line of standard input and answers with a line, the exit status. `run_warm` in
`project.py` writes the jobs.
"""

import gc
import json
import os
import runpy
import signal
import sys
from importlib import import_module
from typing import Any

from _pytest.config import default_plugins

LIBRARIES = [
    "anyio._backends._asyncio",
    "fastapi.testclient",
    "playwright.async_api",
    "pydantic.v1",
    "pydantic_settings",
    "publicsuffixlist",
    "rich.console",
    "trustme",
    "typer",
    "uvicorn",
    "yaml",
    *(f"_pytest.{name}" for name in default_plugins),
]


def run(job: dict[str, Any]) -> None:
    """Become the job's process, as `python -m module arguments…` would be, and end with it."""
    signal.alarm(job["seconds"])
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["environment"])
    for number, name in ((0, os.devnull), (1, job["stdout"]), (2, job["stderr"])):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT), number)
    paths = job["environment"].get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:0] = [os.getcwd(), *map(os.path.abspath, filter(None, paths))]
    sys.argv = [job["module"], *job["arguments"]]
    runpy.run_module(job["module"], run_name="__main__", alter_sys=True)
    sys.exit()


def main() -> None:
    """Import the libraries, then run jobs until standard input ends."""
    for name in LIBRARIES:
        import_module(name)
    # Objects that no garbage collection visits stay shared between this process and its children.
    gc.freeze()
    for line in iter(sys.stdin.readline, ""):
        child = os.fork()
        if not child:
            run(json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
