"""Run the stages: one push (or many small ones), bird or catalogue at a time, in a transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

import structlog

from app.errors import Unavailable
from app.pipeline.available import available
from app.pipeline.decode import attempt, decode_push, decode_small
from app.pipeline.habitat import habitat
from app.pipeline.publish import publish
from app.pipeline.screen import screen
from app.pipeline.segment import Segmented, segment, trace
from app.pipeline.smooth import smooth
from app.pipeline.trial import try_parameters
from app.pipeline.utilise import measure
from app.store import derived, failures, keysites, measuring, work
from app.store.engine import Connection, Store

__all__ = [
    "begin_individual",
    "decode_push",
    "decode_small",
    "derive_individual",
    "derive_span",
    "drain",
    "finish_individual",
    "mark_releases",
    "refresh_catalogue",
    "renew_key_sites",
    "try_parameters",
    "utilise_individual",
]

log = structlog.get_logger()


async def derive_individual(store: Store, individual_id: int) -> None:
    """
    Derive the dirty span of one bird again: its stopovers, then in a transaction all else.

    Between the two a reader finds fixes shown, stays, stopovers, legs and seasons that are new and
    agree with each other. Everything measured, drawn or released of them is as it was, and agrees
    as well: stops, days of the ledger, drawn tracks, public copies, newest positions. The version
    of the study counts both steps, so no answer of the first is taken for one of the second. The
    bird stays dirty until the second ends, and its push unprocessed: who dies between the two, or
    finds the bird marked again, leaves a span in which all of it is derived once more.
    """
    async with _accounted(store, "dirty", {"individual": individual_id}):
        begun = await begin_individual(store, individual_id)
        if begun is not None:
            await finish_individual(store, *begun)


async def begin_individual(store: Store, individual_id: int) -> tuple[Segmented, int] | None:
    """Store the stopovers of a dirty bird; return what follows needs, and the mark's revision."""
    async with store.write() as conn:
        opened = await work.open_span(conn, individual_id)
        if opened is None:
            return None
        span, revision = opened
        found = await _stopovers(conn, span)
        # What turned out to be changed is changed no more for one who begins anew.
        window, own = found.window, found.own
        await work.widen_span(
            conn,
            individual_id,
            min(window.changed_from, own.moved_from, found.from_time),
            max(window.changed_to, own.moved_to, found.to_time),
        )
    return found, revision


async def finish_individual(store: Store, found: Segmented, revision: int) -> None:
    """Derive what follows from stopovers, unless the bird was marked again: then it still waits."""
    bird = found.bird
    async with store.write() as conn:
        if await work.take_span(conn, bird.individual_id, revision) is None:
            return
        await _all_else(conn, found)
        catalogues = await work.mark_catalogues_dirty(conn, bird.study_id)
        await work.hand_on(conn, work.individual_subject(bird.individual_id), catalogues)


@asynccontextmanager
async def _accounted(store: Store, table: str, values: dict[str, Any]) -> AsyncIterator[None]:
    """Count a failure, which ends in a dead letter; a database that went away is none."""
    try:
        yield
    except Unavailable as error:
        log.warning("work_interrupted", **values, cause=repr(error.__cause__))
        raise
    except Exception as error:
        log.exception("work_failed", **values)
        async with store.write() as conn:
            await failures.note(conn, table, values, _reason(error))
        raise


def _reason(error: Exception) -> str:
    """Say in a line what went wrong, for the operator."""
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


async def derive_span(conn: Connection, span: work.Span) -> None:
    """Take one bird's span through every stage of a bird, in a transaction of the caller's."""
    await _all_else(conn, await _stopovers(conn, span))


async def _stopovers(conn: Connection, span: work.Span) -> Segmented:
    return await segment(conn, *await smooth(conn, await screen(conn, span)))


async def _all_else(conn: Connection, found: Segmented) -> None:
    await trace(conn, found)
    await habitat(conn, found)
    # The mark before the version of the study: who settles areas takes both in this order as well.
    await measuring.mark(conn, found.bird, found.from_time, found.to_time)
    await publish(conn, found)


