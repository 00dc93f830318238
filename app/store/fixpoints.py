"""The newest shown fixes of one bird as GeoJSON points, written by columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import NotFound
from app.seeds import profiles
from app.store.audience import RELEASED, Audience
from app.store.copying import PG_EPOCH_US
from app.store.engine import execute
from app.store.features import DECIMALS
from app.store.sight import Box, Filters
from ingest.record import SENSORS

FIRST, LAST = datetime(1978, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""Ends of the time window the table itself allows."""

_MEASURED = ("error_m", "height_m", "ground_speed_m_s", "heading_deg")
PROPERTIES = (
    "individual", "individual_id", "species", "species_name", "study", "precision", "simulated",
    "time", "tag", "sensor", "variant", *_MEASURED, "argos_class",
)  # fmt: skip
_CLASSES = "3210ABZG"

Columns = Mapping[str, NDArray[Any]]
"""Columns of one length, in the machine's byte order."""

_KINDS = {
    "time": ">i8", "lon": ">f8", "lat": ">f8", "variant": ">i8", "tag": ">i4", "sensor": ">i2",
    "argos_class": ">i4", **dict.fromkeys(_MEASURED, ">f4"),
}  # fmt: skip
_PUBLIC = ("time", "lon", "lat")
_ARRAY_HEAD_BYTES = 20
_FLAGS_BYTE, _LENGTH_BYTES = 7, slice(12, 16)
"""An array of one dimension as PostgreSQL sends it: its head, where that says that there are
nulls, and how many elements follow."""


def _sent(values: Mapping[str, str], table: str) -> str:
    """
    Return the SQL of whole columns in PostgreSQL's binary form.

    Arrays of the driver's own would make an object of each number, which costs more than to read.
    """
    return ", ".join(f"array_send(array_agg({sql})) as {table}_{n}" for n, sql in values.items())


_BIRD = """
select i.id, i.ref, i.local_identifier, i.species_key, i.taxon, s.name as study, s.simulated,
  s.public_grid_deg, i.study_id = any(:exact) as exact, {columns}
from individual i join study s on s.id = i.study_id {parts}
where i.ref = :ref and (i.study_id = any(:exact) or i.study_id = any(:open))
"""

_OWN_COLUMNS = {
    **{name: f"f.{name}" for name in _KINDS if name != "tag"},
    "argos_class": f"strpos('{_CLASSES}', f.argos_class)",
}
_OWN = f"""
left join deployment d on d.individual_id = i.id and d.replaced_at is null
  and d.study_id = any(:exact) and i.study_id = any(:exact)
left join tag t on t.id = d.tag_id
left join lateral (
  select {_sent(_OWN_COLUMNS, "own")} from (
    select * from fix f
    where f.tag_id = d.tag_id and f.live and f.visible and {{box}}
      and f.time >= greatest(coalesce(lower(d.during), '-infinity'), :first)
      and f.time < coalesce(upper(d.during), 'infinity') and f.time <= :last and {{after}}
    order by f.time desc, f.sensor desc, f.variant desc limit :fetch
  ) as f
) as own on true
"""
"""SQL: the newest fixes of each time that the bird wore a tag; they are joined here, not there."""

_OWN_AFTER = """(f.time, f.tag_id, f.sensor, f.variant) < (
  cast(:before as timestamptz), cast(coalesce((
    select t.id from tag t join deployment w on w.tag_id = t.id
    where w.individual_id = i.id and w.replaced_at is null
      and t.local_identifier = cast(:tag as text) limit 1
  ), 0) as int), cast(:sensor as smallint), cast(:variant as bigint))"""

_OPEN = f"""
left join lateral (
  select {_sent({name: f"f.{name}" for name in _PUBLIC}, "open")} from (
    select f.time, f.lon, f.lat from public_fix f
    where not i.study_id = any(:exact) and f.individual_id = i.id
      and f.study_id = any(:open) and {RELEASED}
      and f.time >= :first and f.time <= :last and {{after}} and {{box}}
    order by f.time desc limit :fetch
  ) as f
) as open on true
"""


@cache
def _sql(*, own: bool, opened: bool, box: bool, after: bool) -> str:
    """
    Return a statement for a bird and its newest fixes, so that all is of one moment.

    What a reader can't be given anyway is not asked for: to plan it costs more than to read it.
    """
    within = _BOX if box else "true"
    columns, parts = [], []
    if own:
        columns.append("d.tag_id, t.local_identifier as tag, own.*")
        parts.append(_OWN.format(box=within, after=_OWN_AFTER if after else "true"))
    if opened:
        columns.append("open.*")
        earlier = "f.time < cast(:before as timestamptz)" if after else "true"
        parts.append(_OPEN.format(box=within, after=earlier))
    return _BIRD.format(columns=", ".join(columns or ["null"]), parts="".join(parts))


