"""Columnar records: what every decoder gives, whatever the wire format."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from ingest.refusal import Refusal

RECORD_SCHEMA: dict[str, pl.DataType] = {
    "unit": pl.Int64(),  # number of the unit in the push, from 1
    "tag": pl.String(),  # tag local identifier; null when the file names none
    "individual": pl.String(),  # individual local identifier; null when the file names none
    "taxon": pl.String(),  # as sent; synonyms are resolved later
    "sensor": pl.String(),  # one of SENSORS
    "time_us": pl.Int64(),  # time of the fix, microseconds since 1970-01-01 UTC
    "lon": pl.Float64(),  # degrees, -180..180, null when the record has no position
    "lat": pl.Float64(),  # degrees, -90..90
    "height_m": pl.Float64(),  # above mean sea level or ellipsoid, as sent
    "ground_speed_m_s": pl.Float64(),
    "heading_deg": pl.Float64(),  # 0..360 clockwise from north
    "satellites": pl.Int16(),
    "dop": pl.Float64(),  # horizontal where sent, else position dilution of precision
    "error_m": pl.Float64(),  # horizontal accuracy as the tag states it, one sigma
    "argos_class": pl.String(),  # G 3 2 1 0 A B Z
    "semi_major_m": pl.Float64(),  # Argos error ellipse; null (not 0) when absent
    "semi_minor_m": pl.Float64(),
    "orientation_deg": pl.Float64(),  # of the major axis, clockwise from north
    "lon2": pl.Float64(),  # the mirror solution
    "lat2": pl.Float64(),
    "provider_id": pl.String(),  # the provider's own id of this fix (never Movebank's event-id)
    "provider_revision": pl.Int32(),  # higher supersedes lower under one provider_id
    "marked_outlier": pl.Boolean(),  # the sender says the fix is not to be shown
    "battery_v": pl.Float64(),
    "temperature_c": pl.Float64(),
    "activity": pl.Float64(),  # count as sent
    "marked_valid": pl.Boolean(),  # a person says the fix is to be shown, whatever checks say
    "solution_by_hand": pl.Int16(),  # which Argos solution, 1 or 2, a person chose for lon, lat
}
"""Column name to type; units are part of the name. Null means not sent."""

SENSORS = ("gps", "argos", "other")


@dataclass(frozen=True, slots=True)
class Warning_:  # noqa: N801 - the builtin holds the plain name
    """Something suspect about a whole push that was accepted all the same."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """
    Everything one push held: ``units == records.height + len(refusals)``, always.

    Attributes
    ----------
    format : str
        Name of the format that was used.
    records : polars.DataFrame
        Columns of `RECORD_SCHEMA`, in the order of the push.
    refusals : list of Refusal
        In the order of the push.
    warnings : list of Warning_
        About the push as a whole.
    """

    format: str
    records: pl.DataFrame
    refusals: list[Refusal]
    warnings: list[Warning_] = field(default_factory=list)

    @property
    def units(self) -> int:
        """Record candidates in the push: data rows, DIAG blocks, JSON elements."""
        return self.records.height + len(self.refusals)
