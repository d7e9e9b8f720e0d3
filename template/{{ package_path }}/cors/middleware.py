# fmt: off
"""The policy at work: Starlette's CORSMiddleware, stricter.

"Fetch" below is the WHATWG Fetch Standard, "other site" an origin that is neither allowed nor this
service's own, "grant" the headers that let a page read a response. What happens to a request:

- Every HTTP response has one Vary header, which names Origin or is `*`. An allowed origin gets its
  grant; another site gets none, and its request still reaches the app unless a guard refuses it.
- `Access-Control-*` headers set by inner code are removed: there is one policy.
- A preflight never reaches the app. It gets 204 with the whole policy if the origin is allowed or
  the path is public, otherwise 403.
- A WebSocket handshake passes if it has an allowed origin; or no Origin or the service's own, and
  no Sec-Fetch-Site that says cross-site.
- With `guard_writes`, a method other than GET, HEAD and OPTIONS gets 403, unless the origin is
  allowed, or the request comes from the service itself or from no page. A sibling subdomain is
  another site. On a public path, requests without cookies and logins pass; on an exempt path,
  forms. With `report_writes`, such a request is only logged.
- Under `public_paths` other sites get `*`, and never credentials.
- A provider may allow an https origin that is on no list. It gets a grant without credentials, and
  neither writes nor opens a WebSocket with a login, unless `provider_credentials` is set.
- Where hosts are listed, another Host gets 400: a site may point a name of its own to this service.
- What is refused, or will be blocked by the browser, leaves a trace: see `refusals`.
"""

from __future__ import annotations

import importlib
import logging
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from starlette.middleware.cors import ALL_METHODS, SAFELISTED_HEADERS, CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .fetch_standard import SAFE_METHODS, SAFELISTED_METHODS
from .origin import host_of, is_address
from .provider import Ask, OriginProvider, https_origin
from .refusals import LONGEST_MISSING, NOT_LISTED, FindNearMiss, OnRefusal, Trace, Why, visible

if TYPE_CHECKING:
    from .app import CORSFastAPI as CORSFastAPI

Header = tuple[bytes, bytes]
Headers = tuple[Header, ...]
# The values of some request headers, by name in lower case.
Found = dict[bytes, list[bytes]]

# A browser asks for each non-safelisted header of a request once: a dozen names in a few hundred
# bytes. What is far beyond that is not a browser, and gets no echo.
MAX_MIRRORED_NAMES = 64
MAX_MIRRORED_BYTES = 4096

# What a browser can send as an origin besides `null` (HTML, "serialization of an origin"): scheme,
# host, perhaps a port, all in lower case; a host name has at most 253 characters. So even a faulty
# pattern matches only short, well-formed origins.
SERIALIZED_ORIGIN = re.compile(rb"[a-z][a-z0-9+.-]*://[^\x00- A-Z/?#@\\<>^|\x7f-\xff]+")
MAX_ORIGIN_BYTES = 300
# The same few origins, preflights and hosts come again and again. Only some verdicts on them are
# remembered, so a flood of them costs no memory.
REMEMBERED = 256

# RFC 9110, section 5.6.2
TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# The types of a login provider's form. Parameters such as boundary and charset are tokens, so none
# of them can look like another media type.
FORM = re.compile(
    rb"(?:application/x-www-form-urlencoded|multipart/form-data)(?:[ \t]*;[ \t]*%b=%b)*"
    % (TOKEN.pattern, TOKEN.pattern),
    re.IGNORECASE,
)


def _spellings(*names: bytes) -> dict[bytes, bytes]:
    """Map the spellings of these header names to the names in lower case.

    ASGI asks servers for lower case, but does not insist. Browsers write only these three
    spellings, and to lower-case every name of every request would add a quarter to the cost.
    """
    return {spelled: name for name in names for spelled in (name, name.title(), name.upper())}


# The request headers that each kind of request is judged by.
ALWAYS = frozenset(_spellings(b"origin"))
IN_PREFLIGHT = _spellings(
    b"origin",
    b"host",
    b"access-control-request-method",
    b"access-control-request-headers",
    b"access-control-request-private-network",
)
TO_GUARD = _spellings(b"origin", b"host", b"sec-fetch-site", b"cookie", b"authorization")
# What tells whether a browser hides the response from a site without a grant, and the values of
# Sec-Fetch-Site and Sec-Fetch-Mode with which it does.
HOST = _spellings(b"host")
TELLING = frozenset(_spellings(b"host", b"sec-fetch-site", b"sec-fetch-mode"))
HIDDEN = frozenset({b"cross-site", b"same-site", b"cors"})
OWN_PORTS = {b"https": b":443", b"http": b":80"}

