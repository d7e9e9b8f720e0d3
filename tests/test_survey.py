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


def test_newer_python_than_ours_is_read(tmp_path: Path) -> None:
    code = "type Names = list[str]\ntry:\n    pass\nexcept OSError, ValueError:\n    pass\n"
    use = f"app.add_middleware(CORSMiddleware, allow_origins=['{A}'])\n"
    found = survey(service(tmp_path, main=IMPORTS + code + use))
    assert argument(found) == [A]
    assert found.unread == {}


def test_words_of_a_file_that_cannot_be_parsed_count(tmp_path: Path) -> None:
    """Otherwise nobody would allow the header that front ends send."""
    deps = "from fastapi.security import OAuth2PasswordBearer\nx = OAuth2PasswordBearer()\nf(:\n"
    found = survey(service(tmp_path, main=IMPORTS, deps=deps))
    assert [str(place) for place in found.bearer] == ["deps.py:2"]
    assert {*found.unread} == {"deps.py"}


def test_it_finds_what_environments_are_called(tmp_path: Path) -> None:
    settings = """
from typing import Literal
from pydantic_settings import BaseSettings
class Settings(BaseSettings):
    ENVIRONMENT: Literal["local", "production"] = "local"
"""
    conftest = "import os\nos.environ['ENVIRONMENT'] = 'test'\n"
    service(tmp_path, main=IMPORTS, config=settings, tests__conftest=conftest)
    (tmp_path / "compose.yaml").write_text("environment:\n  ENVIRONMENT: qa\n")
    assert survey(tmp_path).environment_names == {
        "test": "tests/conftest.py:2",
        "local": "config.py:5",
        "production": "config.py:5",
        "qa": "compose.yaml:2",
    }


def test_it_follows_environments_into_an_enum(tmp_path: Path) -> None:
    config = """
from enum import Enum
from pydantic_settings import BaseSettings
class Name(str, Enum):
    LOCAL = "LOCAL"
    PRODUCTION = "PRODUCTION"
    @property
    def is_local(self): return self == "else"
class Server(BaseSettings):
    host: str = "h"
    port: int = 1
    workers: int = 1
class Settings(BaseSettings):
    ENVIRONMENT: Name = Name.PRODUCTION
"""
    found = survey(service(tmp_path, main=IMPORTS, config=config))
    assert {*found.environment_names} == {"LOCAL", "PRODUCTION"}
    assert found.settings_class == "Settings"


def test_a_field_with_a_prefix_is_another_variable(tmp_path: Path) -> None:
    config = """
from pydantic_settings import BaseSettings
class Settings(BaseSettings):
    model_config = {"extra": "ignore"} | SettingsConfigDict(env_prefix="APP_")
    environment: str = "local"
"""
    found = survey(service(tmp_path, main=IMPORTS, config=config))
    assert found.environment_names == {}
    assert found.other_environment_variables == {"APP_ENVIRONMENT": "config.py:5"}


def test_a_factory_is_followed_to_the_app_that_it_makes(tmp_path: Path) -> None:
    """Where one function completes what another makes, and there is another app."""
    main = """
from core.api import build, Inner
def create():
    app = build()
    def lifespan(): return None
    return app
app = create()
"""
    factory = IMPORTS.replace("app = ", "def build():\n    return ") + "Inner = FastAPI()\n"
    found = survey(service(tmp_path, main=main, core__api=factory))
    assert found.app
    assert str(found.app.place) == "core/api.py:7"


def test_a_condition_is_that_of_the_nearest_if(tmp_path: Path) -> None:
    add = "app.add_middleware(CORSMiddleware)\n"
    use = f"if a:\n    if b:\n        {add}elif c:\n    {add}else:\n    {add}"
    found = survey(service(tmp_path, main=IMPORTS + use))
    assert [each.condition for each in found.policies] == ["b", "c", "not (c)"]


def test_a_folder_without_a_service_is_none(tmp_path: Path) -> None:
    assert not survey(tmp_path).is_service


def test_modules_are_imported_from_where_they_are_served(tmp_path: Path) -> None:
    """`cd backend && python main.py` does not find `backend.app`."""
    run = "import uvicorn\nuvicorn.run('app.api:app')\n"
    service(tmp_path, backend__main=run, backend__app__api=IMPORTS)
    found = survey(tmp_path)
    assert found.folder == tmp_path / "backend"
    assert (str(found.entrypoint), found.package_path) == ("app.api:app", "app")


def test_the_package_of_the_app_gets_the_policy(tmp_path: Path) -> None:
    factory = IMPORTS.replace("app = FastAPI()", "def make():\n    return FastAPI()")
    main = "from core.api import make\napp = make()\n"
    (tmp_path / "pyproject.toml").write_text('[tool.fastapi]\nentrypoint = "main:app"\n')
    found = survey(service(tmp_path, src__main=main, src__core__api=factory))
    assert (str(found.entrypoint), found.package_path) == ("main:app", "src/core")
