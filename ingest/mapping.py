"""
A declarative mapping: which column of a table, or path of JSON, is which Movebank term.

For makers with no public field list (Global Messenger, KoEco WT-200 and WT-300, Milsar, Interrex)
a data manager writes one down, once for each source, as JSON; `formats.columns` reads with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NoReturn

import msgspec

from ingest.admission import CONTROL, NAME_MAX_CHARS
from ingest.clock import COUNT, zone
from ingest.encoding import ENCODINGS
from ingest.patterns import PatternRefused, pattern
from ingest.refusal import UnreadablePush
from ingest.vocabulary import EVENT_TERMS, term

NAMES_MAX = 20
"""Columns that one term may be looked for in."""
MARKS_MAX = 50
"""Texts that may stand for a missing value."""
SKIP_LINES_MAX = 1_000
"""Lines that may stand above the header line."""
DOCUMENT_MAX_BYTES = 65_536
"""Largest mapping as JSON [bytes]: every term of it with twenty long names."""

_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        name: EVENT_TERMS[name]
        for name in (
            "time", "lon", "lat", "tag", "individual", "taxon", "sensor", "height_m",
            "ground_speed_m_s", "heading_deg", "satellites", "dop", "error_m", "argos_class",
            "semi_major_m", "semi_minor_m", "orientation_deg", "lon2", "lat2", "provider_id",
            "provider_revision", "battery_v", "temperature_c", "activity",
        )
    }
    | {
        "date": ("date",),
        "clock": ("time-of-day",),
        "marked_outlier": (
            "import-marked-outlier", "algorithm-marked-outlier", "manually-marked-outlier",
        ),
    }
)  # fmt: skip
"""Field to the Movebank terms that name it in a mapping; ``date`` and ``time-of-day`` are ours."""

_FIELD_OF = {term(word): name for name, words in _WORDS.items() for word in words}

TERMS = tuple(words[0] for words in _WORDS.values())
"""The terms a mapping may name, each as it is written back."""

_METRES = {"m": 1.0, "km": 0.001, "cm": 100.0, "ft": 1 / 0.3048}
_DEGREES = {"deg": 1.0, "1e-5 deg": 1e5, "1e-6 deg": 1e6, "1e-7 deg": 1e7}
UNITS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "lon": _DEGREES,
        "lat": _DEGREES,
        "lon2": _DEGREES,
        "lat2": _DEGREES,
        "height_m": _METRES,
        "error_m": _METRES,
        "semi_major_m": _METRES,
        "semi_minor_m": _METRES,
        "ground_speed_m_s": {"m/s": 1.0, "km/h": 3.6, "cm/s": 100.0, "kn": 3_600 / 1_852},
        "heading_deg": {"deg": 1.0, "0.1 deg": 10.0, "0.01 deg": 100.0},
        "battery_v": {"V": 1.0, "mV": 1_000.0, "0.01 V": 100.0},
        "temperature_c": {"degC": 1.0, "0.1 degC": 10.0, "0.01 degC": 100.0},
    }
)
"""Field to the units it may be sent in, each with how many of them make one of the field's."""


class MappingRefused(ValueError):  # noqa: N818 - it names the mapping, as UnreadablePush the push
    """
    A document is no mapping.

    Attributes
    ----------
    key : str
        Where in the document, as ``terms.timestamp``; empty for the whole of it.
    detail, remedy : str
        Why not, and how to mend it: a sentence each.
    """

    code = "mapping-invalid"

    def __init__(self, key: str, detail: str, remedy: str) -> None:
        super().__init__(f"{key}: {detail}" if key else detail)
        self.key = key
        self.detail = str(self)
        self.remedy = remedy


