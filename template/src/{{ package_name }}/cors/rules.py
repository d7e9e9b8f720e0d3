"""The audit: what each rule forbids, how severely in which environment, and why.

Ids are stable: messages, scripts and reviews refer to them. New rules are added at the end.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from . import app_checks, checks
from .answers import answers_disagree
from .checks import Fault, Subject
from .findings import Finding, Severity
from .policy import CLASSES, Strictness

# E refuses (the service does not start), W warns, - is fine.
SEVERITIES: dict[str, Severity | None] = {"E": "error", "W": "warning", "-": None}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the book.

    `severities` has a letter for local, shared and production environments, in this order.
    `bad` and `good` are lines of a dotenv file or of code. `check` yields a fault wherever the
    rule is broken; it is None where reading the variables finds the fault, before there is a
    policy to audit.
    """

    id: str
    severities: str
    title: str
    why: str
    bad: str
    good: str
    check: Callable[[Subject], Iterable[Fault]] | None = None

    @property
    def needs_app(self) -> bool:
        """Whether the rule looks at routes, cookies or middleware, not at settings alone."""
        return self.check is not None and self.check.__module__ == app_checks.__name__

    def severity(self, strictness: Strictness) -> Severity | None:
        """Return what breaking the rule means in an environment of this strictness."""
        return SEVERITIES[self.severities.split()[CLASSES.index(strictness)]]


