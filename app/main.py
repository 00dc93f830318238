"""The web process: `create_app` puts the routers, the store and what surrounds them together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from limits import parse
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Receive, Scope, Send

from app import VERSION
from app.api import as_of, feeds, openapi, pages, problems
from app.api.letterbox import Letterbox
from app.api.middleware import (
    BodyLimit,
    ContentETag,
    Credited,
    Guard,
    Head,
    Packed,
    RateLimit,
    Rates,
)
from app.api.push import Door
from app.api.routers import ROUTERS
from app.config import Settings
from app.errors import SetupError
from app.pipeline.gather import Gatherer
from app.pipeline.rebuffs import Rebuffs
from app.store.engine import Store

SMALL_BODY_BYTES = 1024 * 1024
"""Longest JSON body [bytes]: the longest noun with all its terms is under 100 kB."""
_LARGE = ("/pushes", "/reference-data", "/layers")
_DOORS = ("/push/", "/api/v1.0/sensors/", "/movebank/service/external-feed")
"""Addresses of large bodies: by their ends, and by their beginnings."""
GZIP_MIN_BYTES = 1_000
GZIP_LEVEL = 5
"""Level 5 is within 3 % of the size of level 9 on track GeoJSON, at a third of its time."""


class Application(FastAPI):
    """What answers HTTP; small pushes are taken before anything else looks at them."""

    letterbox: Letterbox

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan."""
        letter = self.letterbox.opens_for(scope)
        if letter is None:
            await super().__call__(scope, receive, send)
        else:
            await self.letterbox.take(*letter, scope, receive, send)


def create_app(settings: Settings, *, demand_durable: bool = True) -> FastAPI:
    """
    Return the application; its lifespan opens and closes the store.

    `demand_durable` is false for tests alone, whose database skips fsync.
    """
    if settings.database_url is None:
        raise SetupError(
            "The web process needs a database. Set FLYWAYS_DATABASE_URL, or start with "
            "`flyways up`, which runs one of its own."
        )
    store = Store(
        settings.database_url,
        pool_size=settings.pool_size,
        statement_timeout_s=settings.statement_timeout_s,
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            if demand_durable:
                await store.assert_durable()
            yield
        finally:
            await app.state.gatherer.close()
            await app.state.rebuffs.close()
            await store.close()

    app = Application(
        title="Flyways",
        summary="Telemetry of cranes and spoonbills: stopovers, flyway routes, habitat use.",
        version=VERSION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.store = store
    app.state.gatherer = gatherer = Gatherer(store)
    app.state.rebuffs = rebuffs = Rebuffs(store)
    app.state.settings = settings
    problems.install(app)
    as_of.install(app)
    # The routes themselves: `include_router` would derive each from its function once more, which
    # takes the first request of every application half a second.
    app.router.routes.extend(route for router in ROUTERS for route in router.routes)
    openapi.install(app)
    pages.install(app)
    app.router.routes.insert(0, feeds.SHORT_WAY)
    rates = None if settings.rate_limit == "off" else Rates(parse(settings.rate_limit))
    app.letterbox = Letterbox(Door(store, gatherer, rebuffs, settings.body_max_bytes), rates)
    _surround(app, settings, rates)
    return app


def _surround(app: FastAPI, settings: Settings, rates: Rates | None) -> None:
    """Add what surrounds every request; the last one added is the outermost."""

    def limit_bytes(path: str) -> int:
        large = path.endswith(_LARGE) or path.startswith(_DOORS)
        return settings.body_max_bytes if large else SMALL_BODY_BYTES

    app.add_middleware(Credited)
    app.add_middleware(ContentETag)
    app.add_middleware(BodyLimit, limit_bytes=limit_bytes)
    if rates is not None:
        app.add_middleware(RateLimit, rates=rates)
    app.add_middleware(Packed, min_bytes=GZIP_MIN_BYTES, level=GZIP_LEVEL)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=["*"],
        allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=[
            "Authorization", "Content-Type", "If-None-Match", "Last-Event-ID", "Idempotency-Key",
            "X-Request-ID",
        ],
        expose_headers=["ETag", "Link", "Location", "Retry-After", "X-Request-ID"],
    )  # fmt: skip
    app.add_middleware(Head)
    app.add_middleware(Guard)
