"""Deployments to probe: the rendered service under uvicorn, and nginx in front of it.

One process serves all versions of the service, and one nginx all proxies, each on a port of its
own. nginx runs in the foreground and writes only to a folder of the test.
"""

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from .project import BIN, TEMPLATE, clean_environment

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
OPENSSL = shutil.which("openssl")

# The service in the working directory, deployed correctly and in several wrong ways.
SERVE = """
import asyncio, sys
import uvicorn
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from orders_api.main import create_app
from orders_api.routes import router
from orders_api.settings import Settings

production = Settings.load("production")
old = {"cors_allow_methods": ("GET", "POST"), "cors_max_age": 600}
apps = {
    "production": production,
    "partners": Settings.load("partners"),
    "staging": Settings.load("staging"),
    "old": production.model_copy(update=old),
    "without credentials": production.model_copy(update={"cors_allow_credentials": False}),
}

apps = {name: create_app(settings) for name, settings in apps.items()}
policy = {
    "allow_credentials": True,
    "allow_methods": production.cors_allow_methods,
    "allow_headers": ["Content-Type"],
    "expose_headers": ["X-Total-Count"],
    "max_age": production.cors_max_age,
}
for name, origins in (("stock", production.cors_allowed_origins), ("open", ["*"])):
    apps[name] = FastAPI()
    apps[name].include_router(router)
    apps[name].add_middleware(CORSMiddleware, allow_origins=origins, **policy)

async def main():
    await asyncio.gather(*(
        uvicorn.Server(uvicorn.Config(app, port=port, log_level="error")).serve()
        for app, port in zip(apps.values(), map(int, sys.argv[1:]), strict=True)
    ))

asyncio.run(main())
"""
SERVICES = ("production", "partners", "staging", "old", "without credentials", "stock", "open")


def free_ports(number: int) -> list[int]:
    """Return ports on which nothing listens."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@contextmanager
def running(command: list[str], ports: Iterable[int], folder: Path) -> Iterator[None]:
    """Run a process inside of the `with` block. It is ready when its ports are open."""
    log = folder / "output.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=clean_environment(), stdout=output, stderr=output
        )
        try:
            deadline = time.monotonic() + 30
            for port in ports:
                while not answers(port):
                    assert time.monotonic() < deadline, f"{command[0]} is not ready in 30 s"
                    assert process.poll() is None, f"{command[0]} ended:\n{log.read_text()}"
                    time.sleep(0.02)
            # Something else may have taken one of the ports meanwhile.
            assert process.poll() is None, f"{command[0]} ended:\n{log.read_text()}"
            yield
        finally:
            process.terminate()
            process.wait(10)


def answers(port: int) -> bool:
    """Whether something listens."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def services(project: Path) -> Iterator[dict[str, str]]:
    """Serve all versions of the service; yield their URLs by name."""
    ports = free_ports(len(SERVICES))
    command = [str(BIN / "python"), "-c", SERVE, *map(str, ports)]
    with running(command, ports, project):
        yield dict(zip(SERVICES, (f"http://127.0.0.1:{port}" for port in ports), strict=True))


@contextmanager
def nginx(setups: Mapping[str, str], service: str, folder: Path) -> Iterator[dict[str, str]]:
    """Run one nginx with a server for each set-up; yield their URLs by name.

    A set-up is the content of a `server` block, or of an `http` block as in the documentation.
    `SERVICE` in it is the service's URL, `DEAD` one where nothing listens.
    """
    assert NGINX
    ports = free_ports(len(setups) + 1)
    blocks = [
        localized(text, port, folder)
        .replace("SERVICE", service)
        .replace("DEAD", f"http://127.0.0.1:{ports[-1]}")
        for text, port in zip(setups.values(), ports, strict=False)
    ]
    temporary = "\n".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(f"""
        daemon off;
        master_process off;
        pid {folder}/nginx.pid;
        error_log stderr warn;
        events {{ worker_connections 256; }}
        http {{
            access_log off;
            {temporary}
            proxy_cache_path {folder}/cache keys_zone=cache:1m;
            {NEAR_ENOUGH}
            {"".join(blocks)}
        }}
    """)
    command = [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
    with running(command, ports[:-1], folder):
        yield {
            name: f"{'https' if 'ssl' in text else 'http'}://127.0.0.1:{port}"
            for (name, text), port in zip(setups.items(), ports, strict=False)
        }


# Two ways to allow the sites of acme.com: one matches too much, one is exact.
NEAR_ENOUGH = r"""
    map $http_origin $near_enough { ~acme\.com $http_origin; }
    map $http_origin $exactly { ~^https://(app|www)\.acme\.com$ $http_origin; }
"""


def localized(setup: str, port: int, folder: Path) -> str:
    """Return a set-up that can run here: on a port of its own, with the test's files."""
    if not setup.lstrip().startswith(("server", "proxy_cache_path")):
        return f"server {{ listen 127.0.0.1:{port}; {setup} }}\n"
    for pattern, value in (
        (r"listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        (r"/etc/ssl/api\.acme\.com\.", f"{folder}/certificate."),
        (r"/var/cache/nginx/api", f"{folder}/cache-{port}"),
        (r"http://127\.0\.0\.1:8000", "SERVICE"),
    ):
        setup = re.sub(pattern, value, setup)
    return setup + "\n"


def documented_setups() -> list[str]:
    """Return the set-ups that the documentation recommends."""
    text = (TEMPLATE / "docs" / "behind-a-proxy.md").read_text()
    return re.findall(r"```nginx\n(.*?)```", text, flags=re.DOTALL)


def make_certificate(folder: Path) -> Path:
    """Make a self-signed certificate for this machine, and return its file."""
    assert OPENSSL
    command = f"""
        {OPENSSL} req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2
        -subj /CN=api.acme.com -addext subjectAltName=IP:127.0.0.1
        -keyout certificate.key -out certificate.pem
    """
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    return folder / "certificate.pem"
