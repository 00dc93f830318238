"""Run the stages: one push, one individual or one catalogue at a time, each in one transaction."""

from __future__ import annotations

import structlog

from app.pipeline.decode import decode_push
from app.pipeline.habitat import habitat
from app.pipeline.publish import publish
from app.pipeline.route import route
from app.pipeline.screen import screen
from app.pipeline.segment import segment
from app.store import work
from app.store.engine import Connection, Store

__all__ = ["decode_push", "derive_individual", "drain", "refresh_catalogue"]

log = structlog.get_logger()


async def derive_individual(store: Store, individual_id: int) -> None:
    """Derive the dirty span of one bird again; failures are counted and end in a dead letter."""
    try:
        async with store.write() as conn:
            await _derive(conn, individual_id)
    except Exception as error:
        log.exception("derive_failed", individual_id=individual_id)
        async with store.write() as conn:
            await work.note_failure(conn, "dirty", {"individual": individual_id}, repr(error))
        raise


async def _derive(conn: Connection, individual_id: int) -> None:
    span = await work.take_span(conn, individual_id)
    subject = work.individual_subject(individual_id)
    if span is None:
        return
    window = await screen(conn, span)
    found = await segment(conn, window)
    await habitat(conn, found)
    await publish(conn, found)
    catalogues = await work.mark_catalogues_dirty(conn, span.study_id)
    await work.hand_on(conn, subject, catalogues)


async def refresh_catalogue(store: Store, scope: str, *, simulated: bool) -> None:
    """Build the sites and flyways that one class of readers sees."""
    values = {"scope": scope, "simulated": simulated}
    try:
        async with store.write() as conn:
            if await work.take_catalogue(conn, scope, simulated=simulated):
                await route(conn, scope, simulated=simulated)
                await work.hand_on(conn, work.product_subject(scope, simulated=simulated), [])
    except Exception as error:
        log.exception("catalogue_failed", scope=scope, simulated=simulated)
        async with store.write() as conn:
            await work.note_failure(conn, "product_dirty", values, repr(error))
        raise


async def drain(store: Store) -> None:
    """Do everything that waits, here and now (command line, tests); the worker does it by jobs."""
    while True:
        async with store.read() as conn:
            todo = await work.waiting(conn, limit=1000)
        if not (todo.decodings or todo.individuals or todo.catalogues):
            return
        for decoding_id in todo.decodings:
            await decode_push(store, decoding_id)
        for individual_id in todo.individuals:
            await derive_individual(store, individual_id)
        for scope, simulated in todo.catalogues:
            await refresh_catalogue(store, scope, simulated=simulated)
