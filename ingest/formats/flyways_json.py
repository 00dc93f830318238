"""The generic JSON push: fixes under the field names of this project."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Annotated

import msgspec
import polars as pl
from msgspec import Meta, Struct

from ingest.admission import LINE_MAX_BYTES, UNITS_MAX, admit
from ingest.clock import parse_times
from ingest.reasons import refuse
from ingest.record import RECORD_SCHEMA, Decoded, Warning_
from ingest.refusal import EXCERPT_MAX_CHARS, Refusal, UnreadablePush

NAME = "flyways-json"

Metres = Annotated[float, Meta(ge=0)]


class Fix(Struct, rename={"provider_id": "id", "provider_revision": "revision"}):
    """
    One element of the push: the documented keys, their types and bounds.

    ``time`` is RFC 3339 with ``Z`` or an offset, or without one in the zone the push declares.
    ``tag`` or ``individual`` must be there. ``lon`` and ``lat`` [degrees, WGS 84] are both there
    or both absent. ``id`` is the provider's own id of the fix and ``revision`` its version:
    a higher one replaces a lower one. Names and ids are strings: numbers lose digits on the way.
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


FIELDS = Fix.__struct_fields__
"""Names of the record fields of an element."""

KEYS = tuple(Fix.__struct_encode_fields__)
"""Keys of an element, as sent."""

_KNOWN = frozenset(KEYS)
_SPACE = b" \t\r\n"
_SPACED_COLON = re.compile(rb'"\s+:')
# Strings, brackets and commas; a string that never closes matches no alternative but the last.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{},:]|"', re.DOTALL)


def accepts(payload: bytes) -> bool:
    """Whether the first character can begin the JSON of a push."""
    return payload[:4_096].removeprefix(b"\xef\xbb\xbf").lstrip(_SPACE)[:1] in (b"{", b"[")


