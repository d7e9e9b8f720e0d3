"""Faults of the policy: what it lets in, grants, has cached, guards and opens to everybody."""

import re
from collections.abc import Callable
from typing import Any

from .replacing import (
    ALLOW_ORIGIN,
    ANY_SITE,
    CREDENTIALS,
    Edit,
    Fault,
    Header,
    Replacement,
    Scope,
    Start,
    arguments,
    fails,
    finds,
    finds_like,
    function,
    is_allowed,
    is_granted,
    is_preflight,
    is_write,
    loses,
    made,
    method,
    passes,
    policy,
    receives,
    replace_attribute,
    sends,
    sent,
    starts,
    steps_around,
    without,
)

ANY_LABELS = "[a-z0-9.-]"


def pattern(name: str, change: Callable[[str], str]) -> Replacement:
    """Change a regular expression that a pattern is compiled from."""

    def make(original: Any) -> Any:
        return property(lambda self: change(original.fget(self)))

    return lambda core: replace_attribute(core, core.origin.Pattern, name, make)


def keeps(*names: bytes) -> Replacement:
    """Keep these headers of the app's own response."""

    def make(original: Any) -> Any:
        def rewrite(self: Any, headers: Any, granted: Any) -> list[Header]:
            kept = [pair for pair in headers or () if pair[0].lower() in names]
            return [*original(self, headers, granted), *kept]

        return rewrite

    return method("_rewrite", make)


def echoes(header: bytes, of: bytes) -> Replacement:
    """Repeat the lines of a request header in a header of the response."""
    return starts(
        lambda self, scope, start: {
            "headers": [*start["headers"], *((header, line) for line in sent(scope, of))]
        }
    )


def with_status(status: int) -> Replacement:
    """Answer the preflight of a method that is not listed with this status."""

    def change(self: Any, scope: Scope, start: Start) -> Start:
        asked = [line.decode() for line in sent(scope, b"access-control-request-method")]
        unlisted = any(method not in self.allow_methods for method in asked)
        return {"status": status} if unlisted and start["status"] == 204 else {}

    return starts(change)


def own_host_ends_alike(original: Any) -> Any:
    """Take an origin for the service's own if it ends in the service's host."""
    return lambda scope, found: (
        original(scope, found) or found[b"origin"][0].endswith(found[b"host"][0])
    )


def is_own(scope: Scope) -> bool:
    """Whether the sender is a page of the service itself."""
    return sent(scope, b"origin") == [b"https://" + host for host in sent(scope, b"host")]


def reflects_on_public_paths(self: Any, scope: Scope, start: Start) -> Start:
    if ANY_SITE not in start["headers"]:
        return {}
    grant = [(ALLOW_ORIGIN, *sent(scope, b"origin")), CREDENTIALS]
    return {"headers": [*without(ALLOW_ORIGIN, start), *grant]}


def opens_public_paths(self: Any, scope: Scope, start: Start) -> Start:
    if not (self._is_public(scope) and is_granted(start)):
        return {}
    return {"headers": [*without(b"access-control-", start), ANY_SITE]}


def as_preflight(self: Any, scope: Scope) -> list[Header]:
    """Let every OPTIONS request look like a preflight."""
    line = (b"access-control-request-method", b"GET")
    return [*scope["headers"], line] if scope.get("method") == "OPTIONS" else []


def as_other_site(self: Any, scope: Scope) -> list[Header]:
    """Let a write of an allowed origin look like one of another site."""
    line = (b"origin", b"https://evil.net")
    return [line] if is_write(self, scope) and is_allowed(self, scope) else []


def without_header(*names: bytes) -> Callable[[Any], Any]:
    """Return what has a function of the read headers overlook these."""
    return lambda original: (
        lambda found: original({name: lines for name, lines in found.items() if name not in names})
    )


