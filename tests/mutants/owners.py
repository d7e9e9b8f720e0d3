"""What people write into the files that are theirs, read from `owners.toml`: faults and additions.

The faults in COVERED show at an addition alone, so that the suite has to look at what is added.
"""

import inspect
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.middleware.cors import CORSMiddleware

from .callbacks import FAULTS_OF_CALLBACKS, LOGIN_CALLBACK
from .hosts import FAULTS_OF_HOSTS, LISTED_HOSTS
from .replacing import ANY_SITE, Core, Edit, Fault, arguments, is_write, passes, sends, steps_around
from .tenants import FAULTS_OF_TENANTS

MAIN = "src/main.py"
CREATED = 'app = CORSFastAPI(title=__package__ or "service", cors=settings.cors_policy())'
ROUTES = "app.include_router(router)"
REPLACED = '__import__("dataclasses").replace(settings.cors_policy(), {})'
MODULE = """import asyncio
from fastapi import APIRouter, Request, Response, WebSocket

router = APIRouter()

"""


@dataclass(frozen=True)
class Addition:
    """Something that a user adds to a service, and that the suite has nothing against."""

    sentence: str
    edits: tuple[Edit, ...]
    renamed: tuple[str, ...] = ()


def edits_of(entry: dict[str, Any]) -> tuple[Edit, ...]:
    """Return the edits of an entry of `owners.toml`."""
    found = [Edit(file, old, new) for file, old, new in entry.get("edits", ())]
    if "creates" in entry:
        found.append(Edit(MAIN, CREATED, indented(entry["creates"])))
    if "policy" in entry:
        found.append(Edit(MAIN, "settings.cors_policy()", REPLACED.format(entry["policy"])))
    if "adds" in entry:
        found.append(Edit(MAIN, ROUTES, f"{ROUTES}\n    {indented(entry['adds'])}"))
    if "serves" in entry:
        found.append(Edit(MAIN, "app = create_app()", entry["serves"]))
    if "module" in entry:
        found.append(Edit("src/routes/mine.py", "", MODULE + entry["module"]))
    return tuple(found)


def indented(code: str) -> str:
    """Return code as it is written within a function, from its first line on."""
    return code.strip().replace("\n", "\n    ")


def starlettes(core: Core) -> None:
    """Put Starlette's own middleware where the strict one belongs."""

    def make(app: Any, **given: Any) -> Any:
        stock = inspect.signature(CORSMiddleware).parameters
        made: Any = CORSMiddleware(app, **{name: given[name] for name in given if name in stock})
        # The rules ask for it before the first request.
        made.origin_provider = None
        return made

    core.app.StrictCORSMiddleware = make


ENTRIES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
FAULTS_OF_OWNERS = [
    *(Fault(each["sentence"], edits_of(each)[0], each["caught_by"]) for each in ENTRIES["fault"]),
    Fault(
        "Starlette's own middleware in the place of the strict one",
        starlettes,
        "test_allowed: method_that_is_not_allowed: 400",
    ),
]
ADDITIONS = {
    each["sentence"]: Addition(each["sentence"], edits_of(each), tuple(each.get("renamed", ())))
    for each in ENTRIES["addition"]
} | {
    "a login callback": Addition("a login callback", LOGIN_CALLBACK),
    "a list of hosts": Addition("a list of hosts", LISTED_HOSTS),
}


def granted_below(path: str) -> Fault:
    """Return the fault that every site may read what lies below a path."""
    return Fault(
        f"the grant is wrong below {path}",
        sends(ANY_SITE, when=lambda scope, start: scope["path"].startswith(path)),
        f"test_other_sites: cannot_read_any_route: {path}",
    )


def unguarded_below(path: str) -> Fault:
    """Return the fault that every site may write below a path."""
    return Fault(
        f"the guard is wrong below {path}",
        steps_around(lambda self, scope: scope["path"].startswith(path) and is_write(self, scope)),
        f"test_writes: every_route_is_guarded: DELETE {path}",
    )


# Each fault with the name of the addition at which it shows.
COVERED = [
    (
        "a WebSocket",
        Fault(
            "the handshake is wrong below /feeds",
            passes("_may_connect", lambda self, scope: scope["path"].startswith("/feeds")),
            "test_other_sites: reach_no_websocket_route: /feeds",
        ),
    ),
    ("a route with a path of its own", granted_below("/reports")),
    ("a route with a path of its own", unguarded_below("/reports")),
    ("a mounted app with routes", granted_below("/admin")),
    ("a mounted app with routes", unguarded_below("/admin")),
    ("mounted files", granted_below("/static")),
    (
        "a .env.qa",
        Fault(
            "a path after an origin of qa",
            Edit(".env.qa", "https://qa.acme.com", "https://qa.acme.com/shop"),
            "test_configuration: no_rule_refuses: qa.*CORS006",
        ),
    ),
    (
        "a .env.qa",
        Fault(
            "qa is served with credentials, unguarded",
            Edit(".env.qa", "CORS_GUARD_WRITES=true", "CORS_GUARD_WRITES=false"),
            "test_configuration: no_rule_refuses: qa.*CORS040",
        ),
    ),
    (
        "a .env.qa",
        Fault(
            "qa lets in one origin more",
            arguments(
                lambda policy, given: (
                    {"allow_origins": given["allow_origins"] | {"https://evil.net"}}
                    if policy.environment == "qa"
                    else {}
                )
            ),
            "test_other_sites: get_no_cors_headers: qa-unrelated",
        ),
    ),
    *(("a login callback", fault) for fault in FAULTS_OF_CALLBACKS),
    *(("a provider of tenants", fault) for fault in FAULTS_OF_TENANTS),
    *(("a list of hosts", fault) for fault in FAULTS_OF_HOSTS),
]
