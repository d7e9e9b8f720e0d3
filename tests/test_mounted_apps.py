"""What wraps the app is judged, wherever it is; docs/mounted-apps.md has what works instead."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from .project import TEMPLATE, run, run_suite, run_warm

DOCUMENT = (TEMPLATE / "docs" / "mounted-apps.md").read_text()
(RECIPE,) = re.findall(r"^```python\n(.*?)^```$", DOCUMENT, re.M | re.S)
WRAPPED = """
import socketio

from orders_api.main import app as inner

app = socketio.ASGIApp(socketio.AsyncServer(async_mode="asgi", cors_allowed_origins="*"), inner)
"""
# Asks for a session of long polling and for a WebSocket, as an allowed origin and as another one.
ASK = """
import json
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from orders_api.main import app

with TestClient(app, base_url="https://api.acme.com") as client:
    found = []
    for origin in ("https://app.acme.com", "https://evil.net"):
        headers = {"Origin": origin, "Cookie": "session=1"}
        polled = client.get("/socket.io/?EIO=4&transport=polling", headers=headers)
        found.append([polled.status_code, polled.headers.get("access-control-allow-origin")])
        posted = client.post("/socket.io/?EIO=4&transport=polling", headers=headers)
        found.append(posted.status_code == 403)
        try:
            url = "/socket.io/?EIO=4&transport=websocket"
            headers |= {"Connection": "Upgrade", "Upgrade": "websocket"}
            with client.websocket_connect(url, headers=headers) as socket:
                found.append(socket.receive_text()[:1])
        except WebSocketDisconnect:
            found.append("refused")
print(json.dumps(found))
"""


@pytest.fixture
def project(cookies_service: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(cookies_service, tmp_path / "orders-api"))


def serve(project: Path, file: str, text: str, entrypoint: str) -> None:
    """Write a module, and serve what it holds."""
    (project / file).write_text(text)
    pyproject = project / "pyproject.toml"
    old = 'entrypoint = "orders_api.main:app"'
    assert old in pyproject.read_text()
    pyproject.write_text(pyproject.read_text().replace(old, f'entrypoint = "{entrypoint}"'))


def check(project: Path) -> subprocess.CompletedProcess[str]:
    return run_warm(project, "orders_api.cors", "check", "-e", "production")


PLACES = {
    "in the package": ("src/orders_api/asgi.py", "orders_api.asgi:app"),
    "beside pyproject.toml": ("asgi.py", "asgi:app"),
    "beside the package": ("src/server.py", "server:app"),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_wrapper_is_refused_wherever_it_is(project: Path, place: str) -> None:
    file, entrypoint = PLACES[place]
    serve(project, file, WRAPPED, entrypoint)
    checked = check(project)
    assert checked.returncode == 1, checked.stdout + checked.stderr
    assert "CORS034 error: app: `ASGIApp` is not a CORSFastAPI" in checked.stdout
    assert "the service starts, but the check fails (1 error, 0 warnings)" in checked.stdout
    assert "app.mount('/socket.io', socketio.ASGIApp(sio, socketio_path=None))" in checked.stdout
    suite = run_suite(project, "tests/cors/test_configuration.py", "-k", "no_rule or follows", "-x")
    assert suite.returncode == 1, suite.stdout
    assert "CORS034" in suite.stdout + suite.stderr
    assert "TypeError" not in suite.stdout + suite.stderr


def test_explain_says_that_a_wrapper_may_answer_by_itself(project: Path) -> None:
    file, entrypoint = PLACES["in the package"]
    serve(project, file, WRAPPED, entrypoint)
    command = ("explain", "https://app.acme.com", "GET", "/items", "-e", "production")
    explained = run(project, "python", "-m", "orders_api.cors", *command)
    assert explained.returncode == 0, explained.stdout + explained.stderr
    assert "ASGIApp wraps the app, and may answer without the policy (CORS034)" in explained.stdout


def test_the_app_itself_may_be_served_from_outside_of_the_package(project: Path) -> None:
    serve(project, "asgi.py", "from orders_api.main import app as app\n", "asgi:app")
    checked = check(project)
    assert (checked.returncode, checked.stdout) == (0, "production: no findings.\n")
    suite = run_suite(project, "tests/cors/test_configuration.py", "-k", "no_rule or follows")
    assert suite.returncode == 0, suite.stdout


def test_the_entrypoint_of_another_project_does_not_count(project: Path, tmp_path: Path) -> None:
    """As in a folder with several services, whose own pyproject.toml serves another one."""
    serve(project, "asgi.py", WRAPPED, "asgi:app")
    other = tmp_path / "other"
    other.mkdir()
    for name in ("pyproject.toml", ".env.production", ".copier-answers.yml"):
        shutil.copy(project / name, other)
    source = str(project / "src")
    command = ("orders_api.cors", "check", "-e", "production")
    checked = run_warm(other, *command, PYTHONPATH=source)
    assert "CORS034" not in checked.stdout + checked.stderr


def test_the_socket_io_recipe_is_judged_by_the_policy(project: Path) -> None:
    main = project / "src" / "orders_api" / "main.py"
    text = main.read_text().replace("    app.state.settings", f"{RECIPE}    app.state.settings")
    main.write_text("import socketio\n" + text)
    checked = check(project)
    assert (checked.returncode, checked.stdout) == (0, "production: no findings.\n")
    asked = run(project, "python", "-c", ASK, ENVIRONMENT="production")
    assert asked.returncode == 0, asked.stderr[-3000:]
    assert json.loads(asked.stdout) == [
        *([200, "https://app.acme.com"], False, "0"),
        *([200, None], True, "refused"),
    ]
    suite = run_suite(project, "tests/cors/test_writes.py", "tests/cors/test_configuration.py")
    assert suite.returncode == 0, suite.stdout[-3000:]


def test_a_second_policy_is_refused_with_what_exists_instead(project: Path) -> None:
    main = project / "src" / "orders_api" / "main.py"
    mounted = (
        "    inner = FastAPI()\n"
        "    inner.add_middleware(CORSMiddleware, allow_origins=['*'])\n"
        "    app.mount('/data', inner)\n"
        "    return app"
    )
    text = main.read_text().replace("    return app", mounted)
    main.write_text("from starlette.middleware.cors import CORSMiddleware\n" + text)
    found = check(project).stdout
    assert "CORS034 error: app.mount('/data').add_middleware(CORSMiddleware)" in found
    for phrase in ("CORS_ALLOWED_ORIGINS", "CORS_PUBLIC_PATHS=/data", "origin_provider="):
        assert phrase in found
