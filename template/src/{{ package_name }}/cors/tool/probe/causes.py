"""What goes wrong between a service and the browsers: the causes, each with its fix.

They are tried in this order, and what one explains the next does not see: a redirect lacks every
header, but that is not its fault. An id never changes, wherever its cause may move.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from . import evidence
from .answers import (
    ALLOW_CREDENTIALS,
    ALLOW_HEADERS,
    ALLOW_METHODS,
    ALLOW_ORIGIN,
    EXPOSE_HEADERS,
    MAX_AGE,
    Answer,
    Aspect,
)
from .evidence import Evidence

Explains = Callable[[Evidence], Iterable[Answer]]


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that goes wrong between a service and the browsers.

    `aspect` is the only one that it explains, or None where it explains an answer altogether.
    `shows` are the response headers to look at.
    """

    id: str
    title: str
    why: str
    fix: str
    shows: tuple[str, ...]
    explains: Explains
    aspect: Aspect | None = None


OLD = (
    "what is deployed was started with other settings: an older release, another environment, or "
    "CORS_* variables of the process that beat the dotenv file"
)
DEPLOY = (
    "deploy the release whose .env file this is, look at the CORS_* variables of its process, and "
    "name the environment that the URL belongs to"
)

CAUSES: tuple[Cause, ...] = (
    Cause(
        id="PROBE001",
        title="Requests are redirected from http to https",
        why="browsers do not follow a redirect of a preflight",
        fix="let the front end call the https URL, and probe that one",
        shows=("Location",),
        explains=partial(evidence.redirected, kind="scheme"),
    ),
    Cause(
        id="PROBE002",
        title="Requests are redirected for a slash at the end",
        why=(
            "browsers do not follow a redirect of a preflight; a proxy adds or removes the slash "
            "(nginx: a `location /items/` for `/items`, or a `rewrite`)"
        ),
        fix=(
            "remove the rewrite, or write `location /items` without the slash; front ends should "
            "call the path as the service has it"
        ),
        shows=("Location",),
        explains=partial(evidence.redirected, kind="slash"),
    ),
    Cause(
        id="PROBE003",
        title="Requests are redirected elsewhere",
        why=(
            "browsers do not follow a redirect of a preflight; often a log-in stands in front, "
            "and a preflight never carries cookies or tokens"
        ),
        fix="let OPTIONS through to the service without a log-in, and call the final address",
        shows=("Location",),
        explains=partial(evidence.redirected, kind="elsewhere"),
    ),
    Cause(
        id="PROBE004",
        title="A proxy answers because the service does not",
        why=(
            "the service is down, too slow or not where the proxy looks for it, or requests are "
            "limited"
        ),
        fix="see whether the service runs, and whether the proxy has its address; then probe again",
        shows=("Server", "Content-Type"),
        explains=evidence.gateway,
    ),
    Cause(
        id="PROBE005",
        title="Something else answers",
        why=(
            "no answer bears a mark of the service, such as `Vary: Origin`: another service, a "
            "page of files, or a proxy that answers by itself or removes everything"
        ),
        fix=(
            "see whether the URL leads to this service (its path may belong into the URL), and "
            "whether a proxy asks for a log-in first"
        ),
        shows=("Server", "Content-Type", "Vary", ALLOW_ORIGIN),
        explains=evidence.something_else,
    ),
    Cause(
        id="PROBE006",
        title="A cache gives one site's answer to another",
        why=(
            "the same question is answered rightly where no cache knows the URL; the cache keeps "
            "one answer for all, though the service says `Vary: Origin`; or several releases "
            "answer in turn"
        ),
        fix=(
            "remove `proxy_ignore_headers Vary`, or put the origin into the key: `proxy_cache_key "
            "$scheme$host$request_uri$http_origin`; then empty the cache"
        ),
        shows=(ALLOW_ORIGIN, "Vary"),
        explains=evidence.cached,
    ),
    Cause(
        id="PROBE007",
        title="Access-Control-Allow-Origin comes twice",
        why="a proxy adds its own to the service's, and browsers accept one only",
        fix=(
            "remove `add_header Access-Control-…` from the proxy: the service answers for the "
            "policy"
        ),
        shows=(ALLOW_ORIGIN,),
        explains=evidence.doubled,
    ),
    Cause(
        id="PROBE008",
        title="Something in front answers preflights",
        why=(
            "OPTIONS never reaches the service; the proxy knows another policy, or none (nginx: "
            "`if ($request_method = OPTIONS) { return 204; }`, `limit_except`)"
        ),
        fix=(
            "pass OPTIONS on like any other method: remove the `if` or `limit_except`, and let "
            "OPTIONS through without a log-in"
        ),
        shows=(ALLOW_ORIGIN, ALLOW_METHODS),
        explains=evidence.options_answered,
    ),
    Cause(
        id="PROBE009",
        title="Every site is named by `*`",
        why=(
            "a proxy puts `*` in the place of the origin; with credentials browsers refuse it, "
            "and without them any site may read"
        ),
        fix=(
            "remove `add_header Access-Control-Allow-Origin *` and `proxy_hide_header "
            "Access-Control-…` from the proxy"
        ),
        shows=(ALLOW_ORIGIN, ALLOW_CREDENTIALS),
        explains=evidence.wildcard,
    ),
    Cause(
        id="PROBE010",
        title="Every site is let in",
        why=(
            "whatever origin asks is granted: a proxy sends `$http_origin` back, or what is "
            "deployed lets everybody in"
        ),
        fix=(
            "remove `add_header Access-Control-Allow-Origin $http_origin` from the proxy at once: "
            "with credentials any site can act for a visitor who is logged in"
        ),
        shows=(ALLOW_ORIGIN, ALLOW_CREDENTIALS),
        explains=evidence.reflected,
    ),
    Cause(
        id="PROBE011",
        title="Look-alikes of an allowed origin are let in",
        why=(
            "a pattern somewhere fits more than was meant: it is not anchored, or its dot stands "
            "for any character (nginx: `map $http_origin` or `if ($http_origin ~ …)`)"
        ),
        fix="remove the pattern from the proxy: the service compares origins exactly",
        shows=(ALLOW_ORIGIN, ALLOW_CREDENTIALS),
        explains=evidence.lookalikes_let_in,
    ),
    Cause(
        id="PROBE012",
        title="One fixed origin is granted, whoever asks",
        why=(
            "a proxy puts one origin into every answer, or a cache keeps one answer for all and "
            "looks at neither Origin nor the query"
        ),
        fix="remove `add_header Access-Control-Allow-Origin …` from the proxy, and empty its cache",
        shows=(ALLOW_ORIGIN,),
        explains=evidence.fixed,
    ),
    Cause(
        id="PROBE013",
        title="An allowed origin is refused",
        why=f"the service has another list of origins: {OLD}; or a proxy changes Origin",
        fix=DEPLOY,
        shows=(ALLOW_ORIGIN, "Vary"),
        explains=evidence.origin_refused,
    ),
    Cause(
        id="PROBE014",
        title="A public path is closed",
        why=f"the service has other public paths: {OLD}",
        fix=DEPLOY,
        shows=(ALLOW_ORIGIN,),
        explains=evidence.public_path_closed,
    ),
    Cause(
        id="PROBE015",
        title="The service does not get to see Origin",
        why=(
            "a proxy removes it from the requests (nginx: `proxy_set_header Origin ''`), so that "
            "to the service no request comes from another site"
        ),
        fix="remove that line; nginx passes Origin on by itself",
        shows=(ALLOW_ORIGIN, "Vary"),
        explains=evidence.origin_removed,
    ),
    Cause(
        id="PROBE016",
        title="The service's Access-Control headers are removed",
        why="a proxy takes them out of the answers (nginx: `proxy_hide_header Access-Control-…`)",
        fix="remove those lines: the service answers for the policy",
        shows=(ALLOW_ORIGIN, "Vary"),
        explains=evidence.headers_removed,
    ),
    Cause(
        id="PROBE017",
        title="Errors lose the headers",
        why=(
            "a proxy replaces the service's headers, on good answers only (nginx: `add_header` "
            "without `always`), so that the front end sees a CORS error in the place of a 404"
        ),
        fix=(
            "remove `add_header` and `proxy_hide_header` for Access-Control-…: the service sets "
            "them on errors too"
        ),
        shows=(ALLOW_ORIGIN,),
        explains=evidence.errors_stripped,
    ),
    Cause(
        id="PROBE018",
        title="Credentials are not what was promised",
        why=f"a proxy removes or adds Access-Control-Allow-Credentials, or {OLD}",
        fix=f"remove its lines from the proxy; {DEPLOY}",
        shows=(ALLOW_CREDENTIALS,),
        explains=evidence.granted,
        aspect="credentials",
    ),
    Cause(
        id="PROBE019",
        title="Other methods are allowed",
        why=OLD,
        fix=DEPLOY,
        shows=(ALLOW_METHODS,),
        explains=evidence.granted,
        aspect="methods",
    ),
    Cause(
        id="PROBE020",
        title="Other request headers are allowed",
        why=OLD,
        fix=DEPLOY,
        shows=(ALLOW_HEADERS,),
        explains=evidence.granted,
        aspect="headers",
    ),
    Cause(
        id="PROBE021",
        title="Preflights are remembered for another time",
        why=OLD,
        fix=DEPLOY,
        shows=(MAX_AGE,),
        explains=evidence.granted,
        aspect="max age",
    ),
    Cause(
        id="PROBE022",
        title="Other response headers can be read",
        why=f"a proxy removes Access-Control-Expose-Headers (nginx: `proxy_hide_header`), or {OLD}",
        fix=f"remove its lines from the proxy; {DEPLOY}",
        shows=(EXPOSE_HEADERS,),
        explains=evidence.granted,
        aspect="exposed",
    ),
    Cause(
        id="PROBE023",
        title="Vary does not name Origin",
        why=(
            "a proxy removes the service's Vary (nginx: `proxy_hide_header Vary`), so that any "
            "cache on the way may give one site's answer to another"
        ),
        fix="remove that line; whoever adds to Vary must keep Origin",
        shows=("Vary",),
        explains=evidence.all_left,
        aspect="vary",
    ),
    Cause(
        id="PROBE024",
        title="Strangers are told of the policy",
        why=(
            "what answers sends headers of the policy to who has no part in it: a proxy's "
            "`add_header`, or a release that still used Starlette's own CORSMiddleware"
        ),
        fix=f"remove `add_header Access-Control-…` from the proxy; {DEPLOY}",
        shows=(ALLOW_ORIGIN, ALLOW_CREDENTIALS, ALLOW_METHODS, EXPOSE_HEADERS),
        explains=Evidence.leftovers,
    ),
    Cause(
        id="PROBE025",
        title="An answer differs, for no cause that is known here",
        why="something changes the answer on its way, or something else gives it",
        fix="compare what came with what the service answers when it is asked directly",
        shows=(ALLOW_ORIGIN, ALLOW_CREDENTIALS, ALLOW_METHODS, "Vary"),
        explains=evidence.all_left,
    ),
)
