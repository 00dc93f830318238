"""Movebank event data as CSV: hyphenated, dotted or snake-case names, GPS and Argos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import polars as pl

from ingest.accuracy import is_share, one_sigma_m
from ingest.admission import admit
from ingest.clock import parse_times
from ingest.formats.decimals import pointed
from ingest.formats.delimited import Rows, Sheet, open_sheet, read_rows
from ingest.formats.pairs import position
from ingest.formats.trimmed import anchors_of
from ingest.names import best_named
from ingest.record import Decoded, Warning_, counted
from ingest.refusal import UnreadablePush
from ingest.vocabulary import EVENT_TERMS, NO, YES, columns_of, sensor_by_class, term, told_twice

NAME = "movebank-csv"

MILLIVOLT_ABOVE = 100.0
"""
A battery value above this is millivolts [V]. Movebank's dictionary gives ``tag-voltage`` in mV,
yet real files hold 3.8 (V) beside 1271 (mV); no bird tag runs on 100 V and none on 100 mV.
"""

SAME_PLACE_DEG = 1e-5
"""Solutions closer than this are one place [degrees]: Argos prints three decimals."""

_OPTIONAL = (
    "ground_speed_m_s",
    "heading_deg",
    "satellites",
    "dop",
    "error_m",
    "error_percent",
    "semi_major_m",
    "semi_minor_m",
    "orientation_deg",
    "height_m",
    "lon1",
    "lat1",
    "lon2",
    "lat2",
    "battery_v",
    "temperature_c",
    "activity",
    "provider_revision",
    "solution",
    "solution_by_hand",
)
_PLACES = ("lon", "lat", "lon1", "lat1", "lon2", "lat2")
_WITH_PERCENTILE = "location-error-numerical"
_PAIRED = {
    ("location-long", "location-lat"),
    ("location-lon", "location-lat"),
    ("longitude", "latitude"),
    ("lon", "lat"),
}
_NAMES = ("tag", "individual", "provider_id")
_NUMBERED = {"tag": "tag-id", "individual": "individual-id"}
_OF_SERVICE = {*_NUMBERED.values(), "deployment-id", "study-id", "sensor-type-id", "event-id"}
_OWN_NUMBER = r"^[1-9][0-9]{6,11}(?:\.0)?$"
"""
Numbers that Movebank gives to tags and birds: 2911059 is one of the first, 70074000232 a late one.
Those of makers are shorter (PTT, serial number) or longer (IMEI).
"""
_OUTLIER = ("outlier_algorithm", "outlier_manual", "outlier_import")


def fits(header: list[str]) -> bool:
    """Whether a header line can be that of event data."""
    return not _missing(columns_of(header, EVENT_TERMS))


def decode(payload: bytes, *, tz: str, now_us: int, tag: str | None = None) -> Decoded:
    r"""
    Decode Movebank event data.

    A unit is a data row. Rows with blank coordinates are records without position; text in an
    optional numeric column (``neg alt``) is left out and counted in one warning. Where the
    location equals Argos solution 2, solution 1 is the mirror kept in ``lon2, lat2``. Where a
    person chose between them (``argos:valid-location-manual``), that one is the location.
    ``tag`` is that of rows that name neither one nor a bird. An error that is stated with its
    percentile is brought to one sigma.

    Raises
    ------
    UnreadablePush
        Codes ``columns-missing``, ``empty``, ``line-too-long``, ``too-many-units``,
        ``zone-unknown``.

    References
    ----------
    Movebank attribute dictionary, https://www.movebank.org/cms/movebank-content/
    movebank-attribute-dictionary

    Examples
    --------
    >>> text = b"timestamp,location.long,location.lat,tag_id\n2018/1/1 0:00,116.3,29.1,6118\n"
    >>> decode(text, tz="UTC", now_us=1_700_000_000_000_000).records["lon"].to_list()
    [116.3]
    """
    sheet = open_sheet(payload)
    columns = columns_of(sheet.header, EVENT_TERMS)
    missing = _missing(columns)
    if missing:
        raise UnreadablePush(
            "columns-missing",
            f"The header line has no column for: {', '.join(missing)}.",
            "Name the columns as Movebank does: timestamp, location-long, location-lat, and "
            "tag-local-identifier or individual-local-identifier.",
        )
    wanted = [index for found in columns.values() for index in found]
    rows = read_rows(sheet, wanted, columns["time"][0], anchors_of(columns))
    candidates, warnings = _interpret(rows, columns, sheet, tz)
    warnings += [*told_twice(sheet.header, columns), *rows.warnings]
    warnings += _internal_ids(rows.cells, columns, sheet.header)
    return admit(
        candidates,
        format=NAME,
        now_us=now_us,
        origin=lambda bad: [sheet.origin(line) for line in bad["line"]],
        refused=rows.refused,
        warnings=warnings,
        tag=tag,
    )


decode_told = decode


def _missing(columns: Mapping[str, tuple[int, ...]]) -> list[str]:
    """List the columns a file of events can't do without."""
    missing = [EVENT_TERMS[field][0] for field in ("time", "lon", "lat") if field not in columns]
    if "tag" not in columns and "individual" not in columns:
        missing.append("tag-local-identifier or individual-local-identifier")
    return missing


