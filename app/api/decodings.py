"""Another reading of a push that is kept: tried out first, then done."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from app.api.auth import ManagerAudience, require
from app.api.deps import StoreDep, StrictRoute
from app.api.problems import WRITING
from app.api.pushes import DRY_RUN_MAX_BYTES, Receipt, announce, shape
from app.api.schemas import Body, example
from app.pipeline.receive import reading
from app.pipeline.replay import replay
from app.store.audience import Audience

router = APIRouter(prefix="/api/v1", tags=["pushes"], route_class=StrictRoute)


class DecodingIn(Body):
    """How a kept push is to be read; what is left out stays as it was."""

    model_config = example(tz="UTC+8", dry_run=False)

    format: str | None = Field(None, max_length=64)
    tz: str | None = Field(None, max_length=64, description="zone of times that carry none")
    encoding: str | None = Field(None, max_length=64)
    datum: str | None = Field(None, max_length=64)
    dry_run: bool = Field(
        default=True, description="store nothing, answer the receipt it would get"
    )


async def _manager_who_pushes(audience: ManagerAudience) -> Audience:
    return require(audience, "push")


@router.post("/pushes/{push_id}/decodings", status_code=202, responses=WRITING)
async def decode_again(
    push_id: UUID,
    wanted: DecodingIn,
    response: Response,
    store: StoreDep,
    audience: Annotated[Audience, Depends(_manager_who_pushes)],
) -> Receipt:
    """
    Read a kept push in another way; needs the scopes `manage` and `push`.

    A dry run, which is the default, stores nothing and answers the receipt the push would get.
    Done for good, the receipt grows until it is final; what was read before stays until then.
    """
    found = await replay(
        store,
        audience,
        push_id,
        how=reading(wanted.format, wanted.tz, wanted.encoding, wanted.datum),
        apply=not wanted.dry_run,
        limit_bytes=DRY_RUN_MAX_BYTES,
    )
    receipt = shape(found.after)
    if not wanted.dry_run:
        announce(response, receipt)
    return receipt
