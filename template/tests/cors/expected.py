"""What an environment's dotenv files promise, read without the code that is under test."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values

ROOT = Path(__file__).resolve().parents[2]

# What GET, HEAD and POST are to methods: they pass a preflight unlisted.
SAFELISTED_METHODS = ("GET", "HEAD", "POST")


def environments() -> list[str]:
    """Return the names of the environments that have a dotenv file."""
    names = (path.name.removeprefix(".env.") for path in ROOT.glob(".env.*"))
    # What has another character in its name is a .local file, an editor's copy, an update's .rej.
    return sorted(n for n in names if n != "example" and re.fullmatch("[a-z0-9][a-z0-9_-]*", n))


def items(text: str | None) -> tuple[str, ...]:
    """Return the items of a comma separated or JSON list."""
    text = (text or "").strip()
    found = json.loads(text) if text.startswith("[") else text.split(",")
    return tuple(item.strip() for item in found if item.strip())


def sample(origin: str) -> str:
    """Return an origin that fits a pattern; an exact origin is its own sample."""
    return origin.replace(":*", ":4711").replace("*", "pr-12")


def fits(pattern: str, origin: str) -> bool:
    """Whether an origin is what a pattern promises: one label, part of one, or a port."""
    before, star, after = pattern.partition("*")
    if before.endswith(":"):
        # Without a port, a browser means the scheme's own; above 65535 it has none.
        return re.fullmatch(re.escape(before[:-1]) + "(:[1-9][0-9]{0,4})?", origin) is not None
    if not star or not origin.startswith(before) or not origin.endswith(after):
        return pattern == origin
    middle = origin[len(before) : len(origin) - len(after)]
    whole = (
        re.escape(before.rpartition("/")[2]) + "([a-z0-9-]+)" + re.escape(after.partition(".")[0])
    )
    label = origin.partition("://")[2].partition(".")[0]
    return (
        re.fullmatch("[a-z0-9-]+", middle) is not None
        and re.fullmatch(whole, label) is not None
        and not label.startswith("-")
        and not label.endswith("-")
    )


@dataclass(frozen=True)
class Expected:
    """The promise of one environment, in the words of its dotenv file."""

    environment: str
    listed: tuple[str, ...]
    credentials: bool
    methods: tuple[str, ...]
    headers: tuple[str, ...]
    exposed: tuple[str, ...]
    max_age: int
    public_paths: tuple[str, ...]
    guard_writes: bool

    @property
    def origins(self) -> tuple[str, ...]:
        """Who may call: every exact origin, and one sample of each pattern."""
        return tuple(dict.fromkeys(map(sample, self.listed)))

    def allows(self, origin: str) -> bool:
        """Whether this very text may call."""
        return any(fits(listed, origin) for listed in self.listed)

    @property
    def preflighted_methods(self) -> Iterator[str]:
        """The allowed methods that a browser asks leave for."""
        return (method for method in self.methods if method not in SAFELISTED_METHODS)

    def is_public(self, path: str) -> bool:
        """Whether every site may call this path."""
        return any(
            path == prefix.rstrip("/") or path.startswith(prefix.rstrip("/") + "/")
            for prefix in self.public_paths
        )


def expected(environment: str) -> Expected:
    """Read the promise of an environment from its dotenv files; those of yours alone come last."""
    values: dict[str, str | None] = {}
    for suffix in ("", ".local"):
        file = ROOT / f".env.{environment}{suffix}"
        # As it stands: Docker and Kubernetes replace no ${NAME}, and the policy has none.
        found = dotenv_values(file, encoding="utf-8-sig", interpolate=False)
        values |= {name.upper(): value for name, value in found.items()}

    def switch(name: str) -> bool:
        return (values.get(name) or "false").strip().lower() in ("true", "1", "yes", "on", "t", "y")

    methods = values.get("CORS_ALLOW_METHODS")
    return Expected(
        environment=environment,
        listed=items(values.get("CORS_ALLOWED_ORIGINS")),
        credentials=switch("CORS_ALLOW_CREDENTIALS"),
        methods=SAFELISTED_METHODS if methods is None else items(methods),
        headers=items(values.get("CORS_ALLOW_HEADERS")),
        exposed=items(values.get("CORS_EXPOSE_HEADERS")),
        max_age=int(values.get("CORS_MAX_AGE") or "600"),
        public_paths=items(values.get("CORS_PUBLIC_PATHS")),
        guard_writes=switch("CORS_GUARD_WRITES"),
    )
