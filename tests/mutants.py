"""Faults that the generated suite must catch, and additions that it must live with.

A fault is one slip in the code or the configuration of a rendered service: one text replaced by
another, and the test that has to notice. `python -m tests.mutants` prints who caught what, over the
whole suite.
"""

import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from .project import example, render, run_suite

# The services that faults are put into.
SERVICES: dict[str, dict[str, Any]] = {
    "cookies": example("spa-cookies"),
    "previews": example("spa-bearer")
    | {
        "development_origins": "http://localhost:*",
        "preview_origins": "https://*.preview.acme.com,https://ledger-*-acme.acme-previews.net",
    },
    "app shells": example("mobile-app"),
    "open data": example("public-data"),
}


class Change(NamedTuple):
    """One text of a file replaced by another; where there is no old text, the file is new.

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


@dataclass(frozen=True)
class Mutant:
    """A fault; `caught_by` is found in the id and the message of a test that notices it."""

    fault: str
    file: str
    old: str
    new: str
    caught_by: str
    service: str = "cookies"

    @property
    def change(self) -> Change:
        return Change(self.file, self.old, self.new)

    @property
    def test_file(self) -> str:
        return f"tests/cors/{re.split(r'[^a-z_]', self.caught_by)[0]}.py"


@dataclass(frozen=True)
class Addition:
    """Something that a user adds to a service, and that the suite has nothing against."""

    what: str
    changes: tuple[Change, ...]
    service: str = "cookies"
    renamed: Mapping[str, str] = field(default_factory=dict)


MIDDLEWARE = "src/cors/middleware.py"
ORIGIN = "src/cors/origin.py"
POLICY = "src/cors/policy.py"
SETTINGS = "src/cors/settings.py"
SOURCES = "src/cors/sources.py"
CHECKS = "src/cors/checks.py"
APP_CHECKS = "src/cors/app_checks.py"
RULES = "src/cors/rules.py"
MAIN = "src/main.py"

LOOKUP = "grant = self._grants.get(origin)"
GRANT = 'return (VARY, (b"access-control-allow-origin", origin), *self._credentials)'
ANSWER = 'self._rewrite(message.get("headers"), grant)'
CREATED = 'app = CORSFastAPI(title=__package__ or "service", cors=settings.cors_policy())'
SERVED = "app = create_app()"
ROUTES = "app.include_router(router)"


def looked_up(condition: str) -> str:
    """Return a lookup that takes any listed origin `o` of which this holds."""
    return f"grant = next((g for o, g in self._grants.items() if {condition}), None)"


def answered(grant: str) -> str:
    """Return how the app's answer is rewritten, with another grant."""
    return f'self._rewrite(message.get("headers"), {grant})'


def reads(check: str) -> str:
    """Return a check's definition, to be followed by one that finds nothing."""
    return f"def {check}(subject: Subject) -> Iterator[Fault]:\n"


