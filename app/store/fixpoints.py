"""The newest shown fixes of one bird as GeoJSON points, written by columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import NotFound
from app.seeds import profiles
from app.store.audience import RELEASED, Audience
from app.store.copying import PG_EPOCH_US, copy_out, row_type
from app.store.engine import execute
from app.store.features import DECIMALS
from app.store.fragments import time_of
from app.store.sight import Filters
from ingest.record import SENSORS

FIRST, LAST = datetime(1978, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""Ends of the time window the table itself allows."""

_MEASURED = ("error_m", "height_m", "ground_speed_m_s", "heading_deg")
PROPERTIES = (
    "individual", "individual_id", "species", "species_name", "study", "precision", "simulated",
    "time", "tag", "sensor", "variant", *_MEASURED, "argos_class",
)  # fmt: skip
_CLASSES = "3210ABZG"
_ROW = row_type(
    {"tag_id": ">i4", "time": ">i8", "sensor": ">i2", "variant": ">i8", "lon": ">f8", "lat": ">f8",
     "argos_class": ">i4", **dict.fromkeys(_MEASURED, ">f4")}
)  # fmt: skip
_PUBLIC_ROW = row_type({"time": ">i8", "lon": ">f8", "lat": ">f8"})

_BIRD = """
select i.id, i.ref, i.study_id, i.local_identifier, i.species_key, i.taxon, s.name as study,
  s.simulated, s.public_grid_deg, i.study_id = any(:exact) as exact,
  (select coalesce(json_object_agg(t.id, t.local_identifier), '{}')
   from tag t where t.id in (select d.tag_id from deployment d
     where d.individual_id = i.id and d.replaced_at is null)) as tags
from individual i join study s on s.id = i.study_id
where i.ref = :ref and (i.study_id = any(:exact) or i.study_id = any(:open))
"""

_OWN = """
select f.tag_id, f.time, f.sensor, f.variant, f.lon, f.lat,
  coalesce(strpos('{classes}', f.argos_class), 0), {measured}
from deployment d cross join lateral (
  select * from fix f
  where f.tag_id = d.tag_id and f.live and f.visible and {box}
    and f.time >= greatest(coalesce(lower(d.during), '-infinity'), {first})
    and f.time < coalesce(upper(d.during), 'infinity') and f.time <= {last}
    and (f.time, f.tag_id, f.sensor, f.variant) < ({key})
  order by f.time desc, f.sensor desc, f.variant desc limit {fetch}
) as f
where d.individual_id = {bird} and d.replaced_at is null and d.study_id = any('{{{studies}}}')
order by f.time desc, f.tag_id desc, f.sensor desc, f.variant desc limit {fetch}
"""

_OPEN = """
select f.time, f.lon, f.lat from public_fix f
where f.individual_id = {bird} and f.study_id = any('{{{studies}}}') and {released}
  and f.time >= {first} and f.time <= {last} and f.time < {before} and {box}
order by f.time desc limit {fetch}
"""

Columns = NDArray[np.void]


@dataclass(frozen=True, slots=True)
class Points:
    """Fixes of one bird, newest first: their text as features, and their places in the order."""

    rows: Columns
    bird: Mapping[str, Any]
    tags: Mapping[int, str]

    def __len__(self) -> int:
        return len(self.rows)

    def text(self, n: int) -> str:
        """Return the first `n` features as JSON, with commas between."""
        return _written(self.rows[:n], self.bird, self.tags)

    def key(self, number: int) -> tuple[Any, ...]:
        """Return what the page after this feature starts from."""
        row = self.rows[number]
        time = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(row["time"]))
        if not self.bird["exact"]:
            return (time,)
        return (time, self.tags[int(row["tag_id"])], int(row["sensor"]), str(row["variant"]))


async def newest(
    conn: AsyncConnection,
    audience: Audience,
    filters: Filters,
    *,
    fetch: int,
    after: Sequence[Any] | None = None,
) -> Points:
    """
    Return the shown fixes of `filters.individual`; of an opened study's bird what is released.

    Interval and box narrow them; a bird has one species and study, so those filters play no part.

    Raises NotFound for a bird that the audience may not know of.
    """
    found = await execute(conn, _BIRD, {**audience.sql, "ref": filters.individual})
    if not found:
        raise NotFound(
            "There is no such individual.", remedy="Take an id from GET /api/v1/individuals."
        )
    bird = found[0]
    tags = {int(number): name for number, name in bird["tags"].items()}
    read = _own if bird["exact"] else _public
    rows = await read(conn, audience, bird, filters, fetch=fetch, after=after, tags=tags)
    return Points(rows, bird, tags)