def _interpret(
    rows: Rows, columns: Mapping[str, tuple[int, ...]], sheet: Sheet, tz: str
) -> tuple[pl.DataFrame, list[Warning_]]:
    """Strings of the wanted columns to candidate records."""
    text = rows.cells
    read = [f"c{index}" for field in (*_OPTIONAL, "lon", "lat") for index in columns.get(field, ())]
    numbers = text.select(pl.col(read).cast(pl.Float64, strict=False))
    if numbers.null_count().row(0) != text.select(read).null_count().row(0):
        text = pointed(
            text,
            [f"c{index}" for field in _PLACES for index in columns.get(field, ())],
            read,
            decimal_comma=None,
        )
        numbers = text.select(pl.col(read).cast(pl.Float64, strict=False))
    warnings = _text_in_numbers(text, numbers, columns, sheet)
    numbers, odd = _at_one_sigma(numbers, columns, sheet.header)
    fields = [
        pl.coalesce(numbers[f"c{index}"] for index in columns[field]).alias(field)
        for field in _OPTIONAL
        if field in columns
    ]
    place = position(text, numbers, _pairs(sheet.header, columns))
    sent = text[f"c{columns['time'][0]}"]
    times = [sent.alias("time"), parse_times(sent, tz).alias("time_us")]
    table = pl.select(rows.cells["unit"], rows.cells["line"], *times, *fields, *place)
    table = table.with_columns(text.select(**_names(columns)))
    return mirrored(volts(table)), warnings + odd


def _at_one_sigma(
    numbers: pl.DataFrame, columns: Mapping[str, tuple[int, ...]], header: Sequence[str]
) -> tuple[pl.DataFrame, list[Warning_]]:
    """Bring the error that has a percentile to one sigma; count percentiles that are none."""
    (told,) = columns.get("error_percent", (-1,))
    found = [i for i in columns.get("error_m", ()) if term(header[i]) == _WITH_PERCENTILE]
    if told < 0 or not found:
        return numbers, []
    error, percent = pl.col(f"c{found[0]}"), pl.col(f"c{told}")
    odd = int(numbers.select((error.is_not_null() & ~is_share(percent)).sum()).item())
    sentence = (
        "Errors with a location-error-percentile that is not between 0 and 100 %, so that they were"
        " taken as one sigma: {total}."
    )
    warned = counted("value-out-of-range", sentence, {"location-error-percentile": odd})
    return numbers.with_columns(one_sigma_m(error, percent)), warned


def _pairs(header: Sequence[str], columns: Mapping[str, tuple[int, ...]]) -> list[tuple[int, int]]:
    """Columns of longitude and latitude that belong together by their names, best first."""
    pairs = [
        (lon, lat)
        for lon in columns["lon"]
        for lat in columns["lat"]
        if (term(header[lon]), term(header[lat])) in _PAIRED
    ]
    return pairs or [(columns["lon"][0], columns["lat"][0])]


def _internal_ids(
    cells: pl.DataFrame, columns: Mapping[str, tuple[int, ...]], header: Sequence[str]
) -> list[Warning_]:
    """
    Count the names that are numbers of Movebank's database, as its service gives them.

    The service names the columns ``tag_id`` and ``individual_id``, and gives them alone unless it
    is asked for more; files that people make name a tag ``tag-id`` as well, hence two such columns.
    """
    counts: dict[str, int] = {}
    for noun, number in _NUMBERED.items():
        found = columns.get(noun, ())
        own = next((index for index in found if term(header[index]) == number), None)
        if own is None or len(_OF_SERVICE & set(map(term, header))) < 2:
            continue
        read = best_named([pl.col(f"c{index}") for index in found])
        taken = (read == pl.col(f"c{own}")) & read.str.contains(_OWN_NUMBER)
        counts[header[own].strip()] = int(cells.select(taken.sum()).item())
    sentence = (
        "Tags or birds got numbers of Movebank's database for names, as no local identifier stands"
        " beside them: {named}. These numbers can change, and no other file of yours has them: ask"
        " Movebank for tag_local_identifier and individual_local_identifier too (attributes=all),"
        " and send that instead."
    )
    return counted("internal-ids", sentence, counts)


def _text_in_numbers(
    text: pl.DataFrame,
    numbers: pl.DataFrame,
    columns: Mapping[str, tuple[int, ...]],
    sheet: Sheet,
) -> list[Warning_]:
    """One warning for all text found in optional numeric columns."""
    optional = [index for field in _OPTIONAL for index in columns.get(field, ())]
    counts = Counter[str]()
    for i in optional:
        counts[sheet.header[i].strip()] += (
            numbers[f"c{i}"].null_count() - text[f"c{i}"].null_count()
        )
    return counted("text-in-numeric-column", "Text in numeric columns left out: {named}.", counts)