RULES: tuple[Rule, ...] = (
    Rule(
        "CORS001",
        "E E E",
        "A list variable is not a list of strings",
        'A list is written a,b or as JSON, ["a","b"]. Half a pair of quotes or brackets means '
        "that something else was meant than would be read.",
        'CORS_ALLOWED_ORIGINS=["https://app.acme.com"',
        "CORS_ALLOWED_ORIGINS=https://app.acme.com",
    ),
    Rule(
        "CORS002",
        "W E E",
        "CORS_ALLOWED_ORIGINS is not set anywhere",
        "Nobody said who may call. Set but empty is an answer: no other site may.",
        "# CORS_ALLOWED_ORIGINS=",
        "CORS_ALLOWED_ORIGINS=",
        checks.origins_not_set,
    ),
    Rule(
        "CORS003",
        "E E E",
        "A wildcard among the origins",
        "* lets every site in the world read every answer, and nobody reviews it again. "
        "An API that is meant to be open says so, path by path, and never with credentials.",
        "CORS_ALLOWED_ORIGINS=*",
        "CORS_PUBLIC_PATHS=/",
        checks.malformed("CORS003"),
    ),
    Rule(
        "CORS004",
        "W E E",
        "Everything is public while credentials are allowed",
        "A service whose every path is open to every site has no use for cookies; one that has "
        "cookies is not public as a whole.",
        "CORS_PUBLIC_PATHS=/ with CORS_ALLOW_CREDENTIALS=true",
        "CORS_PUBLIC_PATHS=/catalogue",
        checks.public_root_with_credentials,
    ),
    Rule(
        "CORS005",
        "E E E",
        "An opaque origin",
        "Every sandboxed frame, data: page and local file on earth calls itself null: "
        "allowing it allows anybody.",
        "CORS_ALLOWED_ORIGINS=null",
        "CORS_ALLOWED_ORIGINS=http://localhost:5173",
        checks.malformed("CORS005"),
    ),
    Rule(
        "CORS006",
        "E E E",
        "Not an origin",
        "A browser sends scheme://host[:port] and nothing after it. An entry with a slash, a path, "
        "a query, user info or quotes never equals what is sent, and so allows nobody.",
        "CORS_ALLOWED_ORIGINS=https://app.acme.com/",
        "CORS_ALLOWED_ORIGINS=https://app.acme.com",
        checks.malformed("CORS006"),
    ),
    Rule(
        "CORS007",
        "E E E",
        "An origin in a form that browsers do not send",
        "Browsers send lower case, no default port, Unicode hosts as punycode and addresses in one "
        "notation. Any other spelling never matches.",
        "CORS_ALLOWED_ORIGINS=https://App.acme.com:443",
        "CORS_ALLOWED_ORIGINS=https://app.acme.com",
        checks.malformed("CORS007"),
    ),
    Rule(
        "CORS008",
        "E E E",
        "No scheme, or one that no front end has",
        "app.acme.com is a host: http and https on it are two origins. Besides these two, only the "
        "schemes of app shells and browser extensions send an origin.",
        "CORS_ALLOWED_ORIGINS=app.acme.com",
        "CORS_ALLOWED_ORIGINS=https://app.acme.com",
        checks.malformed("CORS008"),
    ),
    Rule(
        "CORS009",
        "W E E",
        "Plain http with credentials",
        "Whoever shares the network with a user can put a script into a page that came over http, "
        "and that script may then call with the user's cookies.",
        "CORS_ALLOWED_ORIGINS=http://app.acme.com with CORS_ALLOW_CREDENTIALS=true",
        "CORS_ALLOWED_ORIGINS=https://app.acme.com",
        checks.plain_http_with_credentials,
    ),
    Rule(
        "CORS010",
        "- W E",
        "Plain http",
        "A page that came over http can be rewritten on its way; what it may read, anybody between "
        "may read.",
        "CORS_ALLOWED_ORIGINS=http://app.acme.com",
        "CORS_ALLOWED_ORIGINS=https://app.acme.com",
        checks.plain_http_without_credentials,
    ),
    Rule(
        "CORS011",
        "- W E",
        "A loopback, private or link-local address",
        "It is a different machine for every user: any program that listens there becomes a front "
        "end of yours.",
        "CORS_ALLOWED_ORIGINS=http://localhost:3000",
        "CORS_ALLOWED_ORIGINS=https://app.acme.com",
        checks.private_address,
    ),
    Rule(
        "CORS012",
        "- W W",
        "A wildcard for a whole label",
        "It matches exactly one label, so every present and future host below the domain may call: "
        "one forgotten subdomain is enough.",
        "CORS_ALLOWED_ORIGINS=https://*.acme.com",
        "CORS_ALLOWED_ORIGINS=https://app.acme.com,https://www.acme.com",
        checks.whole_label_wildcard,
    ),
    Rule(
        "CORS013",
        "W W E",
        "A wildcard for part of a label",
        "Every name that fits may call, whoever came to own it. Fine for previews on a domain of "
        "your own that hold nothing of value, never for production.",
        "CORS_ALLOWED_ORIGINS=https://app-*-team.acme.dev",
        "CORS_ALLOWED_ORIGINS=https://app.acme.com",
        checks.partial_label_wildcard,
    ),
    Rule(
        "CORS014",
        "W E E",
        "A wildcard directly under a public suffix",
        "Everybody can have a name under a public suffix such as com, co.uk or vercel.app: the "
        "pattern lets all of them in.",
        "CORS_ALLOWED_ORIGINS=https://*.vercel.app",
        "CORS_ALLOWED_ORIGINS=https://acme-shop.vercel.app",
        checks.wildcard_under_public_suffix,
    ),
    Rule(
        "CORS015",
        "E E E",
        "A wildcard anywhere else",
        "One * in the first label is all that can be judged; in the scheme, in a later label, "
        "twice or on an address it matches hosts that nobody listed.",
        "CORS_ALLOWED_ORIGINS=https://app.*.com",
        "CORS_ALLOWED_ORIGINS=https://*.acme.com",
        checks.malformed("CORS015"),
    ),
    Rule(
        "CORS016",
        "E E E",
        "A wildcard port on a host that is not loopback",
        "Every port of a host is an origin of its own, often with another owner.",
        "CORS_ALLOWED_ORIGINS=https://app.acme.com:*",
        "CORS_ALLOWED_ORIGINS=https://app.acme.com:8443",
        checks.malformed("CORS016"),
    ),
    Rule(
        "CORS017",
        "E E E",
        "A method that no script can send",
        "CONNECT, TRACE and TRACK are forbidden to scripts, and a method is a single token.",
        "CORS_ALLOW_METHODS=GET,TRACE",
        "CORS_ALLOW_METHODS=GET",
        checks.impossible_method,
    ),
    Rule(
        "CORS018",
        "E E E",
        "A standard method in lower case",
        "Methods are compared letter by letter, and browsers send them in upper case.",
        "CORS_ALLOW_METHODS=put",
        "CORS_ALLOW_METHODS=PUT",
        checks.lower_case_method,
    ),
    Rule(
        "CORS019",
        "E E E",
        "A request header that no script can set",
        "Cookie, Host, Sec-* and their kin belong to the browser, Access-Control-Allow-* to the "
        "answer; listing them grants nothing and hides a misunderstanding.",
        "CORS_ALLOW_HEADERS=Cookie",
        "CORS_ALLOW_HEADERS=Authorization,Content-Type",
        checks.impossible_request_header,
    ),
    Rule(
        "CORS020",
        "W W W",
        "A header that overrides the method",
        "With it a simple POST, which needs no preflight, becomes the DELETE that would.",
        "CORS_ALLOW_HEADERS=X-HTTP-Method-Override",
        "CORS_ALLOW_METHODS=DELETE",
        checks.method_override,
    ),
    Rule(
        "CORS021",
        "W W E",
        "A wildcard among methods or request headers",
        "Least privilege names what is used: a list can be reviewed, * cannot.",
        "CORS_ALLOW_METHODS=*",
        "CORS_ALLOW_METHODS=GET,POST",
        checks.wildcard_without_credentials,
    ),
    Rule(
        "CORS022",
        "E E E",
        "A wildcard where credentials are allowed",
        "With credentials browsers read * as the name of a method or header called *, so it "
        "grants nothing.",
        "CORS_ALLOW_HEADERS=* with CORS_ALLOW_CREDENTIALS=true",
        "CORS_ALLOW_HEADERS=Content-Type",
        checks.wildcard_with_credentials,
    ),
    Rule(
        "CORS023",
        "E E E",
        "A response header that cannot be exposed",
        "Set-Cookie is never shown to scripts, and a request header is not in the answer.",
        "CORS_EXPOSE_HEADERS=Set-Cookie",
        "CORS_EXPOSE_HEADERS=X-Total-Count",
        checks.impossible_exposed_header,
    ),
    Rule(
        "CORS024",
        "W W W",
        "A response header that is readable anyway",
        "Cache-Control, Content-Type and five others need no listing.",
        "CORS_EXPOSE_HEADERS=Content-Type",
        "CORS_EXPOSE_HEADERS=",
        checks.needless_exposed_header,
    ),
    Rule(
        "CORS025",
        "E E E",
        "A max-age that is no number of seconds up to a day",
        "Browsers ignore what they cannot read and fall back to five seconds.",
        "CORS_MAX_AGE=1h",
        "CORS_MAX_AGE=3600",
        checks.impossible_max_age,
    ),
    Rule(
        "CORS026",
        "W W W",
        "A max-age above Chromium's cap",
        "Chromium keeps an answer for 7200 seconds at most; the rest is ignored.",
        "CORS_MAX_AGE=86400",
        "CORS_MAX_AGE=7200",
        checks.max_age_above_cap,
    ),
    Rule(
        "CORS027",
        "W E E",
        "Bearer tokens without the Authorization header",
        "Browsers ask leave for Authorization by name; without it, every call with a token fails "
        "at its preflight.",
        "CORS_ALLOW_HEADERS=Content-Type",
        "CORS_ALLOW_HEADERS=Authorization,Content-Type",
        app_checks.bearer_without_authorization,
    ),
    Rule(
        "CORS028",
        "W W W",
        "Credentials without anybody to use them",
        "Credentials are allowed, but no origin is.",
        "CORS_ALLOWED_ORIGINS= with CORS_ALLOW_CREDENTIALS=true",
        "CORS_ALLOW_CREDENTIALS=false",
        checks.credentials_without_origins,
    ),
    Rule(
        "CORS029",
        "W W W",
        "A duplicate origin",
        "It is listed twice, or a pattern covers it already: removing one would not remove it.",
        "CORS_ALLOWED_ORIGINS=https://*.acme.com,https://app.acme.com",
        "CORS_ALLOWED_ORIGINS=https://app.acme.com",
        checks.duplicate_origin,
    ),
    Rule(
        "CORS030",
        "W E E",
        "An unknown CORS_ variable",
        "A misspelt name is never read, so the setting it was meant for keeps its default.",
        "CORS_ALLOW_ORIGINS=https://app.acme.com",
        "CORS_ALLOWED_ORIGINS=https://app.acme.com",
        checks.unknown_variable,
    ),
    Rule(
        "CORS031",
        "E E E",
        "An unknown environment",
        "Without a dotenv file or variables in the process there is no policy to enforce.",
        "ENVIRONMENT=prod",
        "ENVIRONMENT=production",
        checks.environment_contradicts_file,
    ),
    Rule(
        "CORS032",
        "- W E",
        "A placeholder host",
        "example.com and its kin belong to nobody who calls this service; somebody meant to "
        "replace it.",
        "CORS_ALLOWED_ORIGINS=https://app.example.com",
        "CORS_ALLOWED_ORIGINS=https://app.acme.com",
        checks.placeholder_host,
    ),
    Rule(
        "CORS033",
        "E E E",
        "Unresolved merge markers in a dotenv file, or a .rej file beside it",
        "An update and you changed the same lines. Both versions are in the file, or yours is in "
        "the .rej file beside it, and reading the file would pick one of them in silence.",
        "<<<<<<< before updating",
        "CORS_ALLOWED_ORIGINS=https://app.acme.com",
        checks.unresolved_markers,
    ),
    Rule(
        "CORS034",
        "E E E",
        "Two policies, or one that is not outermost",
        "A second CORSMiddleware answers with a policy that nobody audited; one that lies inside "
        "others leaves their answers, and every crash, without headers. An app cannot see what "
        "wraps or mounts it and starts all the same; `cors check` and the test suite find that.",
        "app.add_middleware(CORSMiddleware, allow_origins=[...])",
        "app = CORSFastAPI(cors=settings.cors_policy())",
        app_checks.policy_not_outermost,
    ),
    Rule(
        "CORS035",
        "W W W",
        "Methods and routes disagree",
        "A route that no front end may call, or a method that no route answers, is a slip in one "
        "of the two.",
        "CORS_ALLOW_METHODS=GET with @router.delete(...)",
        "CORS_ALLOW_METHODS=GET,DELETE",
        app_checks.methods_and_routes_disagree,
    ),
    Rule(
        "CORS036",
        "W W E",
        "A cookie that could never be sent cross-site",
        "Browsers send a cookie from another site only with SameSite=None, and accept that only "
        "together with Secure.",
        'response.set_cookie("session", value, samesite="lax")',
        'response.set_cookie("session", value, samesite="none", secure=True)',
        app_checks.cookie_never_sent,
    ),
    Rule(
        "CORS037",
        "W W W",
        "The dotenv file and the recorded answers disagree",
        "The next update compares with the recorded answer: it would touch this line, or conflict "
        "with it.",
        "CORS_MAX_AGE=60 while .copier-answers.yml says preflight_max_age: 7200",
        "uvx copier update --defaults --data preflight_max_age=60",
        answers_disagree,
    ),
    Rule(
        "CORS038",
        "E E E",
        "A switch that is neither true nor false",
        "A switch is written true or false; guessing could turn credentials on.",
        "CORS_ALLOW_CREDENTIALS=maybe",
        "CORS_ALLOW_CREDENTIALS=false",
    ),
    Rule(
        "CORS039",
        "E E E",
        "A public path that is no path prefix",
        "It begins with a slash and has no query, no wildcard and no empty or dotted segment; "
        "anything else would never match, or match more than it says.",
        "CORS_PUBLIC_PATHS=public/*",
        "CORS_PUBLIC_PATHS=/public",
        checks.impossible_public_path,
    ),
    Rule(
        "CORS040",
        "W E E",
        "Credentials without the write guard",
        "CORS hides an answer from a stranger's page; it does not keep the page's form from being "
        "sent, with the user's cookies, and carried out.",
        "CORS_GUARD_WRITES=false with CORS_ALLOW_CREDENTIALS=true",
        "CORS_GUARD_WRITES=true",
        checks.unguarded_writes,
    ),
    Rule(
        "CORS041",
        "E E E",
        "A line of a dotenv file that is not read",
        "A quote that is never closed makes a line unreadable, or swallows the lines after it. "
        "Another file's line, or the default, would be in force instead.",
        'CORS_GUARD_WRITES="true',
        "CORS_GUARD_WRITES=true",
        checks.unread_line,
    ),
    Rule(
        "CORS042",
        "E E E",
        "A dotenv file that git does not keep",
        "A template update overwrites a dotenv file that git ignores, and nothing brings your "
        "lines back. A file that is not added yet is only a warning. `cors check` and the test "
        "suite look for this, in a git repository; the service starts all the same.",
        ".env* in an ignore file",
        "!.env.production as the last line of .gitignore",
        checks.unkept_file,
    ),
    Rule(
        "CORS043",
        "E E E",
        "A $ in a variable of the policy",
        "python-dotenv replaces ${NAME}, even in single quotes, and with nothing if NAME is not "
        "set. Docker and Kubernetes pass it on unchanged, so one file would mean two policies. "
        "Your own variables may use it.",
        "CORS_PUBLIC_PATHS=${PREFIX}/",
        "CORS_PUBLIC_PATHS=/v1/public",
        checks.expandable_value,
    ),
    Rule(
        "CORS044",
        "E E E",
        "A variable of the policy that is set twice in one file",
        "Some programs take the first line, some the last, some only the name in upper case. "
        "Whoever reads the file believes the line that they see.",
        "CORS_MAX_AGE=60 with cors_max_age=600",
        "CORS_MAX_AGE=600",
        checks.repeated_key,
    ),
)


def audit(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for every broken rule, in the order of the book."""
    for rule in RULES:
        severity = rule.severity(subject.policy.strictness)
        if rule.check is None or severity is None:
            continue
        for fault in rule.check(subject):
            variable = subject.variables.get(fault.variable)
            yield Finding(
                rule=rule.id,
                severity=fault.severity or severity,
                variable=fault.variable,
                value=fault.value,
                reason=fault.reason,
                fix=fault.fix,
                where=fault.where or (variable.where if variable else ""),
            )


def find_rule(rule_id: str) -> Rule:
    """Return the rule with this id. Raises KeyError where there is none."""
    for rule in RULES:
        if rule.id == rule_id.upper():
            return rule
    raise KeyError(rule_id)