_BOX = (
    "f.lat between :south and :north"
    " and (f.lon between :west0 and :east0 or f.lon between :west1 and :east1)"
)


@dataclass(frozen=True, slots=True)
class Points:
    """Fixes of one bird, newest first: their text as features, and their places in the order."""

    columns: Columns
    bird: Mapping[str, Any]
    tags: Mapping[int, str]

    def __len__(self) -> int:
        return len(self.columns["time"])

    def text(self, n: int) -> str:
        """Return the first `n` features as JSON, with commas between."""
        return _written(self._shown(n), self.bird, self.tags)

    def told(self, n: int) -> bytes:
        """Return what makes the text of the first `n`: the first of them, and all values."""
        values = b"".join(values.tobytes() for values in self._shown(n).values())
        return b"".join((self.text(min(n, 1)).encode(), repr(self.tags).encode(), values))

    def _shown(self, n: int) -> Columns:
        """Return the first rows, places as exact as they are written."""
        shown = {name: values[:n] for name, values in self.columns.items()}
        return shown | {name: shown[name].round(DECIMALS) for name in ("lon", "lat")}

    def key(self, number: int) -> tuple[Any, ...]:
        """Return what the page after this feature starts from."""
        row = {name: values[number] for name, values in self.columns.items()}
        time = _EPOCH + timedelta(microseconds=int(row["time"]) + PG_EPOCH_US)
        if not self.bird["exact"]:
            return (time,)
        return (time, self.tags[int(row["tag"])], int(row["sensor"]), str(row["variant"]))


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
    box = filters.box
    found = await execute(
        conn,
        _sql(
            own=bool(audience.exact), opened=bool(audience.open), box=box is not None,
            after=after is not None,
        ),
        {
            **audience.sql,
            "ref": filters.individual,
            "first": filters.time_from or FIRST,
            "last": filters.time_to or LAST,
            "fetch": fetch,
            **(_key(after) if after else {}),
            **(_spans(box) if box else {}),
        },
    )  # fmt: skip
    if not found:
        raise NotFound(
            "There is no such individual.", remedy="Take an id from GET /api/v1/individuals."
        )
    bird = found[0]
    if not bird["exact"]:
        columns = {name: _received(bird[f"open_{name}"], name) for name in _PUBLIC}
        return Points(columns, bird, {})
    tags = {row["tag_id"]: row["tag"] for row in found if row["tag_id"] is not None}
    return Points(_joined([_worn(row) for row in found], fetch), bird, tags)


def _worn(row: Mapping[str, Any]) -> Columns:
    """Return the fixes of one time that the bird wore a tag, newest first."""
    columns = {name: _received(row[f"own_{name}"], name) for name in _OWN_COLUMNS}
    tag = np.full(len(columns["time"]), row["tag_id"] or 0, dtype=np.int32)
    return {**columns, "tag": tag}


def _joined(worn: Sequence[Columns], fetch: int) -> Columns:
    """Return the newest of all, in the order of `_OWN_AFTER`; most birds wore one tag alone."""
    full = [columns for columns in worn if len(columns["time"])]
    if len(full) <= 1:
        return (full or worn)[0]
    columns = {name: np.concatenate([each[name] for each in full]) for name in full[0]}
    order = np.lexsort([columns[name] for name in ("variant", "sensor", "tag", "time")])
    newest = order[::-1][:fetch]
    return {name: values[newest] for name, values in columns.items()}


def _key(after: Sequence[Any]) -> dict[str, Any]:
    """Return the values of the place in the order that a page starts after; strangers have less."""
    time, tag, sensor, variant = (*after, None, 0, 0)[:4]
    return {"before": time, "tag": tag, "sensor": int(sensor), "variant": int(variant)}


def _spans(box: Box) -> dict[str, float]:
    (west0, east0), (west1, east1) = (box.spans * 2)[:2]
    return {
        "south": box.south, "north": box.north,
        "west0": west0, "east0": east0, "west1": west1, "east1": east1,
    }  # fmt: skip


