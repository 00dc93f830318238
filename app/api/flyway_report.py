"""The printable report of a flyway: figures, ledger and migrations, in six languages."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
import shapely
from fastapi import APIRouter, Query, Request, Response

from app import VERSION
from app.api import as_of, flyway_page, ledger, migrations
from app.api.auth import CurrentAudience
from app.api.deps import StoreDep
from app.api.filters import DatetimeQuery
from app.api.intervals import interval_of
from app.api.ledger import Flyway, FlywayId, ProtectionQuery, flyway_of
from app.api.pages import VIEWER
from app.api.plots import BIRDS_MAX, bird_of, drawing
from app.api.species import LANGUAGES
from app.seeds import rows as seed_rows
from app.store import flyways, reference, snapshots, studies
from app.store import migrations as store_migrations
from app.store.audience import Audience
from app.store.engine import Connection, Store
from app.store.ledger import Dimension
from app.store.migrations import Wanted
from app.store.sight import Filters
from ingest.layers.topojson import decode_topology

router = APIRouter(prefix="/api/v1/flyways", tags=["flyways"])

HTML = "text/html; charset=utf-8"
Language = Literal["en", "zh", "ja", "ko", "mn", "ru"]
MIGRATIONS_MAX = 200
"""Most migrations in print: some six pages; /api/v1/reports/migrations has them all."""
LAND = VIEWER / "vendor/world-atlas/land-50m.json"
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""What the page may load: nothing; its figures are in it."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A report as it is asked for."""

    flyway: str
    lang: Language
    layer: UUID | None = None
    protection: tuple[UUID, ...] = ()
    days: tuple[datetime | None, datetime | None] = (None, None)


def _kept(page: bytes, found: dict[str, Any]) -> Response:
    text, lang = flyway_page.stamped(page.decode(), found)
    return Response(text, media_type=HTML, headers=_headers(lang))


def _headers(lang: str) -> dict[str, str]:
    return {
        "Content-Security-Policy": POLICY, "Cache-Control": "private, no-cache",
        "Content-Language": lang, "Vary": "Accept-Language",
    }  # fmt: skip


@router.get(
    "/{flyway}/report",
    response_class=Response,
    dependencies=as_of.product(_kept),
    responses={
        **as_of.READING_KEPT,
        200: {"content": {"text/html": {}}, "description": "The report"},
    },
)
async def read_report(
    flyway: FlywayId,
    request: Request,
    store: StoreDep,
    audience: CurrentAudience,
    *,
    lang: Annotated[Language | None, Query(description="else by Accept-Language")] = None,
    layer: Annotated[UUID | None, Query(description="land cover; else the service's")] = None,
    protection: ProtectionQuery = None,
    datetime: DatetimeQuery = None,
) -> Response:
    """
    Read the report as one page for screen and print; nothing in it comes from elsewhere.

    With `datetime` the ledger, the birds' figures and the migrations are those of that time; the
    map stands for all years.

    With `as_of` it is the page that was kept, in the language it was kept in, and one line more
    that names the snapshot.
    """
    chosen = lang or spoken(request.headers.get("accept-language", ""))
    days = interval_of(datetime)
    ask = Ask(flyway, chosen, layer, tuple(protection or ()), days)
    page = await report(store, audience, ask)
    return Response(page, media_type=HTML, headers=_headers(chosen))


def spoken(accepted: str) -> Language:
    """Return the first language of an Accept-Language that the report is written in."""
    for each in accepted.split(","):
        tag = each.split(";")[0].strip()[:2].lower()
        for language in LANGUAGES:
            if tag == language:
                return language  # type: ignore[return-value] # LANGUAGES are those of Language
    return "en"


async def kept_report(store: Store, audience: Audience, address: str, moment: str) -> str:
    """Return the report that was kept of an address, as HTML; `moment` as `as_of`."""
    found, page = await as_of.find(store, audience, address, moment)
    if page is None:
        raise as_of.withdrawn()
    return flyway_page.stamped(page.decode(), found)[0]


async def report(store: Store, audience: Audience, ask: Ask) -> str:
    """Return the report as HTML; drawn with no connection held."""
    one = flyway_of(ask.flyway)
    figures = await asyncio.to_thread(import_module, "app.figures")
    plots = await asyncio.to_thread(drawing)
    async with store.read() as conn:
        told = await migrations.told_by(conn, audience, ask.layer, list(ask.protection))
        cover = told["layer"].ref if told["layer"] else None
        tables = {
            name: await _ledger(conn, audience, ask, by, cover) for name, by in _TABLES.items()
        }
        wanted = Wanted(
            species=one.species, simulated=one.simulated,
            season=one.season if one.season in {"spring", "autumn"} else None,
            during=Filters(time_from=ask.days[0], time_to=ask.days[1]), **told,
        )  # fmt: skip
        ways = await store_migrations.page(conn, audience, wanted, fetch=MIGRATIONS_MAX + 1)
        parts = await _parts(conn, audience, one)
        owners = await _studies(conn, audience, one)
        birds = await _birds(conn, audience, one, owners, plots)
    drawn = [_within(bird, ask.days, plots) for bird in birds[:BIRDS_MAX]]
    found = _route(figures, parts, await asyncio.to_thread(_land))
    images = await asyncio.to_thread(_draw, figures, found, drawn)
    return flyway_page.page(
        flyway_page.Content(
            lang=ask.lang,
            words=flyway_page.words(ask.lang),
            flyway=one,
            names=_names(one.species, ask.lang),
            made=datetime.now(UTC),
            version=VERSION,
            days=ask.days,
            tables=tables,
            migrations=ways[:MIGRATIONS_MAX],
            migrations_left=len(ways) > MIGRATIONS_MAX,
            birds_left=len(birds) > BIRDS_MAX,
            lines=[(b.name, figures.LINES[k % len(figures.LINES)]) for k, b in enumerate(drawn)],
            kinds=plots.KINDS,
            images=images,
            studies=owners,
        )
    )


