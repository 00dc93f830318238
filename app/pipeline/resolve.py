"""records -> fix, reading, naming, dirty: which tag, which bird, new or known."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl

import ingest
from app.movement.argos import position_error_m
from app.pipeline.variant import content_variant
from app.seeds import profile_of
from app.store import arrivals, implied, names, stated, verdicts, work
from app.store.engine import Connection
from ingest.checks import record_flags


@dataclass(frozen=True, slots=True)
class Reading:
    """One decoding: what it was asked to be, what came of it, what is suspect about it."""

    todo: dict[str, Any]
    decoded: ingest.Decoded
    suspects: list[ingest.Warning_]


async def resolve(
    conn: Connection, readings: Sequence[Reading], named_before: Collection[int] = ()
) -> None:
    """
    Store the records of decodings of one study and mark every bird they touch.

    Of tags `named_before` decodings that these replace had named birds.
    """
    study_id = readings[0].todo["study_id"]
    frame = await _identify(conn, readings[0].todo, _together(readings))
    placed = frame.filter(pl.col("lon").is_not_null())
    flags = _flags(placed)
    placed = placed.with_columns(pl.col("row").is_in(flags["row"].implode()).alias("flagged"))
    tag_ids = sorted(set(frame["tag_id"].to_list()))
    await work.lock_all(conn, work.LOCK_TAG, {*tag_ids, *named_before})
    valid = placed.filter("marked_valid")
    adopted = await verdicts.adopt(conn, study_id, valid)
    counts = await arrivals.store(
        conn,
        study_id=study_id,
        positions=placed,
        readings=frame.filter(pl.col("lon").is_null()).with_columns(flagged=pl.lit(value=False)),
        again=[each.todo["id"] for each in readings if each.todo["stored"] > 0],
    )
    chosen = placed.filter(pl.col("solution_by_hand").is_not_null())
    turned = await verdicts.choose(conn, chosen)
    await arrivals.store_flags(conn, study_id, flags)
    await names.store_namings(
        conn, study_id, _spans(frame.drop_nulls("individual_id"), "tag_id", "individual_id")
    )
    await implied.imply(conn, {*tag_ids, *named_before})
    changed = {origin for origin, each in counts.items() if each.stored or each.superseded}
    changed |= set(valid["decoding_id"].to_list()) if adopted else set()
    changed |= set(chosen["decoding_id"].to_list()) if turned else set()
    if changed:
        touched = placed.filter(pl.col("decoding_id").is_in(changed))
        await arrivals.mark_touched(conn, _spans(touched, "tag_id"))
    await arrivals.finish(conn, _summaries(readings, counts, frame))


def _together(readings: Sequence[Reading]) -> pl.DataFrame:
    """Put the records of all decodings under each other, each with where it is from."""
    tables = [each.decoded.records for each in readings]
    origins = np.repeat([each.todo["id"] for each in readings], [table.height for table in tables])
    return pl.concat(tables).with_columns(decoding_id=pl.Series(origins, dtype=pl.Int64))


async def _identify(conn: Connection, todo: dict[str, Any], records: pl.DataFrame) -> pl.DataFrame:
    """Give each record its tag and bird, its error and the hash of its content."""
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
    return named.with_columns(
        error_m=_errors(records), variant=pl.Series(content_variant(records), dtype=pl.Int64)
    )


def _taxa(records: pl.DataFrame, study_taxon: str | None) -> list[tuple[str, str | None, str]]:
    """Return (individual, taxon, species key) once per individual, sorted, the best taxon first."""
    pairs = records.select("individual", "taxon").unique().drop_nulls("individual")
    best: dict[str, tuple[bool, str | None]] = {}
    for name, taxon in sorted(pairs.iter_rows(), key=lambda p: (p[0], p[1] is None, p[1] or "")):
        unknown = profile_of(taxon or study_taxon).key == "default"
        if name not in best or (best[name][0] and not unknown):
            best[name] = (unknown, taxon)
    return [(n, t, profile_of(t or study_taxon).key) for n, (_, t) in sorted(best.items())]


def _errors(records: pl.DataFrame) -> pl.Series:
    """Return the one-sigma position error [m]; 0 stands where there is no position."""
    found = position_error_m(
        records["sensor"].to_numpy(),
        records["argos_class"].fill_null("").to_numpy(),
        semi_major_m=records["semi_major_m"].fill_null(np.nan).to_numpy(),
        semi_minor_m=records["semi_minor_m"].fill_null(np.nan).to_numpy(),
        stated_error_m=records["error_m"].fill_null(np.nan).to_numpy(),
    )
    return pl.Series(np.nan_to_num(found, nan=0.0, posinf=1e6), dtype=pl.Float64)


def _flags(placed: pl.DataFrame) -> pl.DataFrame:
    """Return record-level flags with the keys of their fixes."""
    found = record_flags(placed.drop("row"))
    keys = placed.select("row", "tag_id", "time_us", "sensor", "variant").with_row_index("index")
    return found.join(keys, left_on="row", right_on="index", how="left").select(
        "tag_id", "time_us", "sensor", "variant", "code", "detail", row=pl.col("row_right")
    )


def _spans(frame: pl.DataFrame, *keys: str) -> list[tuple[Any, ...]]:
    """Return (decoding, keys, first us, last us) of each group, in order."""
    by = ("decoding_id", *keys)
    ends = {"first": pl.col("time_us").min(), "last": pl.col("time_us").max()}
    return frame.group_by(by).agg(**ends).sort(by).rows()


def _summaries(
    readings: Sequence[Reading], counts: Mapping[int, arrivals.Counts], frame: pl.DataFrame
) -> list[dict[str, Any]]:
    """Return what the receipt of each decoding tells."""
    spans = {
        origin: (tags, first, last)
        for origin, tags, first, last in frame.group_by("decoding_id")
        .agg(
            pl.col("tag_id").unique().sort(),
            pl.col("time_us").min().alias("first_us"),
            pl.col("time_us").max().alias("last_us"),
        )
        .iter_rows()
    }
    return [_summary(each, counts, spans) for each in readings]


def _summary(
    reading: Reading,
    counts: Mapping[int, arrivals.Counts],
    spans: Mapping[int, tuple[list[int], int, int]],
) -> dict[str, Any]:
    origin, decoded = reading.todo["id"], reading.decoded
    tag_ids, first_us, last_us = spans.get(origin, ([], None, None))
    return {
        "id": origin,
        "format": decoded.format,
        "units": decoded.units,
        "records": decoded.records.height,
        "refused": len(decoded.refusals),
        **asdict(counts.get(origin, arrivals.Counts(0, 0, 0, 0))),
        "tag_ids": tag_ids,
        "first_us": first_us,
        "last_us": last_us,
        "warnings": [
            {"code": w.code, "detail": w.detail} for w in (*decoded.warnings, *reading.suspects)
        ],
    }


async def resolve_reference(
    conn: Connection, todo: dict[str, Any], decoded: ingest.DecodedReference
) -> None:
    """
    Store reference data: birds, tags and who wore which when.

    Raises Conflict where the rows contradict each other or what was stated by hand.
    """
    rows = [
        stated.Row(
            row.tag, row.individual, row.taxon, profile_of(row.taxon or todo["taxon"]).key,
            _instant(row.deploy_on_us), _instant(row.deploy_off_us), row.deployment_id, row.terms,
        )
        for row in decoded.rows
    ]  # fmt: skip
    known = len(rows) - await stated.take_over(conn, todo["study_id"], rows)
    told = {
        "id": todo["id"],
        "format": "movebank-reference-csv",
        "units": len(decoded.rows) + len(decoded.refusals),
        "records": len(decoded.rows),
        "refused": len(decoded.refusals),
        **asdict(arrivals.Counts(len(decoded.rows) - known, known, 0, 0)),
        "tag_ids": [],
        "first_us": None,
        "last_us": None,
        "warnings": [{"code": w.code, "detail": w.detail} for w in decoded.warnings],
    }
    await arrivals.finish(conn, [told])


def _instant(time_us: int | None) -> datetime | None:
    return None if time_us is None else datetime.fromtimestamp(time_us / 1e6, UTC)
