# fmt: off
"""The rule book: what a policy must not be, each rule beside the check that finds it.

Ids never change: messages, scripts and reviews refer to them. A new rule takes the next free id.
Rules on the dotenv files are in `rules_for_files`, rules on the finished app in `app`.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from .audit import (
    CREDENTIALS,
    EXPOSED_HEADERS,
    GUARD_EXEMPT_PATHS,
    GUARD_WRITES,
    MAX_AGE,
    METHODS,
    ORIGINS,
    PUBLIC_PATHS,
    REQUEST_HEADERS,
    WAIVERS,
    Fault,
    Rule,
    RuleBook,
    Subject,
    findings_of,
)
from .fetch_standard import (
    FORBIDDEN_METHODS,
    FORBIDDEN_REQUEST_HEADERS,
    FORBIDDEN_REQUEST_PREFIXES,
    FORBIDDEN_RESPONSE_HEADERS,
    METHOD_OVERRIDE_HEADERS,
    SAFELISTED_RESPONSE_HEADERS,
    STANDARD_METHODS,
    TOKEN,
    names,
)
from .findings import Finding
from .origin import Origin, own_app_origin
from .origin_errors import OriginError
from .rules_for_files import FILE_RULES
from .waivers import read_waiver

BOOK = RuleBook()

# Chromium keeps a preflight's answer for at most two hours, Firefox for a day.
CHROMIUM_MAX_AGE = 7200
LONGEST_MAX_AGE = 86400

# Names that stand only in requests: exposing one confuses the two lists.
REQUEST_ONLY_HEADERS = names(
    "accept accept-language authorization cookie host if-match if-modified-since if-none-match "
    "origin range referer user-agent"
)


# --- The origins ------------------------------------------------------------------------------


def malformed(rule: str) -> Callable[[Subject], Iterator[Fault]]:
    """Return the check for entries that `origin_errors.parse` refuses under this rule."""

    def check(subject: Subject) -> Iterator[Fault]:
        for _, entry in subject.entries:
            if isinstance(entry, OriginError) and entry.rule == rule:
                fix, is_final = fix_of(entry, subject), own_app_origin(entry.value) is None
                yield Fault(ORIGINS, entry.value, entry.reason, fix, is_final=is_final)

    return check


def fix_of(error: OriginError, subject: Subject) -> str:
    """Return what to do about a text that is no origin.

    What was probably meant is judged too, so that writing it does not lead to the next finding.
    """
    meant = error.suggestion.split(",") if error.suggestion else []
    if meant and all(text in subject.policy.allow_origins for text in meant):
        return f"remove it; {error.suggestion} is listed already"
    patterns = [text for text, _ in subject.patterns]
    policy = replace(subject.policy, allow_origins=(*patterns, *meant))
    found = findings_of(Subject(policy), BOOK)
    return next((each.fix for each in found if each.value in meant and not each.until), error.fix)


# No origin in any environment: id, title, why, a bad and a good example.
MALFORMED = (
    (
        "CORS003",
        "A wildcard among the origins",
        "* lets every site in the world read every response, and nobody reviews it again. An API "
        "that is open on purpose says so path by path, and never with credentials.",
        "CORS_ALLOWED_ORIGINS=*",
        "CORS_PUBLIC_PATHS=/",
    ),
    (
        "CORS005",
        "An opaque origin",
        "Every sandboxed frame, data: page and local file sends the origin null. Allowing it "
        "allows anybody.",
        "CORS_ALLOWED_ORIGINS=null",
        "CORS_ALLOWED_ORIGINS=http://localhost:5173",
    ),
    (
        "CORS006",
        "Not an origin",
        "A browser sends scheme://host[:port] and nothing after it. An entry with a slash, a path, "
        "a query, user info or quotes never equals what is sent, so it allows nobody.",
        "CORS_ALLOWED_ORIGINS=https://app.acme.com/",
        "CORS_ALLOWED_ORIGINS=https://app.acme.com",
    ),
    (
        "CORS007",
        "An origin in a form that browsers do not send",
        "Browsers send lower case, no default port, Unicode hosts as punycode, and addresses in "
        "one notation. Any other spelling never matches.",
        "CORS_ALLOWED_ORIGINS=https://App.acme.com:443",
        "CORS_ALLOWED_ORIGINS=https://app.acme.com",
    ),
    (
        "CORS008",
        "No scheme, or one that no front end has",
        "app.acme.com is a host: http and https on it are two origins. Besides these two, only the "
        "schemes of app shells and browser extensions send an origin.",
        "CORS_ALLOWED_ORIGINS=app.acme.com",
        "CORS_ALLOWED_ORIGINS=https://app.acme.com",
    ),
    (
        "CORS015",
        "A wildcard anywhere else",
        "Only one * in the first label can be judged. In the scheme, in a later label, twice, or "
        "in an address it matches hosts that nobody listed.",
        "CORS_ALLOWED_ORIGINS=https://app.*.com",
        "CORS_ALLOWED_ORIGINS=https://*.acme.com",
    ),
    (
        "CORS016",
        "A wildcard port on a host that is not loopback",
        "Every port of a host is an origin of its own, often with another owner.",
        "CORS_ALLOWED_ORIGINS=https://app.acme.com:*",
        "CORS_ALLOWED_ORIGINS=https://app.acme.com:8443",
    ),
)
# Of what is no origin, a waiver can only accept a scheme of an app's own, as in myshop://app.
ASK = {"CORS008": "Which app has this scheme, and is this the origin that it sends?"}
BOOK.extend(
    Rule(rule, "E E E", title, why, bad, good, malformed(rule), ASK.get(rule, ""))
    for rule, title, why, bad, good in MALFORMED
)


@BOOK.rule("CORS002", "W E E")
def origins_not_set(subject: Subject) -> Iterator[Fault]:
    """CORS_ALLOWED_ORIGINS is not set.

    Nobody said who may call. Set to nothing is an answer: no other site may.

    bad: # CORS_ALLOWED_ORIGINS=
    good: CORS_ALLOWED_ORIGINS=
    """
    if subject.sources and ORIGINS not in subject.variables:
        yield Fault(
            ORIGINS,
            "",
            "is not set, neither in a dotenv file nor in the process",
            f"write {ORIGINS}= into .env.{subject.policy.environment}, followed by the origins, or "
            "by nothing if no other site may call",
        )


def plain_http(subject: Subject) -> Iterator[tuple[str, str]]:
    """Yield the entries that are plain http on a host that is not loopback, each with its fix."""
    for text, each in subject.sites:
        if each.is_plain_http and not each.is_loopback:
            https = text.replace("http://", "https://", 1).removesuffix(":443")
            listed = https in subject.policy.allow_origins
            yield text, f"remove it; {https} is listed already" if listed else f"write {https}"


@BOOK.rule("CORS009", "W E E", "Who is on this network, and when will there be https?")
def plain_http_with_credentials(subject: Subject) -> Iterator[Fault]:
    """Plain http with credentials.

    Anyone on the network path can put a script into a page that comes over http, and that
    script may then call with the user's cookies.

    bad: CORS_ALLOWED_ORIGINS=http://app.acme.com with CORS_ALLOW_CREDENTIALS=true
    good: CORS_ALLOWED_ORIGINS=https://app.acme.com
    """
    if subject.policy.allow_credentials:
        for text, fix in plain_http(subject):
            reason = "is plain http while credentials are allowed"
            yield Fault(ORIGINS, text, reason, f"{fix}, or set {CREDENTIALS}=false")


@BOOK.rule("CORS010", "- W E", "Who is on this network, and when will there be https?")
def plain_http_without_credentials(subject: Subject) -> Iterator[Fault]:
    """Plain http.

    A page that comes over http can be changed on the way. Anyone on the network path can read
    what the page can read.

    bad: CORS_ALLOWED_ORIGINS=http://app.acme.com
    good: CORS_ALLOWED_ORIGINS=https://app.acme.com
    """
    if not subject.policy.allow_credentials:
        for text, fix in plain_http(subject):
            yield Fault(ORIGINS, text, "is plain http", fix)


# What app shells call themselves where the platform leaves them no scheme of their own.
SHELLS = {
    "localhost": "a Capacitor app on Android, set its server.hostname to a name of your own and "
    "list that",
    "tauri.localhost": "a Tauri app on Windows or Android, let it call with Tauri's HTTP plugin",
}


@BOOK.rule("CORS011", "- W E", "Which programs can listen there, and may each of them call?")
def private_address(subject: Subject) -> Iterator[Fault]:
    """A loopback, private or link-local address.

    It is a different machine for every user. Any program that listens there becomes one of your
    front ends.

    bad: CORS_ALLOWED_ORIGINS=http://localhost:3000
    good: CORS_ALLOWED_ORIGINS=https://app.acme.com
    """
    for text, site in subject.sites:
        if site.is_loopback or site.is_private:
            kind = "a loopback" if site.is_loopback else "a private"
            reason = f"is {kind} address, a different machine for every user"
            fix = f"remove it here and list {text} in .env.development"
            if site.host in SHELLS and site.port is None:
                fix += f"; if it is {SHELLS[site.host]}"
            yield Fault(ORIGINS, text, reason, fix)


@BOOK.rule("CORS012", "- W W", "Who can put a page on a host below this domain?")
def whole_label_wildcard(subject: Subject) -> Iterator[Fault]:
    """A wildcard for a whole label.

    Every present and future host directly below the domain may call. One forgotten subdomain is
    enough.

    bad: CORS_ALLOWED_ORIGINS=https://*.acme.com
    good: CORS_ALLOWED_ORIGINS=https://app.acme.com,https://www.acme.com
    """
    for text, pattern in subject.patterns:
        if pattern.kind == "label":
            reason = "lets every host directly below the domain call"
            yield Fault(ORIGINS, text, reason, "list the hosts that need it one by one")


@BOOK.rule("CORS013", "W W E", "Who can register a name that fits, and what could its pages read?")
def partial_label_wildcard(subject: Subject) -> Iterator[Fault]:
    """A wildcard for part of a label.

    Every name that fits may call, whoever registers it. Acceptable for previews on a domain of
    your own that hold nothing of value, never for production.

    bad: CORS_ALLOWED_ORIGINS=https://app-*-team.acme.dev
    good: CORS_ALLOWED_ORIGINS=https://app.acme.com
    """
    for text, pattern in subject.patterns:
        # Under a public suffix, CORS014 says it.
        if pattern.kind == "partial" and not pattern.is_under_public_suffix:
            reason = "matches every name that fits, whoever registers it"
            yield Fault(ORIGINS, text, reason, "list the exact origins")


@BOOK.rule("CORS014", "W E E", "What could anybody read who takes a name that fits?")
def wildcard_under_public_suffix(subject: Subject) -> Iterator[Fault]:
    """A wildcard directly under a public suffix.

    Anybody can register a name under a public suffix such as com, co.uk or vercel.app. The
    pattern lets all of them in. Without credentials it is a warning in preview, if fixed text
    stands before and after the *. With credentials there is no waiver.

    bad: CORS_ALLOWED_ORIGINS=https://*.vercel.app
    good: CORS_ALLOWED_ORIGINS=https://acme-shop.vercel.app
    """
    credentials = subject.policy.allow_credentials
    is_preview = subject.policy.environment == "preview" and not credentials
    for text, pattern in subject.patterns:
        if pattern.is_under_public_suffix and is_preview and pattern.has_fixed_parts:
            reason = (
                f"is under {pattern.base}, where anybody can take a name that fits and read what "
                "their visitors' browsers can reach. Behind a VPN or an IP allow-list, that is "
                "more than the public can reach"
            )
            fix = "give previews a domain of your own, or list the exact origins that are yours"
            yield Fault(ORIGINS, text, reason, fix, severity="warning")
        elif pattern.is_under_public_suffix:
            reason = "is directly under a public suffix, where anybody can register a name"
            fix = "list the exact origins that are yours"
            yield Fault(ORIGINS, text, reason, fix, is_final=credentials)


@BOOK.rule("CORS029", "W W W")
def duplicate_origin(subject: Subject) -> Iterator[Fault]:
    """A duplicate origin.

    It is listed twice, or a pattern covers it. Removing one entry would not remove it.

    bad: CORS_ALLOWED_ORIGINS=https://*.acme.com,https://app.acme.com
    good: CORS_ALLOWED_ORIGINS=https://app.acme.com
    """
    seen: set[str] = set()
    patterns = [pattern for _, pattern in subject.patterns]
    for text, entry in subject.entries:
        if text in seen:
            yield Fault(ORIGINS, text, "is listed twice", "remove one of the two")
        seen.add(text)
        for pattern in patterns:
            if isinstance(entry, Origin) and pattern.covers(entry):
                reason = f"is covered by {pattern} already"
                yield Fault(ORIGINS, text, reason, f"remove it, or better, remove {pattern}")


@BOOK.rule("CORS032", "- W E", "Whose name server answers for this name?")
def placeholder_host(subject: Subject) -> Iterator[Fault]:
    """A placeholder host.

    example.com and similar names belong to nobody who calls this service. Somebody meant to
    replace it.

    bad: CORS_ALLOWED_ORIGINS=https://app.example.com
    good: CORS_ALLOWED_ORIGINS=https://app.acme.com
    """
    for text, site in subject.sites:
        if site.is_placeholder:
            reason = "is a placeholder host that belongs to nobody"
            yield Fault(ORIGINS, text, reason, "write the front end's real origin, or remove it")


# --- Methods and headers ----------------------------------------------------------------------


def is_name(text: str) -> bool:
    """Whether it is a token without quotes, which a token may hold but which are leftovers."""
    return TOKEN.fullmatch(text) is not None and not set(text) & set("'`")


@BOOK.rule("CORS017", "E E E")
def impossible_method(subject: Subject) -> Iterator[Fault]:
    """A method that no script can send.

    CONNECT, TRACE and TRACK are forbidden to scripts, and a method is a single token.

    bad: CORS_ALLOW_METHODS=GET,TRACE
    good: CORS_ALLOW_METHODS=GET
    """
    for method in subject.policy.allow_methods:
        if not is_name(method):
            fix = "write methods as GET,POST, separated by commas"
            yield Fault(METHODS, method, "is not the name of a method", fix)
        elif method.upper() in FORBIDDEN_METHODS:
            yield Fault(METHODS, method, "is forbidden to every script", f"remove {method}")


@BOOK.rule("CORS018", "E E E")
def lower_case_method(subject: Subject) -> Iterator[Fault]:
    """A standard method in lower case.

    Methods are compared letter by letter, and browsers send them in upper case.

    bad: CORS_ALLOW_METHODS=put
    good: CORS_ALLOW_METHODS=PUT
    """
    for method in subject.policy.allow_methods:
        if method != method.upper() and method.upper() in STANDARD_METHODS:
            reason = "is not written as browsers send it"
            yield Fault(METHODS, method, reason, f"write {method.upper()}")


@BOOK.rule("CORS019", "E E E")
def impossible_request_header(subject: Subject) -> Iterator[Fault]:
    """A request header that no script can set.

    Cookie, Host, Sec-* and similar names belong to the browser, Access-Control-Allow-* to the
    response. Listing them grants nothing and hides a misunderstanding.

    bad: CORS_ALLOW_HEADERS=Cookie
    good: CORS_ALLOW_HEADERS=Authorization,Content-Type
    """
    for header in subject.policy.allow_headers:
        name, fix = header.lower(), f"remove {header}"
        if not is_name(header):
            fix = "write names as Authorization,Content-Type, separated by commas"
            yield Fault(REQUEST_HEADERS, header, "is not the name of a header", fix)
        elif name in FORBIDDEN_REQUEST_HEADERS or name.startswith(FORBIDDEN_REQUEST_PREFIXES):
            if name == "cookie":
                fix += f"; cookies are allowed by {CREDENTIALS}=true"
            reason = "is set by the browser alone, never by a script"
            yield Fault(REQUEST_HEADERS, header, reason, fix)
        elif name.startswith("access-control-"):
            yield Fault(REQUEST_HEADERS, header, "is a response header of the policy itself", fix)


@BOOK.rule("CORS020", "W W W", "Which routes read it, and who may use those methods?")
def method_override(subject: Subject) -> Iterator[Fault]:
    """A header that overrides the method.

    With it, a simple POST, which needs no preflight, becomes the DELETE that would need one.

    bad: CORS_ALLOW_HEADERS=X-HTTP-Method-Override
    good: CORS_ALLOW_METHODS=DELETE
    """
    for header in subject.policy.allow_headers:
        if header.lower() in METHOD_OVERRIDE_HEADERS:
            reason = "lets a POST act as a method that was not allowed"
            fix = f"remove it and list the method in {METHODS}"
            yield Fault(REQUEST_HEADERS, header, reason, fix)


def wildcards(subject: Subject) -> Iterator[tuple[str, str]]:
    """Yield each list that holds `*`, with an example of what to write instead."""
    policy = subject.policy
    if "*" in policy.allow_methods:
        yield METHODS, "GET,POST"
    if "*" in policy.allow_headers:
        yield REQUEST_HEADERS, "Authorization,Content-Type"
    if "*" in policy.expose_headers:
        yield EXPOSED_HEADERS, "X-Total-Count"


@BOOK.rule("CORS021", "W W E", "Why can the names not be listed?")
def wildcard_without_credentials(subject: Subject) -> Iterator[Fault]:
    """A wildcard among methods or request headers.

    Allow what is used and no more: a list can be reviewed, * cannot.

    bad: CORS_ALLOW_METHODS=*
    good: CORS_ALLOW_METHODS=GET,POST
    """
    for variable, example in wildcards(subject):
        if variable != EXPOSED_HEADERS and not subject.policy.allow_credentials:
            yield Fault(variable, "*", "allows whatever is asked", f"list what is used: {example}")


@BOOK.rule("CORS022", "E E E")
def wildcard_with_credentials(subject: Subject) -> Iterator[Fault]:
    """A wildcard where credentials are allowed.

    With credentials, browsers read * as the name of a method or header called *. It grants
    nothing.

    bad: CORS_ALLOW_HEADERS=* with CORS_ALLOW_CREDENTIALS=true
    good: CORS_ALLOW_HEADERS=Content-Type
    """
    for variable, example in wildcards(subject):
        if subject.policy.allow_credentials:
            reason = "is read literally by browsers where credentials are allowed"
            yield Fault(variable, "*", reason, f"list what is used: {example}")


@BOOK.rule("CORS023", "E E E")
def impossible_exposed_header(subject: Subject) -> Iterator[Fault]:
    """A response header that cannot be exposed.

    Set-Cookie is never shown to scripts, and a request header is not in the response.

    bad: CORS_EXPOSE_HEADERS=Set-Cookie
    good: CORS_EXPOSE_HEADERS=X-Total-Count
    """
    for header in subject.policy.expose_headers:
        name = header.lower()
        if header != "*" and not is_name(header):
            fix = "write names as X-Total-Count,ETag, separated by commas"
            yield Fault(EXPOSED_HEADERS, header, "is not the name of a header", fix)
        elif name in FORBIDDEN_RESPONSE_HEADERS:
            yield Fault(EXPOSED_HEADERS, header, "is hidden from every script", f"remove {header}")
        elif name in REQUEST_ONLY_HEADERS:
            fix = f"remove it here; scripts may set it when {REQUEST_HEADERS} lists it"
            yield Fault(EXPOSED_HEADERS, header, "is a request header", fix)


@BOOK.rule("CORS024", "W W W")
def needless_exposed_header(subject: Subject) -> Iterator[Fault]:
    """A response header that is readable anyway.

    Cache-Control, Content-Type and five others need no listing.

    bad: CORS_EXPOSE_HEADERS=Content-Type
    good: CORS_EXPOSE_HEADERS=
    """
    for header in subject.policy.expose_headers:
        if header.lower() in SAFELISTED_RESPONSE_HEADERS:
            yield Fault(EXPOSED_HEADERS, header, "is readable without it", f"remove {header}")


# --- Maximum age, credentials, public paths ---------------------------------------------------


@BOOK.rule("CORS025", "E E E")
def impossible_max_age(subject: Subject) -> Iterator[Fault]:
    """A maximum age that is not a number of seconds up to a day.

    Browsers ignore what they cannot read and fall back to five seconds.

    bad: CORS_MAX_AGE=1h
    good: CORS_MAX_AGE=3600
    """
    if not 0 <= subject.policy.max_age <= LONGEST_MAX_AGE:
        reason = f"is not between 0 and {LONGEST_MAX_AGE} seconds"
        fix = f"write a whole number of seconds, such as {CHROMIUM_MAX_AGE}"
        yield Fault(MAX_AGE, str(subject.policy.max_age), reason, fix)


@BOOK.rule("CORS026", "W W W", "Which browsers keep it longer, and who waits for a change?")
def max_age_above_limit(subject: Subject) -> Iterator[Fault]:
    """A maximum age above Chromium's limit.

    Chromium remembers a preflight's answer for at most 7200 seconds and ignores the rest.

    bad: CORS_MAX_AGE=86400
    good: CORS_MAX_AGE=7200
    """
    if CHROMIUM_MAX_AGE < subject.policy.max_age <= LONGEST_MAX_AGE:
        reason = f"is more than the {CHROMIUM_MAX_AGE} seconds that Chromium keeps"
        yield Fault(MAX_AGE, str(subject.policy.max_age), reason, f"write {CHROMIUM_MAX_AGE}")


@BOOK.rule("CORS028", "W W W", "Which front end will come, and when?")
def credentials_without_origins(subject: Subject) -> Iterator[Fault]:
    """Credentials that nobody can use.

    Credentials are allowed, but no origin is.

    bad: CORS_ALLOWED_ORIGINS= with CORS_ALLOW_CREDENTIALS=true
    good: CORS_ALLOW_CREDENTIALS=false
    """
    nobody = not subject.policy.allow_origins and ORIGINS not in subject.unread
    if subject.policy.allow_credentials and nobody:
        reason = "allows credentials, but no origin may call"
        yield Fault(CREDENTIALS, "true", reason, f"write false, or list the origins in {ORIGINS}")


@BOOK.rule("CORS040", "W E E", "What else keeps another site's form from writing?")
def unguarded_writes(subject: Subject) -> Iterator[Fault]:
    """Credentials without the write guard.

    CORS hides a response from a page of another site. It does not keep that page's form from
    being sent, with the user's cookies, and carried out. CORS_GUARD_WRITES=report only logs what
    true would refuse: the service starts with a warning, and where credentials are allowed,
    `cors check` and the test suite fail until it is true.

    bad: CORS_GUARD_WRITES=false with CORS_ALLOW_CREDENTIALS=true
    good: CORS_GUARD_WRITES=true
    """
    if subject.policy.report_writes:
        reason = "only logs the writes of other sites, and lets them run"
        fix = "write true when the log holds no write that has to pass"
        yield Fault(GUARD_WRITES, "report", reason, fix, severity="warning")
        return
    if not subject.policy.allow_credentials or subject.policy.guard_writes:
        return
    instead = f"or {CREDENTIALS}=false if no cookie tells who calls"
    reason = "lets a form of another site write in a user's name, since browsers send cookies along"
    # The value is the policy's, so that a waiver also fits where no file is known.
    if GUARD_WRITES in subject.variables:
        yield Fault(GUARD_WRITES, "false", reason, f"write true, {instead}")
    else:
        reason += ", and it is not set"
        place = subject.variables.get(CREDENTIALS)
        where = place.where if place else ""
        yield Fault(GUARD_WRITES, "false", reason, f"add {GUARD_WRITES}=true, {instead}", where)


@BOOK.rule("CORS004", "W E E", "May every site read everything that is served without cookies?")
def public_root_with_credentials(subject: Subject) -> Iterator[Fault]:
    """Everything is public while credentials are allowed.

    A service whose every path is open to every site has no use for cookies. A service with
    cookies is not public as a whole.

    bad: CORS_PUBLIC_PATHS=/ with CORS_ALLOW_CREDENTIALS=true
    good: CORS_PUBLIC_PATHS=/catalogue
    """
    if subject.policy.allow_credentials and "/" in subject.policy.public_paths:
        reason = "opens every path to every site while credentials are allowed"
        fix = f"list the public prefixes, such as /catalogue, or set {CREDENTIALS}=false"
        yield Fault(PUBLIC_PATHS, "/", reason, fix)


@BOOK.rule("CORS039", "E E E")
def impossible_public_path(subject: Subject) -> Iterator[Fault]:
    """A public path that is no path prefix.

    A prefix begins with a slash and has no query, no wildcard and no empty or dotted segment.
    Anything else would never match, or match more than it says.

    bad: CORS_PUBLIC_PATHS=public/*
    good: CORS_PUBLIC_PATHS=/public
    """
    for path in subject.policy.public_paths:
        if reason := path_fault(path):
            yield Fault(PUBLIC_PATHS, path, reason, "write a plain prefix, such as /public")


def path_fault(path: str) -> str:
    """Return why a text is no plain path, empty if it is one."""
    if not path.startswith("/"):
        return "does not begin with a slash"
    if re.search(r"[*?#;\\%\s]", path) or not path.isprintable():
        return "holds a character that no plain path has"
    if any(segment in ("", ".", "..") for segment in path.removesuffix("/").split("/")[1:]):
        return "has an empty or dotted segment"
    return ""


@BOOK.rule("CORS049", "E E E")
def impossible_exempt_path(subject: Subject) -> Iterator[Fault]:
    """An exempt path that is no single path.

    The write guard lets every site post a form to an exempt path, with the user's cookies. So it is
    the one path of a login callback, written exactly as its route: no prefix and no pattern. Under
    a public path, every site could read the response as well.

    bad: CORS_GUARD_EXEMPT_PATHS=/auth/*
    good: CORS_GUARD_EXEMPT_PATHS=/auth/callback
    """
    public = tuple(each.removesuffix("/") + "/" for each in subject.policy.public_paths)
    for path in subject.policy.guard_exempt_paths:
        reason = path_fault(path)
        fix = "write the exact path of the callback, such as /auth/callback"
        if path == "/" or set(path) & set("{}"):
            reason = "is not the exact path of one callback"
        elif not reason and f"{path}/".startswith(public):
            reason = f"is under a path of {PUBLIC_PATHS}"
            fix = f"take that out of {PUBLIC_PATHS}, or give the callback another path"
        if reason:
            yield Fault(GUARD_EXEMPT_PATHS, path, reason, fix)


# --- Waivers ----------------------------------------------------------------------------------


@BOOK.rule("CORS053", "E E E")
def unreadable_waiver(subject: Subject) -> Iterator[Fault]:
    """A waiver that cannot be read.

    It would accept nothing, and nobody would notice.

    bad: CORS_WAIVERS=CORS012:31.1.2027:https://*.acme.com
    good: CORS_WAIVERS=CORS012:2027-01-31:https://*.acme.com
    """
    for text in subject.policy.waivers:
        if read_waiver(text) is None:
            reason = "is not a rule, its last day and the exact value, with colons between"
            fix = "write it as CORS012:2027-01-31:https://*.acme.com, without blanks"
            yield Fault(WAIVERS, text, reason, fix)


RULES: tuple[Rule, ...] = tuple(sorted([*BOOK, *FILE_RULES], key=lambda rule: rule.id))


def audit(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for every rule that the subject breaks, in the order of the rules."""
    return findings_of(subject, RULES)
