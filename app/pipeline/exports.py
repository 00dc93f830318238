"""fix, deployment -> files: a study for Movebank, for GIS and for data frames, as a stream."""

from __future__ import annotations

import asyncio
import csv
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from os import SEEK_END
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson
import polars as pl

import ingest
from app.errors import SetupError
from app.files import whole, write
from app.store import exports, studies
from app.store.audience import Audience
from app.store.engine import Connection, Store
from app.store.sight import Filters
from ingest.formats.movebank_csv import MILLIVOLT_ABOVE
from ingest.vocabulary import EVENT_TERMS, REFERENCE_TERMS, term

if TYPE_CHECKING:
    from app.movement.track import Track

Row = dict[str, Any]

FORMATS = ("movebank-csv", "geojson", "geoparquet", "mf-json", "geopackage")

_SENSOR_TYPES = ("gps", "argos-doppler-shift", "other")
"""Movebank's name of each of `ingest.SENSORS`."""

_AS_SENT = (
    "height_m", "ground_speed_m_s", "heading_deg", "satellites", "dop", "argos_class",
    "semi_major_m", "semi_minor_m", "orientation_deg", "lon2", "lat2", "temperature_c",
    "activity",
)  # fmt: skip

_EVENT_COLUMNS: Mapping[str, str] = {
    "timestamp": "time", "location-long": "lon", "location-lat": "lat",
    "sensor-type": "sensor", "tag-local-identifier": "tag",
    "individual-local-identifier": "individual", "individual-taxon-canonical-name": "taxon",
    "visible": "visible", "import-marked-outlier": "marked_outlier",
    "manually-marked-outlier": "hidden_by_hand", "manually-marked-valid": "shown_by_hand",
    "flyways:flags": "flags", "flyways:verdict": "verdict",
    "flyways:verdict-reason": "verdict_reason",
    "location-error-numerical": "stated_error_m", "tag-voltage": "battery_mv",
    "argos:lon1": "lon1", "argos:lat1": "lat1",
    "argos:valid-location-manual": "solution_by_hand",
    **{EVENT_TERMS[name][0]: name for name in _AS_SENT},
    "flyways:provider-id": "provider_id", "flyways:provider-revision": "provider_revision",
    "flyways:solution": "turned",
}  # fmt: skip
"""Column of the event file to field of a row; the reading side is `ingest.vocabulary`."""

READ_FIRST = "study.json"
"""File beside every export: whose data these are, and how to cite them."""


@dataclass(frozen=True, slots=True)
class _Source:
    """The rows of one export, all of one snapshot, and whose they are."""

    fixes: Callable[..., Awaitable[int]]
    readings: Callable[..., Awaitable[int]]
    tracks: Callable[[], AsyncGenerator[tuple[Row, Track], None]]
    deployments: list[Row]
    told: dict[str, Any]


async def export(
    store: Store, audience: Audience, study: UUID, *, form: str, out: Path, filters: Filters
) -> dict[str, Any]:
    """
    Write a study that the audience owns into a folder; return what was written.

    Memory stays bounded: rows pass in chunks. A file appears under its name when it is whole.
    """
    _make_folder(out)
    async with store.read() as conn:
        owner = await studies.owned(conn, audience, study)
        wanted = (conn, audience, owner["id"], filters)
        source = _Source(
            partial(exports.fixes, *wanted),
            partial(exports.readings, *wanted),
            partial(_tracks, *wanted),
            await exports.deployments(*wanted),
            {name: owner[name] for name in ("name", "institute_name", "licence", "citation")},
        )
        counts = await _WRITERS[form](out, source)
    written = {"study": str(study), **source.told, "format": form, **counts}
    write(out / READ_FIRST, orjson.dumps(written, option=orjson.OPT_INDENT_2))
    return written


def _tracks(
    conn: Connection, audience: Audience, study_id: int, filters: Filters
) -> AsyncGenerator[tuple[Row, Track], None]:
    from app.pipeline.trajectories import tracks  # noqa: PLC0415 - as below

    return tracks(conn, audience, study_id, filters)


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"{out} can't be a folder: {error}. Name another with --out.") from error


