"""The application. This file is yours: updates of the template leave it alone."""

from fastapi import FastAPI

from .cors.app import CORSFastAPI
from .routes import router
from .settings import Settings


def create_app(settings: Settings | None = None) -> FastAPI:
    """Create the application, for the given settings or for those of ENVIRONMENT."""
    settings = settings or Settings.load()
    # CORSFastAPI is a FastAPI whose CORS policy lies outside every middleware that you add, so
    # that a front end can read every response, even that of a crash.
    app = CORSFastAPI(title=__package__ or "service", cors=settings.cors_policy())
    app.state.settings = settings
    app.include_router(router)
    return app


app = create_app()
