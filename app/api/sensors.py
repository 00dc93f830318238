"""EarthRanger's address for sensors, for senders that were written for EarthRanger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response

from app.api.auth import caller, require
from app.api.deps import StoreDep
from app.api.problems import WRITING
from app.api.proofs import Prover, prover, token_of
from app.api.push import Door, DoorDep
from app.api.pushes import announce
from app.api.receipts import Receipt
from app.errors import Conflict, NotSignedIn
from app.store import reference, sources
from app.store.audience import Audience
from ingest.formats import earthranger_json
from ingest.signatures import SignatureRefused

router = APIRouter(tags=["pushes"])

REMEDY = (
    "Take name and secret from whoever set up the source. EarthRanger's address takes the scheme"
    " token, Movebank's the scheme basic."
)

KEY_PREFIX = "flw_"
"""How keys of institutes begin; tokens of sources begin otherwise."""


async def _owner(request: Request, store: StoreDep) -> Audience | None:
    """Return the institute whose key comes with the request; None for a sender with a token."""
    if not (token_of(request.headers, request.query_params) or "").startswith(KEY_PREFIX):
        return None
    return require(await caller(request, store), "push")


@router.post(
    "/api/v1.0/sensors/{sensor_type}/{provider}/status",
    status_code=201,
    response_model=Receipt,
    responses=WRITING,
)
@router.post(
    "/api/v1.0/sensors/{sensor_type}/{provider}/status/",
    status_code=201,
    response_model=Receipt,
    responses=WRITING,
    include_in_schema=False,
)
async def push_from_sensor(
    sensor_type: Annotated[str, Path(max_length=64)],
    provider: Annotated[str, Path(max_length=300)],
    request: Request,
    door: DoorDep,
    owner: Annotated[Audience | None, Depends(_owner)],
) -> Response:
    """
    Push observations as to EarthRanger: one or a list; the bytes are on disk when this answers.

    `provider` is the name or id of a source, `sensor_type` any word. Send the token of the source
    as `Authorization: Bearer`, or a key of the institute with the scope `push`. 201: new; 200:
    these bytes came before.
    """
    del sensor_type  # EarthRanger's own drivers; the observations say what they are
    source = await _source(door, provider, request, owner)
    body = b"".join([piece async for piece in request.stream()])
    sent = request.headers
    prove = prover(sent, request.query_params, body) if owner is None else _owned(owner)
    format_name = earthranger_json.NAME
    _, receipt = await replace(door, format_name=format_name).keep(source, body, sent, prove)
    status = 201 if receipt.replay_of is None else 200
    answer = Response(receipt.model_dump_json(), status, media_type="application/json")
    announce(answer, receipt)
    return answer


def _owned(owner: Audience) -> Prover:
    def prove(sender: dict[str, Any]) -> None:
        if sender["study_id"] not in owner.exact:
            raise SignatureRefused("token-mismatch", REMEDY)

    return prove


async def _source(door: Door, provider: str, request: Request, owner: Audience | None) -> UUID:
    token = token_of(request.headers, request.query_params)
    if owner is None:
        return await source_of(door, provider, secret=("token", token) if token else None)
    try:
        return await source_of(door, provider, studies=owner.exact)
    except NotSignedIn as unknown:
        # The key is known: what it may not push to is not there.
        raise reference.unknown("source") from unknown


async def source_of(
    door: Door,
    name: str,
    *,
    secret: tuple[sources.Scheme, str] | None = None,
    studies: Sequence[int] = (),
) -> UUID:
    """
    Return the one source that a sender means by a name and may push to.

    A wrong secret and a name that is not there are answered alike: a name is easily guessed.
    """
    async with door.store.read() as conn:
        found = await sources.opened(conn, name, secret=secret, studies=studies)
        meant = found or await sources.named(conn, name)
    if not found and len(meant) == 1:
        door.rebuffs.note(meant[0], "source-unproven")
    if len(found) > 1:
        raise Conflict(
            "Several sources of yours have this name.",
            remedy="Name the source by its id.",
            code="source-ambiguous",
        )
    if not found:
        raise unknown_sender()
    return found[0]


def unknown_sender() -> NotSignedIn:
    """Return the one answer for a name that is not there and for a secret that does not fit."""
    return NotSignedIn(
        "No source of this name takes this secret.",
        remedy=REMEDY,
        code="source-unproven",
    )
