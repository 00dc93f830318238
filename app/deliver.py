"""Bring a file in, or everything up to date, at the database itself: pushes without HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

from app.api.pushes import receipt_of
from app.operate import operator
from app.pipeline import receive
from app.pipeline import run as flow
from app.store import inbox, studies, work
from app.store.engine import Store

CHUNK_BYTES = 1 << 20
POLL_S = 0.2
FINAL = frozenset({"processed", "failed"})


async def push(
    store: Store, file: Path, study: UUID, *, format_name: str | None = None, tz: str | None = None
) -> UUID:
    """Keep a file's bytes as one push; when this returns they are on disk."""
    audience = await operator(store)
    async with store.read() as conn:
        owner = await studies.owned(conn, audience, study)
    how = receive.reading(format_name, tz)
    kept = await receive.receive(store, inbox.Delivery(owner["id"]), how, _pieces(file))
    return kept.ref


async def settled(store: Store, push_ref: UUID) -> dict[str, Any]:
    """Work here and now until a push is processed or failed; give its receipt as the API does."""
    audience = await operator(store)
    while (receipt := await receipt_of(store, audience, push_ref)).state not in FINAL:
        await flow.drain(store)
        await asyncio.sleep(POLL_S)
    return receipt.model_dump(mode="json")


async def recompute(store: Store, study: UUID | None) -> int:
    """Derive everything again, of one study or of all; give the number of individuals."""
    audience = await operator(store)
    async with store.write() as conn:
        chosen = (await studies.owned(conn, audience, study))["id"] if study else None
        marked = await work.mark_all_dirty(conn, study_id=chosen)
    await flow.drain(store)
    return marked


async def _pieces(file: Path) -> AsyncIterator[bytes]:
    with file.open("rb") as opened_file:
        while piece := await asyncio.to_thread(opened_file.read, CHUNK_BYTES):
            yield piece
