"""Asks an ASGI app, in the app's own environment, and tells the process that started it.

`compare.py` runs this text with `python -c`, in the folder of the app. It imports nothing of this
repository and no package: the app decides what is installed. Each side writes a line of JSON and
waits for the other's:

    in   {"entrypoint": "app.main:app"}
    out  {"lists": {"allow_origins": ["https://app.acme.com"], …}}, or {"error": "KeyError: …"}
    in   {"requests": [["GET", "/", [["origin", "null"]]], …], "seconds": 5}
    out  {"responses": [[200, [["vary", "Origin"]]], …]}, with null for each that did not come

The app's lifespan does not run: it may connect to what must not be touched.
"""

import asyncio
import inspect
import json
import os
import re
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from importlib import import_module
from typing import Any

LISTS = (
    "allow_origins",
    "allow_origin_regex",
    "allow_methods",
    "allow_headers",
    "expose_headers",
    "allowed_hosts",
)
Headers = list[tuple[str, str]]


def load(entrypoint: str) -> Any:
    """Return the app that `module:attribute` names; the attribute may be a factory."""
    sys.path[:0] = [os.getcwd(), os.path.join(os.getcwd(), "src")]
    module, _, names = entrypoint.partition(":")
    app: Any = import_module(module)
    for name in (names or "app").split("."):
        app = getattr(app, name)
    is_factory = inspect.isfunction(app) and not inspect.iscoroutinefunction(app)
    return app() if is_factory else app


def lists_of(app: Any) -> dict[str, list[str]]:
    """Return the origins, methods, headers and hosts that middleware of an app is given.

    What is only known in the code of a middleware, or of a mounted app, is not seen here.
    """
    policy = getattr(app, "cors_policy", None)
    given = [{name: getattr(each, name, ()) for name in LISTS} for each in (app, policy)]
    for each in getattr(app, "user_middleware", ()):
        if re.search("CORS|TrustedHost", getattr(each.cls, "__name__", "")):
            given.append(each.kwargs)
    return {
        name: sorted({text for each in given for text in texts(each.get(name))}) for name in LISTS
    }


def texts(value: Any) -> list[str]:
    """Return the texts in a list, a text or a compiled expression; nothing for anything else."""
    if isinstance(value, str | re.Pattern):
        return [getattr(value, "pattern", str(value))]
    is_list = isinstance(value, list | tuple | set | frozenset)
    return [each for each in value if isinstance(each, str)] if is_list else []


async def ask(app: Any, request: tuple[str, str, Headers], seconds: float) -> Any:
    """Send a request; return the status and headers of the response, None without one in time."""
    method, path, headers = request
    started: list[tuple[int, Headers]] = []
    body = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if not body:
            await asyncio.sleep(seconds)
        return body.pop() if body else {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            lines = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in message["headers"]]
            started.append((message["status"], lines))
        elif message.get("more_body"):
            # The headers are all that is asked for, and a stream may have no end.
            raise OSError("the client has disconnected")

    host, _, port = dict(headers)["host"].partition(":")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        "client": ("127.0.0.1", 50000),
        "server": (host, int(port or 443)),
        "state": {},
    }
    call = asyncio.ensure_future(app(scope, receive, send))
    done, _ = await asyncio.wait({call}, timeout=seconds)
    if not done:
        call.cancel()
        return started[0] if started else None
    # A server logs what an app raises, and sends 500 where it has sent nothing.
    with suppress(Exception):
        call.result()
    return started[0] if started else (500, [])


async def ask_all(app: Any, requests: list[Any], seconds: float) -> list[Any]:
    """Send the requests one after the other, no more to a path that has left one unanswered."""
    responses: list[Any] = []
    silent = set()
    for request in requests:
        path = request[1]
        responses.append(None if path in silent else await ask(app, request, seconds))
        if responses[-1] is None:
            silent.add(path)
    return responses


def reason(error: BaseException) -> str:
    """Return in a line why an app does not start.

    Where it is pydantic that refuses, its text shows what was given, which may be a secret.
    """
    name = type(error).__name__
    if isinstance(error, SystemExit):
        name, text = "", str(error.code)
    elif callable(getattr(error, "errors", None)):
        faults = error.errors()  # type: ignore[attr-defined]
        text = "; ".join(
            f"{'.'.join(map(str, each['loc']))}: {brief(each['msg'])}" for each in faults
        )
    else:
        text = str(error)
    last = text.strip().splitlines()[-1].strip() if text.strip() else ""
    return ": ".join(filter(None, (name, last)))


def brief(text: str) -> str:
    """Return a text in a line, without rows of one sign, cut where it is long."""
    line = re.sub(r"([^\w\s])(?:\s*\1)+", r"\1", " ".join(text.split()))
    return line if len(line) <= 120 else f"{line[:120]} …"


def main() -> None:
    """Talk to the process that started this one."""
    # What the app prints must not come between the lines, and it must not read them.
    out, questions = os.fdopen(os.dup(1), "w"), os.fdopen(os.dup(0))
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)

    def tell(**what: object) -> None:
        print(json.dumps(what), file=out, flush=True)

    try:
        app = load(json.loads(questions.readline())["entrypoint"])
        tell(lists=lists_of(app))
        asked = json.loads(questions.readline())
        responses = asyncio.run(ask_all(app, asked["requests"], asked["seconds"]))
        tell(responses=responses)
    except BaseException as error:
        tell(error=reason(error))
    # Threads that the app has started would keep the process alive.
    os._exit(0)


main()
