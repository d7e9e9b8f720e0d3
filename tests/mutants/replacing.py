"""How a fault replaces a part of a rendered service: behaviour in its process, or text of a file.

The functions below return replacements of one kind each. Their arguments are functions of what the
kind is about, and mostly lambdas in the tables.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

Header = tuple[bytes, bytes]
# The request, and the first message of its response, as ASGI has them.
Scope = dict[str, Any]
Start = dict[str, Any]
Condition = Callable[[Scope, Start], bool]

ALLOW_ORIGIN = b"access-control-allow-origin"
ANY_SITE: Header = (ALLOW_ORIGIN, b"*")
CREDENTIALS: Header = (b"access-control-allow-credentials", b"true")


class Core:
    """The modules of a service's package `cors`, as attributes: `core.middleware`."""

    def __init__(self, package: str) -> None:
        self.package = package

    def __getattr__(self, name: str) -> Any:
        return import_module(f"{self.package}.cors.{name}")


Replacement = Callable[[Core], None]


class Edit(NamedTuple):
    """One text of a file replaced by another. Where the old text is empty, the file is new.

    `src/` stands for the folder of the package.
    """

    file: str
    old: str
    new: str

    def apply(self, project: Path) -> None:
        package = next(path for path in (project / "src").iterdir() if path.is_dir())
        path = project / self.file.replace("src/", f"src/{package.name}/", 1)
        text = path.read_text() if self.old else self.old
        found = text.count(self.old) if self.old else int(not path.exists())
        assert found == 1, f"{self.file}: {self.old!r} is there {found} times"
        path.write_text(text.replace(self.old, self.new) if self.old else self.new)
        # An edit of the same length within the same second would leave these in force.
        for compiled in path.parent.glob(f"__pycache__/{path.stem}.*"):
            compiled.unlink()


@dataclass(frozen=True)
class Fault:
    """A fault, and what catches it: a file of the suite, part of a test's name, and a regular
    expression for the test's parameters and message, as in `test_caches: varies: Vary is missing`.

    `service` names the service that has the fault.
    """

    sentence: str
    change: Replacement | Edit
    caught_by: str
    service: str = "cookies"


