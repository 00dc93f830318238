"""Columnar records: what every decoder gives, whatever the wire format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import polars as pl

from ingest.doubts import Doubts
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
    "error_m": pl.Float64(),  # horizontal accuracy as the tag states it, one sigma along an axis
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
    "marked_hidden": pl.Boolean(),  # a person at a service like this one hid the fix
    "verdict_reason": pl.String(),  # why a person said marked_valid or marked_hidden
    "solution_by_hand": pl.Int16(),  # which Argos solution, 1 or 2, a person chose for lon, lat
}
"""Column name to type; units are part of the name. Null means not sent."""

SENSORS = ("gps", "argos", "other")


@dataclass(frozen=True, slots=True)
class Warning_:  # noqa: N801 - the builtin holds the plain name
    """
    Something suspect about a whole push that was accepted all the same.

    Attributes
    ----------
    code, detail : str
        What it is, and a sentence about it.
    counts : mapping of str to int
        What the sentence counts, if anything: what a push read in pieces adds up.
    sentence : str
        The sentence, with a place for the counts; see `counted`.
    """

    code: str
    detail: str
    counts: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)
    sentence: str = field(default="", compare=False, repr=False)


NAMED_MAX = 10
"""Names that a warning tells with their counts where there is no end of them."""


def counted(code: str, sentence: str, counts: Mapping[str, int]) -> list[Warning_]:
    """
    Make the warning that counts something; none where there is nothing.

    Parameters
    ----------
    code : str
        Of the warning.
    sentence : str
        With ``{named}`` (each name and its count), ``{frequent}`` (of the `NAMED_MAX` most
        frequent, the first of equals first) or ``{total}``.
    counts : mapping of str to int
        All names there are, in their order, zeros too: so it stays when pieces are added up.

    Returns
    -------
    list of Warning_
        One or none.

    Examples
    --------
    >>> counted("x", "Left out: {named}.", {"a": 0, "b": 2})[0].detail
    'Left out: b 2.'
    """
    found = Counter({name: count for name, count in counts.items() if count})
    if not found:
        return []
    detail = sentence.format(
        named=_named(found.items()),
        frequent=_named(found.most_common(NAMED_MAX)),
        total=found.total(),
    )
    return [Warning_(code, detail, counts, sentence)]


def _named(counts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts)


def added_up(warnings: Iterable[Warning_]) -> list[Warning_]:
    """Make one of the warnings that several pieces of a push gave of one thing."""
    sums: dict[tuple[str, str], Counter[str]] = {}
    for each in warnings:
        sums.setdefault((each.code, each.sentence or each.detail), Counter()).update(each.counts)
    found: list[Warning_] = []
    for (code, sentence), counts in sums.items():
        found += counted(code, sentence, counts) if counts else [Warning_(code, sentence)]
    return found


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
    times : polars.Series of String, or None
        Times as sent, where a stated pattern of them has yet to be judged over the whole push.
    doubts : Doubts or None
        About its times, which are told of the push as a whole.
    """

    format: str
    records: pl.DataFrame
    refusals: list[Refusal]
    warnings: list[Warning_] = field(default_factory=list)
    times: pl.Series | None = field(default=None, compare=False, repr=False)
    doubts: Doubts | None = field(default=None, compare=False, repr=False)

    @property
    def units(self) -> int:
        """Record candidates in the push: data rows, DIAG blocks, JSON elements."""
        return self.records.height + len(self.refusals)