OTHER_SITES = [
    Fault(
        "the list of origins is one string, and `in` finds parts of it",
        finds_like(lambda listed, origin: origin in listed),
        "test_other_sites: get_no_cors_headers: cut_short",
    ),
    Fault(
        "an origin passes that ends like a listed one",
        finds_like(lambda listed, origin: origin.endswith(listed.partition(b"//")[2])),
        "test_other_sites: get_no_cors_headers: suffix",
    ),
    Fault(
        "an origin passes that begins like a listed one",
        finds_like(lambda listed, origin: origin.startswith(listed)),
        "test_other_sites: get_no_cors_headers: prefix",
    ),
    Fault(
        "the host is compared, and the scheme is not",
        finds_like(lambda listed, origin: origin.partition(b"//")[2] == listed.partition(b"//")[2]),
        "test_other_sites: get_no_cors_headers: scheme",
    ),
    Fault(
        "the port is not compared",
        finds_like(
            lambda listed, origin: (
                origin.rpartition(b":")[0] in (listed, listed.rpartition(b":")[0])
            )
        ),
        "test_other_sites: get_no_cors_headers: port",
    ),
    Fault(
        "origins are compared regardless of case",
        finds(lambda self, origin: origin.lower() in self._grants),
        "test_other_sites: get_no_cors_headers: spelling",
    ),
    Fault(
        "white space around an origin is forgiven",
        finds(lambda self, origin: origin.strip() in self._grants),
        "test_other_sites: get_no_cors_headers: white_space",
    ),
    Fault(
        "a slash after an origin is forgiven",
        finds(lambda self, origin: origin.rstrip(b"/") in self._grants),
        "test_other_sites: get_no_cors_headers: delimiters",
    ),
    Fault(
        "a dot in a listed origin is any character",
        finds_like(lambda listed, origin: re.fullmatch(listed, origin)),
        "test_other_sites: get_no_cors_headers: any_character_for_a_dot",
    ),
    Fault(
        "every subdomain of a listed host passes",
        finds_like(lambda listed, origin: origin.endswith(b"." + listed.partition(b"//")[2])),
        "test_other_sites: get_no_cors_headers: subdomain",
    ),
    Fault(
        "null is let in",
        finds(lambda self, origin: origin == b"null"),
        "test_other_sites: get_no_cors_headers: null_and_wildcards",
    ),
    Fault(
        "the machine itself is let in, in every environment",
        finds(lambda self, origin: b"//localhost" in origin),
        "test_other_sites: get_no_cors_headers: production.*http://localhost",
    ),
    Fault(
        "every origin is reflected",
        finds(lambda self, origin: True),
        "test_other_sites: get_no_cors_headers: unrelated",
    ),
    Fault(
        "of two Origin lines the first one counts",
        method("_find", lambda original: lambda self, origins: original(self, origins[:1])),
        "test_other_sites: two_origin_headers",
    ),
    Fault(
        "a pattern has no end",
        pattern("regex", lambda regex: regex.removesuffix(r"\Z") + ".*"),
        "test_other_sites: get_no_cors_headers: preview-(prefix|around_a_pattern)",
        "previews",
    ),
    Fault(
        "a dot in a pattern is any character",
        pattern("regex", lambda regex: regex.replace(r"\.", ".")),
        "test_other_sites: get_no_cors_headers: preview-(any_character_for_a_dot|around_a_pattern)",
        "previews",
    ),
    Fault(
        "the * of a pattern covers several labels",
        pattern("label_regex", lambda regex: regex if "{1," in regex else f"{ANY_LABELS}+"),
        "test_other_sites: get_no_cors_headers: preview-(subdomain_and_parent|around_a_pattern)",
        "previews",
    ),
    Fault(
        "the * within a label covers several labels",
        pattern("label_regex", lambda regex: regex.replace("[a-z0-9_-]{1,", f"{ANY_LABELS}{{1,")),
        "test_other_sites: get_no_cors_headers: preview-around_a_pattern",
        "previews",
    ),
    Fault(
        "the * of a pattern covers nothing as well",
        pattern("label_regex", lambda regex: regex.replace("[a-z0-9_-]{1,", "[a-z0-9_-]{0,")),
        "test_other_sites: get_no_cors_headers: preview-around_a_pattern",
        "previews",
    ),
    Fault(
        "the * for a port covers more than a port",
        pattern("regex", lambda regex: regex.replace("(?::[1-9][0-9]{0,4})?", "(?::.*)?")),
        "test_other_sites: get_no_cors_headers: development-(port|around_a_pattern)",
        "previews",
    ),
    Fault(
        "patterns are not matched at all",
        arguments(lambda policy, given: {"allow_origin_regex": None}),
        "test_allowed: use_every_allowed_method: preview",
        "previews",
    ),
    Fault(
        "of several patterns only the first is matched",
        arguments(
            lambda policy, given: {
                "allow_origin_regex": (given["allow_origin_regex"] or "").split("|")[0] or None
            }
        ),
        "test_allowed: use_every_allowed_method: preview",
        "previews",
    ),
    Fault(
        "a header of inner code with a blank before its name gets out",
        Edit("src/cors/middleware.py", "name.strip().lower()", "name.lower()"),
        "test_other_sites: get_no_cors_headers: grants itself",
    ),
    Fault(
        "another site's 404 is granted",
        sends(ANY_SITE, when=lambda scope, start: start["status"] == 404),
        "test_other_sites: get_no_cors_headers: no-such-path",
    ),
    Fault(
        "another site's 500 is granted",
        sends(ANY_SITE, when=lambda scope, start: start["status"] == 500),
        "test_other_sites: get_no_cors_headers: that crashes",
    ),
    Fault(
        "a handler may grant by itself",
        keeps(ALLOW_ORIGIN, CREDENTIALS[0]),
        "test_other_sites: get_no_cors_headers: that grants itself",
    ),
    Fault(
        "a handler may grant credentials by itself",
        keeps(CREDENTIALS[0]),
        "test_other_sites: get_no_cors_headers: allow-credentials.*that grants itself",
    ),
    Fault(
        "other sites are told that credentials are allowed",
        sends(CREDENTIALS),
        "test_other_sites: get_no_cors_headers: access-control-allow-credentials",
    ),
    Fault(
        "other sites are told what is exposed",
        sends((b"access-control-expose-headers", b"X-Total-Count")),
        "test_other_sites: get_no_cors_headers: access-control-expose-headers",
    ),
    Fault(
        "another site's preflight is told the policy",
        method(
            "_refuse",
            lambda original: (
                lambda self, found, granted, send: original(
                    self, found, granted + self._preflight, send
                )
            ),
        ),
        "test_other_sites: refused_preflight",
    ),
    Fault(
        "another site is told in production who is listed",
        arguments(
            lambda policy, given: {
                "describe_refused": lambda origin: ", ".join(policy.allow_origins)
            }
        ),
        "test_other_sites: refused_preflight: production|staging",
    ),
    Fault(
        "another site's preflight is answered by the app",
        steps_around(lambda self, scope: is_preflight(scope) and not is_allowed(self, scope)),
        "test_allowed: preflight_never_reaches",
    ),
    Fault(
        "every page may open a WebSocket",
        passes("_may_connect", lambda self, scope: True),
        "test_other_sites: other_sites_open_no_websocket: unrelated",
    ),
    Fault(
        "a WebSocket takes every host that ends like the service's own",
        function("middleware", "_is_own_origin", own_host_ends_alike),
        "test_other_sites: look_like_this_service",
    ),
    Fault(
        "a WebSocket takes a plain http page of the service's own host",
        function(
            "middleware",
            "_is_own_origin",
            lambda original: lambda scope, found: original(scope | {"scheme": "http"}, found),
        ),
        "test_other_sites: look_like_this_service: http://",
    ),
    Fault(
        "the service's own pages cannot open a WebSocket",
        fails("_may_connect", lambda self, scope: is_own(scope)),
        "test_other_sites: pages_of_this_service",
    ),
    Fault(
        "a listed origin cannot open a WebSocket",
        fails("_may_connect", is_allowed),
        "test_allowed: open_every_websocket",
    ),
    Fault(
        "programs without an Origin cannot open a WebSocket",
        fails("_may_connect", lambda self, scope: not sent(scope, b"origin")),
        "test_other_sites: without_an_origin",
    ),
    Fault(
        "requested headers are echoed without bounds",
        echoes(b"access-control-allow-headers", b"access-control-request-headers"),
        "test_other_sites: flood",
    ),
]

