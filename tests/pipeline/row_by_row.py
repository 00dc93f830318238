"""The plain writer of an export, a row at a time: what the writer by columns must equal."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import Any

import orjson

import ingest
from app.pipeline.exports import _EVENT_COLUMNS
from app.store.exports import PROPERTIES
from ingest.formats.movebank_csv import MILLIVOLT_ABOVE

Row = dict[str, Any]
SENSOR_TYPES = ("gps", "argos-doppler-shift", "other")

_REAL = (
    "error_m", "height_m", "ground_speed_m_s", "heading_deg", "dop", "stated_error_m",
    "semi_major_m", "semi_minor_m", "orientation_deg", "battery_v", "temperature_c",
)  # fmt: skip
FIXES = f"""
select f.time, f.sensor, f.lon, f.lat, f.visible, f.marked_outlier, f.satellites, f.argos_class,
  f.lon2, f.lat2, f.solution, f.solution_by_hand, f.provider_id, f.provider_revision, f.activity,
  {", ".join(f"f.{name}::text::float8 as {name}" for name in _REAL)},
  (select string_agg(g.code, ' ' order by g.code) from fix_flag g
   where (g.tag_id, g.time, g.sensor, g.variant) = (f.tag_id, f.time, f.sensor, f.variant))
    as flags,
  (select v.verdict from fix_verdict v where v.undone_at is null
   and (v.tag_id, v.time, v.sensor, v.variant) = (f.tag_id, f.time, f.sensor, f.variant))
    as verdict,
  (select v.reason from fix_verdict v where v.undone_at is null
   and (v.tag_id, v.time, v.sensor, v.variant) = (f.tag_id, f.time, f.sensor, f.variant))
    as verdict_reason,
  coalesce(i.taxon, s.taxon) as taxon, i.species_key, i.local_identifier as individual,
  t.local_identifier as tag
from fix f join tag t on t.id = f.tag_id join study s on s.id = f.study_id
left join deployment d on d.tag_id = f.tag_id and d.replaced_at is null and d.during @> f.time
left join individual i on i.id = d.individual_id
where f.live order by t.local_identifier, f.time, f.sensor, f.variant
"""
"""SQL: every fix of a database with one study, each with all that is said of it."""


def feature(row: Row) -> bytes:
    """Give the JSON of one fix."""
    properties = {"time": row["time"].isoformat().replace("+00:00", "Z")}
    properties |= {name: row[name] for name in PROPERTIES}
    return orjson.dumps({
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [row["lon"], row["lat"]]},
        "properties": properties | {"sensor": ingest.SENSORS[row["sensor"]]},
    })  # fmt: skip


def events(rows: list[Row]) -> str:
    """Give the lines of the event file; None is an empty cell."""
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(map(_event, rows))
    return file.getvalue()


def _event(row: Row) -> list[object]:
    battery = row["battery_v"]
    said = row | {
        "time": _clock(row["time"]),
        "sensor": SENSOR_TYPES[row["sensor"]],
        "battery_mv": battery and _millivolts(battery),
        "hidden_by_hand": row["verdict"] == "hide" or None,
        "shown_by_hand": row["verdict"] == "show" or None,
        **_solutions(row),
    }
    return [_cell(said.get(name)) for name in _EVENT_COLUMNS.values()]


def _solutions(row: Row) -> Row:
    if row["lon2"] is None:
        return {"turned": None}
    shown, other = (row["lon"], row["lat"]), (row["lon2"], row["lat2"])
    turned = row["solution"] == 2
    first, second = (shown, other)
    if turned or row["solution_by_hand"] == 2:
        first, second = second, first
    ends = dict(zip(("lon1", "lat1", "lon2", "lat2"), (*first, *second), strict=True))
    return ends | {"turned": 2 if turned else None}


def _millivolts(volts: float) -> float:
    return round(volts * 1_000, 6) if volts * 1_000 > MILLIVOLT_ABOVE else volts


def _cell(value: object) -> object:
    if isinstance(value, float) and "e" in repr(value):
        return orjson.dumps(value).decode()  # 0.00003 where Python writes 3e-05: the same number
    return str(value).lower() if isinstance(value, bool) else value


def _clock(time: datetime) -> str:
    digits = "microseconds" if time.microsecond % 1_000 else "milliseconds"
    return time.replace(tzinfo=None).isoformat(" ", digits)