async def utilise_individual(store: Store, individual_id: int) -> None:
    """
    Measure the areas of one bird again, where anything changed.

    The work is done between two short transactions: a push of the bird need not wait for it, and
    what changes meanwhile is measured next.
    """
    async with _accounted(store, "utilisation_due", {"individual": individual_id}):
        async with store.read() as conn:
            due = await measuring.due(conn, individual_id)
            if due is None:
                return
            bird = await derived.bird(conn, individual_id)
            found = await measure(conn, individual_id, due)
            offered = await available(conn, bird, found.areas)
        async with store.write() as conn:
            await measuring.settle(
                conn, bird, due, found.kept, found.areas, offered=offered, uses=found.uses,
                stays=found.stays,
            )  # fmt: skip


async def renew_key_sites(store: Store, scope: str, *, simulated: bool) -> None:
    """
    Find the key sites that one class of readers sees.

    Of a thousand birds that takes minutes: the work is done before a short transaction, so that
    birds whose areas change meanwhile are stored, and their sites found next.
    """
    from app.pipeline.keysites import find_key_sites  # noqa: PLC0415 - slow to load

    async with _accounted(store, "key_site_due", {"scope": scope, "simulated": simulated}):
        async with store.read() as conn:
            revision = await keysites.due(conn, scope, simulated=simulated)
            if revision is None:
                return
            found = await find_key_sites(conn, scope, simulated=simulated)
        async with store.write() as conn:
            await keysites.settle(conn, scope, revision, found, simulated=simulated)


async def refresh_catalogue(store: Store, scope: str, *, simulated: bool) -> None:
    """Build the sites and flyways that one class of readers sees."""
    from app.pipeline.route import route  # noqa: PLC0415 - slow to load

    values = {"scope": scope, "simulated": simulated}
    async with _accounted(store, "product_dirty", values), store.write() as conn:
        if await work.take_catalogue(conn, scope, simulated=simulated):
            await route(conn, scope, simulated=simulated)
            await work.hand_on(conn, work.product_subject(scope, simulated=simulated), [])


async def mark_releases(store: Store, known: date | None) -> date:
    """
    Have the catalogues of opened studies made again when a day has begun since `known`.

    Rows are released by the day; a bird that sends nothing more would never enter otherwise.
    """
    async with store.write() as conn:
        day = await work.today(conn)
        if day != known:
            await work.mark_open_catalogues_dirty(conn)
    return day


async def drain(store: Store, *, areas: bool = True) -> list[failures.Dead]:
    """
    Do everything that waits, here and now (command line, tests); the worker does it by jobs.

    Without `areas`, which no push waits for, those that birds used are left to be measured.

    Work that fails is logged and counted, and the rest goes on; what failed too often is laid
    aside and returned, whoever laid it there.
    """
    while True:
        async with store.read() as conn:
            todo = await work.waiting(conn, limit=1000)
            unmeasured = await measuring.waiting(conn, limit=1000) if areas else []
            unfound = await keysites.waiting(conn, limit=1000) if areas else []
            laid_aside = await failures.dead(conn)
        pushes, products = (todo.studies, todo.decodings), (todo.catalogues, todo.trials)
        if not any((*pushes, todo.individuals, *products, unmeasured, unfound)):
            return laid_aside
        for study_id in todo.studies:
            await attempt(decode_small(store, study_id))
        for decoding_id in todo.decodings:
            await attempt(decode_push(store, decoding_id))
        for individual_id in todo.individuals:
            await attempt(derive_individual(store, individual_id))
        for trial_id in todo.trials:
            await attempt(try_parameters(store, trial_id))
        for scope, simulated in todo.catalogues:
            await attempt(refresh_catalogue(store, scope, simulated=simulated))
        for individual_id in unmeasured:
            await attempt(utilise_individual(store, individual_id))
        for scope, simulated in unfound:
            await attempt(renew_key_sites(store, scope, simulated=simulated))
