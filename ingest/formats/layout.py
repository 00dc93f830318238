"""A maker's table as data: which column is which field, in which unit, and one reader for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import polars as pl

from ingest.admission import LINE_MAX_BYTES, admit
from ingest.clock import parse_times
from ingest.formats.cells import Paths
from ingest.formats.decimals import numeric, pointed
from ingest.formats.delimited import open_sheet, read_rows
from ingest.formats.elements import cut, refuse_wrapped
from ingest.formats.elsewhere import at, lists_told, other_form, paths_of, seems_placed
from ingest.formats.pairs import Pair, by_rank, position
from ingest.formats.trimmed import anchors_of
from ingest.names import best_named
from ingest.reasons import refuse
from ingest.record import RECORD_SCHEMA, Decoded, Warning_, counted
from ingest.refusal import Refusal, UnreadablePush
from ingest.vocabulary import YES, columns_of, term, told_twice

Element: TypeAlias = Mapping[str, object]
Times: TypeAlias = Callable[[pl.Series, str], pl.Series]

_NUMBERS = tuple(
    name
    for name, kind in RECORD_SCHEMA.items()
    if kind.is_numeric() and name not in {"unit", "time_us", "provider_revision"}
)
_COORDINATES = ("lon", "lat")
_NAMES = ("tag", "individual", "provider_id")
_PLACES = ("lon", "lat", "lon2", "lat2")
_REQUIRED = ("tag", "time", "lon", "lat")


def utc_times(text: pl.Series, tz: str) -> pl.Series:
    """Read times of a maker who states UTC, whatever the push declares."""
    del tz
    return parse_times(text, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """
    How one maker writes a fix.

    Attributes
    ----------
    name : str
        Name of the format.
    marks : frozenset of str
        Names that stand together in files of this maker only, as `vocabulary.term` spells them
        (of a table), or as sent (of JSON).
    fields : mapping of str to tuple of str
        Record field, or ``time``, or ``date`` and ``clock`` in its place, or any word that only
        `rule` knows, to the maker's names, best first. A name with dots is a path in JSON, a
        number in it the place in an array.
    per : mapping of str to float
        How many of the maker's units make one of the field's (3.6 km/h make one m/s).
    times : callable
        Reads the times.
    sensor : str
        One of SENSORS, where the maker names none.
    rule : callable or None
        Rewrites the candidates where the maker's values mean something special.
    lists : tuple of str
        Keys under which a JSON push holds its elements.
    decimal_comma : bool or None
        Whether numbers have a comma for a point; None: as `decimals.pointed` judges.
    missing : tuple of str
        What stands for a missing value; in a column of numbers, its equals too.
    words : tuple of str
        What the tag writes for a number it does not have, in any case; a warning counts them.
    """

    name: str
    marks: frozenset[str]
    fields: Mapping[str, tuple[str, ...]]
    per: Mapping[str, float] = field(default_factory=dict)
    times: Times = parse_times
    sensor: str = "gps"
    rule: Callable[[pl.DataFrame], pl.DataFrame] | None = None
    lists: tuple[str, ...] = ()
    decimal_comma: bool | None = None
    missing: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    def fits(self, header: list[str]) -> bool:
        """Whether a header line is of this maker."""
        return self.marks <= {term(name) for name in header}


def decode_sheet(
    layout: Layout, payload: bytes, *, tz: str, now_us: int, tag: str | None = None
) -> Decoded:
    """
    Decode delimited text of one maker. A unit is a data row.

    Parameters
    ----------
    layout : Layout
        The maker's columns.
    payload : bytes
        UTF-8.
    tz : str
        Zone of times that carry none.
    now_us : int
        The present [us since 1970-01-01 UTC].
    tag : str or None
        The tag of rows that name neither one nor a bird.

    Raises
    ------
    UnreadablePush
        Codes ``columns-missing``, ``empty``, ``line-too-long``, ``too-many-units``,
        ``zone-unknown``.
    """
    sheet = open_sheet(payload)
    columns = columns_of(sheet.header, layout.fields)
    missing = [
        layout.fields[name][0]
        for name in layout.fields
        if name in (*_REQUIRED, "date", "clock") and name not in columns
    ]
    if missing:
        raise UnreadablePush(
            "columns-missing",
            f"The header line has no column for: {', '.join(missing)}.",
            "Send the file as the maker's software writes it, header line included.",
        )
    marker = columns.get("time", columns.get("date", (0,)))[0]
    wanted = [index for found in columns.values() for index in found]
    rows = read_rows(sheet, wanted, marker, anchors_of(columns))
    pairs = None
    if "lon" in columns:
        pairs = by_rank(*(_ranked(sheet.header, layout.fields[name]) for name in _COORDINATES))
    candidates, warnings = interpret(rows.cells, columns, layout, tz=tz, pairs=pairs)
    warnings += [*told_twice(sheet.header, columns), *rows.warnings]
    return admit(
        candidates,
        format=layout.name,
        now_us=now_us,
        origin=lambda bad: [sheet.origin(line) for line in bad["line"]],
        refused=rows.refused,
        warnings=warnings,
        tag=tag,
    )


def decode_elements(
    layout: Layout,
    payload: bytes,
    *,
    tz: str,
    now_us: int,
    parts: Callable[[Element], Sequence[Element | str]] = lambda element: [element],
    limit_bytes: int = LINE_MAX_BYTES,
    tag: str | None = None,
) -> Decoded:
    """
    Decode JSON of one maker.

    A unit is an element, or each of the parts it holds (a message with a GPS and a Doppler fix).

    Parameters
    ----------
    layout : Layout
        With `lists`.
    payload : bytes
        UTF-8.
    tz : str
        Zone of times that carry none.
    now_us : int
        The present [us since 1970-01-01 UTC].
    parts : callable
        Gives the parts of an element, each as an object or the code of its refusal.
    limit_bytes : int
        Most bytes one element may have.
    tag : str or None
        The tag of elements that name neither one nor a bird.

    Raises
    ------
    UnreadablePush
        Codes ``json-truncated``, ``json-unreadable``, ``too-many-units``, ``zone-unknown``.
    """
    elements = cut(payload, layout.lists)
    paths = [path for names in layout.fields.values() for path in names]
    places = [path for name in _COORDINATES for path in layout.fields.get(name, ())]
    holders = paths_of(places)
    reader = Paths(paths)
    values: list[dict[int, str]] = []
    units: list[int] = []
    within: list[int] = []
    refused: list[Refusal] = []
    for number in range(1, len(elements.raws) + 1):
        element = elements.read(number, limit_bytes)
        for part in [element] if isinstance(element, str) else parts(element):
            within.append(number)
            cells = part if isinstance(part, str) else reader.cells(part)
            if isinstance(part, Mapping) and other_form(part, holders):
                cells = "position-incomplete"
            elif isinstance(part, Mapping) and not any(
                at(part, path) not in (None, "") for path in places
            ):
                cells = "position-elsewhere" if seems_placed(part) else cells
            if isinstance(cells, str):
                text, offset = elements.origin(number)
                refused.append(refuse(len(within), text, cells, offset))
            else:
                values.append(cells)
                units.append(len(within))
    if len(elements.raws) == 1 and not any(values):
        refuse_wrapped(elements.raws[0], {path.partition(".")[0] for path in paths})
    always = [number for number, path in enumerate(paths) if path in places]
    table = reader.table(values, units, always=always)
    candidates, warnings = interpret(table, _numbered(layout, table), layout, tz=tz)
    return admit(
        candidates,
        format=layout.name,
        now_us=now_us,
        origin=lambda bad: [elements.origin(within[unit - 1]) for unit in bad["unit"]],
        refused=refused,
        warnings=[*lists_told(elements.unread), *warnings],
        tag=tag,
    )


def _ranked(header: Sequence[str], names: Sequence[str]) -> list[int | None]:
    """Column of each name, None where there is none of that name."""
    found = (columns_of(header, {"": (name,)}).get("") for name in names)
    return [columns[0] if columns else None for columns in found]


def _numbered(layout: Layout, table: pl.DataFrame) -> dict[str, tuple[int, ...]]:
    """Number the names of each field through; of those only which the table has."""
    numbers: Iterator[int] = iter(range(sum(map(len, layout.fields.values()))))
    there = set(table.columns)
    every = {name: [next(numbers) for _ in names] for name, names in layout.fields.items()}
    held = {name: tuple(i for i in found if f"c{i}" in there) for name, found in every.items()}
    return {name: found for name, found in held.items() if found}


def interpret(
    cells: pl.DataFrame,
    columns: Mapping[str, tuple[int, ...]],
    layout: Layout,
    *,
    tz: str,
    pairs: Sequence[Pair] | None = None,
) -> tuple[pl.DataFrame, list[Warning_]]:
    """
    Make candidates of cells.

    Parameters
    ----------
    cells : polars.DataFrame, shape (n, 2 + columns)
        ``unit``, ``line`` and strings ``c<index>``, null where blank.
    columns : mapping of str to tuple of int
        Field to indices of its cells, best first.
    layout : Layout
        What the cells mean.
    tz : str
        Zone of times that carry none.
    pairs : sequence of tuple of int, or None
        Indices of longitude and latitude that belong together, best first; None: by their order.

    Returns
    -------
    candidates : polars.DataFrame, shape (n, fields + 3)
        For `admit`.
    warnings : list of Warning_
        ``text-in-numeric-column``, ``words-for-numbers``.
    """
    cells = pointed(
        cells,
        [f"c{index}" for name in _PLACES for index in columns.get(name, ())],
        [f"c{index}" for name in _NUMBERS for index in columns.get(name, ())],
        decimal_comma=layout.decimal_comma,
    )
    made = [pl.col("unit", "line")]
    strange: dict[str, pl.Expr] = {}
    for name, indices in columns.items():
        text = [_present(pl.col(f"c{index}"), name, layout) for index in indices]
        if name in _COORDINATES:
            continue
        if name not in _NUMBERS:
            best = best_named(text) if name in _NAMES else pl.coalesce(text)
            made.append(best.alias(name))
            continue
        read = [numeric(each, layout.per.get(name, 1.0)) for each in text]
        value = pl.coalesce(read)
        strange[layout.fields[name][0]] = pl.coalesce(text).is_not_null() & value.is_null()
        made.append(value.alias(name))
    made += [
        pl.lit(None, pl.Float64 if name in _NUMBERS else pl.String).alias(name)
        for name in layout.fields
        if name not in columns
    ]
    table = cells.select(made)
    if "lon" in columns:
        pairs = by_rank(columns["lon"], columns["lat"]) if pairs is None else pairs
        table = table.with_columns(_place(cells, pairs, layout))
    told: dict[str, int] = {}
    if strange:
        sums = (unread.sum().alias(name) for name, unread in strange.items())
        told = cells.select(sums).row(0, named=True)
    table = table.with_columns(_time(table, layout, tz))
    if "sensor" not in table.columns:
        table = table.with_columns(sensor=pl.lit(layout.sensor))
    if layout.rule is not None:
        table = layout.rule(table)
    if table.schema.get("marked_outlier") == pl.String:
        marked = pl.col("marked_outlier").str.to_lowercase().is_in(YES)
        table = table.with_columns(marked_outlier=marked)
    sentence = "Text in numeric columns left out: {named}."
    left_out = counted("text-in-numeric-column", sentence, told)
    return table, left_out + _spoken(cells, columns, layout)


def _place(cells: pl.DataFrame, pairs: Sequence[Pair], layout: Layout) -> Sequence[pl.Series]:
    """Longitude and latitude of each row, of one pair of columns."""
    axes = {index: name for pair in pairs for name, index in zip(_COORDINATES, pair, strict=True)}
    at = [(f"c{index}", name) for index, name in axes.items()]
    text = cells.select(_present(pl.col(c), name, layout).alias(c) for c, name in at)
    numbers = text.select(numeric(pl.col(c), layout.per.get(name, 1.0)).alias(c) for c, name in at)
    return position(text, numbers, pairs)


def _spoken(
    cells: pl.DataFrame, columns: Mapping[str, tuple[int, ...]], layout: Layout
) -> list[Warning_]:
    """Count the rows in which each word stands for a number."""
    numbers = [f"c{index}" for name in _NUMBERS for index in columns.get(name, ())]
    if not layout.words or not numbers:
        return []
    text = pl.col(numbers).str.to_lowercase()
    rows = (pl.any_horizontal(text == word.lower()).sum().alias(word) for word in layout.words)
    sentence = "Rows with words in place of numbers: {named}. What they stand for is left blank."
    return counted("words-for-numbers", sentence, cells.select(rows).row(0, named=True))


def _present(text: pl.Expr, name: str, layout: Layout) -> pl.Expr:
    """Cells of a field, null where they hold a mark for a missing value."""
    missing, words = layout.missing, [word.lower() for word in layout.words]
    if words and name in _NUMBERS:
        text = pl.when(~text.str.to_lowercase().is_in(words)).then(text)
    if not missing:
        return text
    absent = text.is_in(list(missing))
    if name in _NUMBERS:
        missing = tuple(mark.replace(",", ".") for mark in missing)
        marks = pl.Series(missing).cast(pl.Float64, strict=False).drop_nulls()
        absent |= text.cast(pl.Float64, strict=False).is_in(marks.implode()).fill_null(value=False)
    return pl.when(absent).then(None).otherwise(text)


def _time(table: pl.DataFrame, layout: Layout, tz: str) -> list[pl.Series]:
    """Time of each row, as sent and in [us]."""
    if "time" in table.columns:
        sent = table["time"].cast(pl.String)
    else:
        # A spreadsheet's date has a midnight of its own, and its time of day a day of its own.
        date = pl.col("date").str.replace(r"[T ]0?0:00(?::00(?:\.0+)?)?$", "")
        clock = pl.col("clock").str.replace(r"^(?:1899-12-3[01]|1900-01-0[01])[T ]", "")
        sent = table.select((date + " " + clock).alias("time"))["time"]
    return [sent, layout.times(sent, tz).alias("time_us")]