# Response headers are searched for names of the policy. Names that apps send all the time are known
# at one look, others by their first letter: to lower-case them all would be most of the cost.
# Hypercorn strips a name, so one with blanks around it is judged without them.
HARMLESS = frozenset(
    b"accept-ranges age allow cache-control content-disposition content-encoding content-language "
    b"content-length content-security-policy content-type date etag expires last-modified location "
    b"referrer-policy server server-timing set-cookie strict-transport-security transfer-encoding "
    b"via www-authenticate x-content-type-options x-frame-options x-request-id".split()
)
INITIALS = frozenset({b"a", b"A", b"v", b"V", b" ", b"\t", b"\n", b"\r", b"\v", b"\f"})

# What is added to a response for another site, and on a public path. Vary is always the first.
VARY: Header = (b"vary", b"Origin")
NOTHING: Headers = (VARY,)
OPEN: Headers = (VARY, (b"access-control-allow-origin", b"*"))
NONE_READ: Found = {}

# Why a tenant's request with a login is refused.
NO_LOGIN: Why = ("credentials", "")

logger = logging.getLogger(__name__)


class StrictCORSMiddleware(CORSMiddleware):
    """Starlette's CORSMiddleware with the same arguments, a stricter reading of them, and guards.

    It is a subclass, so that code which looks for a CORSMiddleware finds one, but it answers
    requests by itself. These arguments are its own:

    - `public_paths`: path prefixes, on segment boundaries, that every site may use without
      credentials. A path with `..`, `//` or a backslash anywhere in it is never public.
    - `guard_writes` refuses what the module says; `report_writes`, without it, logs the same.
    - `guard_exempt_paths`: exact paths to which every site may post a form. None gets a grant.
    - `describe_refused`: for local environments only. It takes a refused origin and returns the
      body of the refusal. It also turns on a log line for every inner header that is removed.
    - `near_miss`: takes a refused origin and returns the allowed one that it resembles.
    - `on_refusal`: called with each `Refusal`, for metrics. What it raises changes no response.
    - `origin_provider`: asked about an https origin that is on no list (see `provider`).
    - `provider_credentials`: with `allow_credentials`, its origins get credentials, too.
    - `allowed_hosts`: with any, only they and IP addresses are let in. A `*` is one label, so alone
      it is a name without a dot. The https pages of an exact host are the service's own.

    `*` among the origins opens every path and, for requests without credentials, WebSockets. Only
    code can set it: the rules refuse it in a dotenv file. Raises TypeError for a string where a
    list is due, and ValueError for what browsers would ignore or what would allow anybody.
    """

    def __init__(
        self,
        app: ASGIApp,
        allow_origins: Collection[str] = (),
        allow_methods: Collection[str] = ("GET",),
        allow_headers: Collection[str] = (),
        allow_credentials: bool = False,
        allow_origin_regex: str | None = None,
        allow_private_network: bool = False,
        expose_headers: Collection[str] = (),
        max_age: int = 600,
        *,
        public_paths: Collection[str] = (),
        guard_writes: bool = False,
        report_writes: bool = False,
        guard_exempt_paths: Collection[str] = (),
        describe_refused: Callable[[str], str] | None = None,
        near_miss: FindNearMiss | None = None,
        on_refusal: OnRefusal | None = None,
        origin_provider: OriginProvider | Ask | None = None,
        provider_credentials: bool = False,
        allowed_hosts: Collection[str] = (),
    ) -> None:
        """Check the arguments, and encode once what the requests need."""
        allow_origins = _strings("allow_origins", allow_origins, not allow_credentials)
        allow_methods = _strings("allow_methods", allow_methods, not allow_credentials)
        allow_headers = _strings("allow_headers", allow_headers, not allow_credentials)
        expose_headers = _strings("expose_headers", expose_headers, not allow_credentials)
        public_paths = _strings("public_paths", public_paths)
        if "null" in allow_origins:
            raise ValueError(
                "allow_origins contains 'null', which any site can send from a sandboxed frame. "
                "List the origin that the page is served from."
            )
        # A set, so that nothing that asks the public attribute walks a list of thousands.
        super().__init__(
            app,
            allow_origins=frozenset(allow_origins),
            allow_methods=allow_methods,
            allow_headers=allow_headers,
            allow_credentials=allow_credentials,
            allow_origin_regex=allow_origin_regex,
            allow_private_network=allow_private_network,
            expose_headers=expose_headers,
            max_age=max_age,
        )
        self.expose_headers = expose_headers
        self.max_age = max_age
        self.public_paths = public_paths
        self.guard_writes = guard_writes
        self.report_writes = report_writes
        self.guard_exempt_paths = _strings("guard_exempt_paths", guard_exempt_paths)
        self.describe_refused = describe_refused
        if origin_provider is not None and not isinstance(origin_provider, OriginProvider):
            origin_provider = OriginProvider(origin_provider)
        self.origin_provider = origin_provider
        self.provider_credentials = provider_credentials and allow_credentials
        self.allowed_hosts = hosts = _strings("allowed_hosts", allowed_hosts)

        self._own_hosts = {host.encode() for host in hosts if not (is_address(host) or "*" in host)}
        self.other_host = lru_cache(REMEMBERED)(self._find_other_host)
        self._judges_writes = guard_writes or report_writes
        self._any_origin = "*" in allow_origins
        # As bytes, like the header it reads. Origins are ASCII, where bytes and text are the same.
        pattern = allow_origin_regex or ""
        self._pattern = re.compile(pattern.encode("ascii"))
        self._by_pattern = lru_cache(REMEMBERED)(self._match_pattern) if pattern else None
        self._credentials = _header("allow-credentials", ["true"] if allow_credentials else [])
        # With `*`, listed origins may still write and open WebSockets with credentials.
        origins = [origin.encode("ascii") for origin in allow_origins if origin != "*"]
        self._grants = {origin: self._grant_to(origin) for origin in origins}
        self._exposed = _header("expose-headers", expose_headers)
        self._mirrors_headers = "*" in allow_headers
        self._preflight = _preflight_policy(allow_methods, allow_headers, max_age)
        # What a preflight's answer depends on, for the caches that keep answers to OPTIONS.
        varies = [b"Origin"]
        if self._mirrors_headers:
            varies.append(b"Access-Control-Request-Headers")
        if allow_private_network:
            varies.append(b"Access-Control-Request-Private-Network")
        self._preflight_vary: Header = (b"vary", b", ".join(varies))
        self._public_prefixes = tuple(map(_prefix, ["/"] if self._any_origin else public_paths))
        self._reported: set[bytes] = set()
        self._trace = Trace(on_refusal, near_miss)
        listed = {*SAFELISTED_METHODS, *(ALL_METHODS if "*" in allow_methods else allow_methods)}
        self._listed_methods = frozenset(method.encode() for method in listed)
        listed = SAFELISTED_HEADERS | set(allow_headers)
        self._listed_headers = frozenset(name.lower().encode() for name in listed)
        self._not_listed = lru_cache(REMEMBERED)(self._find_not_listed)

    def __init_subclass__(cls) -> None:
        """Refuse an override that Starlette's middleware would ask, and this one does not."""
        if cls.is_allowed_origin is not StrictCORSMiddleware.is_allowed_origin:
            raise TypeError(
                f"{cls.__name__} overrides is_allowed_origin, which decides nothing here: pass an "
                "async function as origin_provider= instead."
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer for the policy what it can answer, and hand everything else to the app."""
        if scope["type"] != "http":
            if scope["type"] == "websocket" and not self._may_connect(scope):
                found = _read(scope, TO_GUARD)
                origins = found.get(b"origin", [])
                allowed, why = await self._ask(scope, origins)
                other = self.other_host(*found.get(b"host", []))
                if other or allowed is None or _brings_login(why, found):
                    self._trace.refused("handshake", scope, origins, other or why)
                    # Closed before it is accepted, the handshake is answered 403 by the server.
                    await send({"type": "websocket.close", "code": 1008, "reason": ""})
                    return
            await self.app(scope, receive, send)
            return

        method = scope["method"]
        guarded = self._judges_writes and method not in SAFE_METHODS
        found = NONE_READ
        if guarded or method == "OPTIONS":
            found = _read(scope, TO_GUARD if guarded else IN_PREFLIGHT)
            origins = found.get(b"origin", [])
        else:
            # The same as `_read` for this one alone: most requests come through here.
            origins = []
            lines = scope["headers"]
            if type(lines) is not list:
                lines = scope["headers"] = list(lines)
            for name, value in lines:
                if name in ALWAYS:
                    origins.append(value)

        allowed = None
        why = NOT_LISTED
        grant = NOTHING
        if origins:
            allowed = self._find(origins)
            if allowed is None and self.origin_provider is not None:
                allowed, why = await self._ask(scope, origins)
            if allowed is not None:
                grant = allowed
            elif self._public_prefixes and self._is_public(scope):
                grant = OPEN
            if b"access-control-request-method" in found:
                await self._answer_preflight(scope, found, grant, send, why)
                return
        if self.allowed_hosts:
            hosts = (found or _read(scope, HOST)).get(b"host", [])
            if other := self.other_host(*hosts):
                self._trace.refused("host", scope, origins, other)
                await self._refuse(found, grant, send, other[1])
                return
        if grant is not NOTHING:
            grant += self._exposed
        elif origins and not guarded and self._is_hidden(scope, origins):
            self._trace.refused("request", scope, origins, why)
        if (
            guarded
            and (allowed is None or _brings_login(why, found))
            and not self._may_write(scope, found)
        ):
            if self.guard_writes:
                self._trace.refused("write", scope, origins, why)
                await self._refuse(found, grant, send)
                return
            self._trace.refused("reported-write", scope, origins, why)

        # Not a coroutine of its own: it would cost every chunk of a stream one more frame.
        def send_with_policy(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                # A copy, because an app may send one message to several clients. ASGI says dict,
                # whose own method is the fastest; Starlette's type says less.
                message = message.copy()  # type: ignore[attr-defined]
                message["headers"] = self._rewrite(message.get("headers"), grant)
            return send(message)

        await self.app(scope, receive, send_with_policy)

    def is_allowed_origin(self, origin: str) -> bool:
        """Tell whether the lists let this origin in, exactly as it stands in a request."""
        return self._any_origin or self._find([origin.encode("latin-1", "replace")]) is not None

    def _find(self, origins: list[bytes]) -> Headers | None:
        """Return what to grant to the sender of these Origin lines, None for another site."""
        # A proxy and the app might each read another of two Origin lines, so none of them counts.
        if len(origins) != 1:
            return None
        origin = origins[0]
        grant = self._grants.get(origin)
        if grant is None and self._by_pattern and len(origin) <= MAX_ORIGIN_BYTES:
            return self._by_pattern(origin)
        return grant

    async def _ask(self, scope: Scope, origins: list[bytes]) -> tuple[Headers | None, Why]:
        """Return what to grant to an origin that the provider allows, with why not; else None."""
        provider = self.origin_provider
        if provider is None or len(origins) != 1:
            return None, NOT_LISTED
        answer = provider.remembered(origins[0])
        if answer is None:
            origin = https_origin(origins[0])
            # The service's own pages need no grant.
            if origin is None or self._is_own_origin(scope, _read(scope, TO_GUARD)):
                return None, NOT_LISTED
            answer = await provider.answer(origin)
        if answer.failure:
            return None, ("provider-failed", answer.failure)
        if not answer.is_yes:
            return None, ("provider", "")
        grant = (VARY, (b"access-control-allow-origin", origins[0]))
        if self.provider_credentials:
            return (*grant, *self._credentials), NOT_LISTED
        return grant, NO_LOGIN

    def _match_pattern(self, origin: bytes) -> Headers | None:
        """Return what to grant to an origin that the pattern allows, else None."""
        if self._pattern.fullmatch(origin) and SERIALIZED_ORIGIN.fullmatch(origin):
            return self._grant_to(origin)
        return None

    def _grant_to(self, origin: bytes) -> Headers:
        """Return the headers that make a browser's CORS check pass (Fetch, "CORS check")."""
        if self._any_origin:
            return OPEN
        return (VARY, (b"access-control-allow-origin", origin), *self._credentials)

    def _is_public(self, scope: Scope) -> bool:
        """Tell whether the path is public, seen from where the app is mounted."""
        path = _route_path(scope)
        # Code further in may resolve these, and arrive at a path that is not public.
        if ".." in path or "//" in path or "\\" in path:
            return self._any_origin
        return f"{path}/".startswith(self._public_prefixes)

    def _rewrite(self, headers: Iterable[Header] | None, granted: Headers) -> list[Header]:
        """Return the app's response headers under this policy: one grant, and one Vary."""
        # ASGI allows any iterable of pairs, which might be readable only once.
        pairs = headers if type(headers) is list else [(k, v) for k, v in headers or ()]
        for name, _ in pairs:
            # ASGI wants bytes, but h11 also sends the text that some apps give it.
            if name not in HARMLESS and (name[:1] in INITIALS or isinstance(name, str)):
                return self._cleaned(pairs, granted)
        return [*granted, *pairs]

    def _cleaned(self, pairs: list[Header], granted: Headers) -> list[Header]:
        """Do the same for headers that may hold a Vary or a policy of their own."""
        answer = [*granted]
        varies: list[bytes] = []
        for name, value in pairs:
            if isinstance(name, str):
                name, value = name.encode("latin-1"), value.encode("latin-1")
            lower = name.strip().lower()
            if lower == b"vary":
                varies.append(value)
            elif lower.startswith(b"access-control-"):
                self._report(lower)
            else:
                answer.append((name, value))
        if varies:
            answer[0] = (b"vary", _merge_vary(varies))
        return answer

    def _report(self, name: bytes) -> None:
        """Log once that a header of inner code is removed, for a developer who misses it."""
        if self.describe_refused is not None and name not in self._reported:
            self._reported.add(name)
            logger.warning(
                "removed the response header %s that the app set by itself: the CORS policy is the "
                "only one to send it",
                name.decode("latin-1"),
            )

    async def _answer_preflight(
        self, scope: Scope, found: Found, grant: Headers, send: Send, why: Why = NOT_LISTED
    ) -> None:
        """Answer with the whole policy, whatever was asked for; to another site with none of it.

        The browser compares the answer with its request, and its console names the method or header
        that is missing (Fetch, "CORS-preflight fetch", step 7). With an error status it would stop
        before the comparison.
        """
        origins = found[b"origin"]
        method = b",".join(found[b"access-control-request-method"])
        if grant is NOTHING:
            self._trace.refused("preflight", scope, origins, why, method)
            await self._refuse(found, grant, send)
            return
        requested = found.get(b"access-control-request-headers", [])
        why = self._not_listed(method, b",".join(requested)[: MAX_MIRRORED_BYTES + 1])
        if why[1]:
            self._trace.refused("preflight", scope, origins, why, method)
        headers = [self._preflight_vary, *grant[1:], *self._preflight]
        if self._mirrors_headers and (mirrored := _requested_names(requested)):
            headers.append((b"access-control-allow-headers", mirrored))
        # Public paths open data to other sites, not the network that the service is in.
        trusted = self.allow_private_network and (grant is not OPEN or self._any_origin)
        if trusted and b"access-control-request-private-network" in found:
            headers.append((b"access-control-allow-private-network", b"true"))
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    def _find_not_listed(self, method: bytes, requested: bytes) -> Why:
        """Return what a preflight asks for and the answer does not list; "" where there is nothing.

        The browser then blocks the request (Fetch, "CORS-preflight fetch", step 7).
        """
        names = [name.strip(b" \t").lower() for name in requested.split(b",")]
        names = [name for name in names if name and name not in self._listed_headers]
        if self._mirrors_headers and _requested_names([requested]):
            names = []
        is_method = method not in self._listed_methods
        missing = b",".join([method, *names] if is_method else names).decode("latin-1")
        return ("method" if is_method else "header"), visible(missing, LONGEST_MISSING)

    def _may_write(self, scope: Scope, found: Found) -> bool:
        """Tell whether an unsafe request that no allowed origin sent may reach the app.

        `Sec-Fetch-Site` is written by the browser, and no script can change it: where present, it
        decides. Without it and without an Origin, no browser of today sent the request.
        """
        site = found.get(b"sec-fetch-site")
        if site is not None:
            welcome = site in ([b"same-origin"], [b"none"])
        else:
            welcome = b"origin" not in found or self._is_own_origin(scope, found)
        if welcome or (self._is_public(scope) and not _has_ambient_credentials(found)):
            return True
        return self._is_exempt(scope)

    def _is_exempt(self, scope: Scope) -> bool:
        """Tell whether it is a form for a path to which every site may post one."""
        if scope["method"] != "POST" or _route_path(scope) not in self.guard_exempt_paths:
            return False
        # The app might read another one of two Content-Type lines than this does.
        types = [value for name, value in scope["headers"] if name.lower() == b"content-type"]
        return len(types) == 1 and FORM.fullmatch(types[0]) is not None

    def _may_connect(self, scope: Scope) -> bool:
        """Tell whether a WebSocket handshake may reach the app without a provider's word.

        Browsers let any page open a WebSocket anywhere, with cookies, so the server has to check
        Origin (RFC 6455, section 10.2). Public paths open no WebSocket.
        """
        found = _read(scope, TO_GUARD)
        if self.other_host(*found.get(b"host", [])):
            return False
        origins = found.get(b"origin", [])
        is_open = self._any_origin and len(origins) == 1 and not _has_ambient_credentials(found)
        if is_open or self._find(origins) is not None:
            return True
        # Firefox sends it with handshakes, Chromium does not.
        if b"cross-site" in found.get(b"sec-fetch-site", []):
            return False
        return not origins or self._is_own_origin(scope, found)

    def _find_other_host(self, *hosts: bytes) -> Why | None:
        """Return the reason against these Host lines. No browser sends none or an empty one."""
        host = b",".join(hosts)
        name = host_of(host)
        _, dot, parent = name.partition(".")
        listed = name in self.allowed_hosts or f"*{dot}{parent}" in self.allowed_hosts
        if not (host and self.allowed_hosts) or (name and listed) or is_address(name):
            return None
        return "host", visible(name or host.decode("latin-1"))

    async def _refuse(self, found: Found, granted: Headers, send: Send, host: str = "") -> None:
        """Answer 403, with a reason only where `describe_refused` gives one; 400 for a host."""
        status, body = 403, "Forbidden"
        if host:
            line = f"CORS_ALLOWED_HOSTS={host}"
            status, body = 400, f"{host} is not a host of this service. To add it: {line}\n"
        elif self.describe_refused is not None and b"origin" in found:
            body = self.describe_refused(b", ".join(found[b"origin"]).decode("latin-1"))
        content = body.encode()
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(content)),
            *granted,
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    def _is_hidden(self, scope: Scope, origins: list[bytes]) -> bool:
        """Tell whether a browser hides the response to a request of an origin without a grant.

        It does so for fetch() in its default mode and the like, but not for a form, an image or a
        page of the service. Only old browsers, and those on plain http, do not say what it is.
        """
        # Not `_read`: this runs for every request of a flood.
        known, host = 0, b""
        for name, value in scope["headers"]:
            if name in TELLING:
                if value in HIDDEN:
                    known += 1
                    if known == 2:
                        return True
                elif name in HOST:
                    host = value
                else:
                    return False
        if known or (not self._own_hosts and host.partition(b":")[0].lower() not in origins[0]):
            return True
        return not self._is_own_origin(scope, {b"origin": origins, b"host": [host]})

    def _is_own_origin(self, scope: Scope, found: Found) -> bool:
        """Tell whether the request comes from a page of this very service.

        The server sets the scheme, from forwarded headers only where it was told to trust the
        proxy. A plain one may mean TLS that ended at a proxy, so it accepts pages of either scheme.
        A secure one never accepts a plain page. Listed hosts have https pages, whatever Host is.
        """
        origins, hosts = found.get(b"origin", []), found.get(b"host", [])
        if len(origins) != 1 or len(hosts) != 1:
            return False
        scheme, _, authority = origins[0].lower().partition(b"://")
        default_port = OWN_PORTS.get(scheme)
        if default_port is None or (scheme == b"http" and scope.get("scheme") in ("https", "wss")):
            return False
        host = hosts[0].lower().removesuffix(default_port)
        authority = authority.removesuffix(default_port)
        name, _, port = authority.partition(b":")
        if name in self._own_hosts:
            return scheme == b"https" and port in (b"", host.rpartition(b":")[2])
        # With listed hosts, an address is for health checks; with `*`, a developer's own.
        if self.allowed_hosts and "*" not in self.allowed_hosts and is_address(host_of(host)):
            return False
        return host != b"" and host == authority