def _names(columns: Mapping[str, tuple[int, ...]]) -> dict[str, pl.Expr]:
    """Columns of text: who, what sensor, which class, whether marked."""

    def first(field: str) -> pl.Expr:
        found = [pl.col(f"c{index}") for index in columns.get(field, ())]
        if not found:
            return pl.lit(None, dtype=pl.String)
        return best_named(found) if field in _NAMES else pl.coalesce(found)

    canonical, detail = first("taxon"), first("taxon_detail")
    argos_class = first("argos_class").str.to_uppercase().str.replace(r"\.0$", "")
    marked = {field: first(field).str.to_lowercase().is_in(YES) for field in _OUTLIER}
    # Flags or a verdict beside them, as our own export writes, explain the columns: no sender did.
    by_hand = first("verdict").str.to_lowercase().eq_missing(pl.lit("hide"))
    marked["outlier_manual"] &= ~by_hand
    hidden = first("visible").str.to_lowercase().is_in(NO) & first("flags").is_null() & ~by_hand
    return {
        "tag": first("tag"),
        "individual": first("individual"),
        "taxon": _most_precise(canonical, detail),
        "argos_class": argos_class,
        "provider_id": first("provider_id"),
        "sensor": sensor_by_class(first("sensor"), argos_class),
        "marked_outlier": pl.any_horizontal(
            hidden.fill_null(value=False), *(m.fill_null(value=False) for m in marked.values())
        ),
        "marked_valid": first("marked_valid").str.to_lowercase().is_in(YES).fill_null(value=False),
        "marked_hidden": by_hand,
        "verdict_reason": first("verdict_reason"),
    }


def _most_precise(canonical: pl.Expr, detail: pl.Expr) -> pl.Expr:
    """Choose the name of the lower rank: a species has two words, a family one."""
    finer = detail.str.contains(" ") & ~canonical.str.contains(" ")
    return (
        pl.when(finer.fill_null(value=False)).then(detail).otherwise(pl.coalesce(canonical, detail))
    )


def volts(table: pl.DataFrame) -> pl.DataFrame:
    """Battery in volts, whichever unit was sent."""
    if "battery_v" not in table.columns:
        return table
    sent = table["battery_v"]
    # numpy divides; polars multiplies by 1/1000, which makes 3.8000000000000003 V of 3800 mV.
    volts = pl.Series(sent.fill_null(0.0).to_numpy() / 1_000, dtype=pl.Float64)
    return table.with_columns(
        pl.when(pl.col("battery_v") > MILLIVOLT_ABOVE)
        .then(volts)
        .otherwise(pl.col("battery_v"))
        .alias("battery_v")
    )


def mirrored(table: pl.DataFrame) -> pl.DataFrame:
    """In ``lon2, lat2`` the solution that the location is not; null when both are one place."""
    if not {"lon1", "lat1", "lon2", "lat2"} <= set(table.columns):
        spare = ("lon1", "lat1", "lon2", "lat2", "solution", "solution_by_hand")
        return table.drop(spare, strict=False)
    if "solution" in table.columns:
        # Our own choice, in our own export: the record is the one from before it.
        turned = (pl.col("solution") == 2) & pl.col("lon1").is_not_null()
        table = table.with_columns(
            pl.when(turned.fill_null(value=False) & pl.col("lat1").is_not_null())
            .then(pl.col(f"{axis}1"))
            .otherwise(pl.col(axis))
            .alias(axis)
            for axis in ("lon", "lat")
        ).drop("solution")

    def there(n: int) -> pl.Expr:
        near_lon = (pl.col(f"lon{n}") - pl.col("lon")).abs() < SAME_PLACE_DEG
        return near_lon & ((pl.col(f"lat{n}") - pl.col("lat")).abs() < SAME_PLACE_DEG)

    if "solution_by_hand" in table.columns:
        by_hand = pl.col("solution_by_hand")
        kept = pl.when((by_hand == 1) & there(2)).then
        table = table.with_columns(
            kept(pl.col(f"{axis}1"))
            .when((by_hand == 2) & there(1))
            .then(pl.col(f"{axis}2"))
            .otherwise(pl.col(axis))
            .alias(axis)
            for axis in ("lon", "lat")
        ).with_columns(pl.when((by_hand == 1) & there(1) | (by_hand == 2) & there(2)).then(by_hand))
    return table.with_columns(
        pl.when(~there(2))
        .then(pl.col(f"{axis}2"))
        .when(~there(1))
        .then(pl.col(f"{axis}1"))
        .alias(f"{axis}2")
        for axis in ("lon", "lat")
    ).drop("lon1", "lat1")
