"""What an existing service is made of is read without running it."""

from pathlib import Path

import pytest
from survey import Survey, survey

SERVICES = Path(__file__).with_name("adopt")


def service(folder: Path, **files: str) -> Path:
    """Write files, whose names have `__` for a slash and no ending."""
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def argument(found: Survey, name: str = "allow_origins") -> object:
    """Return an argument of the only policy: its value, or the text UNREAD with what was seen."""
    (policy,) = found.policies
    value = policy.arguments[name]
    return value.value if value.is_read else ("UNREAD", *value.seen)


@pytest.mark.parametrize(
    ("name", "entrypoint", "read_in", "package_path", "layout", "manager", "app"),
    [
        ("uv_src", "shop.main:app", "Dockerfile:5", "src/shop", "src", "uv", "src/shop/main.py:8"),
        (
            *("requirements_app", "app.main:app", "Procfile:1", "app", "package"),
            *("requirements", "app/main.py:13"),
        ),
        ("lone_main", "main:app", "main.py:20", "", "modules", "requirements", "main.py:7"),
        (
            *("poetry_backend", "billing.api:create_app", "billing/api.py:11", "billing"),
            *("package", "poetry", "billing/api.py:11"),
        ),
    ],
    ids=lambda value: value if value.islower() else "",
)
def test_it_finds_the_app_and_what_is_around_it(
    name: str, entrypoint: str, read_in: str, package_path: str, layout: str, manager: str, app: str
) -> None:
    found = survey(SERVICES / name)
    assert (str(found.entrypoint), found.package_path) == (entrypoint, package_path)
    assert (found.layout, found.manager) == (layout, manager)
    assert found.app
    assert found.entrypoint
    assert (str(found.app.place), found.entrypoint.read_in) == (app, read_in)
    assert found.unread == {}


def test_it_reads_cookies_sockets_and_tokens() -> None:
    shop, ledger = survey(SERVICES / "uv_src"), survey(SERVICES / "requirements_app")
    assert [str(place) for place in shop.cookies] == ["src/shop/main.py:29"]
    assert [str(place) for place in shop.websockets] == ["src/shop/main.py:33"]
    assert shop.methods == ("GET", "POST", "PUT")
    assert shop.policies[0].allows_everybody
    assert shop.policies[0].credentials
    assert [str(place) for place in ledger.bearer] == ["app/main.py:11", "app/main.py:20"]
    assert ledger.settings_class == "Settings"
    assert ledger.origins_seen == ("https://app.acme.com", "http://localhost:3000")


IMPORTS = """
import os, json
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
app = FastAPI()
"""
A, B = "https://a.acme.com", "https://b.acme.com"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (f"X = ['{A}', '{B}']\nORIGINS = [*X]", [A, B]),
        (f"ORIGINS = os.environ.get('O', '{A},{B}').split(',')", [A, B]),
        (f"ORIGINS = json.loads(os.getenv('O', '[\"{A}\"]'))", [A]),
        (f"ORIGINS = [o.strip() for o in ' {A} , '.split(',') if o.strip()]", [A]),
        (f"ORIGINS = ['{A}'] + ['{B}']", [A, B]),
        ("HOST = 'acme.com'\nORIGINS = [f'https://a.{HOST}']", [A]),
        ("ORIGINS = os.environ['O'].split(',')", ("UNREAD",)),
        (f"ORIGINS = ['{A}']\nif app.debug:\n    ORIGINS.append('{B}')", ("UNREAD", A, B)),
        (f"ORIGINS = ['{A}'] if os.getenv('P') else ['*']", ("UNREAD", A, "*")),
        (f"if app.debug:\n    ORIGINS = ['{A}']\nelse:\n    ORIGINS = ['{B}']", ("UNREAD", A, B)),
    ],
)
def test_it_follows_names_to_literals(tmp_path: Path, code: str, expected: object) -> None:
    use = "\napp.add_middleware(CORSMiddleware, allow_origins=ORIGINS)\n"
    assert argument(survey(service(tmp_path, main=IMPORTS + code + use))) == expected


def test_it_follows_settings_into_another_module(tmp_path: Path) -> None:
    settings = f"""
from pydantic import AnyHttpUrl, Field, computed_field
from pydantic_settings import BaseSettings, SettingsConfigDict
class Base(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="ACME_")
    origins: list[AnyHttpUrl] = Field(default_factory=lambda: ["{A}/"])
    host: str = "{B}"
class Settings(Base):
    @computed_field
    @property
    def every_origin(self) -> list[str]:
        return [str(origin).rstrip("/") for origin in self.origins] + [self.host]
def get_settings() -> Settings:
    return Settings()
"""
    main = IMPORTS + (
        "from .core.config import get_settings\nsettings = get_settings()\n"
        "if settings.every_origin:\n"
        "    app.add_middleware(CORSMiddleware, allow_origins=settings.every_origin)\n"
    )
    found = survey(service(tmp_path, app__main=main, app__core__config=settings))
    assert argument(found) == [A, B]
    (policy,) = found.policies
    assert policy.condition == "settings.every_origin"
    assert policy.arguments["allow_origins"].variables == ("ACME_ORIGINS", "ACME_HOST")


def test_a_dotenv_file_says_who_may_call(tmp_path: Path) -> None:
    use = "app.add_middleware(CORSMiddleware, allow_origins=os.environ['O'].split(','))\n"
    service(tmp_path, main=IMPORTS + use)
    (tmp_path / ".env").write_text(f"O={A},{B}\nSECRET=hunter2\n")
    found = survey(tmp_path)
    assert found.origins_seen == (A, B)
    assert "hunter2" not in repr(found)


def test_broken_files_are_named_and_the_rest_is_read(tmp_path: Path) -> None:
    service(tmp_path, main=IMPORTS, broken="import fastapi\ndef f(:\n")
    (tmp_path / "latin.py").write_bytes("# FastAPI für alle\n".encode("latin-1"))
    (tmp_path / "pyproject.toml").write_text("[tool\n")
    found = survey(tmp_path)
    assert str(found.entrypoint) == "main:app"
    assert {*found.unread} == {"broken.py", "latin.py", "pyproject.toml"}


def test_a_folder_without_a_service_is_none(tmp_path: Path) -> None:
    assert not survey(tmp_path).is_service
