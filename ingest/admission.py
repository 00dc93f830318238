"""Which candidates become records: the rules every format shares, applied to whole columns."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import polars as pl

from ingest.clock import AS_TOLD, EARLIEST_US, FUTURE_US, why_unread
from ingest.names import ROUNDED, mended
from ingest.reasons import refuse
from ingest.record import RECORD_SCHEMA, Decoded, Warning_, counted
from ingest.refusal import Refusal, UnreadablePush
from ingest.vocabulary import tag_not_used_of

UNITS_MAX = 1_000_000
"""
Units that are read at once: about 10 bird-years of 5-minute fixes. What `pieces` reads one after
another may be more.
"""

LINE_MAX_BYTES = 65_536
"""Length of one line or element [bytes]: hundreds of times the widest Movebank row."""

NAME_MAX_CHARS = 200
"""Length of a name or id [characters]: fits a PostgreSQL index entry in any script."""

TEXT_MAX_CHARS = 300
"""Length of a line that people wrote, a reason for example [characters]."""

_IDENTITIES = ("tag", "individual", "provider_id")
_NAMES = (*_IDENTITIES, "taxon")
CONTROL = r"[\x00-\x08\x0a-\x1f\x7f]"
"""What no name may hold; blanks of any script may stand in one, as in Japanese."""

DAMAGED = r"\x{fffd}|\?\?|^\?$"
"""
What stands for characters that were cut or are none (U+FFFD), or that a program could not write in
its encoding (``???``): names differ in them, and without them two birds are one.
"""

_ARGOS_CLASSES = ("G", "3", "2", "1", "0", "A", "B", "Z")

_KEPT_WITHIN: dict[str, tuple[float, float]] = {
    "height_m": (-1_000.0, 50_000.0),  # below the Dead Sea shore .. above any balloon
    "ground_speed_m_s": (0.0, 500.0),  # birds stay under 100; more is kept out as noise
    "heading_deg": (-180.0, 360.0),
    "satellites": (0, 200),
    "dop": (0.0, 1_000.0),
    "error_m": (0.0, 20_000_000.0),  # half the Earth's girth
    "semi_major_m": (0.0, 20_000_000.0),
    "semi_minor_m": (0.0, 20_000_000.0),
    "orientation_deg": (-360.0, 360.0),
    "lon2": (-180.0, 360.0),
    "lat2": (-90.0, 90.0),
    "battery_v": (0.0, 100.0),
    "temperature_c": (-100.0, 150.0),
    "activity": (-1e15, 1e15),
    "provider_revision": (0, 2**31 - 1),
    "solution_by_hand": (1, 2),
}
"""Range in which an optional value is kept; outside it becomes null and the push is warned."""


def admit(
    candidates: pl.DataFrame,
    *,
    format: str,  # noqa: A002 - the field's word, and the name of it in Decoded
    now_us: int,
    origin: Callable[[pl.DataFrame], list[tuple[str, int | None]]],
    refused: list[Refusal],
    warnings: list[Warning_],
    tag: str | None = None,
) -> Decoded:
    """
    Split candidates into records and refusals.

    Parameters
    ----------
    candidates : polars.DataFrame, shape (n, any)
        ``unit``, any columns of `RECORD_SCHEMA`, and optionally ``code``: a refusal already
        found, and ``time``: the time as sent. A required number that could not be read is NaN;
        one that was blank is null.
    format : str
        Name of the format.
    now_us : int
        The present [us since 1970-01-01 UTC].
    origin : callable
        Gives text and offset [bytes] of refused candidates, one for each of the rows handed in.
    refused : list of Refusal
        Units that never became candidates.
    warnings : list of Warning_
        Found so far.
    tag : str or None
        Of candidates that name neither a tag nor an individual.

    Returns
    -------
    Decoded

    Raises
    ------
    UnreadablePush
        Code ``too-many-units``.
    """
    if candidates.height + len(refused) > UNITS_MAX:
        raise too_many_units(UNITS_MAX)
    whole, unnamed = mended(_complete(candidates), _NAMES)
    whole, unused = (whole, []) if tag is None else _tagged(whole, tag)
    clean, strange = _sanitised(whole)
    table = clean.with_columns(pl.coalesce("code", _reason(now_us)).alias("code")).collect(
        optimizations=AS_TOLD
    )
    late = []
    if table["code"].null_count() < table.height:
        bad = table.filter(pl.col("code").is_not_null()).with_columns(_by_kind())
        late = [
            refuse(unit, text, why_unread(sent) if code == "time-unreadable" else code, offset)
            for unit, code, sent, (text, offset) in zip(
                bad["unit"], bad["code"], bad["time"].cast(pl.String), origin(bad), strict=True
            )
        ]
        table = table.filter(pl.col("code").is_null())
    records = table.select(RECORD_SCHEMA.keys())
    refusals = sorted([*refused, *late], key=lambda refusal: refusal.unit)
    return Decoded(format, records, refusals, warnings + unnamed + unused + strange)


def _tagged(table: pl.DataFrame, tag: str) -> tuple[pl.DataFrame, list[Warning_]]:
    """Give a tag to the rows that name neither one nor a bird; count those of other names."""
    nameless = pl.all_horizontal(pl.col("tag", "individual").is_null())
    others = int(table.select((~nameless & pl.col("tag").ne_missing(tag)).sum()).item())
    filled = pl.when(nameless).then(pl.lit(tag)).otherwise(pl.col("tag")).alias("tag")
    return table.with_columns(filled), tag_not_used_of(tag, others)


def too_many_units(most: int) -> UnreadablePush:
    """Refuse a push for its number of units."""
    return UnreadablePush(
        "too-many-units", f"The push holds more than {most:,} units.", "Send the file in parts."
    )


def _complete(candidates: pl.DataFrame) -> pl.DataFrame:
    """All columns of the schema plus ``code``, in their types."""
    absent = [null for name, null in _absent().items() if name not in candidates.columns]
    return (
        candidates.lazy().with_columns(absent).with_columns(_typed()).collect(optimizations=AS_TOLD)
    )


def _sanitised(table: pl.DataFrame) -> tuple[pl.LazyFrame, list[Warning_]]:
    """Normalise angles; turn optional values no instrument gives into null, and count them."""
    lost = table.select(
        (pl.col(name).is_not_null() & ~keep).sum().alias(name) for name, keep in _kept().items()
    ).row(0, named=True)
    strange = [name for name, count in lost.items() if count]
    clean = table.lazy().with_columns(pl.when(_kept()[name]).then(pl.col(name)) for name in strange)
    sentence = "Values no instrument gives were left out: {named}."
    return clean.with_columns(_normal()), counted("value-out-of-range", sentence, lost)


# Expressions never change, and to build them takes longer than to apply them to a few rows.


@cache
def _absent() -> dict[str, pl.Expr]:
    """Give an empty column of each name."""
    types = {**RECORD_SCHEMA, "code": pl.String(), "time": pl.String()}
    return {name: pl.lit(None, dtype=dtype).alias(name) for name, dtype in types.items()}


@cache
def _typed() -> list[pl.Expr]:
    """Cast each column; integers stay wide until they are known to be in range."""
    return [
        pl.col(name).cast(pl.Int64() if dtype.is_integer() else dtype, strict=False)
        for name, dtype in RECORD_SCHEMA.items()
    ]


@cache
def _kept() -> dict[str, pl.Expr]:
    """Say of each optional column which values are kept."""
    kept = {name: pl.col(name).is_between(*ends) for name, ends in _KEPT_WITHIN.items()}
    return {**kept, "argos_class": pl.col("argos_class").is_in(_ARGOS_CLASSES)}


@cache
def _normal() -> list[pl.Expr]:
    """Normalise angles; keep what is told in pairs only as a pair."""
    ellipse = (pl.col("semi_major_m") > 0) & (pl.col("semi_minor_m") > 0)
    mirror = pl.col("lon2").is_not_null() & pl.col("lat2").is_not_null()
    return [
        _east(pl.col("lon")),
        pl.when(mirror).then(_east(pl.col("lon2"))),
        pl.when(mirror).then(pl.col("lat2")),
        pl.when(mirror).then(pl.col("solution_by_hand").cast(pl.Int16)),
        pl.when(ellipse).then(pl.col("semi_major_m", "semi_minor_m")),
        pl.when(ellipse).then(pl.col("orientation_deg") % 180),
        pl.when(pl.col("heading_deg") < 0)
        .then(pl.col("heading_deg") + 360)
        .otherwise(pl.col("heading_deg")),
        # A position that the tag found itself and Argos only carried.
        pl.when((pl.col("sensor") == "argos") & (pl.col("argos_class") == "G"))
        .then(pl.lit("gps"))
        .otherwise(pl.col("sensor"))
        .alias("sensor"),
        pl.col("satellites").cast(pl.Int16),
        pl.col("provider_revision").cast(pl.Int32),
        pl.col("marked_outlier", "marked_valid", "marked_hidden").fill_null(value=False),
        pl.col("verdict_reason")
        .str.replace_all(CONTROL, " ")
        .str.slice(0, TEXT_MAX_CHARS)
        .replace("", None),
    ]


def _east(lon: pl.Expr) -> pl.Expr:
    """Longitude 180..360 to -180..0; any other value as it is."""
    return pl.when((lon > 180) & (lon <= 360)).then(lon - 360).otherwise(lon)


def _by_kind() -> pl.Expr:
    """Tell control characters, damaged ones and numbers apart, of the few rows refused for any."""
    control = pl.any_horizontal(pl.col(_NAMES).str.contains(CONTROL).fill_null(value=False))
    damaged = pl.any_horizontal(pl.col(_IDENTITIES).str.contains(DAMAGED))
    return (
        pl.when((pl.col("code") != "control-character") | control)
        .then(pl.col("code"))
        .when(damaged.fill_null(value=False))
        .then(pl.lit("character-damaged"))
        .otherwise(pl.lit("name-rounded"))
        .alias("code")
    )


def _reason(now_us: int) -> pl.Expr:
    """Give the first reason to refuse a row, null when there is none."""
    lon, lat = pl.col("lon"), pl.col("lat")
    named = pl.any_horizontal(pl.col("tag", "individual").is_not_null())
    long = pl.any_horizontal(pl.col(_NAMES).str.len_chars() > NAME_MAX_CHARS)
    spoilt = pl.any_horizontal(
        pl.col(_IDENTITIES).str.contains(f"{CONTROL}|{DAMAGED}|{ROUNDED}"),
        pl.col("taxon").str.contains(CONTROL),
    )
    reasons = (
        ("no-animal-or-tag", ~named),
        ("control-character", spoilt),
        ("name-too-long", long),
        ("time-unreadable", pl.col("time_us").is_null()),
        ("time-out-of-window", ~pl.col("time_us").is_between(EARLIEST_US, now_us + FUTURE_US)),
        ("coordinate-not-a-number", ~(lon.is_finite() & lat.is_finite())),
        ("position-incomplete", lon.is_null() != lat.is_null()),
        ("latitude-out-of-range", ~lat.is_between(-90, 90)),
        ("longitude-out-of-range", ~lon.is_between(-180, 180)),
    )
    return pl.coalesce(pl.when(test).then(pl.lit(code)) for code, test in reasons)
