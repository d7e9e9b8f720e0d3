"""What people do to a service between two updates, as a table: a sentence, the edit, its check.

A group of edits is made in one project, which is then updated with the group's new answers. That
no line is lost, and that nothing else changes, is checked for all of them alike by
`test_update_matrix`; a check here says only what is particular to one edit.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .project import run

PARTNER = "https://partner.acme.org"
RECORDED = "https://recorded.acme.org"
LAST_LINE_OF_THE_TEMPLATE = "Your own"


@dataclass(frozen=True)
class Service:
    """A service that somebody works on; `had` names the files there were before the update."""

    folder: Path
    package: str
    had: frozenset[str] = frozenset()

    def file(self, name: str) -> Path:
        """Return a file's path, with the package's name for a *."""
        return self.folder / name.replace("*", self.package)

    def text(self, name: str) -> str:
        return self.file(name).read_bytes().decode()

    def write(self, name: str, text: str) -> None:
        self.file(name).write_bytes(text.encode())

    def replace(self, name: str, old: str, new: str) -> None:
        text = self.text(name)
        assert old in text, f"{name} holds no {old!r}"
        self.write(name, text.replace(old, new, 1))

    def insert(self, name: str, lines: str, *, after: str) -> None:
        """Insert lines below the template's last, or after a text where a file is older than that.

        A list that ends below it, as in pyproject.toml, counts as its first occurrence.
        """
        head, mark, tail = self.text(name).partition(LAST_LINE_OF_THE_TEMPLATE)
        if mark and name.startswith(".env"):
            rest, rule, tail = tail.partition("# ----")
            mark += rest + rule
        if not mark:
            head, mark, tail = self.text(name).partition(after)
        assert mark, f"{name} holds no {after!r}"
        line, newline, tail = tail.partition("\n")
        self.write(name, head + mark + line + newline + lines + tail)

    def is_disputed(self, name: str) -> bool:
        """Whether the update left a conflict in a file or beside it."""
        path = self.file(name)
        beside = path.with_name(f"{path.name}.rej").exists()
        return beside or (path.exists() and b"\n>>>>>>> after updating" in path.read_bytes())


def nothing(service: Service) -> None:
    """No edit, or nothing to check but what is checked of all of them."""


@dataclass(frozen=True)
class UserEdit:
    """One thing that people do. `needs` is a file without which it cannot be done."""

    sentence: str
    edit: Callable[[Service], None] = nothing
    check: Callable[[Service], None] = nothing
    needs: str = "pyproject.toml"


@dataclass(frozen=True)
class Group:
    """Edits that go together, and the answers that are given when their project is updated.

    `may_dispute` are the files in which a conflict is an honest result. With `refuse_first`, an
    update to a release that refuses an answer is tried before, and has to leave all as it is.
    """

    edits: tuple[UserEdit, ...]
    answers: Mapping[str, Any] = field(default_factory=dict)
    may_dispute: frozenset[str] = frozenset()
    renames: bool = False
    refuse_first: bool = False


# --- A service that has grown: everything merges, and the suite passes ---------------------------

OWN_ROUTE = '''"""Orders of our own."""

from fastapi import APIRouter

router = APIRouter(prefix="/orders", tags=["orders"])


@router.get("")
def orders() -> list[str]:
    """Return all orders."""
    return ["anvil"]


@router.delete("")
def forget() -> None:
    """Forget all orders."""
'''

OWN_TEST = '''"""Tests of our own."""

from fastapi.testclient import TestClient


def test_orders(client: TestClient) -> None:
    response = client.get("/orders")
    assert response.json() == ["anvil"]
    assert response.headers["X-Served-By"] == "us"
'''

OWN_MIDDLEWARE = """
    @app.middleware("http")
    async def sign(request, call_next):  # type: ignore[no-untyped-def]
        response = await call_next(request)
        response.headers["X-Served-By"] = "us"
        return response

