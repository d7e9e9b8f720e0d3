"""What the service reads from its environment. This file is yours: add your own variables here."""

from typing import Literal, TypedDict

from .cors.settings import CORSSettings


class CookieAttributes(TypedDict):
    """Keyword arguments of `Response.set_cookie`: how a browser keeps a cookie."""

    httponly: bool
    secure: bool
    samesite: Literal["lax", "strict", "none"]


class Settings(CORSSettings):
    """Each field is read from the variable of the same name in upper case.

    The CORS_* variables are inherited. Put secrets into `.env.<environment>.local` or into the
    process environment, never into a committed file.
    """

    @property
    def session_cookie(self) -> CookieAttributes:
        """The attributes of the session cookie.

        From a front end on another site, the cookie is sent only with SameSite "none", which
        browsers accept over https alone. On one machine, all ports of one host name are one site.
        """
        if self.is_local:
            return {"httponly": True, "secure": False, "samesite": "lax"}
        return {"httponly": True, "secure": True, "samesite": "none"}
