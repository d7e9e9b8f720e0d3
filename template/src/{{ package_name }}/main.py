"""The application. This file is yours: updates of the template leave it alone."""

from fastapi import FastAPI

from .cors.middleware import CORSFastAPI
from .routes import router
from .settings import Settings


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the application for the given settings, or for the environment's own."""
    settings = settings or Settings.load()
    # CORSFastAPI is a FastAPI whose CORS policy lies outside every middleware you add,
    # so that even the answer to a crash can be read by the front end it is meant for.
    app = CORSFastAPI(title=__package__ or "service", cors=settings.cors_policy())
    app.state.settings = settings
    app.include_router(router)
    return app


app = create_app()
