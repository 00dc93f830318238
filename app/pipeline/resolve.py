"""records -> fix, reading, naming, naming_week, dirty: which tag, which bird, new or known."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl

import ingest
from app.movement.argos import position_error_m
from app.pipeline.variant import content_variant
from app.seeds import profile_of
from app.store import arrivals, implied, known, names, stated, verdicts, work
from app.store.engine import Connection
from ingest.checks import record_flags


@dataclass(frozen=True, slots=True)
class Reading:
    """One decoding: what it was asked to be, what came of it, what is suspect about it."""

    todo: dict[str, Any]
    decoded: ingest.Decoded
    suspects: list[ingest.Warning_]


@dataclass(frozen=True, slots=True)
class Told:
    """What a decoding came to, for its receipt."""

    todo: dict[str, Any]
    format: str
    records: int
    refused: int
    warnings: Sequence[ingest.Warning_]


class Landing:
    """
    Stores the records of decodings of one study, all at once or in pieces, and marks every bird.

    The pieces of a decoding come in the order of the push, within one transaction. Of tags
    `named_before` decodings that these replace had named birds.
    """

    def __init__(self, todos: Sequence[dict[str, Any]], named_before: Collection[int] = ()) -> None:
        self._todos = todos
        self._tags = set(named_before)
        self._locked: set[int] = set()
        self._counts: dict[int, arrivals.Counts] = {}
        self._pieces = 0
        self._namings: Spans = {}
        self._weeks: list[dict[str, Any]] = []
        self._placed: Spans = {}
        self._all: Spans = {}
        self._said: set[int] = set()

    async def store(self, conn: Connection, records: pl.DataFrame) -> None:
        """Store a piece: columns of `ingest.RECORD_SCHEMA`, and `decoding_id`."""
        if records.is_empty():
            return
        study_id = self._todos[0]["study_id"]
        frame = await _identify(conn, self._todos[0], records)
        placed = frame.filter(pl.col("lon").is_not_null())
        self._tags |= set(frame["tag_id"].unique().to_list())
        await self._lock(conn)
        there = await known.fixes(conn, placed)
        news = known.news(placed, there, self._again)
        flags = _flags(news)
        decided = placed.filter(pl.col("marked_valid") | pl.col("marked_hidden"))
        if await verdicts.adopt(conn, study_id, decided):
            self._said |= set(decided["decoding_id"].to_list())
        counts = await arrivals.store(
            conn,
            study_id=study_id,
            positions=news.with_columns(
                error_m=_errors(news),
                flagged=pl.col("row").is_in(flags["row"].implode()),
            ),
            known=there,
            readings=frame.filter(pl.col("lon").is_null()).with_columns(
                flagged=pl.lit(value=False)
            ),
            again=self._again,
        )
        chosen = placed.filter(pl.col("solution_by_hand").is_not_null())
        if await verdicts.choose(conn, chosen):
            self._said |= set(chosen["decoding_id"].to_list())
        await arrivals.store_flags(conn, study_id, flags)
        for origin, n in (arrivals.by_origin(placed) - arrivals.by_origin(news)).items():
            duplicates = arrivals.Counts(0, n, 0, 0)
            counts[origin] = duplicates.plus(counts[origin]) if origin in counts else duplicates
        for origin, each in counts.items():
            before = self._counts.get(origin)
            self._counts[origin] = before.plus(each) if before else each
        self._pieces += 1
        named = frame.drop_nulls("individual_id")
        _widen(self._namings, named, "tag_id", "individual_id")
        await names.store_weeks(conn, study_id, self._weeks)
        self._weeks = _weeks(named)
        _widen(self._placed, placed, "tag_id")
        _widen(self._all, frame, "tag_id")

    async def _lock(self, conn: Connection) -> None:
        """Lock the tags that are not yet."""
        await work.lock_all(conn, work.LOCK_TAG, self._tags - self._locked)
        self._locked |= self._tags

    def _once(self, week: dict[str, Any]) -> bool:
        """Tell whether the bird was named at one time alone, which its naming tells."""
        first, last = self._namings[week["decoding_id"], week["tag_id"], week["individual_id"]]
        return first == last

    @property
    def _again(self) -> list[int]:
        return [todo["id"] for todo in self._todos if todo["stored"] > 0]

    async def finish(self, conn: Connection, told: Sequence[Told]) -> None:
        """Settle what all pieces together say, and call the decodings stored."""
        await self._lock(conn)
        study_id = self._todos[0]["study_id"]
        await names.store_namings(conn, study_id, _rows(self._namings))
        weeks = [week for week in self._weeks if not self._once(week)]
        await names.store_weeks(conn, study_id, weeks)
        await implied.imply(conn, self._tags)
        if self._pieces > 1:
            await self._count_again(conn)
        changed = {o for o, each in self._counts.items() if each.stored or each.superseded}
        changed |= self._said
        if changed:
            touched = [span for span in _rows(self._placed) if span[0] in changed]
            await arrivals.mark_touched(conn, touched)
        await arrivals.finish(conn, [self._summary(each) for each in told])

    async def _count_again(self, conn: Connection) -> None:
        """Count once what a decoding owned before and has in several pieces."""
        for origin in set(self._again) & self._counts.keys():
            tags, first_us, last_us = self._reach(origin)
            stored = await arrivals.standing(conn, origin, tags, (first_us, last_us))
            self._counts[origin] = self._counts[origin].standing(stored)

    def _reach(self, origin: int) -> tuple[list[int], Any, Any]:
        """Return the tags of a decoding, its first and its last time [us]."""
        spans = {keys: ends for keys, ends in self._all.items() if keys[0] == origin}
        if not spans:
            return [], None, None
        firsts, lasts = zip(*spans.values(), strict=True)
        return sorted({keys[1] for keys in spans}), min(firsts), max(lasts)

    def _summary(self, told: Told) -> dict[str, Any]:
        """Return what the receipt of a decoding tells."""
        origin = told.todo["id"]
        tag_ids, first_us, last_us = self._reach(origin)
        return {
            "id": origin,
            "format": told.format,
            "units": told.records + told.refused,
            "records": told.records,
            "refused": told.refused,
            **asdict(self._counts.get(origin, arrivals.Counts(0, 0, 0, 0))),
            "tag_ids": tag_ids,
            "first_us": first_us,
            "last_us": last_us,
            "warnings": [{"code": w.code, "detail": w.detail} for w in told.warnings],
        }


Spans = dict[tuple[int, ...], tuple[int, int]]
"""(decoding, keys) to the first and last time [us]."""


def _widen(spans: Spans, frame: pl.DataFrame, *keys: str) -> None:
    """Take the times of more records in."""
    by = ("decoding_id", *keys)
    ends = {"first": pl.col("time_us").min(), "last": pl.col("time_us").max()}
    for *group, first, last in frame.group_by(by).agg(**ends).iter_rows():
        known = spans.get(tuple(group), (first, last))
        spans[tuple(group)] = (min(first, known[0]), max(last, known[1]))


def _weeks(named: pl.DataFrame) -> list[dict[str, Any]]:
    """Return when birds were named, week by week, for `names.store_weeks`."""
    week = pl.col("time_us") // implied.WEEK_US
    return (
        named.group_by("decoding_id", "tag_id", "individual_id", week=week)
        .agg(times_us=pl.col("time_us").unique().sort())
        .to_dicts()
    )


def _rows(spans: Spans) -> list[tuple[Any, ...]]:
    """Return (decoding, keys, first us, last us), in order."""
    return sorted((*keys, *ends) for keys, ends in spans.items())


async def resolve(
    conn: Connection, readings: Sequence[Reading], named_before: Collection[int] = ()
) -> None:
    """Store the records of decodings of one study at once; see `Landing`."""
    landing = Landing([each.todo for each in readings], named_before)
    await landing.store(conn, _together(readings))
    told = [
        Told(
            each.todo, each.decoded.format, each.decoded.records.height,
            len(each.decoded.refusals), [*each.decoded.warnings, *each.suspects],
        )
        for each in readings
    ]  # fmt: skip
    await landing.finish(conn, told)


def _together(readings: Sequence[Reading]) -> pl.DataFrame:
    """Put the records of all decodings under each other, each with where it is from."""
    tables = [each.decoded.records for each in readings]
    origins = np.repeat([each.todo["id"] for each in readings], [table.height for table in tables])
    return pl.concat(tables).with_columns(decoding_id=pl.Series(origins, dtype=pl.Int64))


async def _identify(conn: Connection, todo: dict[str, Any], records: pl.DataFrame) -> pl.DataFrame:
    """Give each record its tag and bird and the hash of its content."""
    records = records.with_row_index("row").with_columns(
        # No tag in the file: a tag named after the individual stands for the unknown one.
        tag=pl.coalesce("tag", "individual")
    )
    tags = await names.name_tags(
        conn, todo["study_id"], records["tag"].unique().drop_nulls().to_list()
    )
    birds = await names.name_individuals(conn, todo["study_id"], _taxa(records, todo["taxon"]))
    sensor = {name: number for number, name in enumerate(ingest.SENSORS)}
    named = records.with_columns(
        # Without a default and with nothing to replace, polars would leave the names' type.
        tag_id=pl.col("tag").replace_strict(tags, default=None, return_dtype=pl.Int32),
        individual_id=pl.col("individual").replace_strict(
            birds, default=None, return_dtype=pl.Int32
        ),
        sensor=pl.col("sensor").replace_strict(sensor, return_dtype=pl.Int16),
        stated_error_m=pl.col("error_m"),
    )
    return named.with_columns(variant=pl.Series(content_variant(records), dtype=pl.Int64))


def _taxa(records: pl.DataFrame, study_taxon: str | None) -> list[tuple[str, str | None, str]]:
    """Return (individual, taxon, species key) once per individual, sorted, the best taxon first."""
    pairs = records.select("individual", "taxon").unique().drop_nulls("individual")
    best: dict[str, tuple[bool, str | None]] = {}
    for name, taxon in sorted(pairs.iter_rows(), key=lambda p: (p[0], p[1] is None, p[1] or "")):
        unknown = profile_of(taxon or study_taxon).key == "default"
        if name not in best or (best[name][0] and not unknown):
            best[name] = (unknown, taxon)
    return [(n, t, profile_of(t or study_taxon).key) for n, (_, t) in sorted(best.items())]


def _errors(placed: pl.DataFrame) -> pl.Series:
    """Return the one-sigma position error [m]."""
    found = position_error_m(
        np.asarray(ingest.SENSORS)[placed["sensor"].to_numpy()],
        placed["argos_class"].fill_null("").to_numpy(),
        semi_major_m=placed["semi_major_m"].fill_null(np.nan).to_numpy(),
        semi_minor_m=placed["semi_minor_m"].fill_null(np.nan).to_numpy(),
        stated_error_m=placed["error_m"].fill_null(np.nan).to_numpy(),
    )
    return pl.Series(np.nan_to_num(found, nan=0.0, posinf=1e6), dtype=pl.Float64)


def _flags(placed: pl.DataFrame) -> pl.DataFrame:
    """Return record-level flags with the keys of their fixes."""
    found = record_flags(placed.drop("row"))
    keys = placed.select("row", "tag_id", "time_us", "sensor", "variant").with_row_index("index")
    return found.join(keys, left_on="row", right_on="index", how="left").select(
        "tag_id", "time_us", "sensor", "variant", "code", "detail", row=pl.col("row_right")
    )


async def unsay_reference(
    conn: Connection, todo: dict[str, Any], before: ingest.DecodedReference
) -> None:
    """Take back what a push stated before that holds records, as it is read now."""
    rows = _stated_rows(before, todo["taxon"])
    await stated.take_over(conn, todo["study_id"], [], [(row, None) for row in rows])


async def say_again(conn: Connection, todo: dict[str, Any], later: ingest.DecodedReference) -> None:
    """Let reference data that are stored already have the last word once more."""
    await stated.take_over(conn, todo["study_id"], _stated_rows(later, todo["taxon"]))


async def resolve_reference(
    conn: Connection,
    todo: dict[str, Any],
    decoded: ingest.DecodedReference,
    before: ingest.DecodedReference | None = None,
) -> None:
    """
    Store reference data: birds, tags and who wore which when.

    `before` is what a reading of the same push told that this one takes the place of. Raises
    Conflict where the rows contradict each other or what was stated by hand. Of a push that was
    stored before only the terms of its deployments are looked for: since then its birds, tags and
    ranges may have been corrected.
    """
    rows = _stated_rows(decoded, todo["taxon"])
    if todo["stored_at"] is None:
        places = {row.unit: place for place, row in enumerate(decoded.rows)}
        earlier = [] if before is None else [
            (said, places.get(row.unit))
            for row, said in zip(before.rows, _stated_rows(before, todo["taxon"]), strict=True)
        ]  # fmt: skip
        taken = await stated.take_over(conn, todo["study_id"], rows, earlier)
        news, kept = taken.news, _kept(taken)
    else:
        kept = []
        news = min(todo["stored"], len(rows))
        await stated.recall(conn, todo["study_id"], rows)
    told = {
        "id": todo["id"],
        "format": "movebank-reference-csv",
        "units": len(decoded.rows) + len(decoded.refusals),
        "records": len(decoded.rows),
        "refused": len(decoded.refusals),
        **asdict(arrivals.Counts(news, len(rows) - news, 0, 0)),
        "tag_ids": [],
        "first_us": None,
        "last_us": None,
        "warnings": [{"code": w.code, "detail": w.detail} for w in [*decoded.warnings, *kept]],
    }
    await arrivals.finish(conn, [told])


def _stated_rows(decoded: ingest.DecodedReference, study_taxon: str | None) -> list[stated.Row]:
    return [
        stated.Row(
            row.tag, row.individual, row.taxon, profile_of(row.taxon or study_taxon).key,
            _instant(row.deploy_on_us), _instant(row.deploy_off_us), row.deployment_id, row.terms,
            row.aliases, row.implied,
        )
        for row in decoded.rows
    ]  # fmt: skip


def _kept(taken: stated.Taken) -> list[ingest.Warning_]:
    """Say which ends of deployments stay as a person decided, whatever the file tells."""
    if not taken.kept:
        return []
    named = [
        f"tag {row.tag!r} on {row.individual!r} {_ENDS[end]} "
        + ("open" if at is None else f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
        for row, end, at in taken.kept[:_KEPT_NAMED_MAX]
    ]
    more = f" and {len(taken.kept) - len(named)} more" if len(taken.kept) > len(named) else ""
    detail = f"Ends of deployments stay as a person decided ({len(taken.kept)}): "
    return [ingest.Warning_("deployment-kept", detail + "; ".join(named) + more + ".")]


_ENDS = {"on": "begins:", "off": "ends:"}
_KEPT_NAMED_MAX = 5
"""Most ends that a warning names."""


def _instant(time_us: int | None) -> datetime | None:
    return None if time_us is None else datetime.fromtimestamp(time_us / 1e6, UTC)
