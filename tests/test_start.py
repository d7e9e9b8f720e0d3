"""A service starts with a policy that the rules accept, or says in readable lines why not."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from .project import BIN, clean_environment, free_port, render, run

BROKEN = """\
ENVIRONMENT=production
# Five faults, and a secret that must not be printed.
CORS_ALLOWED_ORIGINS=https://app.acme.com/,http://localhost:3000
#
CORS_ALLOW_CREDENTIALS=ja
#
CORS_ALLOW_METHODS=get
#
CORS_MAX_AGE=1h
#
DATABASE_PASSWORD=tell-nobody
"""

EXPECTED = (
    "CORS_ALLOWED_ORIGINS (.env.production:3): `https://app.acme.com/`",
    "CORS_ALLOWED_ORIGINS (.env.production:3): `http://localhost:3000`",
    "CORS_ALLOW_CREDENTIALS (.env.production:5): `ja`",
    "CORS_ALLOW_METHODS (.env.production:7): `get`",
    "CORS_MAX_AGE (.env.production:9): `1h`",
)


@pytest.fixture
def project(cookies_service: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(cookies_service, tmp_path / "orders-api"))


@contextmanager
def serving(project: Path, *command: str, **variables: str) -> Iterator[str]:
    """Serve a project and yield its address; `output` in its folder gets what it prints."""
    port, output = free_port(), project / "output"
    process = subprocess.Popen(
        [str(BIN / command[0]), *command[1:], "--port", str(port)],
        cwd=project,
        env=clean_environment(**variables),
        stdout=output.open("w"),
        stderr=subprocess.STDOUT,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        while True:
            try:
                httpx2.get(f"{url}/health", timeout=5)
                break
            except httpx2.TransportError:
                assert process.poll() is None, output.read_text()
                assert time.monotonic() < deadline, "the service does not answer"
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=30)


SERVERS = {
    "uvicorn": ("uvicorn", "orders_api.main:app"),
    "fastapi run": ("fastapi", "run"),
    "python -c": ("python", "-c", "import orders_api.main"),
    "pytest": ("python", "-m", "pytest", "-q", "-p", "no:cacheprovider"),
}


@pytest.mark.parametrize("command", SERVERS.values(), ids=SERVERS)
def test_a_broken_environment_is_refused_in_readable_lines(
    project: Path, command: tuple[str, ...]
) -> None:
    (project / ".env.production").write_text(BROKEN)
    result = run(project, *command, ENVIRONMENT="production")
    printed = result.stdout + result.stderr
    assert result.returncode not in (0, None)
    assert "Traceback" not in printed
    assert "INTERNALERROR" not in printed
    for line in EXPECTED:
        assert line in printed
    assert printed.count("Fix: ") >= len(EXPECTED)
    assert "tell-nobody" not in printed


@pytest.mark.parametrize("command", [SERVERS["uvicorn"], SERVERS["fastapi run"]])
def test_production_answers_real_preflights(project: Path, command: tuple[str, ...]) -> None:
    asked = {
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "content-type",
    }
    with serving(project, *command, ENVIRONMENT="production") as url:
        allowed = httpx2.options(f"{url}/items", headers=asked | {"Origin": "https://app.acme.com"})
        stranger = httpx2.options(f"{url}/items", headers=asked | {"Origin": "https://evil.net"})
        crash = httpx2.get(f"{url}/health/crash", headers={"Origin": "https://app.acme.com"})
    assert allowed.status_code == 204
    assert allowed.headers["Access-Control-Allow-Origin"] == "https://app.acme.com"
    assert allowed.headers["Access-Control-Allow-Credentials"] == "true"
    assert "PUT" in allowed.headers["Access-Control-Allow-Methods"]
    assert stranger.status_code == 403
    assert not [name for name in stranger.headers if name.startswith("access-control")]
    # Seen without any set-up of logging.
    (line,) = (text for text in (project / "output").read_text().splitlines() if "CORS" in text)
    expected = "CORS refused kind=preflight origin=https://evil.net method=PUT path=/items "
    assert line.startswith(f"{expected}reason=origin count=1: ")
    assert crash.status_code == 500
    assert crash.headers["Access-Control-Allow-Origin"] == "https://app.acme.com"


def test_a_second_policy_stops_the_start_of_a_server(project: Path) -> None:
    """Found when every middleware has been added, and still said without a traceback."""
    main = project / "src" / "orders_api" / "main.py"
    main.write_text(
        main.read_text()
        + "\nfrom starlette.middleware.cors import CORSMiddleware\n\n"
        + 'app.add_middleware(CORSMiddleware, allow_origins=["*"])\n'
    )
    result = run(project, "uvicorn", "orders_api.main:app", "--port", str(free_port()))
    printed = result.stdout + result.stderr
    assert result.returncode != 0
    assert "CORS034 error: app.add_middleware(CORSMiddleware)" in printed
    assert "Traceback" not in printed


def test_a_refused_app_fails_the_tests_that_use_it_instead_of_hanging(project: Path) -> None:
    main = project / "src" / "orders_api" / "main.py"
    second = "    app.add_middleware(CORSMiddleware, allow_origins=['*'])\n    return app"
    text = main.read_text().replace("    return app", second)
    main.write_text("from starlette.middleware.cors import CORSMiddleware\n" + text)
    result = run(project, "python", "-m", "pytest", "-q", "-x", "tests/test_routes.py")
    assert result.returncode == 1
    assert "CORS034 error: app.add_middleware(CORSMiddleware)" in result.stdout


def test_a_policy_that_no_settings_made_is_judged_at_the_start(project: Path) -> None:
    main = project / "src" / "orders_api" / "main.py"
    text = main.read_text().replace(
        "cors=settings.cors_policy()",
        "cors=replace(settings.cors_policy(), allow_origins=('https://*.vercel.app',))",
    )
    main.write_text("from dataclasses import replace\n" + text)
    command = ("uvicorn", "orders_api.main:app", "--port", str(free_port()))
    result = run(project, *command, ENVIRONMENT="production")
    assert result.returncode != 0
    assert "CORS014 error" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_finding_of_the_start_names_file_and_line(project: Path) -> None:
    routes = project / "src" / "orders_api" / "routes" / "token.py"
    routes.write_text(
        "from fastapi import APIRouter, Depends\n"
        "from fastapi.security import HTTPBearer\n"
        "router = APIRouter(dependencies=[Depends(HTTPBearer())])\n"
        "@router.get('/token')\n"
        "def token() -> None: ...\n"
    )
    command = ("uvicorn", "orders_api.main:app", "--port", str(free_port()))
    result = run(project, *command, ENVIRONMENT="production")
    assert "CORS027 error: CORS_ALLOW_HEADERS (.env.production:" in result.stderr


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"ENVIRONMENT": ""}, "is empty"),
        ({"ENVIRONMENT": "  "}, "is empty"),
        ({"ENVIRONMENT": '"production"'}, "Fix: set ENVIRONMENT=production"),
        (
            {"ENVIRONMENT": "prod", "CORS_ALLOWED_ORIGINS": "http://localhost:3000"},
            "is only the beginning of a name",
        ),
    ],
    ids=str,
)
def test_an_environment_that_is_hardly_meant_is_refused(
    project: Path, variables: dict[str, str], message: str
) -> None:
    result = run(project, "python", "-c", "import orders_api.main", **variables)
    assert result.returncode == 1
    assert message in result.stderr


def test_the_name_of_the_environment_is_read_in_any_case_of_letters(project: Path) -> None:
    code = "from orders_api.main import app; print(app.cors_policy.environment)"
    result = run(project, "python", "-c", code, environment="production")
    assert result.stdout == "production\n", result.stderr


@pytest.mark.parametrize("command", SERVERS.values(), ids=SERVERS)
def test_a_list_of_ones_own_with_commas_is_said_in_a_line(
    project: Path, command: tuple[str, ...]
) -> None:
    settings = project / "src" / "orders_api" / "settings.py"
    settings.write_text(settings.read_text() + "\n    servers: list[str] = []\n")
    dotenv = project / ".env.production"
    dotenv.write_text(dotenv.read_text() + "SERVERS=hunter2.internal,b.internal\n")
    result = run(project, *command, ENVIRONMENT="production")
    printed = result.stdout + result.stderr
    assert result.returncode not in (0, None)
    assert "SETTINGS error: SERVERS (.env.production:" in printed
    assert "write it as JSON" in printed
    assert "Traceback" not in printed
    assert "hunter2" not in printed


def test_all_defaults_start_with_every_deployed_environment_closed(tmp_path: Path) -> None:
    project = render(tmp_path / "orders-api", {})
    for environment in ("staging", "production"):
        with serving(project, "uvicorn", "orders_api.main:app", ENVIRONMENT=environment) as url:
            for origin in ("https://app.acme.com", "http://localhost:5173", "null"):
                response = httpx2.get(f"{url}/items", headers={"Origin": origin})
                assert response.status_code == 200
                assert "access-control-allow-origin" not in response.headers


def test_without_an_environment_it_is_development_and_says_so(project: Path) -> None:
    result = run(project, "python", "-c", "import orders_api.main")
    assert result.returncode == 0
    assert "ENVIRONMENT is not set: using development" in result.stderr


# The variables of the process, and what the start says of them.
SIGNS: dict[str, tuple[dict[str, str], str]] = {
    "fastapi dev": ({"FASTAPI_ENV": "development"}, ""),
    "tests": ({"FASTAPI_ENV": "test"}, ""),
    "another FASTAPI_ENV": ({"FASTAPI_ENV": "production"}, ", though FASTAPI_ENV is production"),
    "both alike": ({"ENVIRONMENT": "production", "FASTAPI_ENV": "production"}, ""),
    "forwarded hosts": ({"FORWARDED_ALLOW_IPS": "*"}, ", though the server trusts a proxy"),
    "forwarded hosts that are meant": (
        {"FORWARDED_ALLOW_IPS": "*", "ENVIRONMENT": "development"},
        "",
    ),
}


@pytest.mark.parametrize(("variables", "said"), SIGNS.values(), ids=SIGNS)
def test_signs_of_another_environment_are_said_at_the_start(
    cookies_service: Path, variables: dict[str, str], said: str
) -> None:
    result = run(cookies_service, "python", "-c", "import orders_api.main", **variables)
    assert result.returncode == 0
    assert said in result.stderr
    assert ("though" in result.stderr) == bool(said)


@pytest.mark.parametrize("option", ["--proxy-headers", "--forwarded-allow-ips=*"])
def test_a_server_that_trusts_a_proxy_names_its_environment(
    cookies_service: Path, option: str
) -> None:
    code = "import orders_api.main"
    result = run(cookies_service, "python", "-c", code, option)
    assert "ENVIRONMENT is not set: using development, from " in result.stderr
    assert ", though the server trusts a proxy" in result.stderr
    result = run(cookies_service, "python", "-c", code, option, ENVIRONMENT="staging")
    assert "proxy" not in result.stderr


def test_an_image_without_the_development_file_does_not_fall_back_to_it(project: Path) -> None:
    (project / ".env.development").unlink()
    result = run(project, "python", "-c", "import orders_api.main")
    assert result.returncode == 1
    assert "ENVIRONMENT" in result.stderr
    assert "there is no .env.development" in result.stderr


def test_the_process_alone_is_enough(project: Path) -> None:
    """As under `docker run --env-file`, where the image holds no dotenv file."""
    for path in project.glob(".env.*"):
        path.unlink()
    variables = {"ENVIRONMENT": "production", "CORS_ALLOWED_ORIGINS": "https://app.acme.com"}
    with serving(project, "uvicorn", "orders_api.main:app", **variables) as url:
        response = httpx2.get(f"{url}/items", headers={"Origin": "https://app.acme.com"})
    assert response.headers["Access-Control-Allow-Origin"] == "https://app.acme.com"
