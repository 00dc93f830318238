"""The morning report: how each bird is, and what came since yesterday; for programs and people."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field

from app.api import morning_page
from app.api.auth import CurrentAudience, require
from app.api.deps import StoreDep
from app.api.problems import READING
from app.api.schemas import BirdOut, CentreOut, Instant, Shown, example
from app.api.tables import CSV, WantsCsv, csv_answer
from app.store import morning, studies
from app.store.audience import Audience
from app.store.engine import Store
from app.store.morning import State

router = APIRouter(tags=["reports"])

_BIRD = "6b0e2dd2-35c4-4b4c-b8d1-e0a2f3c47b11"
_STUDY = "5f0c1c1e-8a0e-4d9e-9a35-0c8f9d0a7b11"


class MorningBird(Shown):
    """How one bird is; null where too little has come to tell."""

    individual: BirdOut
    study: UUID
    study_name: str
    species: str
    simulated: bool
    tag: BirdOut = Field(description="the one it wears now")
    state: State
    last_time: datetime | None = Field(description="of the newest visible fix, UTC")
    last_place: CentreOut | None
    silence_s: float | None = Field(description="age of that fix")
    silence_expected_s: float = Field(
        description="longer than 99 of 100 intervals, and the usual lag; at least two intervals;"
        " 7 days without a habit"
    )
    days_beyond_habit: float | None
    interval_usual_s: float | None = Field(description="median time between two fixes")
    moved_24h_km: float | None = Field(description="way over all visible fixes; null: no fix since")
    moved_7d_km: float | None
    battery_v: float | None
    battery_time: datetime | None
    still_since: datetime | None = Field(description="first still fix, where a tag lies still")


class MorningArrivals(Shown):
    """What came to a study by one source, one connector, or by hand (both null)."""

    study: UUID
    study_name: str
    source: UUID | None
    source_name: str | None
    connector: UUID | None
    connector_name: str | None
    n_pushes: int
    n_failed: int = Field(description="pushes that could not be read at all")
    n_stored: int
    n_refused: int = Field(description="units; GET /api/v1/studies/{study}/refusals lists them")
    n_suspect_pushes: int = Field(description="GET /api/v1/studies/{study}/suspects lists them")
    n_flagged: int = Field(description="fixes with a flag of any check")
    flagged_complete: bool = Field(description="false: a tag has more, which were not counted")


class MorningOut(Shown):
    """The report; birds and arrivals with the worst first."""

    model_config = example(
        now="2026-11-27T00:00:00Z", since="2026-11-26T00:00:00Z", states={"moving": 1},
        birds_complete=True,
        birds=[{
            "individual": {"id": _BIRD, "local_identifier": "WNC-17"}, "study": _STUDY,
            "study_name": "Cranes of Daguur", "species": "white_naped_crane", "simulated": False,
            "tag": {"id": _BIRD, "local_identifier": "T-17"}, "state": "moving",
            "last_time": "2026-11-26T23:00:00Z", "last_place": {"lon": 127.28, "lat": 38.21},
            "silence_s": 3600.0, "silence_expected_s": 27000.0, "days_beyond_habit": 0.0,
            "interval_usual_s": 3600.0, "moved_24h_km": 310.2, "moved_7d_km": 412.9,
            "battery_v": 3.98, "battery_time": "2026-11-26T23:00:00Z", "still_since": None,
        }],
        arrivals=[{
            "study": _STUDY, "study_name": "Cranes of Daguur", "source": None,
            "source_name": None, "connector": None, "connector_name": None, "n_pushes": 24,
            "n_failed": 0, "n_stored": 96, "n_refused": 2, "n_suspect_pushes": 0, "n_flagged": 1,
            "flagged_complete": True,
        }],
    )  # fmt: skip

    now: datetime
    since: datetime
    states: dict[State, int] = Field(description="how many birds are what")
    birds: list[MorningBird]
    birds_complete: bool
    arrivals: list[MorningArrivals]


COLUMNS = (
    "study_name", "individual", "species", "tag", "state", "last_time", "lon", "lat",
    "silence_s", "silence_expected_s", "days_beyond_habit", "interval_usual_s", "moved_24h_km",
    "moved_7d_km", "battery_v", "battery_time", "still_since", "simulated", "individual_id",
    "tag_id", "study",
)  # fmt: skip
"""Of the CSV: one bird a row."""


def _km(metres: float | None) -> float | None:
    return None if metres is None else metres / 1_000.0


def _bird(row: dict[str, Any]) -> MorningBird:
    place = None if row["last_time"] is None else {"lon": row["lon"], "lat": row["lat"]}
    return MorningBird(**{
        **row,
        "individual": {"id": row["individual_id"], "local_identifier": row["individual"]},
        "tag": {"id": row["tag_id"], "local_identifier": row["tag"]},
        "last_place": place,
        "moved_24h_km": _km(row["moved_24h_m"]), "moved_7d_km": _km(row["moved_7d_m"]),
    })  # fmt: skip


async def report(
    store: Store, audience: Audience, *, now: datetime, since: datetime, study: UUID | None
) -> MorningOut:
    """Return the report of these readers' own studies; a study of others is as good as missing."""
    async with store.read() as conn:
        if study is not None:
            await studies.owned(conn, audience, study)
        birds = await morning.birds(conn, audience, now=now, study=study)
        came = await morning.arrivals(conn, audience, since=since, study=study)
    shown = [_bird(row) for row in birds[: morning.BIRDS_MAX]]
    counts = {state: sum(bird.state == state for bird in shown) for state in morning.STATES}
    return MorningOut(
        now=now,
        since=since,
        states={state: n for state, n in counts.items() if n},
        birds=shown,
        birds_complete=len(birds) <= morning.BIRDS_MAX,
        arrivals=[MorningArrivals(**row) for row in came],
    )


