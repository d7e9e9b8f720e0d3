"""The URL that is probed, read as a browser reads it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from pydantic import ValidationError
from pydantic_core import Url

from ...findings import shown

DEFAULT_PORTS = {"http": 80, "https": 443}


class TargetError(ValueError):
    """The text is no URL of a service; the message says what to write instead."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a service is deployed. `mount` is the path before its own paths: "" or "/api"."""

    scheme: str
    host: str
    port: int
    mount: str = ""

    @classmethod
    def read(cls, text: str) -> Self:
        """Read a URL. Raises TargetError for what is none, or holds more than an address."""
        # Before anything of it is shown: what stands there may be a password or a token.
        if "@" in text or "?" in text or "#" in text:
            raise TargetError(
                "The URL has a user name, a query or a fragment in it. Give the address alone, "
                "as in https://api.acme.com; paths go into --path."
            )
        if not re.fullmatch(r"\S+", text) or not text.isprintable():
            raise TargetError(f"`{shown(text)}` is no URL. Write one as in https://api.acme.com.")
        scheme, separator, _ = text.partition("://")
        if not separator:
            is_local = text.lower().startswith(("localhost", "127.", "[::1]"))
            likely = "http" if is_local else "https"
            raise TargetError(f"`{shown(text)}` has no scheme. Is {likely}://{text} meant?")
        if scheme.lower() not in DEFAULT_PORTS:
            raise TargetError(f"`{shown(text)}` begins with neither http:// nor https://.")
        try:
            url = Url(text)
        except ValidationError as error:
            why = error.errors()[0].get("ctx", {}).get("error", "it cannot be read")
            raise TargetError(f"`{shown(text)}` is no URL: {why}.") from None
        if not url.port:
            raise TargetError(f"`{shown(text)}` is no URL: port 0 cannot be asked.")
        return cls(url.scheme, url.host or "", url.port, (url.path or "").rstrip("/"))

    @property
    def authority(self) -> str:
        """Host and port as the Host header has them."""
        return self.host if self.port == DEFAULT_PORTS[self.scheme] else f"{self.host}:{self.port}"

    @property
    def origin(self) -> str:
        """The origin of the service itself."""
        return f"{self.scheme}://{self.authority}"

    def __str__(self) -> str:
        return self.origin + self.mount