class ColumnMapping(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """
    How one source writes a fix; a document of these keys, as JSON.

    Attributes
    ----------
    kind : str
        ``table`` (delimited text, or the first fitting sheet of a workbook) or ``json``.
    terms : dict of str to tuple of str
        Movebank term, or ``date`` and ``time-of-day`` in place of ``timestamp``, to the column or
        path that holds it; several, best first, where not all files have the same. A path has
        dots; a number in it is the place in an array.
    units : dict of str to str
        Term to the unit it is sent in; see `UNITS`.
    tz : str or None
        Zone of times that carry none; None leaves it to the push or its source.
    time_format : str or None
        Pattern of `patterns.pattern`; ``%s``: seconds or milliseconds since 1970; None: year
        first, RFC 3339, or such a count that can't be a date as well.
    decimal : str or None
        ``.`` or ``,``; None: a comma is a decimal one where it can be nothing else, or a coordinate
        of the row has one.
    encoding : str or None
        Of `ENCODINGS`; None to find out.
    sensor : str
        Of fixes whose ``sensor-type`` is blank or not mapped, and that have no Argos class.
    skip_lines : int
        Lines above the header line of a table.
    missing : tuple of str
        What stands for a missing value, besides a blank cell; a number also means its equals.
    elements : str or None
        Key under which a JSON object holds the array of fixes.
    """

    kind: Literal["table", "json"]
    terms: dict[str, tuple[str, ...]]
    units: dict[str, str] = {}
    tz: str | None = None
    time_format: str | None = None
    decimal: Literal[".", ","] | None = None
    encoding: str | None = None
    sensor: Literal["gps", "argos", "other"] = "gps"
    skip_lines: int = 0
    missing: tuple[str, ...] = ()
    elements: str | None = None

    @property
    def fields(self) -> dict[str, tuple[str, ...]]:
        """Record field, ``time``, or ``date`` and ``clock``, to its columns or paths."""
        return {_FIELD_OF[term(word)]: names for word, names in self.terms.items()}

    @property
    def per(self) -> dict[str, float]:
        """How many of the sent units make one of the field's."""
        return {
            _FIELD_OF[term(word)]: UNITS[_FIELD_OF[term(word)]][unit]
            for word, unit in self.units.items()
        }


def read_mapping(document: object) -> ColumnMapping:
    """
    Read a mapping, strictly.

    Parameters
    ----------
    document : object
        JSON as bytes, or what it holds.

    Returns
    -------
    ColumnMapping
        In one form for all spellings: terms as in `TERMS`, in that order.

    Raises
    ------
    MappingRefused

    Examples
    --------
    >>> read_mapping({"kind": "table", "terms": {"lat": "Breite"}})
    Traceback (most recent call last):
    ingest.mapping.MappingRefused: terms: Nothing says when a fix was.
    """
    held = _plain(document)
    if not isinstance(held, dict):
        _refuse("", "A mapping is a JSON object.", 'Write {"kind": "table", "terms": {...}}.')
    terms, units = held.get("terms"), held.get("units", {})
    held = {**held, "terms": _canonical_terms(terms), "units": _by_field(units, "units")}
    try:
        made = msgspec.convert(held, ColumnMapping)
    except msgspec.ValidationError as error:
        _refuse(*_told(str(error)))
    _check_terms(made)
    _check_units(made)
    _check_rest(made)
    return made


def write_mapping(mapping: ColumnMapping) -> dict[str, Any]:
    """
    Return a mapping as a JSON object: what is as it is anyway is left out.

    Examples
    --------
    >>> terms = {"timestamp": "t", "location-long": "x", "location-lat": "y", "tag-id": "n"}
    >>> mapping = read_mapping({"kind": "table", "terms": terms})
    >>> write_mapping(mapping)["terms"]["tag-local-identifier"]
    'n'
    """
    held: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(mapping))
    terms = {word: n[0] if len(n) == 1 else list(n) for word, n in mapping.terms.items()}
    return {**held, "terms": terms}