LISTED = [
    Fault(
        "credentials are granted to *",
        method(
            "_grant_to",
            lambda original: lambda self, origin: ((b"vary", b"Origin"), ANY_SITE, CREDENTIALS),
        ),
        r"test_allowed: credentials_work: Allow-Origin is \*",
    ),
    Fault(
        "the grant is sent twice",
        method(
            "_grant_to",
            lambda original: lambda self, origin: (*original(self, origin), (ALLOW_ORIGIN, origin)),
        ),
        "test_allowed: use_every_allowed_method",
    ),
    Fault(
        "credentials are forgotten",
        arguments(lambda policy, given: {"allow_credentials": False}),
        "test_allowed: credentials_work",
    ),
    Fault(
        "credentials are always on",
        arguments(lambda policy, given: {"allow_credentials": True}),
        "test_allowed: credentials_work: with cookies, without CORS_ALLOW_CREDENTIALS",
        "previews",
    ),
    Fault(
        "a listed origin's preflight reaches the app",
        steps_around(lambda self, scope: is_preflight(scope)),
        "test_allowed: preflight_never_reaches",
    ),
    Fault(
        "OPTIONS without a preflight does not reach the app",
        receives(as_preflight),
        "test_allowed: options_without_a_preflight",
    ),
    Fault(
        "the preflight of a method that is not listed is answered 400",
        with_status(400),
        "test_allowed: method_that_is_not_allowed: 400",
    ),
    Fault(
        "the preflight of a method that is not listed is answered 403",
        with_status(403),
        "test_allowed: method_that_is_not_allowed: 403",
    ),
    Fault(
        "requested headers are granted as requested",
        made(lambda self: setattr(self, "_mirrors_headers", True)),
        "test_allowed: header_that_is_not_allowed",
    ),
    Fault(
        "the requested method is granted as requested",
        echoes(b"access-control-allow-methods", b"access-control-request-method"),
        "test_allowed: method_that_is_not_allowed",
    ),
    Fault(
        "one method more is allowed",
        policy(lambda settings: {"allow_methods": (*settings.cors_allow_methods, "LOCK")}),
        "test_allowed: lists_sent: lock",
    ),
    Fault(
        "one method less is allowed",
        policy(lambda settings: {"allow_methods": settings.cors_allow_methods[:-1]}),
        "test_allowed: use_every_allowed_method",
    ),
    Fault(
        "one request header more is allowed",
        policy(lambda settings: {"allow_headers": (*settings.cors_allow_headers, "X-Debug")}),
        "test_allowed: lists_sent: x-debug",
    ),
    Fault(
        "Authorization is always allowed",
        policy(lambda settings: {"allow_headers": (*settings.cors_allow_headers, "Authorization")}),
        "test_allowed: header_that_is_not_allowed: Authorization",
    ),
    Fault(
        "one request header less is allowed",
        policy(lambda settings: {"allow_headers": settings.cors_allow_headers[:-1]}),
        "test_allowed: every_allowed_request_header: x-request-id",
        "previews",
    ),
    Fault(
        "one response header more is exposed",
        policy(
            lambda settings: {"expose_headers": (*settings.cors_expose_headers, "X-Not-Exposed")}
        ),
        "test_allowed: only_exposed_headers: x-not-exposed",
    ),
    Fault(
        "one response header less is exposed",
        policy(lambda settings: {"expose_headers": settings.cors_expose_headers[:-1]}),
        "test_allowed: only_exposed_headers",
    ),
    Fault(
        "preflights are remembered for a day, whatever is written",
        arguments(lambda policy, given: {"max_age": 86400}),
        "test_allowed: cached_for_the_promised_time: 86400",
    ),
    Fault(
        "preflights are not remembered",
        loses(b"access-control-max-age"),
        "test_allowed: cached_for_the_promised_time",
    ),
    Fault(
        "errors are answered without a grant",
        loses(b"access-control-", lambda scope, start: start["status"] >= 400),
        "test_allowed: every_status",
    ),
    Fault(
        "a redirect or 304 is answered without a grant",
        loses(b"access-control-", lambda scope, start: 300 <= start["status"] < 400),
        "test_allowed: every_status: 304",
    ),
]