async def _movebank(out: Path, source: _Source) -> dict[str, Any]:
    """Write event data and reference data; text is written as it is, for programs to read."""
    with whole(out / "events.csv", "wb") as file:
        file.write(",".join(_EVENT_COLUMNS).encode() + b"\n")

        def write(chunk: pl.DataFrame) -> None:
            _events(chunk).write_csv(file, include_header=False)

        count = await source.fixes(columns=exports.COLUMNS, take=write)
        without = await source.readings(take=write)
    with whole(out / "reference.csv") as text:
        csv.writer(text, lineterminator="\n").writerows(_reference(source.deployments))
    return {"fixes": count, "without_position": without, "deployments": len(source.deployments),
            "files": ["events.csv", "reference.csv"]}  # fmt: skip


def _events(chunk: pl.DataFrame) -> pl.DataFrame:
    """Return the cells of records; null is an empty cell."""
    hand = pl.col("verdict")
    whole_ms = pl.col("time").dt.microsecond() % 1_000 == 0
    clock = (pl.col("time").dt.strftime(f"%Y-%m-%d %H:%M:%S%.{n}f") for n in (3, 6))
    said = chunk.with_columns(
        pl.when(whole_ms).then(next(clock)).otherwise(next(clock)).alias("time"),
        pl.col("sensor").replace_strict(dict(enumerate(_SENSOR_TYPES))),
        _millivolts().alias("battery_mv"),
        pl.when(hand == "hide").then(statement=True).alias("hidden_by_hand"),
        pl.when(hand == "show").then(statement=True).alias("shown_by_hand"),
        **_solutions(),
    )
    return said.select(_EVENT_COLUMNS.values())


def _solutions() -> dict[str, pl.Expr]:
    """Return both solutions of an Argos pass in the order they were sent, and what we chose."""
    both = pl.col("lon2").is_not_null()
    second = both & ((pl.col("solution") == 2) | pl.col("solution_by_hand").eq_missing(2))
    ends = {
        f"{axis}{number}": pl.when(turned).then(pl.col(f"{axis}2")).when(both).then(pl.col(axis))
        for axis in ("lon", "lat")
        for number, turned in (("1", second), ("2", ~second))
    }
    return ends | {"turned": pl.when(both & (pl.col("solution") == 2)).then(2)}


def _millivolts() -> pl.Expr:
    """Return Movebank's unit, but for what would be read as volts: see the reader's own rule."""
    sent = pl.col("battery_v")
    return pl.when(sent * 1_000 > MILLIVOLT_ABOVE).then((sent * 1_000).round(6)).otherwise(sent)


def _clock(time: datetime | None) -> str | None:
    """Write a time as Movebank does, to the millisecond, or finer where it is finer."""
    if time is None:
        return None
    digits = "microseconds" if time.microsecond % 1_000 else "milliseconds"
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(" ", digits)


def _reference(deployments: list[Row]) -> list[list[object]]:
    """Return header and rows: the terms the service understands, then all others by name."""
    spoken = {term(name) for names in REFERENCE_TERMS.values() for name in names}
    others = sorted({n for row in deployments for n in row["terms"] if term(n) not in spoken})
    header = [REFERENCE_TERMS[name][0] for name in REFERENCE_TERMS]
    rows: list[list[object]] = [[*header, *others]]
    for row in deployments:
        said = row | {end: _clock(row[end]) for end in ("deploy_on", "deploy_off")}
        said["aliases"] = orjson.dumps(row["aliases"]).decode() if row["aliases"] else None
        said["implied"] = None if row["declared"] else "true"
        known = [said[name] for name in REFERENCE_TERMS]
        rows.append(known + [row["terms"].get(name) for name in others])
    return rows


async def _geojson(out: Path, source: _Source) -> dict[str, Any]:
    """Write one FeatureCollection (RFC 7946) with a feature a line, so that a stream reads it."""
    with whole(out / "fixes.geojson", "wb") as file:
        head = orjson.dumps({"type": "FeatureCollection", **source.told})
        file.write(head[:-1] + b',"features":[\n')

        def write(chunk: pl.DataFrame) -> None:
            lines = _features(chunk).to_frame()
            lines.write_csv(file, include_header=False, quote_style="never", line_terminator=",\n")

        count = await source.fixes(columns=_FOR_GIS, take=write)
        file.seek(-2 if count else -1, SEEK_END)
        file.write(b"\n]}\n")
    return {"fixes": count, "files": ["fixes.geojson"]}


_FOR_GIS = ("time", "lon", "lat", *exports.PROPERTIES)

