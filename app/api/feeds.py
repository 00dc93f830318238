"""The GeoJSON feeds of the map: whole pages of features, assembled in bulk, kept while current."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ValidationError

from app.api.auth import CurrentAudience, reader
from app.api.deps import ShortWay, StoreDep, store_of
from app.api.filters import (
    BoxQuery,
    DatetimeQuery,
    FiltersDep,
    box_of,
    unknown_of,
)
from app.api.intervals import interval_of
from app.api.kept import Answer, answer_with, kept_of, sealed, seen_by, takes_gzip
from app.api.paging import Page, page_of
from app.api.problems import READING
from app.store import fixes, fixpoints, flyways, sites, stopovers, tracks
from app.store.audience import Audience
from app.store.engine import Store
from app.store.features import Feature
from app.store.sight import Filters

router = APIRouter(prefix="/feeds", tags=["feeds"])

MEDIA_TYPE = "application/geo+json"
LIMIT_MAX = 20_000
"""Most features of one answer: about 10 MB of stopovers."""
LIMIT_DEFAULT = 5_000
FIXES_DEFAULT = 1_000
"""Fixes of one answer: three weeks of a tag that reports each half hour."""
Reader = Callable[..., Awaitable[Any]]
Assembler = Callable[..., Answer]


def assemble(found: Sequence[Feature], page: Page, *, zipped: bool) -> Answer:
    """Make a page of what was found; a `next` link says that there are more."""
    shown = found[: page.limit]
    link = page.next_url(shown[-1].key) if len(found) > page.limit else None
    text = ",\n".join(item.text for item in shown)
    return collection(text, len(shown), link, zipped=zipped)


def assemble_points(found: fixpoints.Points, page: Page, *, zipped: bool) -> Answer:
    """Make a page of the fixes of a bird."""
    shown = min(len(found), page.limit)
    link = page.next_url(found.key(page.limit - 1)) if len(found) > page.limit else None
    told = found.told(shown) + (link or "").encode()
    return collection(found.text(shown), shown, link, zipped=zipped, told=told)


def collection(
    features: str, shown: int, link: str | None, *, zipped: bool, told: bytes | None = None
) -> Answer:
    """Join features into a collection with the ETag of its bytes, or of `told` in their place."""
    links = [{"rel": "next", "href": link, "type": MEDIA_TYPE}] if link else []
    body = b"".join(
        (
            b'{"type":"FeatureCollection","features":[',
            features.encode(),
            b'],"numberReturned":%d,"links":' % shown,
            orjson.dumps(links),
            b"}",
        )
    )
    return sealed(body, link, zipped=zipped, told=told)


@dataclass(slots=True)
class Feed:
    """One request for a feed: who asks, for what, and where answers are kept."""

    request: Request
    store: Store
    audience: Audience
    filters: Filters
    page: Page

    async def answer(
        self, read: Reader, assembled: Assembler = assemble, *, kept: bool = True
    ) -> Response:
        """Answer from what is kept under the same data versions, else from the store."""
        held, zipped = kept_of(self.request), takes_gzip(self.request)
        key = self._key(read)
        found = held.get(key) if kept else None
        if found is None:
            # Each reader is one statement: all that it finds is of one moment.
            async with self.store.look() as conn:
                rows = await read(
                    conn,
                    self.audience,
                    self.filters,
                    fetch=self.page.fetch,
                    after=self.page.after,
                )
            if zipped:  # compressing 10 MB takes half a second, which others need not wait for
                found = await asyncio.to_thread(assembled, rows, self.page, zipped=True)
            else:
                found = assembled(rows, self.page, zipped=False)
            if kept:
                held.put(key, found)
        return answer_with(self.request, self.audience, found, media_type=MEDIA_TYPE)

    def _key(self, read: Reader) -> Hashable:
        scope = self.request.scope
        host = self.request.headers.get("host"), scope["scheme"], scope.get("root_path")
        asked = (self.filters, self.page.limit, self.page.after, host)
        how = (scope["query_string"], takes_gzip(self.request))
        return (read.__module__, read.__name__, seen_by(self.audience), asked, how)


async def _feed(
    *,
    request: Request,
    store: StoreDep,
    audience: CurrentAudience,
    filters: FiltersDep,
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT,
    cursor: Annotated[str | None, Query(max_length=1_000)] = None,
) -> Feed:
    page = await page_of(request, store, audience, limit=limit, cursor=cursor)
    return Feed(request, store, audience, filters, page)


FeedDep = Annotated[Feed, Depends(_feed)]


def _responses(example: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    collection = {
        "type": "FeatureCollection", "features": [example], "numberReturned": 1, "links": [],
    }  # fmt: skip
    return {
        **READING,
        200: {"content": {MEDIA_TYPE: {"example": collection}}, "description": "GeoJSON"},
        304: {"description": "The caller's copy is current"},
    }


def _example(shape: str, **properties: Any) -> dict[str, Any]:
    place = [115.1, 49.7]
    coordinates = place if shape == "Point" else [place, [121.85, 40.95]]
    return {
        "type": "Feature",
        "id": "5f0c1c1e-8a0e-4d9e-9a35-0c8f9d0a7b11",
        "geometry": {"type": shape, "coordinates": coordinates},
        "properties": properties,
    }


@router.get(
    "/positions.geojson",
    response_class=Response,
    responses=_responses(_example("Point", individual="WNC-17", time="2020-03-14T06:00:00Z")),
)
async def positions_feed(feed: FeedDep) -> Response:
    """Where each bird was last seen."""
    return await feed.answer(fixes.positions_feed)


class FixesAsk(BaseModel):
    """What may be asked of the fixes of one bird."""

    individual: UUID
    bbox: BoxQuery = None
    datetime: DatetimeQuery = None
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = FIXES_DEFAULT
    cursor: Annotated[str | None, Query(max_length=1_000)] = None


async def fixes_feed(
    ask: Annotated[FixesAsk, Query()], request: Request, store: StoreDep, audience: CurrentAudience
) -> Response:
    """The shown fixes of one bird, the newest first."""
    first, last = interval_of(ask.datetime)
    filters = Filters(
        individual=ask.individual, box=box_of(ask.bbox), time_from=first, time_to=last
    )
    page = await page_of(request, store, audience, limit=ask.limit, cursor=ask.cursor)
    feed = Feed(request, store, audience, filters, page)
    return await feed.answer(fixpoints.newest, assemble_points)


router.add_api_route(
    "/fixes.geojson",
    fixes_feed,
    methods=["GET"],
    response_class=Response,
    responses=_responses(_example("Point", individual="WNC-17", time="2020-03-14T06:00:00Z")),
)


def _fixes_ask(request: Request) -> FixesAsk | None:
    if unknown_of(request, FixesAsk.model_fields):
        return None
    try:
        return FixesAsk.model_validate(dict(request.query_params))
    except ValidationError:
        return None


async def _fixes_shortly(request: Request, ask: FixesAsk) -> Response:
    store = store_of(request)
    return await fixes_feed(ask, request, store, await reader(request, store))


SHORT_WAY = ShortWay("/feeds/fixes.geojson", _fixes_shortly, _fixes_ask)


@router.get(
    "/tracks.geojson",
    response_class=Response,
    responses=_responses(_example("LineString", individual="WNC-17", observed=True)),
)
async def tracks_feed(feed: FeedDep) -> Response:
    """Lines flown, by month; silences over seven days are parts with `observed: false`."""
    return await feed.answer(tracks.feed)


@router.get(
    "/stopovers.geojson",
    response_class=Response,
    responses=_responses(_example("Point", individual="WNC-17", kind="stopover")),
)
async def stopovers_feed(feed: FeedDep) -> Response:
    """Where birds stayed, as points."""
    return await feed.answer(stopovers.feed)


@router.get(
    "/sites.geojson",
    response_class=Response,
    responses=_responses(_example("Point", name="Mongol Daguur", n_individuals=12)),
)
async def sites_feed(feed: FeedDep) -> Response:
    """Places used by birds, each with its counts over all times."""
    return await feed.answer(sites.feed, kept=False)


@router.get(
    "/flyways.geojson",
    response_class=Response,
    responses=_responses(_example("LineString", part="connection", season="spring", n_birds=7)),
)
async def flyways_feed(feed: FeedDep) -> Response:
    """
    Population routes: connections between sites, and corridors.

    They stand for all years: `datetime` leaves them as they are, and a season picks spring or
    autumn; `individual` and `study` pick the species they belong to.
    """
    return await feed.answer(flyways.feed, kept=False)