STRANGERS: list[Mutant] = [
    Mutant(
        "the list of origins is one string, and `in` finds parts of it",
        MIDDLEWARE,
        LOOKUP,
        looked_up("origin in o"),
        r"test_strangers.*nothing.*cut_short",
    ),
    Mutant(
        "an origin passes that ends like a listed one",
        MIDDLEWARE,
        LOOKUP,
        looked_up("origin.endswith(o.partition(b'//')[2])"),
        r"test_strangers.*nothing.*suffix",
    ),
    Mutant(
        "an origin passes that begins like a listed one",
        MIDDLEWARE,
        LOOKUP,
        looked_up("origin.startswith(o)"),
        r"test_strangers.*nothing.*prefix",
    ),
    Mutant(
        "the host is compared, and the scheme is not",
        MIDDLEWARE,
        LOOKUP,
        looked_up("origin.partition(b'//')[2] == o.partition(b'//')[2]"),
        r"test_strangers.*nothing.*scheme",
    ),
    Mutant(
        "the port is not compared",
        MIDDLEWARE,
        LOOKUP,
        looked_up("origin.rpartition(b':')[0] in (o, o.rpartition(b':')[0]) or origin == o"),
        r"test_strangers.*nothing.*port",
    ),
    Mutant(
        "origins are compared regardless of case",
        MIDDLEWARE,
        LOOKUP,
        "grant = self._grants.get(origin.lower())",
        r"test_strangers.*nothing.*spelling",
    ),
    Mutant(
        "white space around an origin is forgiven",
        MIDDLEWARE,
        LOOKUP,
        "grant = self._grants.get(origin.strip())",
        r"test_strangers.*nothing.*white_space",
    ),
    Mutant(
        "a slash after an origin is forgiven",
        MIDDLEWARE,
        LOOKUP,
        'grant = self._grants.get(origin.rstrip(b"/"))',
        r"test_strangers.*nothing.*delimiters",
    ),
    Mutant(
        "a dot in a listed origin is any character",
        MIDDLEWARE,
        LOOKUP,
        looked_up("re.fullmatch(o, origin)"),
        r"test_strangers.*nothing.*any_character_for_a_dot",
    ),
    Mutant(
        "every subdomain of a listed host passes",
        MIDDLEWARE,
        LOOKUP,
        looked_up("origin == o or origin.endswith(b'.' + o.partition(b'//')[2])"),
        r"test_strangers.*nothing.*family",
    ),
    Mutant(
        "null is let in",
        MIDDLEWARE,
        LOOKUP,
        f'{LOOKUP} if origin != b"null" else self._grant_to(origin)',
        r"test_strangers.*nothing.*null_and_wildcards",
    ),
    Mutant(
        "the machine itself is let in, in every environment",
        MIDDLEWARE,
        LOOKUP,
        f'{LOOKUP} or (self._grant_to(origin) if b"//localhost" in origin else None)',
        r"test_strangers.*production.*http://localhost",
    ),
    Mutant(
        "every origin is reflected",
        MIDDLEWARE,
        "            return self._grant_to(origin)\n        return grant",
        "            return self._grant_to(origin)\n        return self._grant_to(origin)",
        r"test_strangers.*nothing.*unrelated",
    ),
    Mutant(
        "of two Origin lines the first one counts",
        MIDDLEWARE,
        "if len(origins) != 1:",
        "if not origins:",
        r"test_strangers.*two_origin_headers",
    ),
    Mutant(
        "a pattern has no end",
        ORIGIN,
        r'return rf"\A{self.scheme}://{host}{port}\Z"',
        r'return rf"\A{self.scheme}://{host}{port}.*"',
        r"test_strangers.*nothing.*preview-(prefix|around_a_pattern)",
        "previews",
    ),
    Mutant(
        "a dot in a pattern is any character",
        ORIGIN,
        r'host = rf"{self._label_regex}\.{re.escape(self.base)}"',
        r'host = rf"{self._label_regex}.{self.base}"',
        r"test_strangers.*nothing.*preview-(any_character_for_a_dot|around_a_pattern)",
        "previews",
    ),
    Mutant(
        "the * of a pattern covers several labels",
        ORIGIN,
        "            return _LABEL",
        '            return r"[a-z0-9.-]+"',
        r"test_strangers.*nothing.*preview-(family|around_a_pattern)",
        "previews",
    ),
    Mutant(
        "the * within a label covers several labels",
        ORIGIN,
        "[a-z0-9-]{{1,{room}}}",
        "[a-z0-9.-]{{1,{room}}}",
        r"test_strangers.*nothing.*preview-around_a_pattern",
        "previews",
    ),
    Mutant(
        "the * of a pattern covers nothing as well",
        ORIGIN,
        "[a-z0-9-]{{1,{room}}}",
        "[a-z0-9-]{{0,{room}}}",
        r"test_strangers.*nothing.*preview-around_a_pattern",
        "previews",
    ),
    Mutant(
        "the * for a port covers more than a port",
        ORIGIN,
        'port = "(?::[1-9][0-9]{0,4})?"',
        'port = "(?::.*)?"',
        r"test_strangers.*nothing.*development-(port|around_a_pattern)",
        "previews",
    ),
    Mutant(
        "patterns are not matched at all",
        POLICY,
        '"|".join(patterns) or None',
        "None",
        r"test_allowed.*every_listed_origin.*preview",
        "previews",
    ),
    Mutant(
        "of several patterns only the first is matched",
        POLICY,
        '"|".join(patterns) or None',
        "patterns[0] if patterns else None",
        r"test_allowed.*every_listed_origin.*preview",
        "previews",
    ),
    Mutant(
        "a stranger's 404 is granted",
        MIDDLEWARE,
        ANSWER,
        answered('OPEN if message["status"] == 404 else grant'),
        r"test_strangers.*nothing.*no-such-path",
    ),
    Mutant(
        "a stranger's 500 is granted",
        MIDDLEWARE,
        ANSWER,
        answered('OPEN if message["status"] == 500 else grant'),
        r"test_strangers.*nothing.*that crashes",
    ),
    Mutant(
        "a handler may grant by itself",
        MIDDLEWARE,
        'lower.startswith(b"access-control-")',
        'lower == b"access-control-max-age"',
        r"test_strangers.*nothing.*that grants itself",
    ),
    Mutant(
        "a handler may grant credentials by itself",
        MIDDLEWARE,
        'lower.startswith(b"access-control-")',
        'lower == b"access-control-allow-origin"',
        r"test_strangers.*nothing.*allow-credentials.*that grants itself",
    ),
    Mutant(
        "strangers are told that credentials are allowed",
        MIDDLEWARE,
        ANSWER,
        answered("grant + self._credentials"),
        r"test_strangers.*nothing.*access-control-allow-credentials",
    ),
    Mutant(
        "strangers are told what is exposed",
        MIDDLEWARE,
        "            if grant is not NOTHING:\n",
        "            if True:\n",
        r"test_strangers.*nothing.*access-control-expose-headers",
    ),
    Mutant(
        "a stranger's preflight is told the policy",
        MIDDLEWARE,
        "if grant is NOTHING:\n            await self._refuse(found, grant,",
        "if grant is NOTHING:\n            await self._refuse(found, grant + self._preflight,",
        r"test_strangers.*preflight_tells_a_stranger_nothing",
    ),
    Mutant(
        "a stranger is told in production who is listed",
        POLICY,
        'describe_stranger if self.strictness == "local" else None',
        "describe_stranger",
        r"test_strangers.*preflight_tells_a_stranger_nothing.*(production|staging)",
    ),
    Mutant(
        "a stranger's preflight is answered by the app",
        MIDDLEWARE,
        'if b"access-control-request-method" in found:',
        'if allowed is not None and b"access-control-request-method" in found:',
        r"test_allowed.*preflight_never_reaches",
    ),
    Mutant(
        "every page may open a WebSocket",
        MIDDLEWARE,
        "and not self._may_connect(scope)",
        "and False",
        r"test_strangers.*opens_no_websocket.*unrelated",
    ),
    Mutant(
        "a WebSocket takes every host that ends like the service's own",
        MIDDLEWARE,
        'return host != b"" and host == authority',
        'return host != b"" and authority.endswith(host) or host == authority',
        r"test_strangers.*looks_like_the_services_own",
    ),
    Mutant(
        "a WebSocket takes a plain http page of the service's own host",
        MIDDLEWARE,
        'elif scheme == b"http" and scope.get("scheme") not in ("https", "wss"):',
        'elif scheme == b"http":',
        r"test_strangers.*looks_like_the_services_own",
    ),
    Mutant(
        "the service's own pages cannot open a WebSocket",
        MIDDLEWARE,
        "is not None or _is_own_origin(scope, found):",
        "is not None:",
        r"test_strangers.*own_pages_open_a_websocket",
    ),
    Mutant(
        "a listed origin cannot open a WebSocket",
        MIDDLEWARE,
        "origins is None or self._find(origins) is not None or",
        "origins is None or",
        r"test_allowed.*may_open_every_websocket",
    ),
    Mutant(
        "programs without an Origin cannot open a WebSocket",
        MIDDLEWARE,
        "if origins is None or self._find",
        "if origins is not None and self._find",
        r"test_strangers.*without_an_origin",
    ),
    Mutant(
        "requested headers are echoed without bounds",
        MIDDLEWARE,
        "*self._preflight]",
        '*self._preflight, *((b"access-control-allow-headers", line) for line in '
        'found.get(b"access-control-request-headers", []))]',
        r"test_strangers.*no_flood",
    ),
]

