"""Fixes of one bird with all their flags, and verdicts about single fixes."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field

from app.api.auth import CurrentAudience, ManagerAudience
from app.api.deps import StoreDep, StrictRoute
from app.api.filters import DatetimeQuery
from app.api.intervals import interval_of
from app.api.paging import Listing, PageDep, paginate
from app.api.problems import READING, WRITING
from app.api.schemas import Body, Instant, Shown, Text, example
from app.errors import BadInput
from app.store import fixes, reference, verdicts
from app.store.sight import Filters
from ingest.record import SENSORS

router = APIRouter(prefix="/api/v1/fixes", tags=["fixes"], route_class=StrictRoute)

INT64 = 2**63


class FlagOut(Shown):
    """One check's verdict about a fix."""

    code: str
    origin: str = Field(description="record: seen in the record alone; track: in its company")
    detail: str


class VerdictOut(Shown):
    """What a person decided about a fix; it wins over the flags."""

    model_config = example(
        id=12,
        verdict="hide",
        reason="seen in the aviary",
        decided_by="Institute of the Amur",
        decided_at="2026-03-01T00:00:00Z",
    )

    id: int
    verdict: Literal["hide", "show"]
    reason: str
    decided_by: str
    decided_at: datetime


class FixOut(Shown):
    """A fix; of opened studies of others only its hour and cell of the grid."""

    model_config = example(
        time="2020-03-14T06:00:00Z",
        lon=127.28,
        lat=38.21,
        exact=True,
        tag="17",
        sensor="gps",
        variant="-8123456789012345678",
        visible=False,
        error_m=15.0,
        flags=[{"code": "speed", "origin": "track", "detail": "61 m/s"}],
        verdict=None,
    )

    time: datetime
    lon: float
    lat: float
    exact: bool = Field(description="false: read through the public view of another's study")
    tag: str | None = None
    sensor: str | None = None
    variant: str | None = Field(None, description="tells fixes of one time apart; 64 bits, as text")
    visible: bool = True
    error_m: float | None = None
    height_m: float | None = None
    ground_speed_m_s: float | None = None
    heading_deg: float | None = None
    satellites: int | None = None
    dop: float | None = None
    argos_class: str | None = None
    battery_v: float | None = None
    temperature_c: float | None = None
    activity: float | None = None
    lon2: float | None = Field(None, description="the other solution of an Argos pass")
    lat2: float | None = None
    solution: Literal[1, 2] | None = Field(
        None, description="which solution, as sent, lon and lat are: the one that fits the track"
    )
    solution_by_hand: Literal[1, 2] | None = Field(
        None, description="which of the sender's two a person there chose: it stays lon and lat"
    )
    provider_id: str | None = None
    provider_revision: int | None = None
    superseded: bool = Field(
        default=False, description="a later revision of the provider took its place"
    )
    flags: list[FlagOut] = Field(default_factory=list)
    verdict: VerdictOut | None = None


class VerdictIn(Body):
    """A decision about one fix, named by its bird or tag and its time."""

    model_config = example(
        individual="2c1f0b8e-3c41-4b7e-9d59-1f0f6f7c8a20",
        time="2020-03-14T06:00:00Z",
        verdict="hide",
        reason="seen in the aviary",
    )

    individual: UUID | None = None
    tag: UUID | None = None
    time: Instant
    sensor: Literal["gps", "argos", "other"] | None = None
    variant: str | None = Field(None, pattern=r"^-?[0-9]{1,19}$")
    verdict: Literal["hide", "show"]
    reason: Text


def _own(row: dict[str, Any]) -> FixOut:
    more = {"exact": True, "sensor": SENSORS[row["sensor"]], "variant": str(row["variant"])}
    return FixOut(**{**row, **more})


@router.get("", responses=READING)
async def list_fixes(
    individual: Annotated[UUID, Query()],
    store: StoreDep,
    audience: CurrentAudience,
    page: PageDep,
    response: Response,
    datetime: DatetimeQuery = None,
    *,
    superseded: Annotated[
        bool, Query(description="true: also those that a later revision superseded")
    ] = False,
) -> Listing[FixOut]:
    """List the fixes of one bird by time, hidden ones too, each with every flag it has."""
    first, last = interval_of(datetime)
    asked = Filters(time_from=first, time_to=last)
    async with store.read() as conn:
        bird = await reference.individual(conn, audience, individual)
        own = bird["study_id"] in audience.exact
        read = partial(fixes.exact, history=superseded) if own else fixes.public
        rows = await read(conn, audience, bird["id"], asked, fetch=page.fetch, after=page.after)
    if own:
        return paginate(page, response, rows, key=_key, shape=_own)
    return paginate(
        page,
        response,
        rows,
        key=lambda row: (row["time"],),
        shape=lambda row: FixOut(**row, exact=False),
    )


def _key(row: dict[str, Any]) -> tuple[datetime, str, int, str]:
    return row["time"], row["tag"], row["sensor"], str(row["variant"])


@router.post("/verdicts", status_code=201, responses=WRITING)
async def decide_verdict(body: VerdictIn, store: StoreDep, audience: ManagerAudience) -> VerdictOut:
    """Hide or show one fix by hand; stopovers and tracks follow within seconds."""
    if (body.individual is None) == (body.tag is None):
        raise BadInput(
            "A fix is named by its individual or by its tag.",
            code="fix-unnamed",
            remedy="Send exactly one of individual and tag.",
        )
    name = verdicts.FixName(
        body.time,
        individual=body.individual,
        tag=body.tag,
        sensor=None if body.sensor is None else SENSORS.index(body.sensor),
        variant=_variant(body.variant),
    )
    async with store.write() as conn:
        row = await verdicts.decide(conn, audience, name, verdict=body.verdict, reason=body.reason)
    return VerdictOut(**row)


def _variant(text: str | None) -> int | None:
    if text is None:
        return None
    number = int(text)
    if not -INT64 <= number < INT64:
        raise BadInput(
            "variant is not a 64-bit number.",
            remedy="Take variant from GET /api/v1/fixes as it stands there.",
        )
    return number


@router.delete("/verdicts/{verdict}", status_code=204, responses=WRITING)
async def undo_verdict(verdict: int, store: StoreDep, audience: ManagerAudience) -> None:
    """Take a verdict back: the flags decide again."""
    if not 0 < verdict < INT64:
        verdict = 0
    async with store.write() as conn:
        await verdicts.undo(conn, audience, verdict)