CACHES = [
    Fault("Vary is lost", loses(b"vary"), "test_caches: varies_by_origin: Vary is missing"),
    Fault(
        "Vary is lost where there is no grant",
        loses(b"vary", lambda scope, start: not is_granted(start)),
        "test_caches: varies_by_origin: (evil.net|None): Vary is missing",
    ),
    Fault(
        "Vary is lost on preflights",
        loses(b"vary", lambda scope, start: is_preflight(scope)),
        "test_caches: varies_by_origin: preflight of.*Vary is missing",
    ),
    Fault(
        "Vary is lost where a request is refused",
        loses(b"vary", lambda scope, start: start["status"] == 403),
        "test_caches: varies_by_origin: from https://evil.net: Vary is missing",
    ),
    Fault(
        "Vary names Origin twice",
        function(
            "middleware", "_merge_vary", lambda _: lambda lines: b", ".join([b"Origin", *lines])
        ),
        "test_caches: varies_by_origin: ,origin from.*: Vary is",
    ),
    Fault(
        "what the app says in Vary is thrown away",
        function("middleware", "_merge_vary", lambda _: lambda lines: b"Origin"),
        "test_caches: in_vary_is_kept",
    ),
    Fault(
        "what the app says in Vary replaces Origin",
        function("middleware", "_merge_vary", lambda _: lambda lines: b", ".join(lines)),
        "test_caches: varies_by_origin: Accept-Language from.*: Vary is",
    ),
]

