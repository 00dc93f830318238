"""What people decide about single fixes: hidden or shown by hand, and taken back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import polars as pl
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import Conflict, NotFound
from app.store import work
from app.store.audience import Audience
from app.store.engine import execute
from app.store.fragments import CALLER, SENDER, fix_key, shown_alone, time_of

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FixName:
    """A fix as a caller names it: by bird or tag and time, the rest where that is not enough."""

    time: datetime
    individual: UUID | None = None
    tag: UUID | None = None
    sensor: int | None = None
    variant: int | None = None


_NAMED = """
select f.tag_id, f.time, f.sensor, f.variant, f.study_id
from fix f
where f.time = :time and f.live and f.tag_id in (
    select t.id from tag t where t.study_id = any(:exact) and t.ref = :tag
    union
    select d.tag_id from deployment d join individual i on i.id = d.individual_id
    where i.study_id = any(:exact) and i.ref = :individual and d.replaced_at is null
      and d.during @> cast(:time as timestamptz))
  and (cast(:sensor as int) is null or f.sensor = :sensor)
  and (cast(:variant as bigint) is null or f.variant = :variant)
limit 2
"""


async def decide(
    conn: AsyncConnection, audience: Audience, name: FixName, *, verdict: str, reason: str
) -> Row:
    """Hide or show one fix by hand; its bird is derived again from there."""
    fix = await _named(conn, audience, name)
    await work.lock(conn, work.LOCK_TAG, fix["tag_id"])
    values = {**fix, "verdict": verdict, "reason": reason, "scope": audience.institute_id}
    await execute(
        conn,
        "update fix_verdict set undone_at = clock_timestamp() where undone_at is null"
        " and (tag_id, time, sensor, variant) = (:tag_id, :time, :sensor, :variant)",
        fix,
    )
    rows = await execute(
        conn,
        "insert into fix_verdict"
        " (study_id, tag_id, time, sensor, variant, verdict, reason, decided_by)"
        " values (:study_id, :tag_id, :time, :sensor, :variant, :verdict, :reason,"
        f" {CALLER})"
        " returning id, verdict, reason, decided_by, decided_at, time",
        values,
    )
    await _derive_again(conn, fix)
    return rows[0]


async def undo(conn: AsyncConnection, audience: Audience, verdict_id: int) -> None:
    """Take a verdict back: the flags decide again."""
    rows = await execute(
        conn,
        "update fix_verdict set undone_at = clock_timestamp()"
        " where id = :id and undone_at is null and study_id = any(:exact)"
        " returning tag_id, time, sensor, variant, study_id",
        {"id": verdict_id, "exact": audience.sql["exact"]},
    )
    if not rows:
        raise NotFound(
            "There is no such verdict in force for this caller.",
            remedy="Take the id from the verdict of a fix in GET /api/v1/fixes.",
        )
    await _derive_again(conn, rows[0])


SAID = {"show": "manually-marked-valid", "hide": "manually-marked-outlier"}
"""Verdict to its reason where the sender gives none."""


async def adopt(conn: AsyncConnection, study_id: int, decided: pl.DataFrame) -> int:
    """
    Show and hide the fixes about which a person at their sender's decided; return how many anew.

    What was ever decided here, even if it was taken back since, is not decided again by a file.
    """
    if decided.is_empty():
        return 0
    each = (
        decided.sort(~pl.col("marked_valid"), "decoding_id", "unit")
        .unique(("tag_id", "time_us", "sensor", "variant"), keep="first", maintain_order=True)
        .with_columns(
            verdict=pl.when("marked_valid").then(pl.lit("show")).otherwise(pl.lit("hide"))
        )
        .with_columns(pl.col("verdict_reason").fill_null(pl.col("verdict").replace_strict(SAID)))
    )
    known = "(v.tag_id, v.time, v.sensor, v.variant)"
    found = await execute(
        conn,
        "insert into fix_verdict"
        " (study_id, tag_id, time, sensor, variant, verdict, reason, decided_by)"
        " select cast(:study as int), s.tag_id, at.time, s.sensor, s.variant, s.verdict,"
        " s.reason, :sender from unnest(cast(:tags as int[]), cast(:times as bigint[]),"
        " cast(:sensors as int[]), cast(:variants as bigint[]), cast(:verdicts as text[]),"
        " cast(:reasons as text[])) as s(tag_id, time_us, sensor, variant, verdict, reason)"
        f" cross join lateral (select {time_of('s.time_us')} as time) as at"
        f" where not exists (select from fix_verdict v where {known}"
        " = (s.tag_id, at.time, s.sensor, s.variant)) returning id",
        {
            "study": study_id,
            "tags": each["tag_id"].to_list(),
            "times": each["time_us"].to_list(),
            "sensors": each["sensor"].to_list(),
            "variants": each["variant"].to_list(),
            "verdicts": each["verdict"].to_list(),
            "reasons": each["verdict_reason"].to_list(),
            "sender": SENDER,
        },
    )
    await execute(
        conn,
        # No track will have a say about what is there already and no bird wore.
        "update fix f set visible = v.verdict = 'show' from fix_verdict v"
        f" where v.id = any(cast(:ids as bigint[])) and {fix_key('f')} = {fix_key('v')}"
        " and not exists (select from deployment d where d.tag_id = f.tag_id"
        "  and d.replaced_at is null and d.during @> f.time)",
        {"ids": [row["id"] for row in found]},
    )
    return len(found)


async def choose(conn: AsyncConnection, chosen: pl.DataFrame) -> int:
    """
    Put fixes at the solution that a person at their sender's chose; return of how many it is news.

    They keep it: a file that says nothing about it takes no choice back.
    """
    if chosen.is_empty():
        return 0
    turned = "f.solution = 2"
    found = await execute(
        conn,
        "update fix f set solution_by_hand = s.number, solution = 1,"
        f" lon = case when {turned} then f.lon2 else f.lon end,"
        f" lat = case when {turned} then f.lat2 else f.lat end,"
        f" lon2 = case when {turned} then f.lon else f.lon2 end,"
        f" lat2 = case when {turned} then f.lat else f.lat2 end"
        " from unnest(cast(:tags as int[]), cast(:times as bigint[]), cast(:sensors as int[]),"
        " cast(:variants as bigint[]), cast(:numbers as int[]))"
        " as s(tag_id, time_us, sensor, variant, number)"
        f" where {fix_key('f')} = (s.tag_id, {time_of('s.time_us')}, s.sensor, s.variant)"
        " and f.solution_by_hand is distinct from s.number returning f.tag_id",
        {
            "tags": chosen["tag_id"].to_list(),
            "times": chosen["time_us"].to_list(),
            "sensors": chosen["sensor"].to_list(),
            "variants": chosen["variant"].to_list(),
            "numbers": chosen["solution_by_hand"].to_list(),
        },
    )
    return len(found)


async def _named(conn: AsyncConnection, audience: Audience, name: FixName) -> Row:
    found = await execute(
        conn,
        _NAMED,
        {
            "exact": audience.sql["exact"],
            "time": name.time,
            "tag": name.tag,
            "individual": name.individual,
            "sensor": name.sensor,
            "variant": name.variant,
        },
    )
    if not found:
        raise NotFound(
            "There is no such fix for this caller.",
            remedy="Take time, sensor and variant from GET /api/v1/fixes as they stand there.",
        )
    if len(found) > 1:
        raise Conflict(
            "Several fixes have this time.",
            code="fix-ambiguous",
            remedy="Name sensor and variant too, as GET /api/v1/fixes gives them.",
        )
    return found[0]


async def _derive_again(conn: AsyncConnection, fix: Row) -> None:
    """Mark whoever wore the tag then; a fix of a tag in the drawer shows by its verdict alone."""
    worn = await execute(
        conn,
        "select individual_id from deployment"
        " where tag_id = :tag_id and replaced_at is null and during @> cast(:time as timestamptz)",
        fix,
    )
    for row in worn:
        await work.mark_dirty(conn, row["individual_id"], fix["study_id"], fix["time"], fix["time"])
    if not worn:
        await execute(
            conn,
            f"update fix f set visible = {shown_alone('f')}"
            " where (tag_id, time, sensor, variant) = (:tag_id, :time, :sensor, :variant)",
            fix,
        )
    await work.bump_version(conn, fix["study_id"])


ZONES_APART_H = 26
"""Farthest that another zone can move a time [h]: from UTC-12 to UTC+14."""


async def follow(
    conn: AsyncConnection, push_id: int, again: Callable[[datetime, str], datetime]
) -> None:
    """
    Let verdicts follow their fixes when a push was read again, in another zone for example.

    `again` says what a time read in a zone becomes now. A fix is known again by what it says;
    where a bird said the same several times, the one nearest to that time is meant.
    """
    rows = await execute(
        conn,
        "select v.id, v.time, x.tz, array_agg(f.time order by f.time) as found"
        " from fix_verdict v"
        " join fix gone on (gone.tag_id, gone.time, gone.sensor, gone.variant)"
        "  = (v.tag_id, v.time, v.sensor, v.variant) and not gone.live"
        " join decoding x on x.id = gone.decoding_id and x.push_id = :push"
        " join fix f on (f.tag_id, f.sensor, f.variant) = (v.tag_id, v.sensor, v.variant)"
        "  and f.live and f.time between v.time - make_interval(hours => :apart)"
        "  and v.time + make_interval(hours => :apart)"
        " where v.undone_at is null group by v.id, v.time, x.tz",
        {"push": push_id, "apart": ZONES_APART_H},
    )
    moves = []
    for row in rows:
        meant = again(row["time"], row["tz"])
        moves.append((min(row["found"], key=lambda t: abs(t - meant)), row["time"], row["id"]))
    later = bool(moves) and moves[0][0] > moves[0][1]
    # The way that no verdict steps onto the key of one that has still to move.
    for time, _, verdict_id in sorted(moves, key=lambda m: m[1], reverse=later):
        await execute(
            conn,
            "update fix_verdict v set time = :time where id = :id and not exists (select from"
            " fix_verdict o where o.undone_at is null and o.time = :time and"
            " (o.tag_id, o.sensor, o.variant) = (v.tag_id, v.sensor, v.variant))",
            {"time": time, "id": verdict_id},
        )
