"""What the service reads from its environment. This file is yours: add your own variables here."""

from typing import Literal, TypedDict

from .cors.settings import CORSSettings


class CookieAttributes(TypedDict):
    """How a browser keeps a cookie: keyword arguments of `Response.set_cookie`."""

    httponly: bool
    secure: bool
    samesite: Literal["lax", "strict", "none"]


class Settings(CORSSettings):
    """Each field is a variable of the same name in upper case, in a dotenv file or the process.

    The CORS_* variables are inherited. Secrets belong in `.env.<environment>.local` or in the
    process environment, never in a committed file.
    """

    @property
    def session_cookie(self) -> CookieAttributes:
        """The attributes of the session cookie.

        A front end on another site only gets its cookie back when SameSite is "none", which
        browsers accept over https alone; on one machine every port is the same site.
        """
        if self.is_local:
            return {"httponly": True, "secure": False, "samesite": "lax"}
        return {"httponly": True, "secure": True, "samesite": "none"}