def decode(payload: bytes, *, tz: str, now_us: int) -> Decoded:
    """
    Decode a generic JSON push.

    The push is ``{"fixes": [...]}``, a bare array, or one object a line (NDJSON). A unit is an
    element (a line that is not blank); what is wrong with one never touches another. Keys that
    are not documented are left out, with one warning that names them.

    Parameters
    ----------
    payload : bytes
        UTF-8.
    tz : str
        Zone of times that carry none.
    now_us : int
        The present [us since 1970-01-01 UTC].

    Returns
    -------
    Decoded

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
    elements = _elements(payload.removeprefix(b"\xef\xbb\xbf").strip(_SPACE))
    if len(elements) > UNITS_MAX:
        raise UnreadablePush(
            "too-many-units",
            f"The push holds more than {UNITS_MAX:,} elements.",
            "Send the fixes in parts.",
        )
    fixes: list[Fix] = []
    units: list[int] = []
    refused: list[Refusal] = []
    unknown: Counter[str] = Counter()
    for unit, raw in enumerate(elements, start=1):
        fix = _read(raw, unknown)
        if isinstance(fix, str):
            refused.append(refuse(unit, _text(raw), fix))
        else:
            fixes.append(fix)
            units.append(unit)
    return admit(
        _candidates(units, fixes, tz),
        format=NAME,
        now_us=now_us,
        excerpt=lambda bad: [_text(elements[unit - 1]) for unit in bad["unit"]],
        refused=refused,
        warnings=_warnings(unknown),
    )


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
        .when(kind.is_not_null())
        .then(pl.lit("other"))
        .when(pl.col("argos_class").is_not_null())
        .then(pl.lit("argos"))
        .otherwise(pl.lit("gps"))
        .alias("sensor"),
    )


def _warnings(unknown: Counter[str]) -> list[Warning_]:
    """One warning for all keys that mean nothing here."""
    if not unknown:
        return []
    named = ", ".join(f"{key[:40]!a} {count}" for key, count in unknown.most_common(10))
    return [Warning_("unknown-keys", f"Keys left out, with how often they came: {named}.")]


def _text(raw: bytes) -> str:
    """Show the start of an element as text."""
    return raw[: 4 * EXCERPT_MAX_CHARS].decode("utf-8", errors="replace")


def _read(raw: bytes, unknown: Counter[str]) -> Fix | str:
    """One element, or the code of its refusal."""
    if len(raw) > LINE_MAX_BYTES:
        return "line-too-long"
    try:
        element = msgspec.json.decode(raw)
        if not isinstance(element, dict):
            return "not-an-object"
        if _may_repeat_key(raw, len(element)) and _repeats_key(raw):
            return "duplicate-key"
    except RecursionError:
        return "nesting-too-deep"
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "json-malformed"
    extra = element.keys() - _KNOWN
    if extra:
        unknown.update(key for key in element if key in extra)
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


def _may_repeat_key(raw: bytes, keys: int) -> bool:
    """Whether the text may hold more keys than were kept; a cheap test that never misses one."""
    return raw.count(b'":') != keys or _SPACED_COLON.search(raw) is not None


def _repeats_key(raw: bytes) -> bool:
    """Whether an object names a key twice (exact; called only where a count looks odd)."""
    repeated = False

    def note(pairs: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal repeated
        found = dict(pairs)
        repeated |= len(found) != len(pairs)
        return found

    # Integers stay text: Python refuses to parse one of more than 4,300 digits.
    json.loads(raw, object_pairs_hook=note, parse_int=str)
    return repeated


def _elements(text: bytes) -> list[bytes]:
    """Cut a push into its elements, each as its own bytes."""
    if text[:1] not in (b"{", b"["):
        raise _unreadable("The push is neither an object nor an array.")
    try:
        return _elements_of_valid(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _elements_of_any(text)


def _elements_of_valid(text: bytes) -> list[bytes]:
    """Elements of a push that is one valid JSON value."""
    if text[:1] == b"[":
        return [bytes(raw) for raw in msgspec.json.decode(text, type=list[msgspec.Raw])]
    whole = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    if "fixes" not in whole:
        return [text]
    if text.count(b'"fixes"') > 1 and len(_fixes_at(text)) > 1:
        raise _unreadable("The push names its key fixes twice.")
    return [bytes(raw) for raw in msgspec.json.decode(whole["fixes"], type=list[msgspec.Raw])]


def _elements_of_any(text: bytes) -> list[bytes]:
    """Elements of a push that is NDJSON, or that holds an element which is no JSON."""
    if text[:1] == b"[":
        return list(_split_array(text, 0))
    starts = _fixes_at(text)
    if starts:
        return list(_split_array(text, starts[0]))
    lines = [line for line in text.split(b"\n") if line.strip(_SPACE)]
    if len(lines) == 1 and not text.endswith(b"}"):
        raise _truncated()
    return lines


def _fixes_at(text: bytes) -> list[int]:
    """Offsets of the arrays under the top-level key ``fixes``."""
    starts: list[int] = []
    depth = 0
    key = b""
    for token in _TOKEN.finditer(text):
        found = token[0]
        if found in (b"{", b"["):
            if depth == 1 and found == b"[" and key == b'"fixes"':
                starts.append(token.start())
            depth += 1
        elif found in (b"}", b"]"):
            depth -= 1
        elif depth == 1 and found not in (b":", b","):
            key = found
        if depth == 0 or found == b'"':
            break
    return starts


def _split_array(text: bytes, start: int) -> Iterator[bytes]:
    """Cut the array that begins at `start` into elements by brackets and strings alone."""
    depth = 0
    begin = start + 1
    for token in _TOKEN.finditer(text, start):
        found = token[0]
        if found == b'"':
            break
        if found in (b"{", b"["):
            depth += 1
        elif found in (b"}", b"]"):
            depth -= 1
        closes = depth == 0
        if closes or (found == b"," and depth == 1):
            element = text[begin : token.start()].strip(_SPACE)
            if element or not closes or text[start + 1 : token.start()].strip(_SPACE):
                yield element
            begin = token.end()
        if closes:
            _check_tail(text[token.end() :], wrapped=start > 0)
            return
    raise _truncated()


def _check_tail(tail: bytes, *, wrapped: bool) -> None:
    """Refuse a push that goes on after its array, other than to close its object."""
    rest = tail.strip(_SPACE)
    if wrapped and not rest.endswith(b"}"):
        raise _truncated()
    if not wrapped and rest:
        raise _unreadable("The push goes on after its array.")


def _truncated() -> UnreadablePush:
    return UnreadablePush(
        "json-truncated",
        "The push ends inside a JSON value.",
        "Send the whole body; check Content-Length and time-outs on the way.",
    )


def _unreadable(detail: str) -> UnreadablePush:
    return UnreadablePush(
        "json-unreadable",
        detail,
        'Send {"fixes": [...]}, an array of objects, or one object a line (RFC 8259, UTF-8).',
    )