"""


def add_route(service: Service) -> None:
    service.write("src/*/routes/orders.py", OWN_ROUTE)


def add_test(service: Service) -> None:
    service.write("tests/test_orders.py", OWN_TEST)


def add_middleware(service: Service) -> None:
    before = "    app.include_router"
    service.replace("src/*/main.py", before, OWN_MIDDLEWARE.lstrip("\n") + before)


def add_setting(service: Service) -> None:
    service.write(
        "src/*/settings.py", service.text("src/*/settings.py") + '\n    currency: str = ""\n'
    )


def add_variable(service: Service) -> None:
    lines = "# What we charge in.\nCURRENCY=CHF\n"
    service.insert(".env.development", lines, after="# Lists are separated")


def add_origin(service: Service) -> None:
    text = service.text(".env.production")
    line = next(line for line in text.splitlines() if line.startswith("CORS_ALLOWED_ORIGINS="))
    listed = line + ("" if line.endswith("=") else ",") + PARTNER
    service.replace(".env.production", line, listed)


def set_guard(service: Service) -> None:
    """Change the last line above those that releases add to a dotenv file."""
    text = service.text(".env.development")
    if LAST_LINE_OF_THE_TEMPLATE in text:
        line = next(line for line in text.splitlines() if line.startswith("CORS_GUARD_WRITES="))
        service.replace(".env.development", line, "CORS_GUARD_WRITES=on")


def add_environment(service: Service) -> None:
    text = service.text(".env.production").replace("ENVIRONMENT=production", "ENVIRONMENT=qa")
    service.write(".env.qa", text)


def delete_route(service: Service) -> None:
    service.file("src/*/routes/items.py").unlink()
    service.file("tests/test_routes.py").unlink()


def add_section(service: Service) -> None:
    lines = "\n## On call\n\nThe shop's team answers within the hour.\n"
    service.insert("README.md", lines, after="Without uv:")


def add_dependency(service: Service) -> None:
    service.insert("pyproject.toml", '  "anyio>=4",\n', after="dependencies = [")


def add_ignored(service: Service) -> None:
    service.insert(".gitignore", "/invoices/\n", after=".venv/")


GROWN = Group(
    (
        UserEdit("a route module of one's own", add_route),
        UserEdit("a test of one's own, which calls it", add_test),
        UserEdit("a middleware of one's own in main.py", add_middleware),
        UserEdit("a settings field of one's own", add_setting),
        UserEdit("a variable of one's own in a dotenv file", add_variable),
        UserEdit("an origin added by hand", add_origin),
        UserEdit("the write guard set by hand", set_guard),
        UserEdit("an environment of one's own, .env.qa", add_environment),
        UserEdit("an example route deleted, with its tests", delete_route),
        UserEdit("a section of one's own in the README", add_section),
        UserEdit("a dependency of one's own", add_dependency),
        UserEdit("a line of one's own in .gitignore", add_ignored),
    ),
    refuse_first=True,
)


# --- Answers that change in the same update: everything merges, and the suite passes -------------

CHANGED = {
    "production_origins": RECORDED,
    "preflight_max_age": 4321,
    "environments": ["production"],
}


def answers_arrived(service: Service) -> None:
    production = service.text(".env.production")
    assert f"\nCORS_ALLOWED_ORIGINS={RECORDED}\n" in production
    for name in (".env.production", ".env.development"):
        assert "\nCORS_MAX_AGE=4321\n" in service.text(name)
    assert RECORDED in service.text("README.md")


def delete_staging(service: Service) -> None:
    service.file(".env.staging").unlink()


def package_is_renamed(service: Service) -> None:
    old = service.package.removesuffix("_two")
    assert not (service.folder / "src" / old).exists()
    assert f'"{service.package}.main:app"' in service.text("pyproject.toml")


ANSWERED = Group(
    (
        UserEdit("answers changed in the same update", nothing, answers_arrived),
        UserEdit(
            "an environment given up, its dotenv file deleted", delete_staging, needs=".env.staging"
        ),
        UserEdit("a package renamed, with a route of one's own", add_route, package_is_renamed),
        UserEdit("a section of one's own while the README changes", add_section),
    ),
    CHANGED,
    renames=True,
)


# --- Where both changed the same: a conflict is honest, a lost line is not ------------------------


def origins_are_disputed(service: Service) -> None:
    """The service must not start on either half of the conflict, in either mode."""
    assert service.is_disputed(".env.production")
    starts = ("python", "-c", f"import {service.package}.main")
    result = run(service.folder, *starts, ENVIRONMENT="production")
    assert result.returncode == 1
    assert "CORS033" in result.stderr


def reorder(service: Service) -> None:
    """Turn the order of the variables round, each with its comment."""
    head, *lines = service.text(".env.staging").splitlines(keepends=True)
    variables = [place for place, line in enumerate(lines) if not line.startswith("#")]
    blocks, begin = [], 0
    for place in variables:
        blocks.append("".join(lines[begin : place + 1]))
        begin = place + 1
    service.write(".env.staging", head + "".join(reversed(blocks)) + "".join(lines[begin:]))


def end_lines_as_windows_does(service: Service) -> None:
    service.write(".env.development", service.text(".env.development").replace("\n", "\r\n"))


def line_ends_do_no_harm(service: Service) -> None:
    """Git keeps CR out since there is a .gitattributes; before, the whole file is one conflict."""
    if ".gitattributes" in service.had:
        assert not service.is_disputed(".env.development")


def edit_managed(service: Service) -> None:
    service.write("src/*/cors/findings.py", service.text("src/*/cors/findings.py") + "# Ours.\n")
    service.write(
        "tests/cors/test_caches.py", "# Ours.\n" + service.text("tests/cors/test_caches.py")
    )


def delete_managed(service: Service) -> None:
    service.file("tests/cors/test_writes.py").unlink()


def deletion_is_loud(service: Service) -> None:
    """Asked of the test itself: the dispute over the origins keeps the suite from starting."""
    if any(service.folder.rglob("*.rej")):
        return  # The way in which conflicts are told makes no difference here.
    name = "test_every_managed_file_is_there"
    code = f"from tests.cors.test_configuration import {name}; {name}()"
    result = run(service.folder, "python", "-c", code)
    assert result.returncode == 1
    assert "copier recopy" in result.stderr


DISPUTED = Group(
    (
        UserEdit(
            "an origin added by hand where the answer changes", add_origin, origins_are_disputed
        ),
        UserEdit("a dotenv file in an order of one's own", reorder, needs=".env.staging"),
        UserEdit("CRLF in a dotenv file", end_lines_as_windows_does, line_ends_do_no_harm),
        UserEdit("managed files edited", edit_managed),
        UserEdit("a managed file deleted", delete_managed, deletion_is_loud),
    ),
    {"production_origins": RECORDED},
    may_dispute=frozenset(
        (".env.production", ".env.staging", ".env.development", "tests/cors/test_caches.py")
    ),
)

GROUPS = {"grown": GROWN, "answered": ANSWERED, "disputed": DISPUTED}
