"""`cors lab`: in a real browser, the table shows whether the service follows its policy."""

import json
import os
import re
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from .project import example, render, run_warm

try:
    from playwright.sync_api import Browser, Page

    from .lab import Lab, free_ports, running_lab, wait_until_done
except ImportError:
    if os.environ.get("CORS_REQUIRE_BROWSER") == "1":
        raise
    pytest.skip("playwright is not installed", allow_module_level=True)

# A second environment: every site may read /public, and any port of localhost is allowed.
OPEN_TO_PORTS = """ENVIRONMENT=test
CORS_ALLOWED_ORIGINS=http://localhost:*,http://app.localhost:{port},https://localhost:{port}
CORS_ALLOW_CREDENTIALS=false
CORS_ALLOW_METHODS=GET
CORS_ALLOW_HEADERS=Authorization,X-Request-ID
CORS_EXPOSE_HEADERS=ETag,X-Total-Count
CORS_PUBLIC_PATHS=/public
"""

# A service with Starlette's middleware, and a handler that sets a CORS header itself.
STOCK = """
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.middleware.cors import CORSMiddleware

from .routes import router
from .settings import Settings


def create_app(settings: Settings | None = None) -> FastAPI:
    settings = settings or Settings.load()
    app = FastAPI()
    policy = settings.as_policy()
    app.add_middleware(
        CORSMiddleware,
        allow_origins=policy.allow_origins,
        allow_methods=policy.allow_methods,
        allow_headers=policy.allow_headers,
        expose_headers=policy.expose_headers,
        allow_credentials=policy.allow_credentials,
    )
    app.include_router(router)

    @app.get("/leak")
    def leak(request: Request) -> JSONResponse:
        return JSONResponse({}, headers={"Access-Control-Allow-Origin": request.headers["origin"]})

    # The lab shows the first routes only: move this one to the front.
    app.router.routes.insert(0, app.router.routes.pop())
    return app


app = create_app()
"""