async def _own(
    conn: AsyncConnection,
    audience: Audience,
    bird: Mapping[str, Any],
    filters: Filters,
    *,
    fetch: int,
    after: Sequence[Any] | None,
    tags: Mapping[int, str],
) -> Columns:
    """Read fixes of an own study; every value that goes into the text of the SQL is a number."""
    numbers = {name: number for number, name in tags.items()}
    key = "'infinity', 0, 0::smallint, 0::bigint"
    if after is not None:
        tag, sensor, variant = numbers.get(after[1], 0), int(after[2]), int(after[3])
        key = f"{_instant(after[0])}, {tag}, {sensor}::smallint, ({variant})::bigint"
    sql = _OWN.format(
        classes=_CLASSES,
        measured=", ".join(f"coalesce(f.{name}, 'NaN')" for name in _MEASURED),
        key=key,
        **_asked(bird, audience.exact, filters, fetch),
    )
    return await copy_out(conn, sql, _ROW)


async def _public(
    conn: AsyncConnection,
    audience: Audience,
    bird: Mapping[str, Any],
    filters: Filters,
    *,
    fetch: int,
    after: Sequence[Any] | None,
    tags: Mapping[int, str],  # noqa: ARG001 - nobody else learns of tags
) -> Columns:
    before = "'infinity'" if after is None else _instant(after[0])
    sql = _OPEN.format(
        released=RELEASED, before=before, **_asked(bird, audience.open, filters, fetch)
    )
    return await copy_out(conn, sql, _PUBLIC_ROW)


def _asked(
    bird: Mapping[str, Any], studies: Sequence[int], filters: Filters, fetch: int
) -> dict[str, Any]:
    spans = [] if filters.box is None else filters.box.spans
    boxes = " or ".join(f"f.lon between {west!r} and {east!r}" for west, east in spans)
    box = filters.box
    return {
        "bird": int(bird["id"]),
        "studies": ",".join(map(str, studies)),
        "first": _instant(filters.time_from or FIRST),
        "last": _instant(filters.time_to or LAST),
        "box": f"f.lat between {box.south!r} and {box.north!r} and ({boxes})" if box else "true",
        "fetch": int(fetch),
    }


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _instant(time: datetime) -> str:
    return time_of(str((time - _EPOCH) // timedelta(microseconds=1)))


def _written(rows: Columns, bird: Mapping[str, Any], tags: Mapping[int, str]) -> str:
    """
    Return the features as text.

    Each column becomes text at once and falls into its place in one long list of pieces, so that
    nothing is done feature by feature.
    """
    if not len(rows):
        return ""
    columns = _columns(rows, bird, tags)
    told = {**dict.fromkeys(PROPERTIES), **_shared(bird)}
    same = orjson.dumps({name: told[name] for name in PROPERTIES if name not in columns}).decode()
    lon, lat = (_listed(rows[name].astype(np.float64).round(DECIMALS)) for name in ("lon", "lat"))
    pieces = ['{"type":"Feature","geometry":{"type":"Point","coordinates":[', lon, ",", lat]
    opening = ']},"properties":' + same.removesuffix("}")
    for name, values in columns.items():
        pieces += [f'{opening},"{name}":', values]
        opening = ""
    pieces.append("}},\n")
    text = [piece if isinstance(piece, str) else "" for piece in pieces] * len(rows)
    for place, piece in enumerate(pieces):
        if not isinstance(piece, str):
            text[place :: len(pieces)] = piece
    return "".join(text).removesuffix(",\n")


def _columns(
    rows: Columns, bird: Mapping[str, Any], tags: Mapping[int, str]
) -> dict[str, list[str]]:
    """Return the JSON of each property that differs from fix to fix."""
    times = (rows["time"].astype(np.int64) + PG_EPOCH_US).astype("datetime64[us]")
    columns = {"time": _listed(times)}
    if not bird["exact"]:
        return columns
    columns |= {name: _listed(rows[name].astype(np.float32)) for name in _MEASURED}
    columns["variant"] = [f'"{number}"' for number in rows["variant"].tolist()]
    named = {number: orjson.dumps(name).decode() for number, name in tags.items()}
    sensors = [f'"{name}"' for name in SENSORS]
    classes = ["null", *(f'"{letter}"' for letter in _CLASSES)]
    columns["tag"] = [named[number] for number in rows["tag_id"].tolist()]
    columns["sensor"] = [sensors[number] for number in rows["sensor"].tolist()]
    columns["argos_class"] = [classes[number] for number in rows["argos_class"].tolist()]
    return columns


_NUMPY = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z


def _listed(values: NDArray[Any]) -> list[str]:
    """Return the JSON of each number or time; NaN is `null`."""
    text = orjson.dumps(values, option=_NUMPY)
    return text[1:-1].decode().split(",")


def _shared(bird: Mapping[str, Any]) -> dict[str, Any]:
    profile = profiles().get(bird["species_key"])
    return {
        "individual": bird["local_identifier"],
        "individual_id": str(bird["ref"]),
        "species": bird["species_key"],
        "species_name": (profile.scientific_name if profile else "") or bird["taxon"],
        "study": bird["study"],
        "precision": "exact" if bird["exact"] else f"{bird['public_grid_deg']} degree grid",
        "simulated": bird["simulated"],
    }
