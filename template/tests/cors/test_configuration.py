"""The configuration is judged before it is served: what the rules refuse does not start."""

from pathlib import Path

import pytest

from .expected import ROOT
from .service import Service, only_dotenv, package_module

BROKEN = {
    "CORS_ALLOWED_ORIGINS=*": "CORS003",
    "CORS_ALLOWED_ORIGINS=null": "CORS005",
    "CORS_ALLOWED_ORIGINS=https://app.acme.com/": "CORS006",
    "CORS_ALLOWED_ORIGINS=https://App.acme.com": "CORS007",
    "CORS_ALLOWED_ORIGINS=app.acme.com": "CORS008",
    "CORS_ALLOWED_ORIGINS=http://app.acme.com": "CORS010",
    "CORS_ALLOWED_ORIGINS=http://localhost:5173": "CORS011",
    "CORS_ALLOWED_ORIGINS=https://app-*.acme.com": "CORS013",
    "CORS_ALLOWED_ORIGINS=https://*.com": "CORS014",
    "CORS_ALLOWED_ORIGINS=https://app.example.com": "CORS032",
    'CORS_ALLOWED_ORIGINS=["https://app.acme.com"': "CORS001",
    "CORS_ALLOW_METHODS=get": "CORS018",
    "CORS_ALLOW_METHODS=*": "CORS021",
    "CORS_ALLOW_HEADERS=Cookie": "CORS019",
    "CORS_EXPOSE_HEADERS=Set-Cookie": "CORS023",
    "CORS_MAX_AGE=1h": "CORS025",
    "CORS_ALLOW_CREDENTIALS=maybe": "CORS038",
    "CORS_ALLOW_ORIGINS=https://app.acme.com": "CORS030",
    "<<<<<<< before updating": "CORS033",
}


def load_production(directory: Path, *lines: str) -> None:
    """Read a production environment that consists of these lines."""
    text = "\n#\n".join(("ENVIRONMENT=production", "CORS_ALLOWED_ORIGINS=", *lines, ""))
    (directory / ".env.production").write_text(text)
    settings = package_module("cors.settings").CORSSettings
    with only_dotenv():
        settings.load("production", directory)


def test_a_closed_environment_starts(tmp_path: Path) -> None:
    load_production(tmp_path)


@pytest.mark.parametrize(("line", "rule"), BROKEN.items())
def test_a_broken_line_is_refused_with_its_place_and_a_fix(
    tmp_path: Path, line: str, rule: str
) -> None:
    with pytest.raises(package_module("cors.findings").ConfigurationError) as refused:
        load_production(tmp_path, line)
    message = next(text for text in str(refused.value).splitlines() if rule in text)
    assert ".env.production:5" in message
    assert "Fix: " in message


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(package_module("cors.findings").ConfigurationError) as refused:
        load_production(tmp_path, "CORS_ALLOW_METHODS=get", "CORS_MAX_AGE=1h")
    assert "CORS018" in str(refused.value)
    assert "CORS025" in str(refused.value)


def test_no_rule_refuses_this_environment(service: Service) -> None:
    """Also judged by the rules that look at routes, cookies and middleware: `cors check`."""
    with only_dotenv():
        examined = package_module("cors.environments").examine(service.environment, ROOT)
    assert [str(found) for found in examined.findings if found.severity == "error"] == []
