"""fix, deployment -> files: a study for Movebank, for GIS and for data frames, as a stream."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any
from uuid import UUID

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet

import ingest
from app.errors import SetupError
from app.movement import compat
from app.movement.track import Track
from app.pipeline import trajectories
from app.store import exports, studies
from app.store.audience import Audience
from app.store.engine import Store
from app.store.sight import Filters
from ingest.formats.movebank_csv import MILLIVOLT_ABOVE
from ingest.vocabulary import EVENT_TERMS, REFERENCE_TERMS, term

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
    "flyways:flags": "flags",
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

    fixes: Callable[[], AsyncGenerator[list[Row], None]]
    readings: Callable[[], AsyncGenerator[list[Row], None]]
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
            lambda: exports.fixes(*wanted),
            lambda: exports.readings(*wanted),
            lambda: trajectories.tracks(*wanted),
            await exports.deployments(*wanted),
            {name: owner[name] for name in ("name", "institute_name", "licence", "citation")},
        )
        counts = await _WRITERS[form](out, source)
    written = {"study": str(study), **source.told, "format": form, **counts}
    with _whole(out / READ_FIRST, "wb") as file:
        file.write(orjson.dumps(written, option=orjson.OPT_INDENT_2))
    return written


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"{out} can't be a folder: {error}. Name another with --out.") from error


@contextmanager
def _whole(path: Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a file that takes its name only when it was written to its end."""
    part = path.with_name(f".{path.name}.part")
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
    try:
        with part.open(mode, **text) as file:  # type: ignore[call-overload]  # mode is not literal
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


async def _movebank(out: Path, source: _Source) -> dict[str, Any]:
    """Write event data and reference data; text is written as it is, for programs to read."""
    count = without = 0
    with _whole(out / "events.csv") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_EVENT_COLUMNS)
        async with aclosing(source.fixes()) as found:
            async for chunk in found:
                writer.writerows(map(_event, chunk))
                count += len(chunk)
        async with aclosing(source.readings()) as found:
            async for chunk in found:
                writer.writerows(map(_event, chunk))
                without += len(chunk)
    with _whole(out / "reference.csv") as file:
        csv.writer(file, lineterminator="\n").writerows(_reference(source.deployments))
    return {"fixes": count, "without_position": without, "deployments": len(source.deployments),
            "files": ["events.csv", "reference.csv"]}  # fmt: skip


def _event(row: Row) -> list[object]:
    """Return the cells of one record; None is an empty cell."""
    battery = row["battery_v"]
    said = row | {
        "time": _clock(row["time"]),
        "sensor": _SENSOR_TYPES[row["sensor"]],
        "battery_mv": battery and _millivolts(battery),
        "hidden_by_hand": row.get("verdict") == "hide" or None,
        "shown_by_hand": row.get("verdict") == "show" or None,
        **_solutions(row),
    }
    return [_cell(said.get(name)) for name in _EVENT_COLUMNS.values()]


def _solutions(row: Row) -> Row:
    """Return both solutions of an Argos pass in the order they were sent, and what we chose."""
    if row.get("lon2") is None:
        return {}
    shown, other = (row["lon"], row["lat"]), (row["lon2"], row["lat2"])
    turned = row["solution"] == 2
    first, second = (shown, other)
    if turned or row["solution_by_hand"] == 2:
        first, second = second, first
    ends = dict(zip(("lon1", "lat1", "lon2", "lat2"), (*first, *second), strict=True))
    return ends | {"turned": 2 if turned else None}


def _millivolts(volts: float) -> float:
    """Return Movebank's unit, but for what would be read as volts: see the reader's own rule."""
    return round(volts * 1_000, 6) if volts * 1_000 > MILLIVOLT_ABOVE else volts


def _cell(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value


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
        known = [said[name] for name in REFERENCE_TERMS]
        rows.append(known + [row["terms"].get(name) for name in others])
    return rows


_PROPERTIES = (
    "individual", "tag", "taxon", "species_key", "sensor", "visible", "flags", "error_m",
    "height_m", "ground_speed_m_s", "heading_deg", "satellites", "dop", "argos_class",
    "battery_v", "temperature_c", "activity",
)  # fmt: skip


async def _geojson(out: Path, source: _Source) -> dict[str, Any]:
    """Write one FeatureCollection (RFC 7946) with a feature a line, so that a stream reads it."""
    count = 0
    with _whole(out / "fixes.geojson", "wb") as file:
        head = orjson.dumps({"type": "FeatureCollection", **source.told})
        file.write(head[:-1] + b',"features":[')
        async with aclosing(source.fixes()) as found:
            async for chunk in found:
                for row in chunk:
                    file.write((b",\n" if count else b"\n") + orjson.dumps(_feature(row)))
                    count += 1
        file.write(b"\n]}\n")
    return {"fixes": count, "files": ["fixes.geojson"]}


def _feature(row: Row) -> dict[str, Any]:
    properties = {"time": row["time"].isoformat().replace("+00:00", "Z")}
    properties |= {name: row[name] for name in _PROPERTIES}
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [row["lon"], row["lat"]]},
        "properties": properties | {"sensor": ingest.SENSORS[row["sensor"]]},
    }


