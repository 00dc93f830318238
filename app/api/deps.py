"""What handlers ask for: the store, the settings, and bodies read strictly."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, cast

from fastapi import Depends, HTTPException, Request, Response
from fastapi.routing import APIRoute
from pydantic import AfterValidator, StringConstraints

from app.api.problems import MalformedBody
from app.api.strict import strict_json
from app.config import Settings
from app.store.engine import Store

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


def _clean(text: str) -> str:
    if not text.isprintable():
        raise ValueError("no control signs or line breaks may stand in it")
    return text


Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=300),
    AfterValidator(_clean),
]
"""One line of text of a caller."""


class StrictRequest(Request):
    """A request whose JSON holds each key once and finite numbers only."""

    async def json(self) -> Any:
        """Return the body; a body that can't be read so is a 400."""
        try:
            return strict_json(await self.body())
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


def _is_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or (
        kind.startswith("application/") and kind.endswith("+json")
    )