GUARD = [
    Fault(
        "forged writes are not guarded",
        made(lambda self: setattr(self, "guard_writes", False)),
        "test_writes: write_of_another_site: POST",
    ),
    Fault(
        "the guard is not handed to the middleware",
        arguments(lambda policy, given: {"guard_writes": False}),
        "test_writes: write_of_another_site",
    ),
    Fault(
        "DELETE is not guarded",
        function("middleware", "SAFE_METHODS", lambda safe: safe | {"DELETE"}),
        "test_writes: write_of_another_site: DELETE",
    ),
    Fault(
        "reading is guarded as well",
        function("middleware", "SAFE_METHODS", lambda safe: frozenset()),
        "test_writes: reading",
    ),
    Fault(
        "the guard trusts another host of the same site",
        passes(
            "_may_write", lambda self, scope, found: found.get(b"sec-fetch-site") == [b"same-site"]
        ),
        "test_writes: write_of_another_site: same-site",
    ),
    Fault(
        "the guard trusts every value of Sec-Fetch-Site",
        passes("_may_write", lambda self, scope, found: b"sec-fetch-site" in found),
        "test_writes: write_of_another_site: cross-site",
    ),
    Fault(
        "the guard trusts browsers without Sec-Fetch-Site",
        passes("_may_write", lambda self, scope, found: b"sec-fetch-site" not in found),
        r"test_writes: write_of_another_site: -Origin:https://evil.net-",
    ),
    Fault(
        "the guard trusts null",
        passes(
            "_may_write",
            lambda self, scope, found: (
                b"sec-fetch-site" not in found and found.get(b"origin") == [b"null"]
            ),
        ),
        "test_writes: write_of_another_site: Origin:null",
    ),
    Fault(
        "the guard lets everything pass that has no cookie",
        passes("_may_write", lambda self, scope, found: b"cookie" not in found),
        "test_writes: write_of_another_site",
    ),
    Fault(
        "the guard takes a host for the service's own that ends alike",
        function("middleware", "_is_own_origin", own_host_ends_alike),
        "test_writes: write_of_another_site: https://evil",
    ),
    Fault(
        "the guard refuses listed origins",
        receives(as_other_site),
        "test_writes: allowed_origins_may_write",
    ),
    Fault(
        "the guard refuses the service's own pages",
        function("middleware", "_is_own_origin", lambda _: lambda scope, found: False),
        "test_writes: own_pages_and_other_programs",
    ),
    Fault(
        "the guard refuses programs that are no browser",
        fails(
            "_may_write",
            lambda self, scope, found: not {b"origin", b"sec-fetch-site"} & found.keys(),
        ),
        "test_writes: own_pages_and_other_programs",
    ),
    Fault(
        "a public path takes writes with a cookie",
        function("middleware", "_has_ambient_credentials", without_header(b"cookie")),
        "test_writes: no_write_with_a_login: cookie",
        "app shells",
    ),
    Fault(
        "a public path takes writes with a password that the browser remembers",
        function("middleware", "_has_ambient_credentials", without_header(b"authorization")),
        "test_writes: no_write_with_a_login: basic",
        "app shells",
    ),
    Fault(
        "the guard is switched off where cookies are allowed",
        Edit(".env.production", "CORS_GUARD_WRITES=true", "CORS_GUARD_WRITES=false"),
        "test_configuration: no_rule_refuses: production.*CORS040",
    ),
]