def _strings(name: str, values: Collection[str], wildcard: bool = True) -> tuple[str, ...]:
    """Return the values of a list argument. Raises TypeError or ValueError where they are none."""
    if isinstance(values, (str, bytes)):
        raise TypeError(f"{name} takes a list of strings, not one string: write [{values!r}].")
    values = tuple(values)
    for value in values:
        if not isinstance(value, str):
            raise TypeError(f"{name} takes a list of strings; {value!r} is not one.")
    if "*" in values and not wildcard:
        raise ValueError(
            f"{name} contains '*' while allow_credentials is on: with credentials, browsers do "
            f"not take '*' as a wildcard. Write out the values of {name}, or turn "
            "allow_credentials off."
        )
    return values


def _header(name: str, values: Sequence[str]) -> Headers:
    """Return `Access-Control-<name>` with these values, or nothing where there are none."""
    if not values:
        return ()
    return ((f"access-control-{name}".encode(), ", ".join(values).encode("ascii")),)


def _preflight_policy(methods: Sequence[str], headers: Sequence[str], max_age: int) -> Headers:
    """Return the part of a preflight's answer that is the same for everybody."""
    # Even these need listing, for unusual values (Fetch, "CORS-safelisted request-header").
    listed = [] if "*" in headers else sorted(SAFELISTED_HEADERS | set(headers))
    return (
        *_header("allow-methods", ALL_METHODS if "*" in methods else methods),
        *_header("allow-headers", listed),
        *_header("max-age", [str(max_age)]),
    )


