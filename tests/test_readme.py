"""The README's commands run as written, in a fresh folder with a fresh environment."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from .project import TEMPLATE, clean_environment, free_port, run, run_warm, shell

README = (TEMPLATE / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """Return the README's code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bare checkout: what is committed, or lies in the folder ready to be, and nothing else."""
    folder = tmp_path_factory.mktemp("bare") / "fastapi-cors-template"
    ignored = shutil.ignore_patterns(".git", ".venv", ".*_cache", "__pycache__", ".hypothesis")
    shutil.copytree(TEMPLATE, folder, ignore=ignored, symlinks=True)
    shell(
        "git init -q -b main && git add -A && git -c user.name=Tester "
        "-c user.email=tester@acme.com commit -q -m 'As it is'",
        folder,
    )
    return folder


@pytest.fixture(scope="module")
def service(checkout: Path) -> Path:
    """The service that the README's first command makes."""
    make_new = next(block for block in blocks("sh") if block.startswith("make new"))
    printed = shell(make_new, checkout)
    assert "warning" not in printed.lower()
    return checkout.parent / "orders-api"


def test_the_service_is_made_and_its_commands_work(service: Path) -> None:
    in_service = next(block for block in blocks("sh") if "uv sync" in block)
    lines = [
        line for line in in_service.splitlines() if not line.startswith(("cd ", "ENVIRONMENT"))
    ]
    printed = shell("\n".join(lines), service)
    assert re.search(r"\d{3} passed", printed)
    assert "warning" not in printed.lower()


def test_the_service_s_own_environment_has_all_that_its_checks_need(service: Path) -> None:
    """The other tests run a service's checks in the template's environment, which has more."""
    shell("uv run ruff check . && uv run mypy && uv run cors check --all", service)


def test_the_preflights_are_answered_as_shown(service: Path) -> None:
    """The two curl commands, against `fastapi run` as written, on a port that is free."""
    start = next(
        line for block in blocks("sh") for line in block.splitlines() if "fastapi run" in line
    )
    port = str(free_port())
    assert "--port 8000" in start
    server = subprocess.Popen(
        ["bash", "-c", "exec env " + start.replace("8000", port)],
        cwd=service,
        env=clean_environment(UV_PYTHON_DOWNLOADS="never", PATH=path_with_uv()),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/health")
        asked = [block for block in blocks("sh") if block.startswith("curl")]
        shown = blocks("http")
        assert len(asked) == len(shown) == 2
        for command, answer in zip(asked, shown, strict=True):
            printed = shell(command.replace("8000", port).replace("curl -i", "curl -si"), service)
            kept = [
                line.rstrip()
                for line in printed.splitlines()
                if not line.startswith(("date:", "server:"))
            ]
            assert "\n".join(kept).rstrip() == answer.rstrip()
    finally:
        server.terminate()
        server.wait(timeout=30)


def path_with_uv() -> str:
    return f"{Path(sys.executable).parent}:{os.environ['PATH']}"


def wait_for(url: str) -> None:
    """Wait until a server answers."""
    deadline = time.monotonic() + 120
    while True:
        try:
            httpx2.get(url, timeout=5)
            return
        except httpx2.TransportError:
            assert time.monotonic() < deadline, f"{url} does not answer"
            time.sleep(0.2)


def test_the_service_installs_with_pip_too(service: Path, tmp_path: Path) -> None:
    """`pip install -e .` and nothing of uv's; the packages come from what pip has at hand."""
    shell(f"{sys.executable} -m venv {tmp_path / 'venv'}", service)
    python = tmp_path / "venv" / "bin" / "python"
    shell(f"{python} -m pip install --quiet --disable-pip-version-check -e .", service)
    printed = shell(f"{tmp_path / 'venv' / 'bin' / 'cors'} check --all", service)
    assert "production: no findings." in printed


def test_an_explanation_reads_as_shown(cookies_service: Path) -> None:
    """The console block that begins with `cors explain`, up to where it stops."""
    block = next(text for text in blocks("console") if "cors explain" in text)
    command, _, shown = block.partition("\n")
    arguments = command.removeprefix("$ uv run cors ").split()
    result = run_warm(cookies_service, "orders_api.cors", *arguments)
    assert result.returncode == 1
    assert result.stdout.startswith(shown)


def test_a_refusal_reads_as_shown(cookies_service: Path, tmp_path: Path) -> None:
    """The console block of a service that does not start, from the mistakes it names."""
    block = next(text for text in blocks("console") if "does not start" in text)
    project = Path(shutil.copytree(cookies_service, tmp_path / "orders-api"))
    dotenv = project / ".env.production"
    text = dotenv.read_text()
    dotenv.write_text(
        text.replace("https://app.acme.com,", "https://app.acme.com/,http://localhost:3000,")
    )
    result = run(project, "python", "-c", "import orders_api.main", ENVIRONMENT="production")
    assert result.stderr == block.partition("\n")[2]


def test_every_file_that_is_linked_exists() -> None:
    for document in TEMPLATE.glob("**/*.md"):
        if ".venv" in document.parts:
            continue
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_every_make_target_is_explained() -> None:
    makefile = (TEMPLATE / "Makefile").read_text()
    explained = shell("make help", TEMPLATE)
    for target in re.findall(r"^([a-z]+):", makefile, re.MULTILINE):
        if target not in ("help", "clean"):
            assert f"make {target}" in explained