LISTED: list[Mutant] = [
    Mutant(
        "credentials are granted to *",
        MIDDLEWARE,
        GRANT,
        'return (*OPEN, (b"access-control-allow-credentials", b"true"))',
        r"test_allowed.*with_credentials.*is \*",
    ),
    Mutant(
        "the grant is sent twice",
        MIDDLEWARE,
        GRANT,
        'return (VARY, *2 * ((b"access-control-allow-origin", origin),), *self._credentials)',
        r"test_allowed.*every_listed_origin",
    ),
    Mutant(
        "credentials are forgotten",
        POLICY,
        '"allow_credentials": self.allow_credentials,',
        '"allow_credentials": False,',
        r"test_allowed.*with_credentials",
    ),
    Mutant(
        "credentials are always on",
        POLICY,
        '"allow_credentials": self.allow_credentials,',
        '"allow_credentials": True,',
        r"test_allowed.*with_credentials.*yet it may",
        "previews",
    ),
    Mutant(
        "a listed origin's preflight reaches the app",
        MIDDLEWARE,
        'if b"access-control-request-method" in found:',
        'if grant is None and b"access-control-request-method" in found:',
        r"test_allowed.*preflight_never_reaches",
    ),
    Mutant(
        "OPTIONS without a preflight does not reach the app",
        MIDDLEWARE,
        'if b"access-control-request-method" in found:',
        'if method == "OPTIONS":',
        r"test_allowed.*options_request_that_is_no_preflight",
    ),
    Mutant(
        "the preflight of a method that is not listed is answered 400",
        MIDDLEWARE,
        '"status": 204,',
        '"status": 204 if found[b"access-control-request-method"][0].decode() '
        "in self.allow_methods else 400,",
        r"test_limits.*method_that_is_not_listed.*400",
    ),
    Mutant(
        "the preflight of a method that is not listed is answered 403",
        MIDDLEWARE,
        '"status": 204,',
        '"status": 204 if found[b"access-control-request-method"][0].decode() '
        "in self.allow_methods else 403,",
        r"test_limits.*method_that_is_not_listed.*403",
    ),
    Mutant(
        "requested headers are granted as requested",
        MIDDLEWARE,
        "if self._mirrors_headers:\n            requested",
        "if True:\n            requested",
        r"test_limits.*header_that_is_not_listed",
    ),
    Mutant(
        "the requested method is granted as requested",
        MIDDLEWARE,
        "*self._preflight]",
        '*self._preflight, *((b"access-control-allow-methods", line) for line in '
        'found[b"access-control-request-method"])]',
        r"test_limits.*method_that_is_not_listed",
    ),
    Mutant(
        "one method more is allowed",
        SETTINGS,
        "allow_methods=self.cors_allow_methods,",
        'allow_methods=(*self.cors_allow_methods, "LOCK"),',
        r"test_limits.*lists_of_the_policy.*lock",
    ),
    Mutant(
        "one method less is allowed",
        SETTINGS,
        "allow_methods=self.cors_allow_methods,",
        "allow_methods=self.cors_allow_methods[:-1],",
        r"test_allowed.*every_allowed_method",
    ),
    Mutant(
        "one request header more is allowed",
        SETTINGS,
        "allow_headers=self.cors_allow_headers,",
        'allow_headers=(*self.cors_allow_headers, "X-Debug"),',
        r"test_limits.*lists_of_the_policy.*x-debug",
    ),
    Mutant(
        "Authorization is always allowed",
        SETTINGS,
        "allow_headers=self.cors_allow_headers,",
        'allow_headers=(*self.cors_allow_headers, "Authorization"),',
        r"test_limits.*header_that_is_not_listed.*Authorization",
    ),
    Mutant(
        "one request header less is allowed",
        SETTINGS,
        "allow_headers=self.cors_allow_headers,",
        "allow_headers=self.cors_allow_headers[:-1],",
        r"test_allowed.*every_allowed_header.*x-request-id",
        "previews",
    ),
    Mutant(
        "one response header more is exposed",
        SETTINGS,
        "expose_headers=self.cors_expose_headers,",
        'expose_headers=(*self.cors_expose_headers, "X-Not-Exposed"),',
        r"test_limits.*exposed_can_be_read_and_nothing_else.*x-not-exposed",
    ),
    Mutant(
        "one response header less is exposed",
        SETTINGS,
        "expose_headers=self.cors_expose_headers,",
        "expose_headers=self.cors_expose_headers[:-1],",
        r"test_limits.*exposed_can_be_read",
    ),
    Mutant(
        "preflights are remembered for a day, whatever is written",
        POLICY,
        '"max_age": self.max_age,',
        '"max_age": 86400,',
        r"test_allowed.*remembered_as_long_as_promised.*86400",
    ),
    Mutant(
        "preflights are not remembered",
        MIDDLEWARE,
        '*_header("max-age", [str(max_age)]),',
        "",
        r"test_allowed.*remembered_as_long_as_promised",
    ),
    Mutant(
        "errors are answered without a grant",
        MIDDLEWARE,
        ANSWER,
        answered('grant if message["status"] < 400 else NOTHING'),
        r"test_errors.*every_status_is_readable",
    ),
    Mutant(
        "a redirect or 304 is answered without a grant",
        MIDDLEWARE,
        ANSWER,
        answered('grant if message["status"] != 304 else NOTHING'),
        r"test_errors.*every_status_is_readable.*304",
    ),
]

CACHES: list[Mutant] = [
    Mutant(
        "Vary is lost",
        MIDDLEWARE,
        ANSWER,
        answered("grant[1:]"),
        r"test_caches.*Vary is missing",
    ),
    Mutant(
        "Vary is lost where there is no grant",
        MIDDLEWARE,
        ANSWER,
        answered("grant if grant is not NOTHING else ()"),
        r"test_caches.*(evil.net|None): Vary is missing",
    ),
    Mutant(
        "Vary is lost on preflights",
        MIDDLEWARE,
        "[self._preflight_vary, ",
        "[",
        r"test_caches.*preflight of.*Vary is missing",
    ),
    Mutant(
        "Vary is lost where a request is refused",
        MIDDLEWARE,
        "            *granted,\n",
        "            *granted[1:],\n",
        r"test_caches.*from https://evil.net: Vary is missing",
    ),
    Mutant(
        "Vary names Origin twice",
        MIDDLEWARE,
        "varies.append(value)",
        "answer.append((name, value))",
        r"test_caches.*,origin from.*: Vary is",
    ),
    Mutant(
        "what the app says in Vary is thrown away",
        MIDDLEWARE,
        "varies.append(value)",
        "pass",
        r"test_caches.*what_else_an_answer_varies_by",
    ),
    Mutant(
        "what the app says in Vary replaces Origin",
        MIDDLEWARE,
        '    names[b"origin"] = b"Origin"\n',
        "",
        r"test_caches.*Accept-Language from.*: Vary is",
    ),
]

