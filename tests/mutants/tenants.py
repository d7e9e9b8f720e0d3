"""Faults of the provider of tenants; they show at an app that has one."""

from collections.abc import Callable
from typing import Any

from .replacing import CREDENTIALS, Core, Fault, Replacement, function, method, replace_attribute

NO_ANSWER = "test_other_sites: without_an_answer: gets .*tenant"
EXACT = "test_other_sites: asked_only_about_exact_https_origins"
BOUNDS = "test_other_sites: within_bounds"


def provider(name: str, make: Callable[[Any], Any]) -> Replacement:
    """Replace a method of OriginProvider."""
    return lambda core: replace_attribute(core, core.provider.OriginProvider, name, make)


def answers(change: Callable[[Core, Any], Any]) -> Replacement:
    """Replace what comes of asking the provider."""

    def replace(core: Core) -> None:
        def make(original: Any) -> Any:
            async def answer(self: Any, origin: Any) -> Any:
                return change(core, await original(self, origin))

            return answer

        provider("answer", make)(core)

    return replace


def remembers(change: Callable[[Core, Any], Any]) -> Replacement:
    """Replace the answers that are remembered."""

    def replace(core: Core) -> None:
        def make(original: Any) -> Any:
            return lambda self, origin: change(core, original(self, origin))

        provider("remembered", make)(core)

    return replace


def reads_any_truth(original: Any) -> Any:
    """Take for a yes whatever is true."""

    def init(self: Any, ask: Any, **options: Any) -> None:
        async def truth(origin: Any) -> bool:
            return bool(await ask(origin))

        original(self, truth, **options)

    return init


def without_bounds(original: Any) -> Any:
    """Make the caches larger than all that is ever asked."""

    def init(self: Any, ask: Any, **options: Any) -> None:
        original(self, ask, **(options | {"yes_size": 10**9, "no_size": 10**9}))

    return init


def one_cache(original: Any) -> Any:
    """Let a no push out what a yes has put there."""

    def init(self: Any, ask: Any, **options: Any) -> None:
        original(self, ask, **options)
        add = self._no.add

        def add_to_both(origin: bytes) -> None:
            add(origin)
            self._yes.add(b"no " + origin)

        self._no.add = add_to_both

    return init


def remembers_failures(core: Core) -> None:
    """Take a failure for a no, and keep it."""

    def make(original: Any) -> Any:
        async def answer(self: Any, origin: Any) -> Any:
            found = await original(self, origin)
            if found.failure:
                type(self).failed = {*getattr(type(self), "failed", ()), origin}
            return core.provider.NO if origin in getattr(type(self), "failed", ()) else found

        return answer

    provider("answer", make)(core)


def grants(*headers: Any) -> Replacement:
    """Add headers to the grant of each tenant."""

    def make(original: Any) -> Any:
        async def ask(self: Any, scope: Any, origins: Any) -> Any:
            grant, why = await original(self, scope, origins)
            return (grant and (*grant, *headers)), why

        return ask

    return method("_ask", make)


def asks_about(prepare: Callable[[bytes], bytes]) -> Replacement:
    """Ask about another text than the request has."""
    return function(
        "provider", "https_origin", lambda original: lambda text: original(prepare(text))
    )


FAULTS_OF_TENANTS = [
    Fault(
        "a provider's exception is read as yes",
        answers(lambda core, found: core.provider.YES if "RuntimeError" in found else found),
        NO_ANSWER,
    ),
    Fault(
        "a provider's late answer is read as yes",
        answers(lambda core, found: core.provider.YES if "TimeoutError" in found else found),
        NO_ANSWER,
    ),
    Fault(
        "a row is read as yes",
        provider("__init__", reads_any_truth),
        NO_ANSWER,
    ),
    Fault(
        "a failure of the provider is remembered",
        remembers_failures,
        "test_other_sites: without_an_answer: Only the policy",
    ),
    Fault(
        "a tenant gets credentials",
        grants(CREDENTIALS),
        "test_other_sites: tenants_get_no_credentials: gets",
    ),
    Fault(
        "a tenant writes with the user's cookie",
        function("middleware", "_brings_login", lambda original: lambda why, found: False),
        "test_other_sites: tenants_get_no_credentials: cookie",
    ),
    Fault(
        "a tenant's write without a login is refused",
        function(
            "middleware", "_brings_login", lambda original: lambda why, found: why[0] != "origin"
        ),
        "test_other_sites: tenants_write_and_open_websockets",
    ),
    Fault(
        "a remembered no is read as yes",
        remembers(lambda core, found: found and core.provider.YES),
        f"{BOUNDS}: evil0",
    ),
    Fault("nothing is remembered", remembers(lambda core, found: None), BOUNDS),
    Fault("any number of origins is remembered", provider("__init__", without_bounds), BOUNDS),
    Fault("a flood of other sites evicts tenants", provider("__init__", one_cache), BOUNDS),
    Fault(
        "the provider is asked about plain http",
        asks_about(lambda text: text.replace(b"http:", b"https:")),
        EXACT,
    ),
    Fault(
        "the provider is asked about a default port",
        asks_about(lambda text: text.removesuffix(b":443")),
        EXACT,
    ),
    Fault(
        "the provider is asked about upper case",
        asks_about(lambda text: text.lower()),
        EXACT,
    ),
]
