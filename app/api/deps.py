"""What handlers ask for: the store, the settings, and bodies read strictly."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Annotated, Any, cast

from fastapi import Depends, HTTPException, Request, Response
from fastapi.routing import APIRoute
from starlette.routing import Match, Route
from starlette.types import Scope

from app.api.problems import MalformedBody, PackedBody
from app.api.strict import strict_json
from app.config import Settings
from app.store.engine import Store
from ingest.archive import GZIP_MAGIC

PINNED = "flyways.store"
"""Where the scope of a request within a request holds its store."""


def store_of(request: Request) -> Store:
    """Return the store of the application, or what a request within a request has for it."""
    return cast("Store", request.scope.get(PINNED) or request.app.state.store)


def settings_of(request: Request) -> Settings:
    """Return the settings of the application."""
    return cast("Settings", request.app.state.settings)


async def _store(request: Request) -> Store:
    return store_of(request)


async def _settings(request: Request) -> Settings:
    return settings_of(request)


StoreDep = Annotated[Store, Depends(_store)]
"""The store. Handlers open `store.read()` or `store.write()` themselves and answer after it ends:
FastAPI would send the answer of a yielding session before its commit."""

SettingsDep = Annotated[Settings, Depends(_settings)]


class StrictRequest(Request):
    """A request whose JSON holds each key once and finite numbers only."""

    async def json(self) -> Any:
        """Return the body; one that can't be read so is a 400, a compressed one a 415."""
        body = await self.body()
        if body.startswith(GZIP_MAGIC):
            raise PackedBody
        try:
            return strict_json(body)
        except ValueError as error:
            raise MalformedBody from error


class StrictRoute(APIRoute):
    """A route that reads JSON strictly and refuses a body of another kind."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler around a strict request."""
        inner = super().get_route_handler()
        reads_json = self.body_field is not None

        async def handler(request: Request) -> Response:
            if reads_json and not _is_json(request):
                raise HTTPException(415)
            return await inner(StrictRequest(request.scope, request.receive))

        return handler


class ShortWay(Route):
    """
    A way past the common route of a GET of the same address, for what is asked most.

    FastAPI finds a route and solves its arguments anew for every request, which took a third of
    what a short answer costs. `asked` reads a request, or returns None: then the common route
    behind this one answers it, as it does all that is asked amiss.
    """

    def __init__(
        self,
        path: str,
        answer: Callable[[Request, Any], Awaitable[Response]],
        asked: Callable[[Request], Any],
    ) -> None:
        async def endpoint(request: Request) -> Response:
            return await answer(request, request.scope[_ASKED])

        super().__init__(path, endpoint, methods=["GET"], include_in_schema=False)
        self._read = asked

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Tell whether a request goes this way."""
        match, found = super().matches(scope)
        if match is not Match.FULL:
            return Match.NONE, {}
        asked = self._read(Request({**scope, **found}))
        if asked is None:
            return Match.NONE, {}
        return match, {**found, "route": self, _ASKED: asked}


_ASKED = "flyways.asked"


def _is_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or (
        kind.startswith("application/") and kind.endswith("+json")
    )