GUARD: list[Mutant] = [
    Mutant(
        "forged writes are not guarded",
        MIDDLEWARE,
        "guarded = self.guard_writes and",
        "guarded = False and",
        r"test_writes.*strangers_write_never_runs.*POST",
    ),
    Mutant(
        "the guard is not handed to the middleware",
        POLICY,
        '"guard_writes": self.guard_writes,',
        "",
        r"test_writes.*strangers_write_never_runs",
    ),
    Mutant(
        "DELETE is not guarded",
        MIDDLEWARE,
        'SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})',
        'SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})',
        r"test_writes.*strangers_write_never_runs.*DELETE",
    ),
    Mutant(
        "reading is guarded as well",
        MIDDLEWARE,
        'SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})',
        "SAFE_METHODS = frozenset()",
        r"test_writes.*reading_is_not_writing",
    ),
    Mutant(
        "the guard trusts another host of the same site",
        MIDDLEWARE,
        'welcome = site in ([b"same-origin"], [b"none"])',
        'welcome = site in ([b"same-origin"], [b"none"], [b"same-site"])',
        r"test_writes.*strangers_write_never_runs.*same-site",
    ),
    Mutant(
        "the guard trusts every value of Sec-Fetch-Site",
        MIDDLEWARE,
        'welcome = site in ([b"same-origin"], [b"none"])',
        "welcome = True",
        r"test_writes.*strangers_write_never_runs.*cross-site",
    ),
    Mutant(
        "the guard trusts browsers without Sec-Fetch-Site",
        MIDDLEWARE,
        'welcome = b"origin" not in found or _is_own_origin(scope, found)',
        "welcome = True",
        r"test_writes.*strangers_write_never_runs\[\w+-Origin:https://evil.net-",
    ),
    Mutant(
        "the guard trusts null",
        MIDDLEWARE,
        'welcome = b"origin" not in found or',
        'welcome = found.get(b"origin", [b"null"]) == [b"null"] or',
        r"test_writes.*strangers_write_never_runs.*Origin:null",
    ),
    Mutant(
        "the guard lets everything pass that has no cookie",
        MIDDLEWARE,
        "return welcome or (self._is_public(scope) and",
        "return welcome or (",
        r"test_writes.*strangers_write_never_runs",
    ),
    Mutant(
        "the guard takes a host for the service's own that ends alike",
        MIDDLEWARE,
        'return host != b"" and host == authority',
        'return host != b"" and authority.endswith(host) or host == authority',
        r"test_writes.*strangers_write_never_runs.*https://evil",
    ),
    Mutant(
        "the guard refuses listed origins",
        MIDDLEWARE,
        "if guarded and allowed is None and not",
        "if guarded and not",
        r"test_writes.*listed_origin_may_write",
    ),
    Mutant(
        "the guard refuses the service's own pages",
        MIDDLEWARE,
        'welcome = b"origin" not in found or _is_own_origin(scope, found)',
        'welcome = b"origin" not in found',
        r"test_writes.*own_pages_and_other_programs",
    ),
    Mutant(
        "the guard refuses programs that are no browser",
        MIDDLEWARE,
        'welcome = b"origin" not in found or',
        "welcome =",
        r"test_writes.*own_pages_and_other_programs",
    ),
    Mutant(
        "a public path takes writes with a cookie",
        MIDDLEWARE,
        'return b"cookie" in found or not all(bearers)',
        "return not all(bearers)",
        r"test_writes.*in_a_users_name.*cookie",
        "app shells",
    ),
    Mutant(
        "a public path takes writes with a password that the browser remembers",
        MIDDLEWARE,
        'return b"cookie" in found or not all(bearers)',
        'return b"cookie" in found',
        r"test_writes.*in_a_users_name.*basic",
        "app shells",
    ),
    Mutant(
        "the guard is switched off where cookies are allowed",
        ".env.production",
        "CORS_GUARD_WRITES=true",
        "CORS_GUARD_WRITES=false",
        r"test_configuration.*no_rule_refuses.*production.*CORS040",
    ),
]

PUBLIC: list[Mutant] = [
    Mutant(
        "a public path is open without end of segment",
        MIDDLEWARE,
        'return path.removesuffix("/") + "/"',
        'return path.removesuffix("/")',
        r"test_public_paths.*only_begins_alike.*/healthx",
        "app shells",
    ),
    Mutant(
        "a public path is looked for anywhere",
        MIDDLEWARE,
        'return f"{path}/".startswith(self._public_prefixes)',
        'return any(prefix in f"{path}/" for prefix in self._public_prefixes)',
        r"test_public_paths.*only_begins_alike.*/x/health",
        "app shells",
    ),
    Mutant(
        "a public path is left by way of ..",
        MIDDLEWARE,
        'if ".." in path or "//" in path',
        'if "//" in path',
        r"test_public_paths.*no_way_to_another.*/\.\./secret",
        "app shells",
    ),
    Mutant(
        "public paths are not public",
        POLICY,
        '"public_paths": self.public_paths,',
        "",
        r"test_public_paths.*every_site_may_read",
        "open data",
    ),
    Mutant(
        "public paths reflect the origin, with credentials",
        MIDDLEWARE,
        "                grant = OPEN\n",
        '                grant = self._grant_to(found[b"origin"][0])\n',
        r"test_public_paths.*never_with_credentials",
        "app shells",
    ),
    Mutant(
        "a listed origin loses its grant on public paths",
        MIDDLEWARE,
        "            if allowed is not None:\n                grant = allowed",
        "            if allowed is not None and not self._is_public(scope):\n"
        "                grant = allowed",
        r"test_public_paths.*keeps_what_it_has",
        "app shells",
    ),
    Mutant(
        "one public path makes everything public",
        POLICY,
        '"public_paths": self.public_paths,',
        '"public_paths": ("/",) if self.public_paths else (),',
        r"test_strangers.*nothing.*unrelated",
        "app shells",
    ),
    Mutant(
        "WebSockets below a public path are public",
        MIDDLEWARE,
        "or _is_own_origin(scope, found):\n            return True",
        "or _is_own_origin(scope, found) or self._is_public(scope):\n            return True",
        r"test_public_paths.*no_websocket_is_public",
        "open data",
    ),
]