_TABLES: dict[str, list[Dimension]] = {
    "area": ["area", "season"], "class": ["class"], "protection": ["protection"],
}  # fmt: skip


async def _ledger(
    conn: Connection,
    audience: Audience,
    ask: Ask,
    by: list[Dimension],
    layer: UUID | None,
) -> ledger.LedgerOut:
    asked = await ledger.read_asked(
        conn, audience, flyway_of(ask.flyway), by, layer=layer, protection=list(ask.protection)
    )
    return ledger.shaped(ask.flyway, asked, await ledger.make(conn, audience, asked, ask.days))


async def _parts(conn: Connection, audience: Audience, one: Flyway) -> list[dict[str, Any]]:
    """Return the features of the route; of a whole year those of all its seasons."""
    out = []
    for season in [one.season] if one.season else ["spring", "autumn", "other"]:
        found = await flyways.route(
            conn, audience, species=one.species, season=season, simulated=one.simulated
        )
        out += [orjson.loads(each.text) for each in found]
    return out


async def _studies(conn: Connection, audience: Audience, one: Flyway) -> list[dict[str, Any]]:
    """Return the studies whose birds of the species these readers see: the others gave nothing."""
    birds = await snapshots.birds(conn, audience, Filters(species=one.species))
    refs = dict.fromkeys(bird["study"] for bird in birds)
    rows = [await studies.one(conn, audience, ref) for ref in refs]
    return [row for row in rows if row["simulated"] == one.simulated]


async def _birds(
    conn: Connection,
    audience: Audience,
    one: Flyway,
    owners: Sequence[dict[str, Any]],
    plots: Any,
) -> list[Any]:
    rows = await reference.individuals(
        conn, audience, limit=10 * BIRDS_MAX, species_key=one.species
    )
    known = {row["id"] for row in owners}
    mine = [row for row in rows if row["study_id"] in known]
    return [await bird_of(conn, audience, row, plots) for row in mine[: BIRDS_MAX + 1]]


def _within(bird: Any, days: tuple[datetime | None, datetime | None], plots: Any) -> Any:
    """Return what a bird did in the days asked for."""
    low, high = days
    first = low.timestamp() if low else float("-inf")
    last = high.timestamp() if high else float("inf")
    here = (bird.time_s >= first) & (bird.time_s <= last)
    stays = tuple(
        s for s in bird.stays if s.arrival.timestamp() <= last and s.departure.timestamp() >= first
    )
    at = (bird.time_s[here], bird.lon[here], bird.lat[here], bird.error_m[here])
    return plots.Bird(bird.name, *at, stays=stays, seasons=bird.seasons)


@cache
def _land() -> list[shapely.Geometry]:
    """Return land without borders, as the map draws it; none where its file is not installed."""
    if not LAND.is_file():
        return []
    layer = decode_topology(LAND.read_bytes(), object_name="land")
    return [shapely.from_wkb(feature.wkb) for feature in layer.features]


def _route(figures: Any, parts: list[dict[str, Any]], land: list[shapely.Geometry]) -> Any:
    shaped = [
        (part["properties"], shapely.geometry.shape(part["geometry"]))
        for part in parts
        if part["geometry"] is not None
    ]
    levels: dict[int, list[shapely.Geometry]] = {}
    for about, shape in shaped:
        if about["part"] == "corridor":
            levels.setdefault(about["level"], []).append(shape)
    sites = {
        (shape.x, shape.y, float(about["bird_days"]))
        for about, shape in shaped
        if about["part"] == "site"
    }

    def of(kind: str) -> list[shapely.Geometry]:
        return [shape for about, shape in shaped if about["part"] == kind]

    return figures.Route(
        corridors={level: shapely.union_all(shapes) for level, shapes in levels.items()},
        connections=of("connection"),
        sites=sorted(sites),
        land=land,
        means=of("route"),
        silences=of("unobserved"),
    )


def _draw(figures: Any, found: Any, birds: list[Any]) -> dict[str, list[str]]:
    """Draw every figure, as an address that holds it."""
    out: dict[str, list[bytes]] = {}
    if found.corridors or found.connections or found.sites:
        out["map"] = [figures.route(found)]
    if any(bird.time_s.size for bird in birds):
        out["latitude"] = [figures.latitude(birds)]
        out["nsd"] = [figures.displacement(birds)]
    out["calendar"] = figures.calendar(birds)
    return {
        name: [f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}" for svg in svgs]
        for name, svgs in out.items()
    }


def _names(species: str, lang: Language) -> dict[str, str]:
    """Return the names of a species in the language and in English, with what is to verify."""
    row = next((row for row in seed_rows("names") if row["key"] == species), {})
    return {"own": row.get(lang, ""), "en": row.get("en", species), "status": row.get("status", "")}
