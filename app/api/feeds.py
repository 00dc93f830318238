"""The GeoJSON feeds of the map: whole pages of features, assembled in bulk, kept while current."""

from __future__ import annotations

import asyncio
import gzip
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response

from app.api.auth import CurrentAudience
from app.api.conditional import cache_headers, not_modified, unchanged
from app.api.deps import StoreDep
from app.api.filters import FiltersDep
from app.api.paging import Page, page_of
from app.api.problems import READING
from app.store import features, fixes, flyways, sites, stopovers, tracks
from app.store.audience import Audience
from app.store.engine import Connection, Store
from app.store.features import Feature
from app.store.sight import Filters

router = APIRouter(prefix="/feeds", tags=["feeds"])

MEDIA_TYPE = "application/geo+json"
LIMIT_MAX = 20_000
"""Most features of one answer: about 10 MB of stopovers."""
LIMIT_DEFAULT = 5_000
KEPT_BYTES = 64 * 1024 * 1024
"""Memory for answers kept in this process [bytes]: some 100 answers of the default size."""
GZIP_LEVEL = 6
"""Kept answers are compressed once, so a slower level than for passing ones pays."""

Reader = Callable[..., Awaitable[list[Feature]]]


@dataclass(frozen=True, slots=True)
class Answer:
    """One page of a feed, ready to send."""

    body: bytes
    zipped: bytes
    etag: str
    link: str | None


class Kept:
    """Answers of late, least recently used first out; bounded by their bytes."""

    def __init__(self, most_bytes: int = KEPT_BYTES) -> None:
        self.most_bytes = most_bytes
        self.held_bytes = 0
        self._answers: OrderedDict[Hashable, Answer] = OrderedDict()

    def get(self, key: Hashable) -> Answer | None:
        """Return the answer made for this key."""
        if key in self._answers:
            self._answers.move_to_end(key)
        return self._answers.get(key)

    def put(self, key: Hashable, answer: Answer) -> None:
        """Keep an answer, letting the longest unused go."""
        if key in self._answers:
            return
        self._answers[key] = answer
        self.held_bytes += len(answer.body) + len(answer.zipped)
        while self.held_bytes > self.most_bytes:
            _, old = self._answers.popitem(last=False)
            self.held_bytes -= len(old.body) + len(old.zipped)


def assemble(found: Sequence[Feature], page: Page) -> Answer:
    """Make a page of what was found; a `next` link says that there are more."""
    shown = found[: page.limit]
    return collection(shown, page.next_url(shown[-1].key) if len(found) > page.limit else None)


def collection(shown: Sequence[Feature], link: str | None) -> Answer:
    """Join features into a collection, plain and compressed, with the ETag of its bytes."""
    links = [{"rel": "next", "href": link, "type": MEDIA_TYPE}] if link else []
    body = b"".join(
        (
            b'{"type":"FeatureCollection","features":[',
            ",\n".join(item.text for item in shown).encode(),
            b'],"numberReturned":%d,"links":' % len(shown),
            orjson.dumps(links),
            b"}",
        )
    )
    # The ETag is of the bytes alone: it can tell nobody more than the answer does.
    etag = f'W/"{sha256(body).hexdigest()[:32]}"'
    return Answer(body, gzip.compress(body, GZIP_LEVEL, mtime=0), etag, link)


def answer_with(request: Request, audience: Audience, answer: Answer) -> Response:
    """Send an answer, compressed if the caller takes that, or 304 to a current copy."""
    if not_modified(request, answer.etag):
        return unchanged(audience, answer.etag)
    headers = cache_headers(audience, answer.etag)
    if answer.link:
        headers["Link"] = f'<{answer.link}>; rel="next"'
    zipped = "gzip" in request.headers.get("accept-encoding", "")
    if zipped:
        headers["Content-Encoding"] = "gzip"
    return Response(
        answer.zipped if zipped else answer.body, media_type=MEDIA_TYPE, headers=headers
    )


@dataclass(slots=True)
class Feed:
    """One request for a feed: who asks, for what, and where answers are kept."""

    request: Request
    store: Store
    audience: Audience
    filters: Filters
    page: Page

    async def answer(self, read: Reader, *, kept: bool = True) -> Response:
        """Answer from what is kept under the same data versions, else from the store."""
        held: Kept = _kept_of(self.request)
        async with self.store.read() as conn:
            key = await self._key(conn, read)
            found = held.get(key) if kept else None
            if found is None:
                rows = await read(
                    conn,
                    self.audience,
                    self.filters,
                    fetch=self.page.fetch,
                    after=self.page.after,
                )
                # Compressing 10 MB takes half a second, which others need not wait for.
                found = await asyncio.to_thread(assemble, rows, self.page)
                if kept:
                    held.put(key, found)
        return answer_with(self.request, self.audience, found)

    async def _key(self, conn: Connection, read: Reader) -> Hashable:
        versions = await features.versions(conn, self.audience)
        seen = (self.audience.scope, self.audience.exact, self.audience.open)
        asked = (self.filters, self.page.limit, self.page.after, str(self.request.base_url))
        return (read.__module__, read.__name__, seen, versions, asked, self.request.url.query)


def _kept_of(request: Request) -> Kept:
    state = request.app.state
    if not hasattr(state, "feeds_kept"):
        state.feeds_kept = Kept()
    kept: Kept = state.feeds_kept
    return kept


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
