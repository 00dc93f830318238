"""Corrections by observers: who said what of a stopover or season, and what became of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field

from app.api.auth import CurrentAudience, ManagerAudience
from app.api.deps import StoreDep, StrictRoute
from app.api.paging import Listing, PageDep, paginate
from app.api.problems import READING, WRITING
from app.api.schemas import BirdOut, Body, Instant, Shown, Text, example
from app.errors import BadInput
from app.store import observations
from app.store.observations import Correction

router = APIRouter(prefix="/api/v1", tags=["observations"], route_class=StrictRoute)

Kind = Literal["stopover", "staging", "breeding", "wintering", "summering", "unknown"]
SeasonKind = Literal["spring", "autumn", "breeding", "wintering", "summering"]
State = Literal["followed", "waiting", "orphan", "taken back"]


class ObservationOut(Shown):
    """A correction, and what became of it."""

    model_config = example(
        id="7c2c81f1-0c34-4f5b-8c07-5cf3e4a0b1d2",
        individual={"id": "6b0e2dd2-35c4-4b4c-b8d1-e0a2f3c47b11", "local_identifier": "WNC-17"},
        study="5f0c1c1e-8a0e-4d9e-9a35-0c8f9d0a7b11", noun="stopover",
        about_start="2020-03-14T06:00:00Z", about_end="2020-03-20T03:00:00Z",
        said={"arrival_time": "2020-03-13T00:00:00+00:00", "kind": "staging"}, reviewer="Kim J.",
        note="seen from the tower", decided_by="Institute of the Amur",
        decided_at="2026-03-01T00:00:00Z", undone_at=None, undone_by=None, state="followed",
    )  # fmt: skip

    id: UUID
    individual: BirdOut
    study: UUID
    noun: Literal["stopover", "season"]
    about_start: datetime = Field(description="when the thing was, as the track told it")
    about_end: datetime
    said: dict[str, Any]
    reviewer: str
    note: str
    decided_by: str
    decided_at: datetime
    undone_at: datetime | None
    undone_by: str | None
    state: State = Field(
        description="orphan: the track tells of nothing at that time any more, or a newer"
        " correction is about the same; it stays in force in case that changes"
    )


class StopoverEdit(Body):
    """What an observer says of a stopover; what is left out stays, null is the track's again."""

    model_config = example(
        arrival_time="2020-03-13T00:00:00Z", kind="staging", reviewer="Kim J.",
        note="seen from the tower",
    )  # fmt: skip

    arrival_time: Instant | None = None
    departure_time: Instant | None = None
    kind: Kind | None = None
    site: Text | None = Field(None, description="name of the site")
    reviewer: Text
    note: Text | None = None


class SeasonEdit(Body):
    """What an observer says of a season; what is left out stays, null is the track's again."""

    model_config = example(end_time="2020-04-20T00:00:00Z", reviewer="Kim J.")

    start_time: Instant | None = None
    end_time: Instant | None = None
    kind: SeasonKind | None = None
    reviewer: Text
    note: Text | None = None


def _shown(row: dict[str, Any]) -> ObservationOut:
    bird = {"id": row["individual_id"], "local_identifier": row["individual"]}
    return ObservationOut(**{**row, "id": row["ref"], "individual": bird})


def _correction(body: StopoverEdit | SeasonEdit) -> Correction:
    said = body.model_dump(exclude_unset=True, exclude={"reviewer", "note"})
    if not said:
        raise BadInput(
            "Nothing is corrected.",
            code="correction-empty",
            remedy="Name what is otherwise: dates, kind or site.",
        )
    return Correction(said, body.reviewer, body.note or "")


@router.patch("/stopovers/{stopover}", responses=WRITING)
async def correct_stopover(
    stopover: UUID, body: StopoverEdit, store: StoreDep, audience: ManagerAudience
) -> ObservationOut:
    """
    Correct dates, kind or site of a stopover by what was seen.

    It shows `basis: observer` within seconds, in every product, and goes on doing so however the
    track is recomputed. Neighbours that it reaches into give way. A place withheld from the public
    stays so. `DELETE /api/v1/observations/{id}` takes it back.
    """
    async with store.write() as conn:
        return _shown(
            await observations.correct(
                conn, audience, "stopover", {"stopover": stopover}, _correction(body)
            )
        )


@router.patch("/individuals/{individual}/seasons/{season}", responses=WRITING)
async def correct_season(
    individual: UUID, season: str, body: SeasonEdit, store: StoreDep, audience: ManagerAudience
) -> ObservationOut:
    """
    Correct dates or kind of a season of a bird, named as `2020-spring`.

    Stopovers with their middle inside belong to it; seasons beside it give way.
    """
    key = {"individual": individual, "season": season}
    async with store.write() as conn:
        return _shown(await observations.correct(conn, audience, "season", key, _correction(body)))


@router.get("/observations", responses=READING)
async def list_observations(
    store: StoreDep,
    audience: CurrentAudience,
    page: PageDep,
    response: Response,
    study: Annotated[UUID | None, Query()] = None,
    individual: Annotated[UUID | None, Query()] = None,
    state: Annotated[State | None, Query()] = None,
) -> Listing[ObservationOut]:
    """List corrections of stopovers and seasons in own studies, the newest first."""
    before = int(str(page.after[0])) if page.after else None
    async with store.read() as conn:
        rows = await observations.page(
            conn, audience, limit=page.fetch, before=before, study=study, individual=individual,
            state=state,
        )  # fmt: skip
    return paginate(page, response, rows, key=lambda row: (row["id"],), shape=_shown)


@router.get("/observations/{observation}", responses=READING)
async def read_observation(
    observation: UUID, store: StoreDep, audience: CurrentAudience
) -> ObservationOut:
    """Read one correction."""
    async with store.read() as conn:
        return _shown(await observations.one(conn, audience, observation))


@router.delete("/observations/{observation}", responses=WRITING)
async def take_back_observation(
    observation: UUID, store: StoreDep, audience: ManagerAudience
) -> ObservationOut:
    """Take a correction back: the track tells again, exactly as without it."""
    async with store.write() as conn:
        return _shown(await observations.take_back(conn, audience, observation))
