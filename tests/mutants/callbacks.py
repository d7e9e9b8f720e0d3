"""Faults of the door for login callbacks, and the addition at which they show."""

import re
from collections.abc import Callable
from typing import Any

from .replacing import (
    ANY_SITE,
    CREDENTIALS,
    Core,
    Edit,
    Fault,
    Replacement,
    Scope,
    arguments,
    method,
    policy,
    replace_attribute,
    sends,
    sent,
)

CALLBACK = "/auth/callback"
ROUTE = '''"""The last step of a login: the provider's page posts a form."""

from fastapi import APIRouter, Request

router = APIRouter()


@router.post("/auth/callback")
async def callback(request: Request) -> dict[str, str]:
    """Return the state that the form holds."""
    form = await request.form()
    return {"state": str(form.get("state"))}
'''
LOGIN_CALLBACK = (
    Edit("src/routes/callback.py", "", ROUTE),
    *(
        Edit(f".env.{name}", "CORS_GUARD_EXEMPT_PATHS=", f"CORS_GUARD_EXEMPT_PATHS={CALLBACK}")
        for name in ("development", "staging", "production")
    ),
)


def exempts_path(matches: Callable[[str, str], Any]) -> Replacement:
    """Take a path for exempt that is like an exempt one in this way."""

    def make(original: Any) -> Any:
        def is_exempt(self: Any, scope: Scope) -> Any:
            exact = self.guard_exempt_paths
            found = next((path for path in exact if matches(path, scope["path"])), scope["path"])
            return original(self, scope | {"path": found})

        return is_exempt

    return method("_is_exempt", make)


def exempts_type(change: Callable[[list[bytes]], list[bytes]]) -> Replacement:
    """Judge other Content-Type lines than the request has."""

    def make(original: Any) -> Any:
        def is_exempt(self: Any, scope: Scope) -> Any:
            lines = change(sent(scope, b"content-type"))
            headers = [pair for pair in scope["headers"] if pair[0] != b"content-type"]
            headers += [(b"content-type", line) for line in lines]
            return original(self, scope | {"headers": headers})

        return is_exempt

    return method("_is_exempt", make)


def form_is(pattern: bytes) -> Replacement:
    """Take for a form what this expression matches."""
    return lambda core: replace_attribute(
        core, core.middleware, "FORM", lambda _: re.compile(pattern, re.IGNORECASE)
    )


def as_post(original: Any) -> Any:
    """Take every method for POST."""
    return lambda self, scope: original(self, scope | {"method": "POST"})


def is_callback(scope: Scope, start: Any) -> bool:
    return bool(scope["path"] == CALLBACK)


def as_report(core: Core) -> None:
    """Only report what is to be refused."""
    policy(lambda settings: {"guard_writes": False, "report_writes": True})(core)


PATHS = "test_writes: no_path_beside: passes at "
KINDS = "test_writes: nothing_but_a_form: "
NO_TYPE = rb"(application/x-www-form-urlencoded|multipart/form-data)(;.*)?"

