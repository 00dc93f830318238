"""Movebank's attributes of a location in JSON: of its service, and of GIS that read its tables."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import polars as pl

from ingest.accuracy import one_sigma_m
from ingest.formats.movebank_csv import mirrored, volts
from ingest.vocabulary import EVENT_TERMS, NO, YES, sensor_by_class, term

_STATED = "location-error-numerical"
_MARKS = ("outlier_algorithm", "outlier_manual", "outlier_import")
_AS_IN_TABLES = (
    "visible", *_MARKS, "marked_valid", "height_m", "satellites", "dop", "error_percent",
    "argos_class", "semi_major_m", "semi_minor_m", "orientation_deg", "lon1", "lat1", "lon2",
    "lat2", "solution_by_hand", "battery_v", "temperature_c", "activity",
)  # fmt: skip


def _spelt(name: str) -> tuple[str, str]:
    """Write a name as Movebank's tables do, and as its service does."""
    return name, term(name).replace("-", "_")


FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        **{
            field: tuple(dict.fromkeys(n for name in EVENT_TERMS[field] for n in _spelt(name)))
            for field in _AS_IN_TABLES
        },
        "error_stated": _spelt(_STATED),
        "error_m": tuple(
            n for name in EVENT_TERMS["error_m"] if name != _STATED for n in _spelt(name)
        ),
    }
)
"""Field of a `Layout` to the names of its attributes, best first; `rule` makes records of them."""


def rule(table: pl.DataFrame) -> pl.DataFrame:
    """
    Read attributes as `movebank_csv` does its columns.

    Parameters
    ----------
    table : polars.DataFrame
        Candidates of a layout that has all of `FIELDS`, and ``sensor`` as Movebank names it.
    """
    argos_class = pl.col("argos_class").str.to_uppercase()
    numbers = pl.col("lon1", "lat1", "error_stated", "error_percent").cast(pl.Float64, strict=False)
    stated = one_sigma_m(pl.col("error_stated"), pl.col("error_percent"))

    def said(name: str, words: tuple[str, ...]) -> pl.Expr:
        return pl.col(name).str.to_lowercase().is_in(words).fill_null(value=False)

    marks = [said(name, YES) for name in _MARKS]
    table = table.with_columns(numbers).with_columns(
        sensor_by_class(pl.col("sensor"), argos_class),
        argos_class,
        error_m=pl.coalesce(stated, "error_m"),
        marked_outlier=pl.any_horizontal(said("visible", NO), *marks),
        marked_valid=said("marked_valid", YES),
    )
    return mirrored(volts(table))