def replace_attribute(core: Core, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Replace an attribute by what `make` returns for it, in every module that imported it too."""
    original = getattr(owner, name)
    changed = make(original)
    modules = [each for key, each in sys.modules.items() if key.startswith(f"{core.package}.")]
    for each in (owner, *modules):
        if getattr(each, name, None) is original:
            setattr(each, name, changed)


def function(module: str, name: str, make: Callable[[Any], Any]) -> Replacement:
    """Replace a function of a module."""
    return lambda core: replace_attribute(core, getattr(core, module), name, make)


def method(name: str, make: Callable[[Any], Any]) -> Replacement:
    """Replace a method of StrictCORSMiddleware."""
    return lambda core: replace_attribute(core, core.middleware.StrictCORSMiddleware, name, make)


# --- Requests ---------------------------------------------------------------------------------


def sent(scope: Scope, name: bytes) -> list[bytes]:
    """Return the lines of a request header."""
    return [value for key, value in scope["headers"] if key == name]


def is_preflight(scope: Scope) -> bool:
    """Whether the request is a preflight."""
    return scope["type"] == "http" and bool(sent(scope, b"access-control-request-method"))


def is_allowed(self: Any, scope: Scope) -> bool:
    """Whether the sender is an allowed origin."""
    return self._find(sent(scope, b"origin")) is not None


def is_write(self: Any, scope: Scope) -> bool:
    """Whether the guard looks at the request."""
    return self.guard_writes and scope.get("method") in ("POST", "PUT", "PATCH", "DELETE")


def finds(when: Callable[[Any, bytes], Any]) -> Replacement:
    """Allow these origins too. `when` gets the middleware and the origin."""

    def make(original: Any) -> Any:
        def find(self: Any, origins: list[bytes]) -> Any:
            found = original(self, origins)
            if found is None and len(origins) == 1 and when(self, origins[0]):
                return self._grant_to(origins[0])
            return found

        return find

    return method("_find", make)


def finds_like(matches: Callable[[bytes, bytes], Any]) -> Replacement:
    """Allow an origin that matches a listed one in this way."""
    return finds(lambda self, origin: any(matches(listed, origin) for listed in self._grants))


def passes(check: str, when: Callable[..., Any]) -> Replacement:
    """Let a check of the middleware pass in these cases too. `when` takes its arguments."""
    return method(check, lambda old: lambda *given: when(*given) or old(*given))


def fails(check: str, when: Callable[..., Any]) -> Replacement:
    """Let a check of the middleware fail in these cases too."""
    return method(check, lambda old: lambda *given: not when(*given) and old(*given))


def steps_around(when: Callable[[Any, Scope], bool]) -> Replacement:
    """Hand these requests to the app, around the policy."""

    def make(original: Any) -> Any:
        async def call(self: Any, scope: Scope, receive: Any, send: Any) -> None:
            if when(self, scope):
                await self.app(scope, receive, send)
            else:
                await original(self, scope, receive, send)

        return call

    return method("__call__", make)


def receives(change: Callable[[Any, Scope], list[Header]]) -> Replacement:
    """Let the policy see other headers than the request has, where `change` returns any."""

    def make(original: Any) -> Any:
        async def call(self: Any, scope: Scope, receive: Any, send: Any) -> None:
            headers = change(self, scope)
            scope = scope | {"headers": headers} if headers else scope
            await original(self, scope, receive, send)

        return call

    return method("__call__", make)


# --- Responses --------------------------------------------------------------------------------


def starts(change: Callable[[Any, Scope, Start], Start]) -> Replacement:
    """Change the first message of each response: its status and its headers."""

    def make(original: Any) -> Any:
        async def call(self: Any, scope: Scope, receive: Any, send: Any) -> None:
            async def send_changed(message: Start) -> None:
                if message["type"] == "http.response.start":
                    message = message | change(self, scope, message)
                await send(message)

            await original(self, scope, receive, send_changed)

        return call

    return method("__call__", make)


def sends(*headers: Header, when: Condition = lambda scope, start: True) -> Replacement:
    """Add headers to responses."""

    def change(self: Any, scope: Scope, start: Start) -> Start:
        return {"headers": [*start["headers"], *headers]} if when(scope, start) else {}

    return starts(change)


def loses(prefix: bytes, when: Condition = lambda scope, start: True) -> Replacement:
    """Remove headers whose names begin with this from responses."""

    def change(self: Any, scope: Scope, start: Start) -> Start:
        return {"headers": without(prefix, start)} if when(scope, start) else {}

    return starts(change)


def without(prefix: bytes, start: Start) -> list[Header]:
    """Return the headers of a response whose names do not begin with this."""
    return [pair for pair in start["headers"] if not pair[0].lower().startswith(prefix)]


def is_granted(start: Start) -> bool:
    """Whether a response allows any origin."""
    return any(name.lower() == ALLOW_ORIGIN for name, _ in start["headers"])


# --- Settings ---------------------------------------------------------------------------------


def made(change: Callable[[Any], None]) -> Replacement:
    """Change a StrictCORSMiddleware once it is made."""

    def make(original: Any) -> Any:
        def init(self: Any, *arguments: Any, **options: Any) -> None:
            original(self, *arguments, **options)
            change(self)

        return init

    return method("__init__", make)


def arguments(change: Callable[[Any, dict[str, Any]], dict[str, Any]]) -> Replacement:
    """Change what a policy hands to the middleware. `change` gets the policy and the arguments."""

    def make(original: Any) -> Any:
        def middleware_arguments(policy: Any) -> dict[str, Any]:
            given: dict[str, Any] = original(policy)
            return given | change(policy, given)

        return middleware_arguments

    return lambda core: replace_attribute(
        core, core.policy.CORSPolicy, "middleware_arguments", make
    )


def policy(change: Callable[[Any], dict[str, Any]]) -> Replacement:
    """Change the fields of the policy that the settings make. `change` gets the settings."""

    def make(original: Any) -> Any:
        return lambda settings: replace(original(settings), **change(settings))

    return lambda core: replace_attribute(core, core.settings.CORSSettings, "as_policy", make)
