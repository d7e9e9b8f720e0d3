"""One request over the network, and its answer as it came. Only GET and OPTIONS are ever sent.

Spoken with h11, which uvicorn brings along: it keeps every header line apart and as it was written,
and refuses what is no HTTP, where the standard library's http.client silently drops the lines after
a malformed one.
"""

from __future__ import annotations

import socket
import ssl
import time

import h11

from ..browser import Request, Response
from .questions import MOST_REQUESTS
from .target import Target

METHODS = ("GET", "OPTIONS")
MOST_HEADER_BYTES = 256 * 1024


class UnreachableError(Exception):
    """There was no answer; the message says why, and what to try."""


class Wire:
    """The way to a deployed service: call it with a `Request` to get a `Response`.

    Every request has a connection of its own, so that each of several instances behind one name
    has its chance to answer. `timeout` holds for a request as a whole, in seconds.
    """

    def __init__(self, target: Target, *, timeout: float = 10.0, insecure: bool = False) -> None:
        self.target = target
        self.timeout = timeout
        self.requests = 0
        # Reading the machine's list of authorities takes as long as twenty answers do.
        self._tls = tls_context(insecure) if target.scheme == "https" else None

    def __call__(self, request: Request) -> Response:
        """Send one request. Raises UnreachableError where no HTTP comes back."""
        if request.method not in METHODS or self.requests >= MOST_REQUESTS:
            raise RuntimeError(f"request {self.requests + 1}, {request.method}, is not to be sent")
        self.requests += 1
        deadline = time.monotonic() + self.timeout
        with self._connect() as connection:
            try:
                return self._exchange(connection, request, deadline)
            except h11.RemoteProtocolError as error:
                raise UnreachableError(self._no_http(str(error))) from None
            except TimeoutError:
                raise UnreachableError(
                    f"{self.target.origin} took the connection but did not answer "
                    f"{request.method} {request.path} within {self.timeout:g} s. Is the service "
                    "up? --timeout waits longer."
                ) from None
            except OSError as error:
                raise UnreachableError(
                    f"{self.target.origin} cut the connection before it answered "
                    f"{request.method} {request.path} ({error.strerror or error})."
                ) from None

    def _connect(self) -> socket.socket:
        """Open a connection, with TLS where the URL says so."""
        target, where = self.target, self.target.authority
        try:
            address = (target.host.strip("[]"), target.port)
            plain = socket.create_connection(address, self.timeout)
            if self._tls is None:
                return plain
            return self._tls.wrap_socket(plain, server_hostname=address[0])
        except socket.gaierror as error:
            why = f"{target.host} has no address ({error.strerror}). Is the name spelled right?"
        except UnicodeError:
            why = f"{target.host[:80]} is no name of a host: a part of it is too long."
        except ssl.SSLCertVerificationError as error:
            why = (
                f"The certificate of {where} is not trusted: {error.verify_message}. If you know "
                "why, --insecure asks all the same."
            )
        except ssl.SSLError as error:
            why = (
                f"{where} does not speak TLS as it should ({error.reason or 'handshake failed'}). "
                f"Is http://{where} meant?"
            )
        except TimeoutError:
            why = (
                f"{where} did not take a connection within {self.timeout:g} s: a wrong address, "
                "or a firewall in between. --timeout waits longer."
            )
        except ConnectionRefusedError:
            why = f"{where} refuses the connection: nothing listens there."
        except OSError as error:
            why = f"{where} cannot be reached ({error.strerror or error})."
        raise UnreachableError(why)

    def _exchange(self, connection: socket.socket, request: Request, deadline: float) -> Response:
        """Send the request and read the head of its answer; nobody needs the body."""
        http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_HEADER_BYTES)
        own = (("host", self.target.authority), ("user-agent", "cors-probe"))
        headers = [*own, *request.headers, ("connection", "close")]
        encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        asked = h11.Request(method=request.method, target=request.path, headers=encoded)
        connection.sendall(http.send(asked) + http.send(h11.EndOfMessage()))
        while True:
            event = http.next_event()
            if isinstance(event, h11.Response):
                return Response(event.status_code, decoded(event.headers.raw_items()))
            if isinstance(event, h11.ConnectionClosed):
                raise ConnectionResetError("closed without a word")
            if event is h11.NEED_DATA:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError
                connection.settimeout(left)
                http.receive_data(connection.recv(65536))

    def _no_http(self, problem: str) -> str:
        """Say that what came is no HTTP. None of it is shown: it may be anything."""
        if "too long" in problem:
            return (
                f"{self.target.origin} answers with more than {MOST_HEADER_BYTES // 1024} kB of "
                "headers, which no browser would read."
            )
        hint = f" Is https://{self.target.authority} meant?" * (self.target.scheme == "http")
        return f"What answers at {self.target.origin} does not speak HTTP.{hint}"


def tls_context(insecure: bool) -> ssl.SSLContext:
    """Return how certificates are judged: as by everybody, or not at all."""
    context = ssl.create_default_context()
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def decoded(headers: list[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    """Return header lines as the browser model has them: str that stands for bytes."""
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)
