"""
Bring a file in, or everything up to date, at the database itself: pushes without HTTP.

Each act loads what it needs when it begins: a list of refusals waits for no compiler, an export for
no web framework.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal
from urllib.parse import urlencode
from uuid import UUID

from app.api.intervals import interval_of
from app.api.receipts import Receipt, receipt_of, shape
from app.errors import NotFound, SetupError
from app.files import write
from app.loading import loading
from app.operate import operator
from app.store import decodings, failures, inbox, receipts, reference, studies, work
from app.store.engine import Store
from app.store.sight import Filters

if TYPE_CHECKING:
    from app.api.flyway_report import Language
    from app.pipeline.replay import Wanted

CHUNK_BYTES = 1 << 20
AS_IT_SAYS = inbox.Reading(None, None)
"""A reading that leaves everything to the bytes."""
POLL_S = 0.2
FINAL = frozenset({"processed", "failed"})
NAMED_MAX = 5
CHANGING = (
    "format", "tz", "encoding", "datum", "date_order", "mapping", "mapping_version", "tag", "state",
    "units", "records", "refused", "stored", "duplicates", "superseded", "without_position",
    "time_first", "time_last", "warnings", "problem",
)  # fmt: skip
"""What another reading can change in a receipt, and a person wants to see first."""


async def push(
    store: Store,
    file: Path,
    study: UUID,
    how: inbox.Reading = AS_IT_SAYS,
    *,
    mapping: UUID | None = None,
) -> UUID:
    """Keep a file's bytes as one push; when this returns they are on disk."""
    with loading():
        from app.pipeline import receive
        from ingest import tag_of_file

    audience = await operator(store)
    async with store.read() as conn:
        owner = await studies.owned(conn, audience, study)
        how = await receive.mapped(conn, audience, owner["id"], how, mapping)
    how = receive.whose(how, file.name)
    delivery = inbox.Delivery(owner["id"], named_tag=tag_of_file(file.name))
    kept = await receive.receive(store, delivery, how, _pieces(file))
    return kept.ref


async def settled(store: Store, push_ref: UUID) -> dict[str, Any]:
    """
    Work here and now until a push is processed or failed; give its receipt as the API does.

    Raises SetupError when what it waits for was laid aside: waiting longer would be for ever.
    """
    with loading():
        from app.pipeline import run as flow

    audience = await operator(store)
    while (receipt := await receipt_of(store, audience, push_ref)).state not in FINAL:
        await flow.drain(store, areas=False)
        await _refuse_dead_of(store, push_ref)
        await asyncio.sleep(POLL_S)
    return receipt.model_dump(mode="json")


async def processed(store: Store, push_ref: UUID) -> Receipt:
    """Wait until the workers are through with a push; raises SetupError as `settled` does."""
    audience = await operator(store)
    while (receipt := await receipt_of(store, audience, push_ref)).state not in FINAL:
        await _refuse_dead_of(store, push_ref)
        await asyncio.sleep(POLL_S)
    return receipt


async def _refuse_dead_of(store: Store, push_ref: UUID) -> None:
    async with store.read() as conn:
        _refuse_dead(await failures.dead(conn, push_ref=push_ref), f"Push {push_ref} is stored")


async def delivered(
    store: Store, file: Path, study: UUID, how: inbox.Reading, *, mapping: UUID | None
) -> dict[str, Any]:
    """Keep a file's bytes as one push and give its final receipt."""
    return await settled(store, await push(store, file, study, how, mapping=mapping))


async def export(
    store: Store,
    study: UUID,
    *,
    form: str,
    out: Path,
    individual: UUID | None = None,
    datetime: str | None = None,
) -> dict[str, Any]:
    """Write a study into files of a folder; give what was written."""
    from app.pipeline import exports

    first, last = interval_of(datetime)
    filters = Filters(individual=individual, time_from=first, time_to=last)
    audience = await operator(store)
    if individual is not None:
        async with store.read() as conn:
            bird = await reference.individual(conn, audience, individual)
        if bird["study"] != study:
            raise reference.unknown("individual")
    return await exports.export(store, audience, study, form=form, out=out, filters=filters)


async def plot(store: Store, ref: UUID, out: Path) -> dict[str, Any]:
    """Write the plot of an individual, or else of a study, into a file."""
    from app.api import plots

    audience = await operator(store)
    try:
        svg = await plots.individual_svg(store, audience, ref)
    except NotFound:
        svg = await plots.study_svg(store, audience, ref)
    await asyncio.to_thread(write, out, svg)
    return {"file": str(out), "bytes": len(svg)}


async def report(
    store: Store,
    flyway: str,
    out: Path,
    *,
    lang: Language,
    datetime: str | None,
    as_of: str | None = None,
) -> dict[str, Any]:
    """Write the report of a flyway, or one that was kept, into a file: .html or .pdf."""
    from app import printing
    from app.api import flyway_report
    from app.api.as_of import address_of
    from app.api.ledger import FLYWAY

    form = out.suffix.lower()
    if form not in {".html", ".pdf"}:
        raise SetupError(f"{out} is neither .html nor .pdf. End the name of the file so.")
    if not FLYWAY.fullmatch(flyway):
        raise SetupError(f"{flyway} is no flyway. Name it as in /api/v1/flyways: species[:season].")
    program = printing.chromium() if form == ".pdf" else None
    ask = flyway_report.Ask(flyway, lang, days=interval_of(datetime))
    audience = await operator(store)
    if as_of is None:
        page = await flyway_report.report(store, audience, ask)
    else:
        told = {"lang": lang, **({"datetime": datetime} if datetime else {})}
        address = address_of(f"/api/v1/flyways/{flyway}/report", urlencode(told))
        page = await flyway_report.kept_report(store, audience, address, as_of)
    if program is None:
        await asyncio.to_thread(write, out, page.encode())
    else:
        await asyncio.to_thread(printing.print_pdf, program, page, out)
    size = (await asyncio.to_thread(out.stat)).st_size
    return {"file": str(out), "bytes": size}