FAULTS_OF_CALLBACKS = [
    Fault(
        "an exempt path is a prefix",
        exempts_path(lambda exact, path: path.startswith(exact)),
        f"{PATHS}{CALLBACK}(/|x)",
    ),
    Fault(
        "an exempt path may have a final slash",
        exempts_path(lambda exact, path: path.rstrip("/") == exact),
        f"{PATHS}{CALLBACK}/",
    ),
    Fault(
        "an exempt path is compared regardless of case",
        exempts_path(lambda exact, path: path.lower() == exact),
        f"{PATHS}/AUTH/CALLBACK",
    ),
    Fault(
        "an exempt path is looked for at the end",
        exempts_path(lambda exact, path: path.endswith(exact)),
        f"{PATHS}/x{CALLBACK}",
    ),
    Fault(
        "an exempt path may have parameters",
        exempts_path(lambda exact, path: path.partition(";")[0] == exact),
        f"{PATHS}{CALLBACK};x=1",
    ),
    Fault(
        "one exempt path makes every path exempt",
        exempts_path(lambda exact, path: True),
        f"{PATHS}/cors-suite",
    ),
    Fault(
        "what is above an exempt path is exempt",
        exempts_path(lambda exact, path: exact.startswith(f"{path}/")),
        rf"{PATHS}/auth\.",
    ),
    Fault("JSON passes at an exempt path", form_is(rb".*json.*"), f"{KINDS}application/json"),
    Fault(
        "JSON passes at an exempt path beside forms",
        form_is(NO_TYPE + rb"|application/json"),
        rf"{KINDS}\['application/json'\]",
    ),
    Fault(
        "text/plain passes at an exempt path, as for the Fetch Standard",
        form_is(NO_TYPE + rb"|text/plain(;.*)?"),
        f"{KINDS}.*text/plain",
    ),
    Fault(
        "a parameter of a form's type may be anything",
        form_is(NO_TYPE),
        f"{KINDS}.*a=application/json",
    ),
    Fault(
        "a form's type may go on",
        form_is(NO_TYPE + rb"|application/x-www-form-urlencoded.*"),
        f"{KINDS}.*urlencoded-json",
    ),
    Fault(
        "of two Content-Type lines the first counts",
        exempts_type(lambda lines: lines[:1]),
        f"{KINDS}.*urlencoded', 'application/",
    ),
    Fault(
        "of two Content-Type lines the last counts",
        exempts_type(lambda lines: lines[-1:]),
        rf"{KINDS}\['application/json', 'application/x-www-form-urlencoded'\]",
    ),
    Fault(
        "a missing Content-Type passes at an exempt path",
        exempts_type(lambda lines: lines or [b"multipart/form-data"]),
        rf"{KINDS}\[\]",
    ),
    Fault(
        "PUT passes at an exempt path",
        method("_is_exempt", as_post),
        "test_writes: no_other_method: PUT",
    ),
    Fault(
        "forms are refused at an exempt path",
        arguments(lambda policy, given: {"guard_exempt_paths": ()}),
        "test_writes: form_of_another_site_reaches",
    ),
    Fault(
        "a form with files is refused at an exempt path",
        form_is(rb"application/x-www-form-urlencoded(;.*)?"),
        "test_writes: form_of_another_site_reaches: multipart",
    ),
    Fault(
        "a form of null is refused at an exempt path",
        method(
            "_is_exempt",
            lambda old: (
                lambda self, scope: sent(scope, b"origin") != [b"null"] and old(self, scope)
            ),
        ),
        "test_writes: form_of_another_site_reaches: null",
    ),
    Fault(
        "every site may read the response of an exempt path",
        sends(ANY_SITE, when=is_callback),
        "test_writes: no_page_reads: can read the response",
    ),
    Fault(
        "other sites are told at an exempt path that credentials are allowed",
        sends(CREDENTIALS, when=is_callback),
        "test_writes: no_page_reads: can read the response",
    ),
    Fault(
        "an exempt path is public too",
        arguments(
            lambda policy, given: {
                "public_paths": (*given["public_paths"], *given["guard_exempt_paths"])
            }
        ),
        "test_writes: no_page_reads: can read the response",
    ),
    Fault(
        "the guard only reports",
        as_report,
        "test_writes: form_of_another_site_never_runs",
    ),
    Fault(
        "the guard is set to report",
        Edit(".env.production", "CORS_GUARD_WRITES=true", "CORS_GUARD_WRITES=report"),
        "test_configuration: no_rule_refuses: production.*CORS040",
    ),
    Fault(
        "an exempt path is misspelt",
        Edit(".env.production", CALLBACK, "/auth/callback/"),
        "test_configuration: no_rule_refuses: production.*CORS050",
    ),
    Fault(
        "an exempt path is a pattern",
        Edit(".env.production", CALLBACK, "/auth/{provider}"),
        "test_configuration: no_rule_refuses: production.*CORS049",
    ),
]