CONFIGURATION: list[Mutant] = [
    Mutant(
        "every environment reads development's file",
        SOURCES,
        'candidates = (directory / f".env.{name}",',
        'candidates = (directory / ".env.development",',
        r"test_configuration.*read_from_its_own_files",
    ),
    Mutant(
        "what an environment leaves out comes from development",
        SOURCES,
        'candidates = (directory / f".env.{name}",',
        'candidates = (directory / ".env.development", directory / f".env.{name}",',
        r"test_configuration.*read_from_its_own_files",
    ),
    Mutant(
        "every environment reads development's local file",
        SOURCES,
        'directory / f".env.{name}.local")',
        'directory / ".env.development.local")',
        r"test_configuration.*read_from_its_own_files",
    ),
    Mutant(
        "the local file is not read",
        SOURCES,
        ', directory / f".env.{name}.local")',
        ",)",
        r"test_configuration.*read_from_its_own_files",
    ),
    Mutant(
        "ENVIRONMENT is ignored",
        SOURCES,
        'chosen = environment or (given or "").strip()',
        'chosen = environment or ""',
        r"test_configuration.*read_from_its_own_files",
    ),
    Mutant(
        "an unknown environment gets the defaults",
        SOURCES,
        "if not well_named or not (files or (in_process and not is_cut_short(name, directory))):",
        "if not well_named:",
        r"test_configuration.*CORS031 no such file",
    ),
    Mutant(
        "a method is allowed that nobody wrote",
        SETTINGS,
        'cors_allow_methods: StringList = ("GET", "HEAD", "POST")',
        'cors_allow_methods: StringList = ("GET", "HEAD", "POST", "DELETE")',
        r"test_configuration.*not_written_is_not_allowed",
    ),
    Mutant(
        "credentials are allowed where nobody wrote it",
        SETTINGS,
        "cors_allow_credentials: bool = False",
        "cors_allow_credentials: bool = True",
        r"test_configuration.*not_written_is_not_allowed",
    ),
    Mutant(
        "the service starts with what the rules refuse",
        SETTINGS,
        "if settings is None or refused:",
        "if settings is None:",
        r"test_configuration.*broken_line.*DID NOT RAISE",
    ),
    Mutant(
        "only the first error is said",
        SETTINGS,
        "if settings is None or refused:\n            raise ConfigurationError(refused)",
        "if settings is None or refused:\n            raise ConfigurationError(refused[:1])",
        r"test_configuration.*everything_wrong_is_said_at_once",
    ),
    Mutant(
        "after a variable that cannot be read, nothing else is said",
        SETTINGS,
        "return None, findings + list(audit(subject))",
        "return None, findings",
        r"test_configuration.*everything_wrong_is_said_at_once",
    ),
    Mutant(
        "settings made in code are not judged",
        SETTINGS,
        "        if refused:\n            raise",
        "        if False:\n            raise",
        r"test_configuration.*made_in_code_are_judged",
    ),
    Mutant(
        "a rule is weakened to a warning",
        RULES,
        '"CORS013",\n        "W W E"',
        '"CORS013",\n        "W W W"',
        r"test_configuration.*broken_line.*CORS013",
    ),
    Mutant(
        "production is judged as staging is",
        POLICY,
        'return "production" if environment == "production" else "shared"',
        'return "shared"',
        r"test_configuration.*broken_line.*CORS0(13|21)",
    ),
    *(
        Mutant(
            f"{rule} finds nothing",
            file,
            reads(check),
            f"{reads(check)}    return iter(())\n\n\n{reads(f'formerly_{check}')}",
            rf"test_configuration.*{rule}",
        )
        for rule, file, check in (
            ("CORS002", CHECKS, "origins_not_set"),
            ("CORS004", CHECKS, "public_root_with_credentials"),
            ("CORS009", CHECKS, "plain_http_with_credentials"),
            ("CORS010", CHECKS, "plain_http_without_credentials"),
            ("CORS011", CHECKS, "private_address"),
            ("CORS013", CHECKS, "partial_label_wildcard"),
            ("CORS014", CHECKS, "wildcard_under_public_suffix"),
            ("CORS017", CHECKS, "impossible_method"),
            ("CORS018", CHECKS, "lower_case_method"),
            ("CORS019", CHECKS, "impossible_request_header"),
            ("CORS021", CHECKS, "wildcard_without_credentials"),
            ("CORS022", CHECKS, "wildcard_with_credentials"),
            ("CORS023", CHECKS, "impossible_exposed_header"),
            ("CORS025", CHECKS, "impossible_max_age"),
            ("CORS030", CHECKS, "unknown_variable"),
            ("CORS031", CHECKS, "environment_contradicts_file"),
            ("CORS032", CHECKS, "placeholder_host"),
            ("CORS033", CHECKS, "unresolved_markers"),
            ("CORS034", APP_CHECKS, "policy_not_outermost"),
            ("CORS039", CHECKS, "impossible_public_path"),
            ("CORS040", CHECKS, "unguarded_writes"),
            ("CORS041", CHECKS, "unread_line"),
            ("CORS043", CHECKS, "expandable_value"),
            ("CORS044", CHECKS, "repeated_key"),
        )
    ),
    *(
        Mutant(
            f"{rule} finds nothing",
            RULES,
            f'checks.malformed("{rule}")',
            "lambda subject: ()",
            rf"test_configuration.*{rule}",
        )
        for rule in ("CORS003", "CORS005", "CORS006", "CORS007", "CORS008", "CORS015", "CORS016")
    ),
    Mutant(
        "a second policy in a mounted app goes unnoticed",
        APP_CHECKS,
        "yield from second_policies(inner,",
        "yield from () and second_policies(inner,",
        r"test_configuration.*second_policy_is_found.*mounted",
    ),
]

