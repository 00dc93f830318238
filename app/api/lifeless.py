"""Tags that lie still: dead birds and dropped tags, suspected by rule and decided by people."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field, JsonValue

from app.api.auth import CurrentAudience, ManagerAudience
from app.api.bodies import LifelessVerdictIn
from app.api.deps import StoreDep, StrictRoute
from app.api.paging import Listing, PageDep, paginate
from app.api.problems import READING, WRITING
from app.api.schemas import BirdOut, CentreOut, Shown, example
from app.errors import BadInput
from app.store import lifeless, lifeless_verdicts

router = APIRouter(prefix="/api/v1/lifeless", tags=["lifeless"], route_class=StrictRoute)

_BIRD: dict[str, JsonValue] = {
    "id": "6b0e2dd2-35c4-4b4c-b8d1-e0a2f3c47b11", "local_identifier": "WNC-17"
}  # fmt: skip


class SuspicionOut(Shown):
    """A tag that lies still from `start_time` to the end of its data, and what tells so."""

    model_config = example(
        id="1f7c2b0e-8a0e-4d9e-9a35-0c8f9d0a7b11", individual=_BIRD,
        study="5f0c1c1e-8a0e-4d9e-9a35-0c8f9d0a7b11", tag="T-101", state="suspected",
        start_time="2024-08-10T05:00:00Z", end_time="2024-08-19T05:00:00Z", basis="position",
        centre={"lon": 127.28, "lat": 38.21}, radius_m=41.5, n_still=72, n_away=1,
        observed_s=777600.0, days_midday=9, days_dark=9, stirring_share=0.0, temperature_c=11.0,
        temperature_before_c=24.0, battery_v=3.9, battery_before_v=4.0, method="lifeless 1",
        still_radius_m=100.0, still_min_s=604800.0, dismissal=None,
    )  # fmt: skip

    id: UUID
    individual: BirdOut
    study: UUID
    tag: str
    state: Literal["suspected", "dismissed"] = Field(
        description="fixes of a suspected one are left out of every product"
    )
    start_time: datetime = Field(description="first still fix")
    end_time: datetime = Field(description="last fix of the tag on this bird")
    basis: str = Field(description="position, or activity where no fix is precise enough")
    centre: CentreOut
    radius_m: float | None
    n_still: int
    n_away: int = Field(description="fixes elsewhere that are forgiven as errors")
    observed_s: float = Field(description="without silences")
    days_midday: int
    days_dark: int
    stirring_share: float | None = Field(description="of the activity since; null without")
    temperature_c: float | None = Field(description="median since")
    temperature_before_c: float | None = Field(description="median of the fortnight before")
    battery_v: float | None
    battery_before_v: float | None
    method: str
    still_radius_m: float = Field(description="parameter of the rule")
    still_min_s: float = Field(description="parameter of the rule")
    dismissal: UUID | None = Field(description="the verdict by which it is dismissed")


class LifelessVerdictOut(Shown):
    """A decision; a dismissal holds for whatever is suspected of the tag at that time."""

    model_config = example(
        id="2c2f81f1-0c34-4f5b-8c07-5cf3e4a0b1d2", individual=_BIRD,
        study="5f0c1c1e-8a0e-4d9e-9a35-0c8f9d0a7b11", tag="T-101", verdict="confirm",
        end_type="dead", ended_time="2024-08-10T05:00:00Z", start_time="2024-08-10T05:00:00Z",
        end_time="2024-08-19T05:00:00Z", reviewer="Kim J.", note="ring found at the reservoir",
        found={"n_still": 72}, decided_by="Institute of the Amur",
        decided_at="2024-08-20T00:00:00Z", undone_at=None, undone_by=None, orphan=False,
    )  # fmt: skip

    id: UUID
    individual: BirdOut
    study: UUID
    tag: str
    verdict: Literal["confirm", "dismiss"]
    end_type: str | None
    ended_time: datetime | None
    start_time: datetime
    end_time: datetime
    reviewer: str
    note: str
    found: dict[str, Any] = Field(description="the suspicion as it stood")
    decided_by: str
    decided_at: datetime
    undone_at: datetime | None
    undone_by: str | None
    orphan: bool = Field(description="a dismissal of what nothing is suspected of any more")


def _bird(row: dict[str, Any]) -> dict[str, Any]:
    return {"id": row["individual_id"], "local_identifier": row["individual"]}


def _suspicion(row: dict[str, Any]) -> SuspicionOut:
    return SuspicionOut(**{
        **row, "id": row["ref"], "individual": _bird(row),
        "state": "dismissed" if row["dismissed"] else "suspected",
        "centre": {"lon": row["lon"], "lat": row["lat"]},
    })  # fmt: skip


def _verdict(row: dict[str, Any]) -> LifelessVerdictOut:
    return LifelessVerdictOut(**{**row, "id": row["ref"], "individual": _bird(row)})


@router.get("", responses=READING)
async def list_lifeless(
    store: StoreDep,
    audience: CurrentAudience,
    page: PageDep,
    response: Response,
    study: Annotated[UUID | None, Query()] = None,
    individual: Annotated[UUID | None, Query()] = None,
    state: Annotated[Literal["suspected", "dismissed"] | None, Query()] = None,
) -> Listing[SuspicionOut]:
    """
    List tags of own studies that lie still, suspected of a dead bird or of having fallen off.

    Their fixes from `start_time` on carry the flag `suspected-dead-or-dropped` and are left out of
    stopovers, tracks, habitat use, flyways and feeds until a data manager dismisses the suspicion,
    or later fixes or readings show life.
    """
    after = int(str(page.after[0])) if page.after else None
    async with store.read() as conn:
        rows = await lifeless.page(
            conn, audience, limit=page.fetch, after=after, study=study, individual=individual,
            dismissed=None if state is None else state == "dismissed",
        )  # fmt: skip
    return paginate(page, response, rows, key=lambda row: (row["id"],), shape=_suspicion)


@router.get("/verdicts", responses=READING)
async def list_lifeless_verdicts(
    store: StoreDep,
    audience: CurrentAudience,
    page: PageDep,
    response: Response,
    study: Annotated[UUID | None, Query()] = None,
    individual: Annotated[UUID | None, Query()] = None,
) -> Listing[LifelessVerdictOut]:
    """List what was decided about such tags, the newest first; what was taken back stays."""
    before = int(str(page.after[0])) if page.after else None
    async with store.read() as conn:
        rows = await lifeless_verdicts.page(
            conn, audience, limit=page.fetch, before=before, study=study, individual=individual
        )
    return paginate(page, response, rows, key=lambda row: (row["id"],), shape=_verdict)


@router.get("/{suspicion}", responses=READING)
async def read_lifeless(
    suspicion: UUID, store: StoreDep, audience: CurrentAudience
) -> SuspicionOut:
    """Read one suspicion."""
    async with store.read() as conn:
        return _suspicion(await lifeless.one(conn, audience, suspicion))


@router.post("/{suspicion}/verdicts", status_code=201, responses=WRITING)
async def decide_lifeless(
    suspicion: UUID, body: LifelessVerdictIn, store: StoreDep, audience: ManagerAudience
) -> LifelessVerdictOut:
    """
    Confirm or dismiss a suspicion.

    Confirmed, the deployment ends at the first still fix (or at `ended_time`) with its end type,
    and nothing after belongs to the bird. Dismissed, the fixes are shown again, and those that
    the tag goes on sending from there as well. Both can be taken back.
    """
    confirmed = body.verdict == "confirm"
    if not confirmed and (body.end_type or body.ended_time):
        raise BadInput(
            "A dismissal ends no deployment.", remedy="Leave end_type and ended_time out."
        )
    said = lifeless_verdicts.Decision(
        body.verdict, body.reviewer, body.note or "",
        (body.end_type or "unknown") if confirmed else None, body.ended_time,
    )  # fmt: skip
    async with store.write() as conn:
        return _verdict(await lifeless_verdicts.decide(conn, audience, suspicion, said))


@router.delete("/verdicts/{decision}", responses=WRITING)
async def undo_lifeless_verdict(
    decision: UUID, store: StoreDep, audience: ManagerAudience
) -> LifelessVerdictOut:
    """Take a verdict back: the deployment goes on as before, and the rule decides again."""
    async with store.write() as conn:
        return _verdict(await lifeless_verdicts.undo(conn, audience, decision))
