"""Screening of a bird: what was flagged by which parameters, and what others would flag."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import Field

from app.api.auth import CurrentAudience, ManagerAudience
from app.api.deps import StoreDep, StrictRoute
from app.api.parameters import ParametersTried
from app.api.problems import READING, WRITING
from app.api.schemas import BirdOut, Shown, example
from app.movement.profile import Profile
from app.store import screening
from app.store.parameters import profile_for, with_parameters

router = APIRouter(prefix="/api/v1", tags=["screening"], route_class=StrictRoute)


class ScreeningOut(Shown):
    """What screening says of a bird; each flagged fix is at GET /api/v1/fixes."""

    model_config = example(
        individual={"id": "6b0e2dd2-35c4-4b4c-b8d1-e0a2f3c47b11", "local_identifier": "WNC-17"},
        species="white_naped_crane", fixes=8760, shown=8731, flagged={"speed": 21, "spike": 8},
        parameters={"speed_max_m_s": 35.0}, overridden=[],
    )  # fmt: skip

    individual: BirdOut
    species: str
    fixes: int
    shown: int
    flagged: dict[str, int] = Field(description="fixes by flag; a fix may carry several")
    parameters: dict[str, float]
    overridden: list[str] = Field(description="parameters that the study sets for itself")


class ChangeOfFlag(Shown):
    """A fix that would be flagged otherwise."""

    time: datetime
    lon: float
    lat: float
    code_before: str | None
    code_after: str | None
    speed_m_s: float | None = Field(description="that the flagged fix would take")


class TrialFound(Shown):
    """What would change: all of it counted, the first of it listed."""

    parameters: str = Field(description="digest of those in force")
    parameters_tried: str
    fixes: int
    flagged: dict[str, int] = Field(description="by the track, as it stands")
    flagged_tried: dict[str, int]
    newly_flagged: int
    no_longer_flagged: int
    flagged_otherwise: int
    changes: list[ChangeOfFlag]


class TrialOut(Shown):
    """A trial of other parameters; nothing that is stored changes by it."""

    model_config = example(
        id="9d2c81f1-0c34-4f5b-8c07-5cf3e4a0b1d2",
        individual={"id": "6b0e2dd2-35c4-4b4c-b8d1-e0a2f3c47b11", "local_identifier": "WNC-17"},
        said={"speed_max_m_s": 25.0}, asked_at="2026-03-01T00:00:00Z", state="done", failed=None,
        found={
            "parameters": "white_naped_crane:…", "parameters_tried": "white_naped_crane:…",
            "fixes": 8760, "flagged": {"speed": 21}, "flagged_tried": {"speed": 22},
            "newly_flagged": 1, "no_longer_flagged": 0, "flagged_otherwise": 0,
            "changes": [{
                "time": "2020-03-14T06:00:00Z", "lon": 127.28, "lat": 38.21, "code_before": None,
                "code_after": "speed", "speed_m_s": 29.4,
            }],
        },
    )  # fmt: skip

    id: UUID
    individual: BirdOut
    said: dict[str, float]
    asked_at: datetime
    state: Literal["waiting", "done", "failed"]
    failed: str | None
    found: TrialFound | None


def _trial(row: dict[str, Any]) -> TrialOut:
    found = row["found"] or {}
    state = "failed" if "failed" in found else "done" if found else "waiting"
    return TrialOut(
        id=row["ref"],
        individual=BirdOut(id=row["individual_id"], local_identifier=row["individual"]),
        said=row["said"],
        asked_at=row["asked_at"],
        state=state,
        failed=found.get("failed"),
        found=TrialFound(**found) if state == "done" else None,
    )


def _numbers(profile: Profile) -> dict[str, float]:
    values = {each.name: getattr(profile, each.name) for each in fields(profile)}
    return {name: value for name, value in values.items() if isinstance(value, float)}


@router.get("/individuals/{individual}/screening", responses=READING)
async def read_screening(
    individual: UUID, store: StoreDep, audience: CurrentAudience
) -> ScreeningOut:
    """Read what was flagged of a bird of one's own, and by which parameters."""
    async with store.read() as conn:
        bird = await screening.own(conn, audience, individual)
        found = await screening.counts(conn, audience, bird)
        now = await profile_for(conn, bird["study_id"], bird["species_key"])
        profile = await profile_for(conn, 0, bird["species_key"])
    mine, usual = _numbers(now), _numbers(profile)
    return ScreeningOut(
        individual=BirdOut(id=individual, local_identifier=bird["local_identifier"]),
        species=bird["species_key"],
        parameters=mine,
        overridden=[name for name in mine if mine[name] != usual[name]],
        **found,
    )


@router.post("/individuals/{individual}/screening", status_code=202, responses=WRITING)
async def try_screening(
    individual: UUID,
    body: ParametersTried,
    store: StoreDep,
    audience: ManagerAudience,
    response: Response,
) -> TrialOut:
    """
    Try other parameters on a bird: which fixes they would flag, and which no more.

    A worker computes it; the answer grows at `Location`. Nothing changes by it.
    """
    said = body.said()
    async with store.write() as conn:
        bird = await screening.own(conn, audience, individual)
        with_parameters(await profile_for(conn, bird["study_id"], bird["species_key"]), said)
        row = await screening.ask(conn, audience, individual, said)
    response.headers["Location"] = f"/api/v1/screening-trials/{row['ref']}"
    response.headers["Retry-After"] = "1"
    return _trial(row)


@router.get("/screening-trials/{trial}", responses=READING)
async def read_screening_trial(
    trial: UUID, store: StoreDep, audience: CurrentAudience, response: Response
) -> TrialOut:
    """Read a trial; while it waits, Retry-After says when to ask again."""
    async with store.read() as conn:
        shown = _trial(await screening.trial(conn, audience, trial))
    if shown.state == "waiting":
        response.headers["Retry-After"] = "1"
    return shown