def _received(sent: bytes | None, name: str) -> NDArray[Any]:
    """
    Return a column that was sent as an array; an empty one is null.

    A null within is NaN, or zero in a column of whole numbers: neither is a stored value there.
    """
    kind = np.dtype(_KINDS[name])
    native = kind.newbyteorder("=")
    if sent is None:
        return np.empty(0, native)
    if not sent[_FLAGS_BYTE]:
        element = np.dtype([("length", ">i4"), ("value", kind)])
        return np.frombuffer(sent, element, offset=_ARRAY_HEAD_BYTES)["value"].astype(native)
    absent = np.nan if kind.kind == "f" else 0
    n = int.from_bytes(sent[_LENGTH_BYTES])
    if len(sent) == _ARRAY_HEAD_BYTES + 4 * n:  # nothing but the lengths of nulls
        return np.full(n, absent, native)
    return np.array(list(_each(sent, kind, absent)), native)


def _each(sent: bytes, kind: np.dtype[Any], absent: float) -> Iterator[Any]:
    """Give the elements of an array of which some are null, whose length is -1."""
    at = _ARRAY_HEAD_BYTES
    while at < len(sent):
        filled = sent[at] == 0
        yield np.frombuffer(sent, kind, 1, at + 4)[0] if filled else absent
        at += 4 + kind.itemsize * filled


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _written(columns: Columns, bird: Mapping[str, Any], tags: Mapping[int, str]) -> str:
    """
    Return the features as text.

    What all fixes share is written once. Each other column becomes text at once and falls into its
    place in one long list of pieces, so that nothing is done feature by feature.
    """
    n = len(columns["time"])
    if not n:
        return ""
    lon, lat = (_listed(columns[name]) for name in ("lon", "lat"))
    shared, differing = _properties(columns, bird, tags)
    opening = ']},"properties":{' + ",".join(f'"{name}":{value}' for name, value in shared)
    pieces: list[str | list[str]] = [
        '{"type":"Feature","geometry":{"type":"Point","coordinates":[', lon, ",", lat
    ]  # fmt: skip
    for name, values in differing:
        pieces += [f'{opening},"{name}":', values]
        opening = ""
    pieces.append(f"{opening}}}}},\n")
    text = [piece if isinstance(piece, str) else "" for piece in pieces] * n
    for place, piece in enumerate(pieces):
        if not isinstance(piece, str):
            text[place :: len(pieces)] = piece
    text[-1] = text[-1].removesuffix(",\n")
    return "".join(text)


def _properties(
    columns: Columns, bird: Mapping[str, Any], tags: Mapping[int, str]
) -> tuple[list[tuple[str, str]], list[tuple[str, list[str]]]]:
    """Return the JSON of the properties that all fixes share, and of those that differ, by fix."""
    told = {**dict.fromkeys(PROPERTIES), **_of_bird(bird)}
    shared: list[tuple[str, str]] = []
    differing: list[tuple[str, list[str]]] = []
    for name in PROPERTIES:
        values = columns.get(name)
        if values is None:
            shared.append((name, _text(told[name])))
        elif _all_same(values):
            shared.append((name, _json(name, values[:1], tags)[0]))
        else:
            differing.append((name, _json(name, values, tags)))
    return shared, differing


def _all_same(values: NDArray[Any]) -> bool:
    bits = values.view(f"i{values.itemsize}")  # NaN is not equal to itself
    return bool((bits == bits[0]).all())


def _json(name: str, values: NDArray[Any], tags: Mapping[int, str]) -> list[str]:
    """Return the JSON of a property of each fix."""
    if name == "time":
        return _listed((values + PG_EPOCH_US).astype("datetime64[us]"))
    if name in {"variant", *_MEASURED}:
        return _listed(values, quoted=name == "variant")
    texts = _WORDS.get(name) or {number: _text(word) for number, word in tags.items()}
    return [texts[number] for number in values.tolist()]


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()


_WORDS = {
    "sensor": {number: _text(word) for number, word in enumerate(SENSORS)},
    "argos_class": {number: _text(word) for number, word in enumerate((None, *_CLASSES))},
}
"""JSON of what a number stands for."""


_NUMPY = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z


def _listed(values: NDArray[Any], *, quoted: bool = False) -> list[str]:
    """Return the JSON of each number or time; NaN is `null`."""
    text = orjson.dumps(values, option=_NUMPY)[1:-1].decode()
    if quoted:
        text = '"' + text.replace(",", '","') + '"'
    return text.split(",")


def _of_bird(bird: Mapping[str, Any]) -> dict[str, Any]:
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
