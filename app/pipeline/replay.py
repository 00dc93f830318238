"""A kept push read again: in another format, zone or datum, say, tried out first or for good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.errors import TooLarge
from app.pipeline.decode import decode_in
from app.store import decodings, inbox
from app.store.audience import Audience
from app.store.engine import Store

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Replay:
    """The receipts of a push before and after, as the inbox gives them."""

    before: Row
    after: Row


class _TakenBackError(Exception):
    """Ends the transaction of a trial."""

    def __init__(self, found: Replay) -> None:
        super().__init__()
        self.found = found


async def replay(
    store: Store,
    audience: Audience,
    push: UUID,
    *,
    how: inbox.Reading,
    apply: bool = False,
    limit_bytes: int | None = None,
) -> Replay:
    """
    Read a kept push again; what is left out stays as it was.

    Without `apply` it is decoded and stored in a transaction that is taken back, so `after` is
    the receipt it would get. With `apply` it waits for the worker, as a new push does.
    """
    try:
        async with store.write() as conn:
            before = await inbox.receipt(conn, audience, push)
            if before is None:
                raise decodings.unknown()
            if limit_bytes is not None and not apply and before["size_bytes"] > limit_bytes:
                raise TooLarge(
                    f"A trial within a request takes pushes up to {limit_bytes} bytes.",
                    remedy="Try it with `flyways replay` at the database, or send dry_run false.",
                    code="push-too-large",
                )
            kept = await decodings.decode_again(conn, audience, push, how.over(before))
            if not apply:
                await decode_in(conn, kept.decoding_id)
            after = await inbox.receipt(conn, audience, push)
            assert after is not None
            found = Replay(before, after)
            if not apply:
                raise _TakenBackError(found)  # noqa: TRY301 - an error ends the transaction
    except _TakenBackError as trial:
        return trial.found
    return found