# What people write into the files that are theirs.
YOURS: list[Mutant] = [
    Mutant(
        "Starlette's own middleware, added as the tutorial says",
        MAIN,
        CREATED,
        "from fastapi.middleware.cors import CORSMiddleware\n"
        "    app = FastAPI()\n"
        "    app.add_middleware(CORSMiddleware, allow_origins=settings.cors_allowed_origins,\n"
        "        allow_credentials=settings.cors_allow_credentials,\n"
        "        allow_methods=settings.cors_allow_methods,\n"
        "        allow_headers=settings.cors_allow_headers,\n"
        "        expose_headers=settings.cors_expose_headers)",
        r"test_configuration.*CORS034.*no CORSFastAPI",
    ),
    Mutant(
        "the strict middleware is added inside, not outermost",
        MAIN,
        CREATED,
        "from .cors.middleware import StrictCORSMiddleware\n"
        "    app = FastAPI()\n"
        "    app.add_middleware(StrictCORSMiddleware, "
        "**settings.cors_policy().middleware_arguments())",
        r"test_errors.*crash_is_readable",
    ),
    Mutant(
        "Starlette's own middleware in the place of the strict one",
        MIDDLEWARE,
        "self._cors = StrictCORSMiddleware(super().__call__, **cors.middleware_arguments())",
        "self._cors = CORSMiddleware(super().__call__, **{name: value for name, value in "
        "cors.middleware_arguments().items() if name in ('allow_origins', 'allow_credentials', "
        "'allow_methods', 'allow_headers', 'expose_headers', 'max_age')})",
        r"test_limits.*method_that_is_not_listed.*400",
    ),
    Mutant(
        "the app is wrapped in another one",
        MAIN,
        SERVED,
        "from starlette.middleware.gzip import GZipMiddleware\napp = GZipMiddleware(create_app())",
        r"test_configuration.*CORS034.*GZipMiddleware",
    ),
    Mutant(
        "an app is mounted beside the policy",
        MAIN,
        SERVED,
        "app = FastAPI()\napp.mount('/admin', FastAPI())\napp.mount('/', create_app())",
        r"test_configuration.*CORS034.*no CORSFastAPI",
    ),
    Mutant(
        "a second policy is added beside the first",
        MAIN,
        ROUTES,
        f"{ROUTES}\n"
        "    from fastapi.middleware.cors import CORSMiddleware\n"
        "    app.add_middleware(CORSMiddleware, allow_origins=['*'])",
        r"test_configuration.*no_rule_refuses.*CORS034",
    ),
    Mutant(
        "a mounted app brings its own policy",
        MAIN,
        ROUTES,
        f"{ROUTES}\n"
        "    from fastapi.middleware.cors import CORSMiddleware\n"
        "    app.mount('/admin', CORSMiddleware(FastAPI(), allow_origins=['*']))",
        r"test_configuration.*no_rule_refuses.*CORS034",
    ),
    Mutant(
        "the app lets in one origin more than its settings say",
        MAIN,
        "cors=settings.cors_policy()",
        'cors=__import__("dataclasses").replace(settings.cors_policy(), '
        'allow_origins=(*settings.cors_allowed_origins, "https://partner.net"))',
        r"test_configuration.*policy_of_its_settings.*partner",
    ),
    Mutant(
        "the app allows one method more than its settings say",
        MAIN,
        "cors=settings.cors_policy()",
        'cors=__import__("dataclasses").replace(settings.cors_policy(), '
        'allow_methods=(*settings.cors_allow_methods, "PURGE"))',
        r"test_limits.*method_that_is_not_listed.*PURGE",
    ),
    Mutant(
        "the app ignores the settings it is given",
        MAIN,
        "settings = settings or Settings.load()",
        'settings = Settings.load("development")',
        r"test_allowed.*every_listed_origin.*production",
    ),
    Mutant(
        "the app opens itself to all in production",
        MAIN,
        "cors=settings.cors_policy()",
        'cors=__import__("dataclasses").replace(settings.cors_policy(), public_paths=("/",))',
        r"test_strangers.*nothing.*unrelated",
    ),
    Mutant(
        "what is served has development's policy everywhere",
        MAIN,
        SERVED,
        'app = create_app(Settings.load("development"))',
        r"test_configuration.*what_is_served.*development",
    ),
    Mutant(
        "what is served is wrapped under another name",
        "pyproject.toml",
        '.main:app"',
        '.main:create_app"',
        r"test_configuration.*no_rule_refuses.*CORS034",
    ),
    Mutant(
        "a second policy is added to what is served",
        MAIN,
        SERVED,
        f"{SERVED}\nfrom fastapi.middleware.cors import CORSMiddleware\n"
        "app.add_middleware(CORSMiddleware, allow_origins=['*'])",
        r"test_configuration.*no_rule_refuses.*CORS034",
    ),
    Mutant(
        "another middleware takes the place of the policy's",
        MAIN,
        ROUTES,
        f"{ROUTES}\n"
        "    from .cors.middleware import StrictCORSMiddleware\n"
        "    arguments = settings.cors_policy().middleware_arguments()\n"
        "    arguments['allow_origin_regex'] = r'https://.*\\.partner\\.io'\n"
        "    app._cors = StrictCORSMiddleware(app.cors.app, **arguments)",
        r"test_configuration.*policy_of_its_settings.*partner",
    ),
    Mutant(
        "a subclass that lets writes to a mounted app around the policy",
        MAIN,
        CREATED,
        "class App(CORSFastAPI):\n"
        "        async def __call__(self, scope, receive, send):\n"
        "            chat = scope.get('path', '').startswith('/chat')\n"
        "            around = chat and scope.get('method') != 'GET'\n"
        "            call = FastAPI.__call__ if around else super().__call__.__func__\n"
        "            await call(self, scope, receive, send)\n"
        "    app = App(cors=settings.cors_policy())\n"
        "    app.mount('/chat', lambda scope, receive, send: None)",
        r"test_configuration.*no_rule_refuses.*CORS034",
    ),
    Mutant(
        "a cookie that no other site gets back",
        "src/routes/session.py",
        "response.set_cookie(COOKIE, session, **settings.session_cookie)",
        'response.set_cookie(COOKIE, session, samesite="none")',
        r"test_configuration.*production.*CORS036",
    ),
    Mutant(
        "a slash after an origin in production",
        ".env.production",
        "https://app.acme.com,",
        "https://app.acme.com/,",
        r"test_configuration.*no_rule_refuses.*production.*CORS006",
    ),
    Mutant(
        "a developer's machine in staging, cookies over plain http",
        ".env.staging",
        "CORS_ALLOWED_ORIGINS=",
        "CORS_ALLOWED_ORIGINS=http://dev.acme.com,",
        r"test_configuration.*no_rule_refuses.*staging.*CORS009",
    ),
]

