"""What `make fleet` costs for 200 services, in seconds of processor time, git included.

    python benchmarks/fleet.py [--services 200]

Half of them have the policy, in three environments and a repository of their own. The others have
Starlette's CORSMiddleware in an application of forty modules, with its lists in a settings class.
"""

import argparse
import contextlib
import io
import resource
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from copier import run_copy

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "hooks"))

import fleet  # noqa: E402

LIMIT = 30
GIT = ("git", "-c", "user.name=us", "-c", "user.email=us@acme.com")

MAIN = """
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from .settings import settings

app = FastAPI()
app.add_middleware(
    CORSMiddleware,
    allow_origins=settings.cors_origins,
    allow_credentials=True,
    allow_methods=["*"],
)
"""
SETTINGS = """
from pydantic_settings import BaseSettings


class Settings(BaseSettings):
    cors_origins: list[str] = ["https://app.acme.com", "http://localhost:3000"]


settings = Settings()
"""
ROUTE = """
@router.post("/{name}/{{id}}")
def {name}(id: int, response: Response, item: Item | None = None) -> dict[str, int]:
    if item is None:
        response.set_cookie("seen", str(id), httponly=True)
    return {{"id": id, "total": sum(value for value in range(id) if value % 2)}}
"""
ROUTES = (
    "from fastapi import APIRouter, Response\n\nfrom .models import Item\n\nrouter = APIRouter()\n"
)


def moved_in(folder: Path) -> None:
    """Render a service and commit it."""
    answers = yaml.safe_load((ROOT / "examples" / "spa-cookies.yml").read_text())
    with warnings.catch_warnings(action="ignore"):
        run_copy(str(ROOT), folder, data=answers, defaults=True, quiet=True, vcs_ref="HEAD")
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "Begin"]):
        subprocess.run([*GIT, *command], cwd=folder, check=True)


def not_moved_in(folder: Path) -> None:
    """Write an application of forty modules."""
    package = folder / "app"
    package.mkdir(parents=True)
    (package / "main.py").write_text(MAIN)
    (package / "settings.py").write_text(SETTINGS)
    (folder / "Dockerfile").write_text('CMD ["uvicorn", "app.main:app"]\n')
    for number in range(40):
        routes = "".join(ROUTE.format(name=f"route_{each}") for each in range(20))
        (package / f"routes_{number}.py").write_text(ROUTES + routes)


def processor_time() -> float:
    """Return the seconds that this process and its children have used."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def main() -> int:
    """Print the figures and return 1 where they are above the limit."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--services", type=int, default=200)
    half = parser.parse_args().services // 2
    with TemporaryDirectory() as temporary:
        taken = {}
        for make in (moved_in, not_moved_in):
            first = Path(temporary, make.__name__, "service0")
            make(first)
            for number in range(1, half):
                shutil.copytree(first, first.with_name(f"service{number}"))
            begun = processor_time()
            with contextlib.redirect_stdout(io.StringIO()):
                fleet.main([str(path) for path in first.parent.iterdir()])
            taken[make.__name__] = processor_time() - begun
    for name, seconds in taken.items():
        print(
            f"{half} {name.replace('_', ' ')}: {seconds:.1f} s, {seconds / half * 1000:.0f} ms each"
        )
    total = sum(taken.values())
    print(f"together: {total:.1f} s of {LIMIT}")
    return int(total > LIMIT)


if __name__ == "__main__":
    raise SystemExit(main())
