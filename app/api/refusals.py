"""What was refused in a study, and what is suspect about it, over all its pushes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime as instant
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from app.api.auth import CurrentAudience
from app.api.deps import StoreDep
from app.api.filters import DatetimeQuery
from app.api.intervals import interval_of
from app.api.paging import Listing, Page, PageDep, paginate
from app.api.problems import READING
from app.api.pushes import RefusalOut
from app.api.schemas import Shown, example
from app.store import corrections, studies
from app.store.audience import Audience
from app.store.engine import Store
from app.store.sight import Filters

T = TypeVar("T", bound=BaseModel)

router = APIRouter(prefix="/api/v1/studies", tags=["studies"])

CodeQuery = Annotated[str | None, Query(max_length=64, description="one code, as in the guide")]
PushQuery = Annotated[UUID | None, Query(description="one push")]
_PUSH = "5b4f9a0e-6a0b-4e2f-9a55-0c6f5b1f7a11"


class RefusedOut(RefusalOut):
    """A unit that is refused as its push is read now."""

    model_config = example(
        push_id=_PUSH, received_at="2026-11-22T22:00:00Z", decoding=1, format="movebank-csv",
        unit=17, offset_bytes=1310, line=None, excerpt="never,127.5,34.8,D1",
        code="time-unreadable", remedy="…",
    )  # fmt: skip

    push_id: UUID
    received_at: instant
    decoding: int
    format: str | None


class SuspectOut(Shown):
    """What is suspect about a push as it is read now."""

    model_config = example(
        push_id=_PUSH, received_at="2026-11-22T22:00:00Z", decoding=1, tz="UTC", concerns="push",
        code="time-zone-suspect", detail="…", fixes=6747, time_first="2018-07-08T10:48:10Z",
        time_last="2021-11-03T08:00:00Z",
    )  # fmt: skip

    push_id: UUID
    received_at: instant
    decoding: int
    tz: str
    concerns: Literal["push", "fixes"] = Field(
        description="push: a warning about all of it; fixes: flags of single ones"
    )
    code: str
    detail: str
    fixes: int = Field(description="stored of the push, or those with the flag")
    time_first: instant | None
    time_last: instant | None


@dataclass(frozen=True, slots=True)
class Narrowed:
    """A page of a list over the pushes of a study, and what it is narrowed to."""

    store: Store
    audience: Audience
    page: Page
    study: UUID
    code: str | None
    push: UUID | None
    received: Filters

    async def listing(
        self,
        response: Response,
        read: Callable[..., Awaitable[list[dict[str, Any]]]],
        shape: type[T],
        second: str,
    ) -> Listing[T]:
        """Read one page, in the order of decoding and `second`."""
        async with self.store.read() as conn:
            study = await studies.owned(conn, self.audience, self.study)
            rows = await read(
                conn, self.audience, int(study["id"]), self.received,
                push=self.push, code=self.code, after=self.page.after, limit=self.page.fetch,
            )  # fmt: skip
        return paginate(
            self.page, response, rows, key=lambda row: (row["decoding_id"], row[second]),
            shape=lambda row: shape(**row),
        )  # fmt: skip


async def _narrowed(
    study: UUID,
    store: StoreDep,
    audience: CurrentAudience,
    page: PageDep,
    *,
    code: CodeQuery = None,
    push: PushQuery = None,
    datetime: DatetimeQuery = None,
) -> Narrowed:
    first, last = interval_of(datetime)
    received = Filters(time_from=first, time_to=last)
    return Narrowed(store, audience, page, study, code, push, received)


NarrowedDep = Annotated[Narrowed, Depends(_narrowed)]


@router.get("/{study}/refusals", responses=READING)
async def list_refused_units(response: Response, asked: NarrowedDep) -> Listing[RefusedOut]:
    """List the refused units of a study, newest reading first; `datetime` is that of receipt."""
    return await asked.listing(response, corrections.refusals, RefusedOut, "unit")


@router.get("/{study}/suspects", responses=READING)
async def list_suspects(response: Response, asked: NarrowedDep) -> Listing[SuspectOut]:
    """List warnings about the pushes of a study, and how many of their fixes bear which flag."""
    return await asked.listing(response, corrections.suspects, SuspectOut, "code")