MUTANTS = [*STRANGERS, *LISTED, *CACHES, *GUARD, *PUBLIC, *CONFIGURATION, *YOURS]


def added(code: str, *more: Change) -> tuple[Change, ...]:
    """Return the change that puts this code after the routes in `create_app`."""
    indented = code.strip().replace("\n", "\n    ")
    return (Change(MAIN, ROUTES, f"{ROUTES}\n    {indented}"), *more)


def route_file(code: str) -> tuple[Change, ...]:
    """Return the change that adds a module with routes."""
    imports = "import asyncio\nfrom fastapi import APIRouter, Request, Response, WebSocket\n"
    return (Change("src/routes/mine.py", "", f"{imports}\nrouter = APIRouter()\n\n{code}"),)


WEBSOCKET = Addition(
    "a WebSocket",
    route_file(
        "@router.websocket('/feeds/{name}')\n"
        "async def feed(websocket: WebSocket, name: str) -> None:\n"
        "    await websocket.accept()\n"
        "    await websocket.close()\n"
    ),
)
ROUTE = Addition(
    "a route with a path of its own",
    route_file(
        "@router.delete('/reports/{year:int}/{rest:path}')\n"
        "@router.get('/reports/{year:int}/{rest:path}')\n"
        "def report(year: int, rest: str) -> str:\n"
        "    return rest\n"
    ),
)
SUB_APP = Addition(
    "a mounted app with routes",
    added(
        "admin = FastAPI()\n"
        "admin.get('/users')(lambda: [])\n"
        "admin.delete('/users')(lambda: [])\n"
        "app.mount('/admin', admin)"
    ),
)
FILES = Addition(
    "mounted files",
    added(
        "from fastapi.staticfiles import StaticFiles\n"
        "app.mount('/static', StaticFiles(directory='src'))"
    ),
)
QA = (
    "ENVIRONMENT=qa\n"
    "CORS_ALLOWED_ORIGINS=https://qa.acme.com\n"
    "CORS_ALLOW_CREDENTIALS=true\n"
    "CORS_GUARD_WRITES=true\n"
)
QA_FILE = Addition("a .env.qa", (Change(".env.qa", "", QA),))

HARMLESS = [
    WEBSOCKET,
    ROUTE,
    SUB_APP,
    FILES,
    QA_FILE,
    Addition(
        "a WebSocket that wants a login",
        route_file(
            "@router.websocket('/feed')\n"
            "async def feed(websocket: WebSocket) -> None:\n"
            "    await websocket.close(1008)\n"
        ),
    ),
    Addition(
        "a route that grants by itself",
        route_file(
            "@router.get('/granting')\n"
            "def granting(response: Response) -> None:\n"
            "    response.headers['Access-Control-Allow-Origin'] = '*'\n"
        ),
    ),
    Addition(
        "a route that crashes",
        route_file("@router.get('/broken')\ndef broken() -> int:\n    return 1 // 0\n"),
    ),
    Addition(
        "a route that takes every path there is",
        route_file(
            "@router.api_route('/{path:path}', methods=['GET', 'POST', 'PUT', 'OPTIONS'])\n"
            "def anything(path: str) -> str:\n"
            "    return path\n"
        ),
    ),
    Addition(
        "an endless stream of events",
        route_file(
            "from fastapi.responses import StreamingResponse\n\n"
            "async def ticks():\n"
            "    while True:\n"
            "        yield 'data: tick\\n\\n'\n"
            "        await asyncio.sleep(1)\n\n"
            "@router.get('/ticks')\n"
            "async def stream() -> StreamingResponse:\n"
            "    return StreamingResponse(ticks(), media_type='text/event-stream')\n"
        ),
    ),
    Addition(
        "a route that waits for an event before it answers",
        route_file(
            "@router.get('/next')\nasync def following() -> None:\n    await asyncio.sleep(60)\n"
        ),
    ),
    Addition(
        "middleware that sets headers, CORS among them",
        added(
            "@app.middleware('http')\n"
            "async def stamp(request, call_next):\n"
            "    response = await call_next(request)\n"
            "    response.headers['X-Request-ID'] = '1'\n"
            "    response.headers['Access-Control-Allow-Origin'] = '*'\n"
            "    response.headers.add_vary_header('Cookie')\n"
            "    return response"
        ),
    ),
    Addition(
        "compression",
        added(
            "from fastapi.middleware.gzip import GZipMiddleware\n"
            "app.add_middleware(GZipMiddleware, minimum_size=1)"
        ),
    ),
    Addition(
        "middleware that knows the hosts it serves",
        added(
            "from fastapi.middleware.trustedhost import TrustedHostMiddleware\n"
            "app.add_middleware(TrustedHostMiddleware, allowed_hosts=['api.acme.com'])"
        ),
    ),
    Addition(
        "middleware that wants a login for everything",
        added(
            "from fastapi.responses import JSONResponse\n"
            "@app.middleware('http')\n"
            "async def login(request, call_next):\n"
            "    return JSONResponse({'detail': 'log in'}, 401)"
        ),
    ),
    Addition(
        "files mounted at the root",
        added(
            "from fastapi.staticfiles import StaticFiles\n"
            "app.mount('/', StaticFiles(directory='src', html=True))"
        ),
    ),
    Addition(
        "a handler for every exception",
        added(
            "from fastapi.responses import JSONResponse\n"
            "app.add_exception_handler(Exception, lambda *_: JSONResponse('sorry', 500))"
        ),
    ),
    Addition(
        "a required setting of one's own",
        (
            Change("src/settings.py", "    @property", "    database_url: str\n\n    @property"),
            Change(
                "tests/conftest.py",
                "import pytest\n",
                "import os\n\nimport pytest\n\nos.environ.setdefault('DATABASE_URL', 'x')\n",
            ),
        ),
    ),
    Addition(
        "local changes of one developer",
        (
            Change(
                ".env.development.local",
                "",
                'CORS_ALLOWED_ORIGINS=["http://localhost:8080", "http://localhost:*"]\n',
            ),
        ),
    ),
    Addition(
        "a closed environment as an editor on Windows writes it",
        (Change(".env.demo", "", "\ufeffENVIRONMENT=demo\r\nCORS_ALLOWED_ORIGINS=\r\n"),),
    ),
    Addition(
        "a package with another name",
        (
            Change(
                "pyproject.toml",
                'entrypoint = "orders_api.main:app"',
                'entrypoint = "shop.main:app"',
            ),
        ),
        renamed={"src/orders_api": "src/shop"},
    ),
]