_TEXT = frozenset({"individual", "tag", "taxon", "species_key", "sensor", "flags", "argos_class"})
_SCHEMA = pa.schema(
    [
        ("time", pa.timestamp("us", tz="UTC")),
        *((name, pa.string() if name in _TEXT else pa.float64()) for name in _PROPERTIES),
        ("geometry", pa.binary()),
    ]
)
_SCHEMA = _SCHEMA.set(_SCHEMA.get_field_index("visible"), pa.field("visible", pa.bool_())).set(
    _SCHEMA.get_field_index("satellites"), pa.field("satellites", pa.int16())
)


async def _geoparquet(out: Path, source: _Source) -> dict[str, Any]:
    """Write GeoParquet 1.1: points as WKB in OGC:CRS84, which is its default."""
    count = 0
    box: list[float] = []
    with _whole(out / "fixes.parquet", "wb") as file, parquet.ParquetWriter(file, _SCHEMA) as to:
        async with aclosing(source.fixes()) as found:
            async for chunk in found:
                lon, lat = (np.array([row[name] for row in chunk]) for name in ("lon", "lat"))
                to.write_table(_table(chunk, lon, lat))
                count += len(chunk)
                ends = [(lon.min(), lat.min()), (lon.max(), lat.max())]
                box = _joined(box, [float(x) for end in ends for x in end])
        column = {"encoding": "WKB", "geometry_types": ["Point"]} | ({"bbox": box} if box else {})
        geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
        to.add_key_value_metadata({"geo": orjson.dumps(geo), "study": orjson.dumps(source.told)})
    return {"fixes": count, "files": ["fixes.parquet"]}


def _table(chunk: list[Row], lon: NDArray[np.float64], lat: NDArray[np.float64]) -> Any:
    points = np.empty(len(chunk), dtype=_POINT)
    points["order"], points["kind"], points["lon"], points["lat"] = 1, 1, lon, lat
    columns = {name: [row[name] for row in chunk] for name in ("time", *_PROPERTIES)}
    columns["sensor"] = [ingest.SENSORS[row["sensor"]] for row in chunk]
    columns["geometry"] = [point.tobytes() for point in points]
    return pa.table(columns, schema=_SCHEMA)


_POINT = np.dtype([("order", "u1"), ("kind", "<u4"), ("lon", "<f8"), ("lat", "<f8")])
"""Well-known binary of a point, little-endian (OGC 06-103r4, 8.2)."""


def _joined(box: list[float], other: list[float]) -> list[float]:
    if not box:
        return other
    return [*map(min, box[:2], other[:2]), *map(max, box[2:], other[2:])]


async def _mf_json(out: Path, source: _Source) -> dict[str, Any]:
    """Write Moving Features JSON: one feature a bird, with the time of every shown fix."""
    n_tracks = n_fixes = 0
    with _whole(out / "tracks.mfjson", "wb") as file:
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
    lines: list[Row] = []
    n_tracks = n_fixes = 0
    async with aclosing(source.tracks()) as found:
        async for bird, track in found:
            lines += await asyncio.to_thread(trajectories.drawn, bird, track)
            n_tracks, n_fixes = n_tracks + 1, n_fixes + len(track)
    with _whole(out / "tracks.gpkg", "wb") as file:
        file.write(await asyncio.to_thread(compat.geopackage, "tracks", lines))
    return {"tracks": n_tracks, "fixes": n_fixes, "lines": len(lines), "files": ["tracks.gpkg"]}


_WRITERS: Mapping[str, Callable[[Path, _Source], Awaitable[dict[str, Any]]]] = {
    "movebank-csv": _movebank,
    "geojson": _geojson,
    "geoparquet": _geoparquet,
    "mf-json": _mf_json,
    "geopackage": _geopackage,
}