PUBLIC_PATHS = [
    Fault(
        "a public path is open without end of segment",
        made(lambda self: setattr(self, "_public_prefixes", tuple(self.public_paths))),
        "test_other_sites: only_begin_alike: /healthx",
        "app shells",
    ),
    Fault(
        "a public path is looked for anywhere",
        method(
            "_is_public",
            lambda original: (
                lambda self, scope: any(
                    prefix in f"{scope['path']}/" for prefix in self._public_prefixes
                )
            ),
        ),
        "test_other_sites: only_begin_alike: /x/health",
        "app shells",
    ),
    Fault(
        "a public path is left by way of ..",
        method(
            "_is_public",
            lambda original: (
                lambda self, scope: original(
                    self, scope | {"path": scope["path"].replace("..", "x")}
                )
            ),
        ),
        r"test_other_sites: lead_to_no_other_path: /\.\./secret",
        "app shells",
    ),
    Fault(
        "public paths are not public",
        arguments(lambda policy, given: {"public_paths": ()}),
        "test_other_sites: every_site_may_read",
        "open data",
    ),
    Fault(
        "public paths reflect the origin, with credentials",
        starts(reflects_on_public_paths),
        "test_other_sites: never_allow_credentials",
        "app shells",
    ),
    Fault(
        "a listed origin loses its grant on public paths",
        starts(opens_public_paths),
        "test_other_sites: keep_their_grant",
        "app shells",
    ),
    Fault(
        "one public path makes everything public",
        arguments(lambda policy, given: {"public_paths": ("/",) if policy.public_paths else ()}),
        "test_other_sites: get_no_cors_headers: unrelated",
        "app shells",
    ),
    Fault(
        "WebSockets below a public path are public",
        passes("_may_connect", lambda self, scope: self._is_public(scope)),
        "test_other_sites: public_paths_open_no_websocket",
        "open data",
    ),
]


def records(change: Callable[..., Any]) -> Replacement:
    """Change how a refusal is recorded. `change` gets the method of the trace and its arguments."""

    def make(original: Any) -> Any:
        return lambda *given, **more: change(original, *given, **more)

    return lambda core: replace_attribute(core, core.refusals.Trace, "refused", make)


def all_but(unrecorded: str) -> Replacement:
    """Record every refusal but those of a kind."""
    return records(
        lambda record, trace, kind, *given, **more: (
            None if kind == unrecorded else record(trace, kind, *given, **more)
        )
    )