def _plain(document: object) -> object:
    """Parse JSON where it is given as bytes."""
    if not isinstance(document, bytes):
        return document
    if len(document) > DOCUMENT_MAX_BYTES:
        _refuse("", f"It is larger than {DOCUMENT_MAX_BYTES} bytes.", "Name fewer columns.")
    try:
        return msgspec.json.decode(document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        _refuse("", f"It is no JSON ({error}).", "Write one JSON object (RFC 8259, UTF-8).")


def _refuse(key: str, detail: str, remedy: str) -> NoReturn:
    raise MappingRefused(key, detail, remedy)


_CHOICES: Mapping[str, str] = MappingProxyType(
    {
        "kind": "Write table or json.",
        "decimal": 'Write "." or ",", or leave it out.',
        "sensor": "Write gps, argos or other, or leave it out for gps.",
        "terms": "Write an object: Movebank term to the name of a column.",
        "units": "Write an object: Movebank term to a unit.",
    }
)


def _told(said: str) -> tuple[str, str, str]:
    """Key, reason and remedy of what msgspec says: ``Expected `int`, got `str` - at `$.x```."""
    detail, _, where = said.partition(" - at ")
    key = where.strip("`").removeprefix("$").lstrip(".")
    remedy = (
        f"The keys are {', '.join(ColumnMapping.__struct_fields__)}; kind and terms are needed."
    )
    if not detail.startswith("Object"):
        remedy = _CHOICES.get(key, "Give a value of that kind, or leave the key out.")
    return key, f"{detail}.", remedy


def _by_field(entries: object, key: str) -> object:
    """Bring the keys of an object to the terms of `TERMS`, in their order."""
    if not isinstance(entries, dict):
        return entries
    found: dict[str, tuple[str, object]] = {}
    for word, value in entries.items():
        field = _FIELD_OF.get(term(word)) if isinstance(word, str) else None
        if field is None:
            _refuse(
                f"{key}.{word}", "This is no term that a fix has here.",
                f"Use one of {', '.join(TERMS)}.",
            )  # fmt: skip
        if field in found:
            _refuse(
                f"{key}.{word}", f"It means the same as {found[field][0]}.",
                "Name it once; several columns go into a list, best first.",
            )  # fmt: skip
        found[field] = (word, value)
    return {_WORDS[name][0]: found[name][1] for name in _WORDS if name in found}


def _canonical_terms(terms: object) -> object:
    named = _by_field(terms, "terms")
    if not isinstance(named, dict):
        return named
    listed = {word: [names] if isinstance(names, str) else names for word, names in named.items()}
    for word, names in listed.items():
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            _refuse(f"terms.{word}", "It is no name of a column, and no list of names.",
                    "Write the name as text, or several as an array, best first.")  # fmt: skip
    return listed


def _check_terms(made: ColumnMapping) -> None:
    fields = made.fields
    if "time" not in fields and not {"date", "clock"} <= set(fields):
        _refuse("terms", "Nothing says when a fix was.",
                "Map timestamp, or both date and time-of-day.")  # fmt: skip
    if "time" in fields and {"date", "clock"} & set(fields):
        _refuse("terms", "It names timestamp, and parts of it besides.",
                "Map timestamp, or both date and time-of-day.")  # fmt: skip
    for axis in ("lon", "lat"):
        if axis not in fields:
            _refuse("terms", f"Nothing says {_WORDS[axis][0]}.",
                    "Map both location-long and location-lat.")  # fmt: skip
    if not {"tag", "individual"} & set(fields):
        _refuse("terms", "Nothing says whose fix it was.",
                "Map tag-local-identifier, individual-local-identifier or both.")  # fmt: skip
    for word, names in made.terms.items():
        _check_names(f"terms.{word}", names)


def _check_names(key: str, names: tuple[str, ...]) -> None:
    if not 1 <= len(names) <= NAMES_MAX or len(set(names)) < len(names):
        _refuse(key, f"It needs 1 to {NAMES_MAX} different columns.", "Name each column once.")
    for name in names:
        if not name.strip() or name != name.strip() or len(name) > NAME_MAX_CHARS:
            _refuse(key, f"{name[:60]!r} is no such name.",
                    f"Write 1 to {NAME_MAX_CHARS} characters, no blank at either end.")  # fmt: skip
        _check_sayable(key, name)


def _check_sayable(key: str, text: str) -> None:
    if re.search(CONTROL, text):
        _refuse(key, "It holds a control character.", "Write it without line breaks and NUL.")


def _check_units(made: ColumnMapping) -> None:
    for word, unit in made.units.items():
        known = UNITS.get(_FIELD_OF[term(word)])
        if known is None:
            _refuse(f"units.{word}", "This term has no unit.", "Leave it out of units.")
        if unit not in known:
            _refuse(f"units.{word}", f"{unit[:60]!r} is no unit of it.",
                    f"Use one of {', '.join(known)}.")  # fmt: skip
        if word not in made.terms:
            _refuse(f"units.{word}", "No column is mapped to it.", "Map the term, or leave it out.")


def _check_rest(made: ColumnMapping) -> None:
    if made.tz is not None:
        try:
            zone(made.tz)
        except UnreadablePush as unknown:
            _refuse("tz", unknown.detail, unknown.remedy)
    if made.time_format not in (None, COUNT):
        try:
            pattern(made.time_format)
        except PatternRefused as refused:
            detail, _, remedy = str(refused).partition(". ")
            _refuse("time_format", f"{detail}.", remedy)
    if made.encoding is not None and made.encoding not in ENCODINGS:
        _refuse("encoding", f"There is no encoding {made.encoding[:60]!r}.",
                f"Use one of {', '.join(ENCODINGS)}, or leave it out.")  # fmt: skip
    if not 0 <= made.skip_lines <= SKIP_LINES_MAX:
        _refuse("skip_lines", f"It runs from 0 to {SKIP_LINES_MAX}.",
                "Count the lines above the header line.")  # fmt: skip
    if len(made.missing) > MARKS_MAX:
        _refuse("missing", f"It holds more than {MARKS_MAX} marks.", "Keep those that occur.")
    for mark in made.missing:
        _check_names("missing", (mark,))
    if made.elements is not None:
        _check_names("elements", (made.elements,))
    _check_kind(made)


def _check_kind(made: ColumnMapping) -> None:
    """Refuse what has no meaning for the kind, so that nothing is stated in vain."""
    if made.kind == "table" and made.elements is not None:
        _refuse("elements", "A table has no key that holds its rows.", "Leave it out.")
    if made.kind == "json" and made.skip_lines:
        _refuse("skip_lines", "JSON has no lines above it.", "Leave it out.")
    if made.kind == "json" and made.encoding is not None:
        _refuse("encoding", "JSON is UTF-8 (RFC 8259).", "Leave it out.")
