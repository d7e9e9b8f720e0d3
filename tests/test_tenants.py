"""The service of docs/tenants.md: the code as it is written there, on SQLite."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from .project import TEMPLATE, run, run_suite, run_warm

TENANT = "https://shop.acme-tenant.com"
DOCUMENT = (TEMPLATE / "docs" / "tenants.md").read_text()
BLOCKS: list[str] = re.findall(r"^```python\n(.*?)^```$", DOCUMENT, re.M | re.S)

# Asks the app for what a page of each origin gets, then once more without the table.
ASK = f"""
import json, sqlite3
from fastapi.testclient import TestClient
from orders_api.main import app
from orders_api.tenants import origin_to_store

with TestClient(app, base_url="https://api.acme.com") as client:
    def ask(method, origin, **headers):
        response = client.request(method, "/items", headers={{"Origin": origin, **headers}})
        return response.status_code, response.headers.get("access-control-allow-origin")

    put = {{"Access-Control-Request-Method": "PUT"}}
    tenant, other = {TENANT!r}, "https://evil.net"
    found = [ask("OPTIONS", tenant, **put), ask("GET", tenant), ask("OPTIONS", other, **put)]
    found.append(ask("POST", tenant, Cookie="session=1"))
    with sqlite3.connect("tenants.db") as database:
        database.execute("DROP TABLE tenant_origins")
    found += [ask("GET", tenant), ask("OPTIONS", "https://new.acme-tenant.com", **put)]
stored = [origin_to_store(tenant)]
for text in ("https://SHOP.acme-tenant.com", tenant + "/", "http://shop.acme-tenant.com"):
    try:
        stored.append(origin_to_store(text))
    except ValueError:
        pass
print(json.dumps([found, stored]))
"""


def block(words: str) -> str:
    """Return the document's first block of Python that holds these words."""
    return next(text for text in BLOCKS if words in text)


def cors(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the service's `cors` command."""
    return run_warm(project, "orders_api.cors", *arguments)


@pytest.fixture(scope="module")
def project(cookies_service: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service with the code of the document, and a database with one tenant."""
    project = tmp_path_factory.mktemp("tenants") / "orders-api"
    shutil.copytree(cookies_service, project)
    package = project / "src" / "orders_api"
    (package / "tenants.py").write_text(block("class TenantOrigin"))
    imports = ["from sqlalchemy.ext.asyncio import create_async_engine\n\n"]
    imports.append("from .tenants import provider_of\n")
    main = (package / "main.py").read_text()
    main = re.sub(r"    app = CORSFastAPI\(.*\n", lambda _: block("provider_of(engine))"), main)
    main = main.replace("from .cors.app", f"{''.join(imports)}from .cors.app")
    (package / "main.py").write_text(main)
    settings = (package / "settings.py").read_text()
    line = block("    database_url: str")
    settings = settings.replace(
        "    @property\n    def session", f"{line}\n    @property\n    def session"
    )
    (package / "settings.py").write_text(settings)
    with closing(sqlite3.connect(project / "tenants.db")) as database, database:
        database.execute("CREATE TABLE tenant_origins (origin TEXT, tenant_id INTEGER)")
        database.execute("INSERT INTO tenant_origins VALUES (?, 1)", [TENANT])
    return project


def test_the_commands_say_that_a_provider_decides(project: Path) -> None:
    check = cors(project, "check", "-e", "production")
    assert check.returncode == 0, check.stdout
    assert "production: no findings." in check.stdout
    assert "origin_provider decides about https origins on no list" in check.stdout
    show = cors(project, "show")
    assert "other https origins" in show.stdout
    shown = json.loads(cors(project, "show", "--format", "json").stdout)
    assert shown["production"]["origin_provider"] is True
    explain = cors(project, "explain", TENANT, "PUT", "/items", "-e", "production")
    assert explain.returncode == 1
    assert "blocked at the step `origin`, unless origin_provider allows it" in explain.stdout
    assert "A tenant's origin belongs on no list" in explain.stdout
    plain = cors(project, "explain", "http://shop.acme-tenant.com", "-e", "production")
    assert "origin_provider" not in plain.stdout


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("provider", "The origin provider does not allow the origin"),
        ("provider-failed missing=TimeoutError", "The origin provider did not answer"),
        ("credentials", "A tenant's page may not use the user's login"),
    ],
)
def test_explain_reads_what_the_log_says_of_a_tenant(
    project: Path, reason: str, words: str
) -> None:
    line = (
        f"CORS refused kind=write origin={TENANT} method=POST path=/items reason={reason} count=1"
    )
    result = cors(project, "explain", "-e", "production", "--message", line)
    assert words in result.stdout, result.stdout + result.stderr


def test_the_generated_suite_passes_without_the_database(project: Path) -> None:
    database = project / "tenants.db"
    database.rename(kept := project / "kept.db")
    try:
        result = run_suite(project, "tests/cors/test_other_sites.py", "-k", "tenant or provider")
    finally:
        database.unlink(missing_ok=True)
        kept.rename(database)
    assert result.returncode == 0, result.stdout[-3000:]
    assert " skipped" not in result.stdout


def test_a_tenant_of_the_database_may_call_and_no_other_site(project: Path) -> None:
    result = run(project, "python", "-c", ASK, ENVIRONMENT="production")
    assert result.returncode == 0, result.stderr[-3000:]
    found, stored = json.loads(result.stdout)
    assert found == [
        [204, TENANT],
        [200, TENANT],
        [403, None],
        [403, TENANT],
        # Without its table: what is remembered goes on, and what is not is refused.
        [200, TENANT],
        [403, None],
    ]
    assert stored == [TENANT]
    assert "reason=provider-failed missing=OperationalError" in result.stderr