def with_query(record: Any, trace: Any, kind: str, scope: Scope, *given: Any, **more: Any) -> None:
    path = f"{scope['path']}?{scope['query_string'].decode()}"
    record(trace, kind, scope | {"path": path}, *given, **more)


def with_cookie(
    record: Any, trace: Any, kind: str, scope: Scope, origins: Any, *given: Any, **more: Any
) -> None:
    record(trace, kind, scope, [*origins, *sent(scope, b"cookie")], *given, **more)


def calls_unguarded(record: Any, trace: Any, *given: Any, **more: Any) -> None:
    record(trace, *given, **more)
    if trace._on_refusal:
        trace._on_refusal(None)


LOGGED = "test_other_sites: each_refusal_is_logged"
FLOOD = "test_other_sites: flood_of_refusals"

TRACES = [
    Fault("refusals leave no trace", records(lambda *given, **more: None), LOGGED),
    *(
        Fault(f"a refused {kind} leaves no trace", all_but(kind), f"{LOGGED}: a refused {kind}")
        for kind in ("request", "preflight", "write", "handshake")
    ),
    Fault(
        "the preflight of a listed origin for an unlisted method leaves no trace",
        made(lambda self: setattr(self, "_not_listed", lambda *asked: ("header", ""))),
        f"{LOGGED}: .*UNLISTED",
    ),
    Fault("a trace holds the query", records(with_query), f"{LOGGED}: .*holds a query or a cookie"),
    Fault(
        "a trace holds the cookie", records(with_cookie), f"{LOGGED}: .*holds a query or a cookie"
    ),
    Fault(
        "every repetition of a refusal is logged",
        function("refusals", "INTERVAL", lambda seconds: 0),
        f"{LOGGED}: .*3 times",
    ),
    Fault(
        "refusals are logged where no one looks",
        lambda core: setattr(core.refusals.logger, "warning", core.refusals.logger.info),
        LOGGED,
    ),
    Fault(
        "a flood of refusals fills the log",
        function("refusals", "REMEMBERED_LINES", lambda lines: 100_000),
        f"{FLOOD}: .*fills the log",
    ),
    Fault(
        "control characters reach the log",
        function("refusals", "visible", lambda original: lambda text, *_: text),
        f"{FLOOD}: .*control characters",
    ),
    Fault("an exception of on_refusal changes the response", records(calls_unguarded), FLOOD),
    Fault(
        "on_refusal is called only where a line is written",
        records(
            lambda record, trace, *given, **more: (
                record(trace, *given, **more) if not trace._lines else None
            )
        ),
        f"{FLOOD}: .*1 of 300",
    ),
    Fault(
        "own pages are logged as refused",
        function("middleware", "_is_hidden", lambda original: lambda scope, origins: True),
        "test_other_sites: what_is_allowed_is_not_logged",
        "previews",
    ),
    Fault(
        "the preflight for a listed method is logged as refused",
        made(lambda self: setattr(self, "_not_listed", lambda *asked: ("method", "PUT"))),
        "test_other_sites: what_is_allowed_is_not_logged",
    ),
]

FAULTS_OF_THE_POLICY = [*OTHER_SITES, *LISTED, *CACHES, *GUARD, *PUBLIC_PATHS, *TRACES]

# Tried by `test_real_browser.py` alone, beside others of these lists.
FAULTS_FOR_CHROMIUM = [
    Fault(
        "allowed preflights are answered 403",
        starts(lambda self, scope, start: {"status": 403} if start["status"] == 204 else {}),
        "test_real_browser: may_do_what_is_promised",
    ),
    Fault(
        "PURGE is allowed",
        arguments(lambda policy, given: {"allow_methods": (*given["allow_methods"], "PURGE")}),
        "test_real_browser: may_do_what_is_promised",
    ),
    Fault(
        "a crash is answered outside of the policy",
        loses(b"access-control-", lambda scope, start: start["status"] == 500),
        "test_real_browser: may_do_what_is_promised",
    ),
]
