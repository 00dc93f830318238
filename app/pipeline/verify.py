"""Prove promise 5: what is stored equals a rebuild from scratch, bird by bird."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from app.pipeline.available import available
from app.pipeline.keysites import find_key_sites
from app.pipeline.route import route
from app.pipeline.run import derive_span
from app.pipeline.utilise import measure
from app.store import content, derived, keysites, measuring, work
from app.store.engine import Connection, Store
from app.store.windows import FAR_FUTURE, FAR_PAST


@dataclass(frozen=True, slots=True)
class Verdict:
    """One bird or catalogue, and the tables in which stored and rebuilt content differ."""

    name: str
    differs: tuple[str, ...]


_AT_LEISURE = ("utilisation", "available", "season_use", "stay_range", "stay_cover")
_AFTER_THEM = ("key_sample", "key_site", "species_use")


class _RollBack(Exception):  # noqa: N818 - not an error: it ends a trial
    pass


async def verify(store: Store) -> AsyncIterator[Verdict]:
    """Rebuild every bird and catalogue in transactions that are taken back; yield each verdict."""
    async with store.read() as conn:
        birds = await content.individuals(conn)
        catalogues = await work.catalogues(conn)
    for individual_id, name in birds:
        yield Verdict(name, await _bird(store, individual_id))
    for scope, simulated in catalogues:
        subject = work.product_subject(scope, simulated=simulated)
        yield Verdict(subject, await _catalogue(store, scope, simulated=simulated))


async def _bird(store: Store, individual_id: int) -> tuple[str, ...]:
    found: tuple[str, ...] = ()
    try:
        async with store.write() as conn:
            await work.lock(conn, work.LOCK_INDIVIDUAL, individual_id)
            # Areas that wait to be measured are known to be old: no difference tells anything.
            measured = await measuring.due(conn, individual_id) is None
            before = await content.of_bird(conn, individual_id)
            await content.clear_bird(conn, individual_id)
            await rebuild(conn, individual_id, areas=measured)
            differs = content.differing(before, await content.of_bird(conn, individual_id))
            found = tuple(table for table in differs if measured or table not in _AT_LEISURE)
            raise _RollBack  # noqa: TRY301 - the transaction must end by an error
    except _RollBack:
        return found


async def rebuild(conn: Connection, individual_id: int, *, areas: bool = True) -> None:
    """Derive a bird's whole life, the areas it used included."""
    study_id = (await derived.bird(conn, individual_id)).study_id
    await derive_span(conn, work.Span(individual_id, study_id, FAR_PAST, FAR_FUTURE))
    due = await measuring.due(conn, individual_id) if areas else None
    if due is not None:
        found = await measure(conn, individual_id, due)
        bird = await derived.bird(conn, individual_id)
        offered = await available(conn, bird, found.areas)
        await measuring.settle(
            conn, bird, due, found.kept, found.areas, offered=offered, uses=found.uses,
            stays=found.stays,
        )  # fmt: skip


async def _catalogue(store: Store, scope: str, *, simulated: bool) -> tuple[str, ...]:
    found: tuple[str, ...] = ()
    try:
        async with store.write() as conn:
            # Key sites that wait to be found again are known to be old.
            settled = await keysites.due(conn, scope, simulated=simulated) is None
            before = await content.of_catalogue(conn, scope, simulated=simulated)
            await content.clear_catalogue(conn, scope, simulated=simulated)
            await route(conn, scope, simulated=simulated)
            made = await find_key_sites(conn, scope, simulated=simulated)
            await keysites.replace(conn, scope, made, simulated=simulated)
            after = await content.of_catalogue(conn, scope, simulated=simulated)
            differs = content.differing(before, after)
            found = tuple(table for table in differs if settled or table not in _AFTER_THEM)
            raise _RollBack  # noqa: TRY301 - the transaction must end by an error
    except _RollBack:
        return found