_LEADS = (
    '{"type":"Feature","geometry":{"type":"Point","coordinates":[', ",", ']},"properties":{"time":',
    *(f',"{name}":' for name in exports.PROPERTIES),
)  # fmt: skip
"""What stands before each value of a feature."""


def _features(chunk: pl.DataFrame) -> pl.Series:
    """Return the JSON of each fix; what all share is written once."""
    sensor = pl.col("sensor").replace_strict(dict(enumerate(ingest.SENSORS)))
    said = chunk.select("lon", "lat", "time", *exports.PROPERTIES).with_columns(sensor)
    shared, pieces = "", []
    for lead, column in zip(_LEADS, said, strict=True):
        shared, values = shared + lead, _json(column)
        if isinstance(values, str):
            shared += values
        else:
            pieces += [pl.lit(shared), pl.lit(values)]
            shared = ""
    return pl.select(pl.concat_str(*pieces, pl.lit(shared + "}}"))).to_series()


def _json(column: pl.Series) -> pl.Series | str:
    """Return the JSON of each value as orjson writes it, or the one text that all of them are."""
    if column.dtype == pl.Datetime:
        option = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z
        times = orjson.dumps(column.to_numpy(), option=option)
        return pl.Series(times[1:-1].decode().split(","))
    if column.null_count() == len(column):
        return "null"
    if column.dtype == pl.String:  # of few words
        words = column[:1] if column.eq_missing(column[0]).all() else column.unique()
        texts = [orjson.dumps(word).decode() for word in words]
        return column.replace_strict(words, texts) if len(texts) > 1 else texts[0]
    return column.cast(pl.String).fill_null("null")


async def _geoparquet(out: Path, source: _Source) -> dict[str, Any]:
    """Write one table; a file that is not whole never takes its name, so that it need not end."""
    from app.pipeline.geoparquet import Tables  # noqa: PLC0415 - loads pyarrow, for this form alone

    with whole(out / "fixes.parquet", "wb") as file:
        to = Tables(file)
        count = await source.fixes(columns=_FOR_GIS, take=to.add)
        to.close(source.told)
    return {"fixes": count, "files": ["fixes.parquet"]}


async def _mf_json(out: Path, source: _Source) -> dict[str, Any]:
    """Write Moving Features JSON: one feature a bird, with the time of every shown fix."""
    from app.pipeline import trajectories  # noqa: PLC0415 - loads MovingPandas, for tracks alone

    n_tracks = n_fixes = 0
    with whole(out / "tracks.mfjson", "wb") as file:
        file.write(b'{"type":"FeatureCollection","features":[')
        async with aclosing(source.tracks()) as found:
            async for bird, track in found:
                feature = await asyncio.to_thread(trajectories.moving_feature, bird, track)
                file.write((b",\n" if n_tracks else b"\n") + orjson.dumps(feature))
                n_tracks, n_fixes = n_tracks + 1, n_fixes + len(track)
        file.write(b"\n]}\n")
    return {"tracks": n_tracks, "fixes": n_fixes, "files": ["tracks.mfjson"]}


async def _geopackage(out: Path, source: _Source) -> dict[str, Any]:
    """Write generalised tracks as lines, one for each part without a gap, for QGIS."""
    from app.movement import compat  # noqa: PLC0415 - as above
    from app.pipeline import trajectories  # noqa: PLC0415 - as above

    logging.getLogger("pyogrio").setLevel(logging.WARNING)  # it logs how many rows it wrote
    lines: list[Row] = []
    n_tracks = n_fixes = 0
    async with aclosing(source.tracks()) as found:
        async for bird, track in found:
            lines += await asyncio.to_thread(trajectories.drawn, bird, track)
            n_tracks, n_fixes = n_tracks + 1, n_fixes + len(track)
    write(out / "tracks.gpkg", await asyncio.to_thread(compat.geopackage, "tracks", lines))
    return {"tracks": n_tracks, "fixes": n_fixes, "lines": len(lines), "files": ["tracks.gpkg"]}


_WRITERS: Mapping[str, Callable[[Path, _Source], Awaitable[dict[str, Any]]]] = {
    "movebank-csv": _movebank,
    "geojson": _geojson,
    "geoparquet": _geoparquet,
    "mf-json": _mf_json,
    "geopackage": _geopackage,
}
