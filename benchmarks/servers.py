"""What each server does with an app that the rules refuse: the table of `docs/servers.md`.

    python -m venv /tmp/servers && /tmp/servers/bin/pip install uvicorn hypercorn granian \
        gunicorn uvicorn-worker daphne fastapi pydantic-settings publicsuffixlist
    /tmp/servers/bin/python benchmarks/servers.py
"""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parents[1]
REFUSED = """
from service.cors.app import CORSFastAPI
from service.cors.policy import CORSPolicy
from starlette.middleware.cors import CORSMiddleware

app = CORSFastAPI(cors=CORSPolicy(environment="production"))
app.add_middleware(CORSMiddleware, allow_origins=["*"])
app.add_api_route("/health", lambda: "up")
"""
SERVERS = (
    "uvicorn refused:app --port {port}",
    "uvicorn refused:app --port {port} --workers 2",
    "uvicorn refused:app --port {port} --lifespan off",
    "hypercorn refused:app --bind 127.0.0.1:{port}",
    "hypercorn refused:app --bind 127.0.0.1:{port} --workers 2",
    "granian refused:app --port {port} --interface asgi",
    "granian refused:app --port {port} --interface asgi --workers 2",
    "granian refused:app --port {port} --interface asginl",
    "gunicorn refused:app --bind 127.0.0.1:{port} -k uvicorn_worker.UvicornWorker",
    "daphne refused:app --port {port}",
)
# So long a server may take to start; one that still runs after it has not exited.
SECONDS = 12


def free_port() -> int:
    """Return a port that nothing uses."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def status_of(url: str) -> int | None:
    """Return the status of a response, None where no server answers."""
    try:
        with urlopen(url, timeout=2) as response:
            return int(response.status)
    except HTTPError as error:
        return error.code
    except (URLError, OSError):
        return None


def row(command: str, folder: Path) -> str:
    """Run a server on the refused app, and return what it did as a row of the table."""
    port, output = free_port(), folder / "output"
    words = command.format(port=port).split()
    with output.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", *words],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": f"{folder}:{ROOT / 'tests' / 'lib'}"},
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    status, deadline = None, time.monotonic() + SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        status = status_of(f"http://127.0.0.1:{port}/health") or status
        time.sleep(0.2)
    if (code := process.poll()) is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    lines = sum("CORS034" in line for line in output.read_text().splitlines())
    ended = "goes on" if code is None else f"exits with {code}"
    name = command.replace(" refused:app", "").replace(" --port {port}", "")
    name = name.replace(" --bind 127.0.0.1:{port}", "")
    return f"| `{name}` | {ended} | {status or 'none'} | {lines} |"


def main() -> None:
    """Print the table."""
    print("| server | after the refusal it | a request gets | lines with the rule |")
    print("|---|---|---|---|")
    with TemporaryDirectory() as folder:
        Path(folder, "refused.py").write_text(REFUSED, encoding="utf-8")
        for command in SERVERS:
            print(row(command, Path(folder)), flush=True)


if __name__ == "__main__":
    main()
