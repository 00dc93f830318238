"""Telemetry webhooks: one address per source, proven by a token, a password or a signature."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, cast
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from app.api.deps import SettingsDep, StoreDep
from app.api.problems import WRITING, problem_response
from app.api.proofs import SIGNED, Prover, prover
from app.api.pushes import announce
from app.api.receipts import Receipt, receipt_of, shape
from app.errors import BadInput, NotSignedIn
from app.pipeline.gather import SMALL_BYTES, Gatherer, Handed, Posted, unknown_source
from app.pipeline.rebuffs import Rebuffs
from app.pipeline.receive import bounded, reading, reading_of, receive
from app.store import inbox, letters, sources
from app.store.audience import Audience
from app.store.engine import Store
from ingest.signatures import SignatureRefused

router = APIRouter(tags=["pushes"])

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Door:
    """
    What keeps the pushes of all senders, whatever address they use.

    `format_name` is that of the address, for sources that name none; `tag` is whose the rows are
    that name none, as the address tells it.
    """

    store: Store
    gatherer: Gatherer
    rebuffs: Rebuffs
    limit_bytes: int
    format_name: str | None = None
    tag: str | None = None

    async def keep(
        self, source: UUID, body: bytes, headers: Mapping[str, str], prove: Prover
    ) -> tuple[Row, Receipt]:
        """
        Keep a body that is here, if it is proven to come from a source; small ones share a commit.

        Raises NotSignedIn, counted at the source, so that one under attack or misset shows.
        """
        if 0 < len(body) <= SMALL_BYTES and self.tag is None:
            posted = await self.gather(source, body, headers, prove)
            return posted.way.sender, await self.receipt(posted, body, headers)
        sender = await self.sender(source)
        self.check(source, sender, prove)
        return sender, await self.store_alone(sender, headers, _whole(body))

    async def gather(
        self, source: UUID, body: bytes, headers: Mapping[str, str], prove: Prover
    ) -> Posted:
        """Keep a small body beside others; raises NotSignedIn as `keep` does."""
        handed = Handed(
            (source, self.format_name), body, prove, headers.get("content-type"), key_of(headers)
        )
        try:
            return await self.gatherer.keep(handed)
        except SignatureRefused as refused:
            raise self._rebuffed(source, refused) from refused

    async def receipt(self, posted: Posted, body: bytes, headers: Mapping[str, str]) -> Receipt:
        """Return the receipt of a small push; one whose bytes or key came before is kept alone."""
        if posted.kept is not None:
            return shape(letters.receipt(posted.way, posted.kept))
        return await self.store_alone(posted.way.sender, headers, _whole(body))

    async def sender(self, source: UUID) -> Row:
        """Return the row of a source; raises NotFound."""
        async with self.store.read() as conn:
            sender = await sources.sender(conn, source)
        if sender is None:
            raise unknown_source()
        return sender

    def check(self, source: UUID, sender: Row, prove: Prover) -> None:
        """Raise NotSignedIn, counted at the source, where a push is not proven to be its own."""
        try:
            prove(sender)
        except SignatureRefused as refused:
            raise self._rebuffed(source, refused) from refused

    def _rebuffed(self, source: UUID, refused: SignatureRefused) -> NotSignedIn:
        self.rebuffs.note(source, refused.code)
        return NotSignedIn(
            "The push is not proven to come from this source.",
            remedy=refused.remedy,
            code=refused.code,
        )

    async def store_alone(
        self, sender: Row, headers: Mapping[str, str], body: AsyncIterator[bytes]
    ) -> Receipt:
        """Keep a proven push in a transaction of its own."""
        delivery = inbox.Delivery(
            sender["study_id"],
            source_id=sender["id"],
            content_type=headers.get("content-type"),
            idempotency_key=key_of(headers),
        )
        how = replace(reading_of(sender, self.format_name), tag=self.tag)
        kept = await receive(self.store, delivery, how, body)
        own = Audience("institute", exact=(sender["study_id"],))
        return await receipt_of(self.store, own, kept.ref)


async def door_of(request: Request, store: StoreDep, settings: SettingsDep) -> Door:
    """Return the door of this application."""
    state = request.app.state
    return Door(
        store,
        cast("Gatherer", state.gatherer),
        cast("Rebuffs", state.rebuffs),
        settings.body_max_bytes,
    )


DoorDep = Annotated[Door, Depends(door_of)]


@router.post("/push/{source}", status_code=202, response_model=Receipt, responses=WRITING)
async def push_from_source(
    source: UUID,
    request: Request,
    door: DoorDep,
    tag: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """
    Push telemetry from a source; the bytes are on disk when this answers.

    A source with a token expects it as `Authorization: Bearer <token>`, `X-Webhook-Token`,
    `X-Api-Key` or `?token=`; one with basic as the password of HTTP basic authentication; one
    with Standard Webhooks expects `webhook-id`, `webhook-timestamp` and `webhook-signature`; one
    with GitHub's scheme `X-Hub-Signature-256`. The same delivery again has no further effect and
    gets the same receipt. `tag` says whose a table is whose rows name none.
    """
    if tag is not None:
        door = replace(door, tag=reading(None, None, tag=tag).tag)
    try:
        if _is_small(request):
            body = await request.body()
            prove = prover(request.headers, request.query_params, body)
            sender, receipt = await door.keep(source, body, request.headers, prove)
        else:
            sender, receipt = await _large(source, request, door)
    except NotSignedIn as unproven:
        return refused(unproven)
    return accepted(sender, receipt)


def accepted(sender: Row, receipt: Receipt) -> Response:
    """Return the answer to a push that is kept, with the status that its sender wants."""
    answer = Response(
        receipt.model_dump_json(), sender["ack_status"], media_type="application/json"
    )
    announce(answer, receipt)
    return answer


def _is_small(request: Request) -> bool:
    return 0 < int(request.headers.get("content-length", 0)) <= SMALL_BYTES


async def _large(source: UUID, request: Request, door: Door) -> tuple[Row, Receipt]:
    """Keep a large push: nobody unknown sends more than its headers, unless it signs its body."""
    sender = await door.sender(source)
    stream, headers = bounded(request.stream(), door.limit_bytes), request.headers
    if sender["scheme"] in SIGNED:
        body = b"".join([piece async for piece in stream])
        return await door.keep(source, body, headers, prover(headers, body=body))
    door.check(source, sender, prover(headers, request.query_params))
    return sender, await door.store_alone(sender, headers, stream)


def refused(unproven: NotSignedIn) -> Response:
    """Return the answer to a push that is not proven to come from its source."""
    return challenged(unproven, basic=unproven.code == "password-mismatch")


def challenged(refused: NotSignedIn, *, basic: bool) -> Response:
    """Return the answer to it; clients of basic authentication send their password when asked."""
    asks = {"WWW-Authenticate": 'Basic realm="flyways", charset="UTF-8"'}
    return problem_response(refused, headers=asks if basic else None)


KEY_MAX_CHARS = 255
"""Longest name of a delivery; an index of the database holds no row of much over 2,700 bytes."""

KEY_HEADERS = ("webhook-id", "idempotency-key", "x-github-delivery")


def key_of(headers: Mapping[str, str]) -> str | None:
    """Return the name that a sender gives its delivery."""
    found = next((key for name in KEY_HEADERS if (key := headers.get(name))), None)
    if found is not None and len(found) > KEY_MAX_CHARS:
        raise BadInput(
            f"The name of the delivery is over {KEY_MAX_CHARS} characters.",
            remedy="Send a shorter webhook-id or Idempotency-Key: a UUID has 36 characters.",
            code="idempotency-key-too-long",
        )
    return found


async def _whole(body: bytes) -> AsyncIterator[bytes]:
    yield body