async def replay(store: Store, push_ref: UUID, wanted: Wanted, *, apply: bool) -> dict[str, Any]:
    """
    Read a kept push again and say what that changes; without `apply` it is taken back.

    It is tried first in any case: a reading that fails is not asked for, and `problem` says why.
    """
    from app.api.effects import effect_shown
    from app.pipeline.replay import replay as read_again

    audience = await operator(store)
    found = await read_again(store, audience, push_ref, wanted)
    before = shape(found.before).model_dump(mode="json")
    after = shape(found.after).model_dump(mode="json")
    problem = found.problem
    done = apply and problem is None
    if done:
        asked = await read_again(store, audience, push_ref, wanted, apply=True)
        after = await settled(store, UUID(after["push_id"]))
        problem = _failed(after, asked.after["number"])
    changes = {
        name: [before[name], after[name]] for name in CHANGING if before[name] != after[name]
    }
    told = {
        "push_id": before["push_id"], "applied": done and problem is None, "changes": changes,
        "problem": problem,
    }  # fmt: skip
    if found.effect is None or done:
        return told
    return told | {"effect": effect_shown(found.effect).model_dump(mode="json")}


def _failed(receipt: dict[str, Any], decoding: int) -> dict[str, str] | None:
    """Return why this decoding of a push failed, if it did."""
    newer = receipt["failed_reading"]
    if newer is not None and newer["decoding"] == decoding:
        receipt = newer
    problem: dict[str, str] | None = receipt["problem"]
    return problem


ID_MAX_DIGITS = 18
"""Most digits of a number that the database takes, whatever they are."""
SECOND = {"refusals": ("unit", int), "suspects": ("code", str)}
"""What tells the rows of one decoding apart, in either list."""


async def listed(
    store: Store,
    study: UUID,
    what: Literal["refusals", "suspects"],
    *,
    push: UUID | None = None,
    code: str | None = None,
    datetime: str | None = None,
    after: str | None = None,
    limit: int,
) -> dict[str, Any]:
    """Give a page of what is refused or suspect in a study; `next` names the page after it."""
    from app.store import corrections

    first, last = interval_of(datetime)
    name, kind = SECOND[what]
    decoding, _, rest = (after or "0:0").partition(":")
    numbers = (decoding, rest) if kind is int else (decoding,)
    if not all(each.isdecimal() and len(each) <= ID_MAX_DIGITS for each in numbers):
        raise SetupError(f"{after} is no page. Give --after as the page before named it.")
    audience = await operator(store)
    read: Any = getattr(corrections, what)
    async with store.read() as conn:
        study_id = (await studies.owned(conn, audience, study))["id"]
        if push is not None:
            there = await receipts.receipt(conn, audience, push)
            if there is None or there["study_id"] != study_id:
                raise decodings.unknown()
        rows = await read(
            conn, audience, study_id, Filters(time_from=first, time_to=last), push=push, code=code,
            after=None if after is None else (int(decoding), kind(rest)), limit=limit + 1,
        )  # fmt: skip
    end = rows[limit - 1] if len(rows) > limit else None
    told = [{key: row[key] for key in row if key != "decoding_id"} for row in rows[:limit]]
    return {"items": told, "next": end and f"{end['decoding_id']}:{end[name]}"}


async def recompute(store: Store, study: UUID | None) -> int:
    """Derive everything again, of one study or of all; give the number of individuals."""
    with loading():
        from app.pipeline import run as flow

    audience = await operator(store)
    async with store.write() as conn:
        chosen = (await studies.owned(conn, audience, study))["id"] if study else None
        marked = await work.mark_all_dirty(conn, study_id=chosen)
    _refuse_dead(await flow.drain(store), "All else is derived")
    return marked


def _refuse_dead(laid_aside: list[failures.Dead], done: str) -> None:
    """Say what can't be derived, and why."""
    if laid_aside:
        reasons = "; ".join(f"{dead.name} ({dead.reason})" for dead in laid_aside[:NAMED_MAX])
        raise SetupError(
            f"{done}, but {len(laid_aside)} pieces of work failed {work.ATTEMPTS_MAX} times and "
            f"were laid aside: {reasons}. Mend the cause, then run `flyways recompute`."
        )


async def verify(store: Store, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Rebuild every bird and catalogue beside what is stored; give each verdict."""
    with loading():
        from app.pipeline import verify as rebuilt

    found = []
    async for verdict in rebuilt.verify(store):
        if verdict.differs:
            say(f"differs: {verdict.name}: {', '.join(verdict.differs)}")
        found.append({"name": verdict.name, "differs": list(verdict.differs)})
    return found


async def _pieces(file: Path) -> AsyncIterator[bytes]:
    with file.open("rb") as opened_file:
        while piece := await asyncio.to_thread(_read, opened_file):
            yield piece


def _read(file: BinaryIO) -> bytes:
    try:
        return file.read(CHUNK_BYTES)
    except OSError as error:
        raise SetupError(
            f"{file.name} can't be read: {error.strerror}. Nothing is kept; name another file."
        ) from error
