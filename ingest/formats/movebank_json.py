"""Movebank as JSON: its public service, and what live feeds post to it."""

from __future__ import annotations

import polars as pl

from ingest.accuracy import one_sigma_m
from ingest.clock import parse_instants
from ingest.formats.layout import Element, Layout, decode_elements
from ingest.formats.movebank_csv import mirrored, volts
from ingest.record import Decoded
from ingest.vocabulary import EVENT_TERMS, NO, YES, sensor_by_class, term

NAME = "movebank-json"

INDIVIDUAL_MAX_BYTES = 64 << 20
"""All locations of one individual [bytes]: about a million."""


_AS_IN_TABLES = (
    "visible", "outlier_algorithm", "outlier_manual", "outlier_import", "marked_valid",
    "satellites", "dop", "error_percent", "argos_class", "semi_major_m", "semi_minor_m",
    "orientation_deg", "lon1", "lat1", "lon2", "lat2", "solution_by_hand", "battery_v",
    "temperature_c", "activity",
)  # fmt: skip
_STATED = "location_error_numerical"


def _written(field: str) -> tuple[str, ...]:
    """Give the names of a field as the service writes them."""
    return tuple(term(name).replace("-", "_") for name in EVENT_TERMS[field])


def _rule(table: pl.DataFrame) -> pl.DataFrame:
    """Read what may be asked for with a location as `movebank_csv` reads it."""
    argos_class = pl.col("argos_class").str.to_uppercase()
    numbers = pl.col("lon1", "lat1", "error_stated", "error_percent").cast(pl.Float64, strict=False)
    stated = one_sigma_m(pl.col("error_stated"), pl.col("error_percent"))

    def said(name: str, words: tuple[str, ...]) -> pl.Expr:
        return pl.col(name).str.to_lowercase().is_in(words).fill_null(value=False)

    marks = [said(name, YES) for name in _AS_IN_TABLES if name.startswith("outlier_")]
    table = table.with_columns(numbers).with_columns(
        sensor_by_class(pl.col("sensor"), argos_class),
        argos_class,
        error_m=pl.coalesce(stated, "error_m"),
        marked_outlier=pl.any_horizontal(said("visible", NO), *marks),
        marked_valid=said("marked_valid", YES),
    )
    return mirrored(volts(table))


LAYOUT = Layout(
    name=NAME,
    marks=frozenset({"individuals", "locations"}),
    fields={
        "tag": ("tag_local_identifier", "tag_id"),
        "individual": ("individual_local_identifier",),
        "taxon": ("individual_taxon_canonical_name",),
        "sensor": ("sensor_type", "sensor_type_id"),
        "time": ("timestamp", "recorded_at"),
        "lon": ("location_long", "lon"),
        "lat": ("location_lat", "lat"),
        "height_m": ("height_above_msl", "height_above_ellipsoid"),
        "ground_speed_m_s": ("ground_speed",),
        "heading_deg": ("heading",),
        "error_stated": (_STATED,),
        "error_m": tuple(name for name in _written("error_m") if name != _STATED),
        **{field: _written(field) for field in _AS_IN_TABLES},
    },
    times=lambda text, _: parse_instants(text, None),
    rule=_rule,
    lists=("individuals",),
)


def speaks(keys: frozenset[str]) -> bool:
    """Whether the keys of a JSON push are Movebank's."""
    return LAYOUT.marks <= keys or {"recorded_at", "tag_id", "lon", "lat"} <= keys


def decode(payload: bytes, *, tz: str = "UTC", now_us: int, tag: str | None = None) -> Decoded:
    """
    Decode JSON of Movebank's public service, or of a live feed.

    A unit is a location. The service nests them under their individual; an individual without
    locations is no unit. A feed writes coordinates as strings. What else may be asked for with a
    location (``attributes=``) is read as in Movebank's tables: marks of outliers above all, and
    what tells how good it is.

    ``tz`` is not used: Movebank's times are UTC. ``tag`` is that of locations that name neither
    one nor a bird.

    Raises
    ------
    UnreadablePush
        Codes ``json-truncated``, ``json-unreadable``, ``too-many-units``.

    References
    ----------
    https://github.com/movebank/movebank-api-doc
    """
    return decode_elements(
        LAYOUT,
        payload,
        tz=tz,
        now_us=now_us,
        parts=_locations,
        limit_bytes=INDIVIDUAL_MAX_BYTES,
        tag=tag,
    )


def _locations(element: Element) -> list[Element]:
    """Give the locations of an individual, each with its names."""
    locations = element.get("locations")
    if not isinstance(locations, list):
        return [element]
    names = {key: value for key, value in element.items() if key != "locations"}
    return [
        {**names, **location} if isinstance(location, dict) else {"timestamp": []}
        for location in locations
    ]


decode_told = decode
