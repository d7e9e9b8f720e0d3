"""The API of the invoices."""

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.trustedhost import TrustedHostMiddleware

from billing.config import Config


def create_app(testing: bool = False) -> FastAPI:
    app = FastAPI(debug=testing)
    app.add_middleware(CORSMiddleware, allow_origins=Config.ORIGINS,
                       allow_methods=["GET", "DELETE"],
                       allow_headers=["X-Tenant"], expose_headers=["X-Total-Count"],
                       max_age=3600)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["*"])

    @app.get("/invoices")
    def invoices() -> list[int]:
        return [1]

    @app.delete("/invoices/{number}")
    def cancel(number: int) -> int:
        return number

    return app