def _route_path(scope: Scope) -> str:
    """Return the path as the app routes it, seen from where it is mounted."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path[len(root) :] if path == root or path.startswith(f"{root}/") else path


def _prefix(path: str) -> str:
    """Return a public path in the form that a path plus a slash starts with."""
    if not path.startswith("/"):
        raise ValueError(f"public_paths contains {path!r}, which matches nothing: write '/{path}'.")
    return path.removesuffix("/") + "/"


def _read(scope: Scope, names: dict[bytes, bytes]) -> Found:
    """Return the lines of these request headers, in one pass over all of them."""
    found: Found = {}
    # ASGI allows any iterable, and the app wants to read it too.
    scope["headers"] = list(scope["headers"])
    for name, value in scope["headers"]:
        if name in names:
            found.setdefault(names[name], []).append(value)
    return found


def _merge_vary(values: list[bytes]) -> bytes:
    """Return several Vary values as one that contains `Origin`, each name once.

    `*` stays alone: it already keeps every cache from reusing it (RFC 9110, section 12.5.5).
    """
    names: dict[bytes, bytes] = {}
    for name in filter(None, map(bytes.strip, b",".join(values).split(b","))):
        names.setdefault(name.lower(), name)
    if b"*" in names:
        return b"*"
    names[b"origin"] = b"Origin"
    return b", ".join(names.values())


def _requested_names(lines: list[bytes]) -> bytes:
    """Return the header names that a preflight asks for as one value, empty past the bounds."""
    if sum(map(len, lines)) + len(lines) > MAX_MIRRORED_BYTES:
        return b""
    parts = (part.strip(b" \t") for part in b",".join(lines).split(b","))
    names = [part for part in parts if part]
    if len(names) > MAX_MIRRORED_NAMES or not all(map(TOKEN.fullmatch, names)):
        return b""
    return b", ".join(names)


def _brings_login(why: Why, found: Found) -> bool:
    """Tell whether an allowed origin's request carries a login that its grant does not cover."""
    return why is NO_LOGIN and _has_ambient_credentials(found)


def _has_ambient_credentials(found: Found) -> bool:
    """Tell whether the request carries a login that a browser adds by itself.

    A bearer token is none: only a script that knows it can send it.
    """
    bearers = [value.lower().startswith(b"bearer ") for value in found.get(b"authorization", [])]
    return b"cookie" in found or not all(bearers)


def __getattr__(name: str) -> Any:
    """Return CORSFastAPI, which owners' `main.py` imports from here.

    Not at the top: `app` imports this module.
    """
    if name == "CORSFastAPI":
        return importlib.import_module(".app", __package__).CORSFastAPI
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