def _flat(bird: MorningBird) -> dict[str, Any]:
    """Return a bird as a row of CSV."""
    row = bird.model_dump()
    place = row["last_place"] or {"lon": None, "lat": None}
    return row | place | {
        "individual": row["individual"]["local_identifier"],
        "individual_id": row["individual"]["id"],
        "tag": row["tag"]["local_identifier"], "tag_id": row["tag"]["id"],
    }  # fmt: skip


async def _asked(
    store: StoreDep,
    audience: CurrentAudience,
    *,
    study: Annotated[UUID | None, Query(description="one study; else all of your own")] = None,
    now: Annotated[
        Instant | None, Query(description="the time to tell ages by; else the present")
    ] = None,
    since: Annotated[
        Instant | None, Query(description="what came since then; else in the 24 h before now")
    ] = None,
) -> MorningOut:
    require(audience, "read")
    at = now or datetime.now(UTC)
    return await report(store, audience, now=at, since=since or at - morning.DAY, study=study)


Asked = Annotated[MorningOut, Depends(_asked)]


@router.get(
    "/api/v1/reports/morning",
    response_model=MorningOut,
    responses={**READING, 200: {"content": {CSV: {}}, "description": "The report"}},
)
async def read_morning(found: Asked, wants_csv: WantsCsv) -> Response:
    """
    Read how each bird of your own studies is, and what came since yesterday.

    Birds that wear a tag now, the worst first. A bird is silent once it is over twice its usual
    interval (and the usual lag of its fixes) ago that it was heard of: as expected while the
    silence is within its own habit (99 of 100 intervals are shorter), or no longer than another
    one of your birds has ended that began within 50 km; else unexpectedly. Distances run over all
    visible fixes, interpolated where the span begins between two. CSV has the birds alone.
    """
    if wants_csv:
        return csv_answer([_flat(bird) for bird in found.birds], COLUMNS, "morning")
    return Response(
        found.model_dump_json(), media_type="application/json", headers={"Vary": "Accept"}
    )


@router.get("/morning", include_in_schema=False)
async def morning_for_people(store: StoreDep, audience: CurrentAudience) -> Response:
    """Show the report as a page; who has not signed in is told how."""
    now = datetime.now(UTC)
    if audience.kind == "public":
        return morning_page.answer(morning_page.sign_in(), status=401)
    found = await report(store, audience, now=now, since=now - morning.DAY, study=None)
    return morning_page.answer(morning_page.page(found.model_dump()))