# What Chromium prints in addition to the reasons.
FOLLOW_UPS = {
    "Failed to load resource: net::ERR_FAILED",
    "Failed to load resource: the server responded with a status of 401 (Unauthorized)",
    "Failed to load resource: the server responded with a status of 500 (Internal Server Error)",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    ports = free_ports(3)
    origins = f"http://localhost:{ports[0]},http://127.0.0.1:{ports[1]}"
    answers = example("spa-cookies") | {"development_origins": origins}
    project = render(tmp_path_factory.mktemp("lab") / "project", answers)
    (project / ".env.test").write_text(OPEN_TO_PORTS.format(port=ports[2]))
    return project


@pytest.fixture
def copy(project: Path, tmp_path: Path) -> Path:
    """A copy of the project whose only local origin has a port that no other test uses."""
    copy = shutil.copytree(project, tmp_path / "copy")
    dotenv = copy / ".env.development"
    origins = f"CORS_ALLOWED_ORIGINS=http://localhost:{free_ports(1)[0]}"
    dotenv.write_text(re.sub("CORS_ALLOWED_ORIGINS=.*", origins, dotenv.read_text()))
    return copy


def port_of(copy: Path) -> int:
    found = re.search(r"localhost:(\d+)$", (copy / ".env.development").read_text(), re.MULTILINE)
    assert found
    return int(found[1])


@pytest.fixture(scope="module")
def lab(project: Path) -> Iterator[Lab]:
    with running_lab(project, "--environment", "development") as started:
        yield started


class Seen:
    """The table in a browser, with all URLs that it requested and all that its console printed."""

    def __init__(self, browser: Browser, lab: Lab, **options: Any) -> None:
        self.page: Page = browser.new_page(**options)
        self.urls: list[str] = []
        self.printed: list[str] = []
        self.page.on("request", lambda request: self.urls.append(request.url))
        self.page.on("websocket", lambda websocket: self.urls.append(websocket.url))
        self.page.on("console", lambda message: self.printed.append(message.text))
        self.page.on("pageerror", lambda error: self.printed.append(f"uncaught: {error}"))
        self.page.goto(f"{lab.address}/")
        self.summary = wait_until_done(self.page)

    def labels(self, selector: str = "") -> list[str]:
        """Return what a screen reader says for each cell."""
        cells = self.page.query_selector_all(f"td button{selector}")
        return [cell.get_attribute("aria-label") or "" for cell in cells]


@pytest.fixture(scope="module")
def seen(browser: Browser, lab: Lab) -> Seen:
    return Seen(browser, lab)


def plan_of(lab: Lab) -> dict[str, Any]:
    with urlopen(f"{lab.address}/plan.json") as answer:
        plan = json.load(answer)
    assert isinstance(plan, dict)
    return plan


def cells_of(lab: Lab) -> list[dict[str, Any]]:
    return [cell for row in plan_of(lab)["rows"] for cell in row["cells"]]


def test_every_cell_agrees_with_what_chromium_does(seen: Seen, lab: Lab) -> None:
    labels = seen.labels()
    assert seen.summary == f"= all {len(labels)} agree"
    assert len(labels) == len(cells_of(lab)) > 90
    # Policy and browser are described by the same words, not by colours alone.
    for label in labels:
        assert (found := re.search(r"policy says (.+), browser (.+)", label)), label
        assert found[1] == found[2]
    assert {"allowed", "blocked", "readable", "hidden", "open", "refused"} <= {
        label.rsplit("browser ")[1] for label in labels
    }


def test_another_site_is_always_blocked(seen: Seen, lab: Lab) -> None:
    (other,) = [each["origin"] for each in plan_of(lab)["pages"] if not each["allowed"]]
    of_other_site = [label for label in seen.labels() if f"from {other}," in label]
    assert len(of_other_site) > 30
    assert all(label.endswith(("browser blocked", "browser refused")) for label in of_other_site)


def test_the_console_prints_what_the_table_predicts(seen: Seen, lab: Lab) -> None:
    shown = {cell["console"] for cell in cells_of(lab)}
    assert {without_run(text) for text in seen.printed} - FOLLOW_UPS == shown - {""}


def without_run(text: str) -> str:
    """Return a message without the id of the run, which is part of every URL."""
    return re.sub(r"(cell=[^.']+)\.\w+", r"\1", text)


def test_no_request_leaves_the_machine(seen: Seen) -> None:
    hosts = {urlsplit(url).hostname for url in seen.urls}
    assert hosts == {"localhost", "127.0.0.1"}


def test_only_the_code_of_the_page_itself_may_run(lab: Lab) -> None:
    for address in (lab.address, plan_of(lab)["pages"][0]["origin"]):
        with urlopen(f"{address}/") as response:
            policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        for kind in ("script", "style"):
            assert re.search(rf"; {kind}-src 'sha256-[\w+/]{{43}}=';", policy)
        assert "unsafe" not in policy
        assert "*" not in policy


def test_the_plan_is_readable_at_its_own_origin_only(lab: Lab) -> None:
    port = urlsplit(lab.address).port
    for address, host in (
        (plan_of(lab)["pages"][0]["origin"], None),
        (lab.address, f"evil.net:{port}"),
    ):
        request = Request(f"{address}/plan.json", headers={"Host": host} if host else {})
        with pytest.raises(HTTPError):
            urlopen(request)


def test_a_page_that_is_opened_by_hand_leads_to_the_table(browser: Browser, lab: Lab) -> None:
    page = browser.new_page()
    page.goto(plan_of(lab)["pages"][0]["origin"])
    assert page.url == f"{lab.address}/"
    page.close()


def test_the_keyboard_is_enough(browser: Browser, lab: Lab) -> None:
    page = Seen(browser, lab).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "again"
    with page.expect_request(lambda request: "/cors-lab?cell=0-0." in request.url):
        page.keyboard.press("Enter")
    assert wait_until_done(page).startswith("= all")

    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.inner_text("#details h2") == "GET without credentials"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert page.inner_text("#details h2").startswith("HEAD")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#details h2") == "GET with credentials"
    # The table is one stop for the Tab key. A stop per cell would take a hundred presses.
    assert len(page.query_selector_all("td button[tabindex='0']")) == 1


def test_it_fits_a_small_window_and_both_colour_schemes(seen: Seen) -> None:
    page, brightness = seen.page, []
    page.set_viewport_size({"width": 360, "height": 640})
    page.emulate_media(color_scheme="light")
    brightness.append(brightness_of(page))
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.emulate_media(color_scheme="dark")
    brightness.append(brightness_of(page))
    assert brightness[0] > 600 > 150 > brightness[1]


def brightness_of(page: Page) -> int:
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(map(int, re.findall(r"\d+", background)))


def test_patterns_public_paths_and_no_credentials_agree(browser: Browser, project: Path) -> None:
    with running_lab(project, "--environment", "test") as lab:
        seen = Seen(browser, lab)
        cells = cells_of(lab)
        origins = [each["origin"] for each in plan_of(lab)["pages"]]
        assert "left out  https://localhost:" in lab.output
    assert seen.summary == f"= all {len(cells)} agree"
    assert [origin.rpartition(":")[0] for origin in origins] == [
        "http://localhost",
        "http://app.localhost",
        "http://127.0.0.1",
    ]
    reasons = {cell["why"] for cell in cells}
    for part in (
        "The path is public: every site may use it without credentials.",
        "The path is public, but only for requests without credentials",
        "`CORS_ALLOW_CREDENTIALS` is false",
        "`CORS_GUARD_WRITES=true` would refuse it",
        "`CORS_ALLOW_METHODS` does not list `DELETE`",
        "to a browser `127.0.0.1` and `localhost` are different hosts",
    ):
        assert any(part in reason for reason in reasons), part
    lines = {cell["change"] for cell in cells}
    assert "`CORS_ALLOW_METHODS` in .env.test:4" in lines
    assert any(label.endswith("browser blocked, ran") for label in seen.labels())


def test_a_service_that_breaks_its_policy_differs(browser: Browser, copy: Path) -> None:
    (copy / "src" / "orders_api" / "main.py").write_text(STOCK)
    with running_lab(copy, "--environment", "development") as lab:
        seen = Seen(browser, lab)
        differing = seen.labels("[data-state=differs]")
        explanation = seen.page.inner_text("#details")
        shown = {cell["console"] for cell in cells_of(lab)}
    assert re.fullmatch(r"≠ \d+ of \d+ differ", seen.summary)
    said = "policy says blocked, browser allowed, they differ"
    assert any("GET /leak from" in label and label.endswith(said) for label in differing)
    said = "policy says allowed, browser blocked, they differ"
    assert any("server error (500) from" in label and label.endswith(said) for label in differing)
    said = "policy says refused, browser open, they differ"
    assert any("handshake from" in label and label.endswith(said) for label in differing)
    assert {without_run(text) for text in seen.printed} - FOLLOW_UPS == shown - {""}
    assert "The service causes this" in explanation
    assert "cors check" in explanation


def test_a_page_whose_port_is_taken_is_left_out(browser: Browser, copy: Path) -> None:
    port = port_of(copy)
    taken = f"port {port} is taken, perhaps by your own development server"
    with socket.create_server(("127.0.0.1", port)):
        with running_lab(copy, "--environment", "development") as lab:
            seen = Seen(browser, lab)
            assert f"left out  http://localhost:{port}: {taken}" in lab.output
            assert f"http://localhost:{port}: {taken}" in seen.page.inner_text("#left-out")
            assert seen.summary.startswith("= all")
        result = run_warm(copy, "orders_api.cors", "lab", "--port", str(port))
    assert result.returncode == 2
    assert result.stdout == f"cors lab: the service cannot be started: {taken}.\n"


def test_an_environment_without_local_origins_is_explained(project: Path) -> None:
    result = run_warm(project, "orders_api.cors", "lab", "--environment", "production")
    assert result.returncode == 2
    assert result.stdout == (
        "cors lab: production allows https://app.acme.com, https://www.acme.com. The lab can serve "
        "pages only at http origins of this machine, such as http://localhost:5173. "
        "Try --environment development or test.\n"
    )


def test_a_refused_policy_is_not_served(copy: Path) -> None:
    dotenv = copy / ".env.development"
    dotenv.write_text(dotenv.read_text().replace("http://localhost", "localhost"))
    result = run_warm(copy, "orders_api.cors", "lab", ENVIRONMENT="development")
    assert result.returncode == 1
    assert "CORS_ALLOWED_ORIGINS" in result.stdout
    assert "Traceback" not in result.stdout + result.stderr


def test_ctrl_c_ends_everything(copy: Path) -> None:
    with running_lab(copy, "--environment", "development") as lab:
        assert lab.interrupt() == 0
    assert lab.output.endswith("Stopped.\n")
    assert "Traceback" not in lab.output
    # The lab's own routes are no findings: no front end uses them.
    assert "CORS035" not in lab.output
    socket.create_server(("127.0.0.1", port_of(copy))).close()
