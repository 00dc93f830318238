"""The generic JSON push: fixes under the field names of this project."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Annotated

import msgspec
import numpy as np
import polars as pl
from msgspec import Meta, Struct

from ingest.admission import UNITS_MAX, admit
from ingest.clock import parse_times
from ingest.formats.elements import cut, refuse_wrapped
from ingest.formats.elsewhere import lists_told, seems_placed
from ingest.reasons import refuse
from ingest.record import RECORD_SCHEMA, Decoded, Warning_, counted
from ingest.refusal import Refusal, UnreadablePush

NAME = "flyways-json"

Metres = Annotated[float, Meta(ge=0)]


class Fix(Struct, rename={"provider_id": "id", "provider_revision": "revision"}):
    """
    One element of the push: the documented keys, their types and bounds.

    ``time`` is RFC 3339 with ``Z`` or an offset, or without one in the zone the push declares.
    ``tag`` or ``individual`` must be there. ``lon`` and ``lat`` [degrees, WGS 84] are both there
    or both absent. ``id`` is the provider's own id of the fix and ``revision`` its version:
    a higher one replaces a lower one. Names and ids are strings: numbers lose digits on the way.
    ``solution_by_hand`` says that a person chose ``lon`` and ``lat`` among the two solutions of an
    Argos pass, and their number, 1 or 2; the other one is ``lon2`` and ``lat2``. ``marked_valid``
    and ``marked_hidden`` say that a person decided so, ``verdict_reason`` why.
    """

    time: str
    tag: str | None = None
    individual: str | None = None
    taxon: str | None = None
    sensor: str | None = None
    lon: float | None = None
    lat: float | None = None
    height_m: float | None = None
    ground_speed_m_s: Metres | None = None
    heading_deg: Annotated[float, Meta(ge=-180, le=360)] | None = None
    satellites: Annotated[int, Meta(ge=0, le=200)] | None = None
    dop: Metres | None = None
    error_m: Metres | None = None
    argos_class: str | None = None
    semi_major_m: Metres | None = None
    semi_minor_m: Metres | None = None
    orientation_deg: Annotated[float, Meta(ge=-360, le=360)] | None = None
    lon2: float | None = None
    lat2: float | None = None
    provider_id: str | None = None
    provider_revision: Annotated[int, Meta(ge=0, le=2**31 - 1)] | None = None
    marked_outlier: bool | None = None
    battery_v: Metres | None = None
    temperature_c: float | None = None
    activity: float | None = None
    marked_valid: bool | None = None
    marked_hidden: bool | None = None
    verdict_reason: str | None = None
    solution_by_hand: Annotated[int, Meta(ge=1, le=2)] | None = None


FIELDS = Fix.__struct_fields__
"""Names of the record fields of an element."""

KEYS = tuple(Fix.__struct_encode_fields__)
"""Keys of an element, as sent."""

LISTS = ("fixes",)
"""Keys under which a push may hold its elements."""

_KNOWN = frozenset(KEYS)


def decode(payload: bytes, *, tz: str, now_us: int, tag: str | None = None) -> Decoded:
    """
    Decode a generic JSON push.

    The push is ``{"fixes": [...]}``, a bare array, or one object a line (NDJSON). A unit is an
    element (a line that is not blank); what is wrong with one never touches another. Keys that
    are not documented are left out, with one warning that names them. ``tag`` is that of elements
    that name neither one nor a bird.

    Raises
    ------
    UnreadablePush
        Codes ``json-truncated``, ``json-unreadable``, ``too-many-units``, ``zone-unknown``.

    Examples
    --------
    >>> text = b'[{"tag": "6118", "time": "2018-07-05T10:48:10Z", "lon": 82.1, "lat": 46.1}]'
    >>> decode(text, tz="UTC", now_us=1_700_000_000_000_000).records["lat"].to_list()
    [46.1]
    """
    elements = cut(payload, LISTS)
    fixes: list[Fix] = []
    units: list[int] = []
    refused: list[Refusal] = []
    unknown: Counter[str] = Counter()
    for unit in range(1, len(elements.raws) + 1):
        fix = _read(elements.read(unit), unknown)
        if isinstance(fix, str):
            text, offset = elements.origin(unit)
            refused.append(refuse(unit, text, fix, offset))
        else:
            fixes.append(fix)
            units.append(unit)
    if len(elements.raws) == 1 and not fixes:
        refuse_wrapped(elements.raws[0], _KNOWN)
    return admit(
        _candidates(units, fixes, tz),
        format=NAME,
        now_us=now_us,
        origin=lambda bad: [elements.origin(unit) for unit in bad["unit"]],
        refused=refused,
        warnings=[*lists_told(elements.unread), *_warnings(unknown)],
        tag=tag,
    )


decode_told = decode


def decode_many(
    payloads: Sequence[bytes], *, tz: str, now_us: Sequence[int]
) -> list[Decoded | UnreadablePush]:
    """
    Decode pushes as `decode` does each alone; columns of many cost hardly more than of one.

    A push of which there is anything to tell (a refusal, a warning) is decoded alone.

    Parameters
    ----------
    payloads : sequence of bytes
        UTF-8.
    tz : str
        Zone of times that carry none.
    now_us : sequence of int
        The present of each push [us since 1970-01-01 UTC].

    Returns
    -------
    list of Decoded or UnreadablePush
    """
    clean = [_clean(payload) for payload in payloads]
    plain = [number for number, fixes in enumerate(clean) if fixes]
    fixes = [fix for number in plain for fix in clean[number] or ()]
    found: dict[int, Decoded] = {}
    if len(plain) > 1 and len(fixes) <= UNITS_MAX:
        try:
            found = _admit_many({n: len(clean[n] or ()) for n in plain}, fixes, tz, now_us)
        except _Telling:
            # Something is to tell of one of them: halves find it in a few steps.
            half = len(payloads) // 2
            return [
                *decode_many(payloads[:half], tz=tz, now_us=now_us[:half]),
                *decode_many(payloads[half:], tz=tz, now_us=now_us[half:]),
            ]
    return [
        found[number] if number in found else _alone(payload, tz, now_us[number])
        for number, payload in enumerate(payloads)
    ]


def _alone(payload: bytes, tz: str, now_us: int) -> Decoded | UnreadablePush:
    try:
        return decode(payload, tz=tz, now_us=now_us)
    except UnreadablePush as unreadable:
        return unreadable


class _Telling(Exception):  # noqa: N818 - no fault: it ends an attempt
    """There is something to tell of one push among several."""


def _clean(payload: bytes) -> list[Fix] | None:
    """Give the fixes of a push of which there is nothing to tell so far."""
    try:
        elements = cut(payload, LISTS)
    except UnreadablePush:
        return None
    if elements.unread:
        return None
    unknown: Counter[str] = Counter()
    fixes = [_read(elements.read(unit + 1), unknown) for unit in range(len(elements.raws))]
    whole = [fix for fix in fixes if isinstance(fix, Fix)]
    return whole if len(whole) == len(fixes) and not unknown else None


def _admit_many(
    sizes: dict[int, int], fixes: list[Fix], tz: str, now_us: Sequence[int]
) -> dict[int, Decoded]:
    """Give what each of several clean pushes holds; raise `_Telling` if it is not all of it."""
    try:
        together = admit(
            _candidates(list(range(len(fixes))), fixes, tz),
            format=NAME,
            now_us=min(now_us),  # the strictest of them
            origin=lambda bad: [("", None)] * bad.height,
            refused=[],
            warnings=[],
        )
    except UnreadablePush as unreadable:
        raise _Telling from unreadable
    if together.refusals or together.warnings:
        raise _Telling
    units = np.concatenate([np.arange(1, size + 1) for size in sizes.values()])
    records = together.records.with_columns(unit=pl.Series(units, dtype=pl.Int64))
    ends = np.cumsum(list(sizes.values())).tolist()
    return {
        number: Decoded(NAME, records.slice(end - size, size), [])
        for (number, size), end in zip(sizes.items(), ends, strict=True)
    }


def _candidates(units: list[int], fixes: list[Fix], tz: str) -> pl.DataFrame:
    """Turn fixes into columns."""
    types = RECORD_SCHEMA | {"time": pl.String()}
    columns = {
        name: pl.Series(name, [getattr(fix, name) for fix in fixes], dtype=types[name])
        for name in FIELDS
    }
    table = pl.DataFrame({"unit": pl.Series(units, dtype=pl.Int64), **columns})
    names = ("tag", "individual", "taxon", "provider_id")
    kind = pl.col("sensor").str.to_lowercase()
    return table.with_columns(
        parse_times(table["time"].str.strip_chars(), tz).alias("time_us"),
        pl.col(names).str.strip_chars().replace("", None),
        pl.when(kind.is_in(["gps", "argos"]))
        .then(kind)
        .when(kind == "gnss")
        .then(pl.lit("gps"))
        .when(kind.is_not_null())
        .then(pl.lit("other"))
        .when(pl.col("argos_class").is_not_null())
        .then(pl.lit("argos"))
        .otherwise(pl.lit("gps"))
        .alias("sensor"),
    )


def _warnings(unknown: Counter[str]) -> list[Warning_]:
    """One warning for all keys that mean nothing here."""
    named = Counter[str]()
    for key, count in unknown.items():
        named[ascii(key[:40])] += count
    return counted("unknown-keys", "Keys left out, with how often they came: {frequent}.", named)


def _read(element: dict[str, object] | str, unknown: Counter[str]) -> Fix | str:
    """One element as a fix, or the code of its refusal."""
    if isinstance(element, str):
        return element
    extra = element.keys() - _KNOWN
    if extra:
        unknown.update(key for key in element if key in extra)
        if element.get("lon") is element.get("lat") is None and seems_placed(element):
            return "position-elsewhere"
    return _checked(element)


def _checked(element: dict[str, object]) -> Fix | str:
    """Give the element with types and bounds checked, or the code of its refusal."""
    if element.get("time") is None:
        return "field-missing"
    try:
        return msgspec.convert(element, Fix, strict=True)
    except msgspec.ValidationError as error:
        # msgspec names the kind of fault in its text only: bounds read "Expected `float` >= 0".
        bounds = re.search(r"[<>]=|out of range", str(error))
        return "field-out-of-range" if bounds else "field-type"