def fault_at(path: str, where: str, caught_by: str) -> Mutant:
    """Return the fault that the policy looks away below this path."""
    before = {
        "the grant": ANSWER,
        "the guard": "        if guarded and allowed is None and not",
        "the handshake": "and not self._may_connect(scope)",
    }[where]
    condition = f'scope["path"].startswith("{path}")'
    after = {
        "the grant": answered(f"OPEN if {condition} else grant"),
        "the guard": f"        if guarded and not {condition} and allowed is None and not",
        "the handshake": f"{before} and not {condition}",
    }[where]
    return Mutant(f"{where} is wrong below {path}", MIDDLEWARE, before, after, caught_by)


# Each addition with a fault that shows at the addition alone: so the suite does look at it.
COVERED: list[tuple[Addition, Mutant]] = [
    (WEBSOCKET, fault_at("/feeds", "the handshake", r"test_strangers.*own_websockets.*/feeds")),
    (ROUTE, fault_at("/reports", "the grant", r"test_strangers.*own_routes.*/reports")),
    (ROUTE, fault_at("/reports", "the guard", r"test_writes.*every_route.*DELETE /reports")),
    (SUB_APP, fault_at("/admin", "the grant", r"test_strangers.*own_routes.*/admin")),
    (SUB_APP, fault_at("/admin", "the guard", r"test_writes.*every_route.*DELETE /admin/users")),
    (FILES, fault_at("/static", "the grant", r"test_strangers.*own_routes.*/static")),
    (
        QA_FILE,
        Mutant(
            "a path after an origin of qa",
            ".env.qa",
            "https://qa.acme.com",
            "https://qa.acme.com/shop",
            r"test_configuration.*no_rule_refuses.*qa.*CORS006",
        ),
    ),
    (
        QA_FILE,
        Mutant(
            "qa is served with credentials, unguarded",
            ".env.qa",
            "CORS_GUARD_WRITES=true",
            "CORS_GUARD_WRITES=false",
            r"test_configuration.*no_rule_refuses.*qa.*CORS040",
        ),
    ),
    (
        QA_FILE,
        Mutant(
            "qa lets in one origin more",
            POLICY,
            "entries = [parse(text) for text in self.allow_origins]",
            "entries = [parse(text) for text in self.allow_origins]\n"
            '        if self.environment == "qa":\n'
            '            entries.append(parse("https://evil.net"))',
            r"test_strangers.*nothing.*qa-unrelated",
        ),
    ),
]


# --- Running them --------------------------------------------------------------------------------

FAILED = re.compile(r"^FAILED tests/cors/(.*)$", re.MULTILINE)
ASSERTION = re.compile(r" - (AssertionError|assert |Failed: )")


def service(name: str, folder: Path) -> Path:
    """Return a service, rendered the first time it is asked for."""
    project = folder / name.replace(" ", "-")
    return project if project.exists() else render(project, SERVICES[name])


def changed(original: Path, copy: Path, *changes: Change) -> Path:
    """Return a copy of a service with these changes."""
    shutil.copytree(original, copy)
    for change in changes:
        change.apply(copy)
    return copy


def suite(project: Path, *arguments: str) -> tuple[bool, str]:
    """Run the generated suite; return whether it passed, and what it said."""
    # Wide, because pytest shortens a failure's message to the width of the terminal.
    # Plugins for other suites take longer to import than this one takes to run.
    options = {"COLUMNS": "2000", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    result = run_suite(project, "--tb=no", "-rf", *arguments, **options)
    return result.returncode == 0, result.stdout + result.stderr


def failures(output: str) -> list[str]:
    """Return id and message of each test that failed for what it asserts; a crash is none."""
    return [line for line in FAILED.findall(output) if ASSERTION.search(line)]


def catches(mutant: Mutant, output: str) -> list[str]:
    """Return the failures that are the ones to expect."""
    return [line for line in failures(output) if re.search(mutant.caught_by, line)]


def report() -> None:
    """Print, for every fault, who caught it when the whole suite is run."""
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(2) as pool:
        folder = Path(name)
        for each in SERVICES:
            service(each, folder)
        cases: list[tuple[Mutant, tuple[Change, ...]]] = [(each, ()) for each in MUTANTS]
        cases += [(each, addition.changes) for addition, each in COVERED]

        def judge(number: int) -> str:
            mutant, changes = cases[number]
            original = service(mutant.service, folder)
            project = changed(original, folder / str(number), *changes, mutant.change)
            _, output = suite(project, "tests/cors")
            shutil.rmtree(project)
            caught = failures(output)
            expected = [line.partition(" - ")[0] for line in catches(mutant, output)]
            by = expected[0].replace("|", "\\|") if expected else "**survived**"
            return f"| {mutant.fault} | {mutant.service} | `{by}` | {len(caught)} |"

        print("| fault | service | caught by, first of those to expect | failures in all |")
        print("|---|---|---|---|")
        for line in pool.map(judge, range(len(cases))):
            print(line)
            sys.stdout.flush()


if __name__ == "__main__":
    report()
