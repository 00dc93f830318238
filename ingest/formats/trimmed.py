"""Rows whose last cells a spreadsheet left away as blank, told from rows that lost another cell."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ingest.record import Warning_, counted

_TIME = re.compile(r"[0-9][-/.][0-9]+[-/.][0-9]|[0-9]:[0-9]{2}")
_DEGREES = re.compile(r"[+-]?[0-9]{1,3}[.,][0-9]{3,}")
_SHOWN_MAX_CHARS = 60


@dataclass(frozen=True, slots=True)
class Anchors:
    """
    Columns by which it is seen whether the cells of a row stand in their own columns.

    A row that lost a cell before its end has those behind it one column too early: a time where
    a longitude should be, or a height for a latitude. Names, counts and heights can't tell, so
    the names have to stand before a time or a coordinate that is as it should be.

    Attributes
    ----------
    names : sequence of int
        Columns of tags and birds.
    times : sequence of int
        Columns of times, dates and times of day.
    places : sequence of int
        Columns of longitudes and latitudes.
    """

    names: Sequence[int]
    times: Sequence[int]
    places: Sequence[int]

    def hold(self, fields: Sequence[str]) -> bool:
        """
        Tell whether the cells of a row that is too short stand in their own columns.

        Parameters
        ----------
        fields : sequence of str
            Cells of the row.

        Returns
        -------
        bool
            False also where a cell that is needed is one of those left away.

        Examples
        --------
        >>> anchors = Anchors(names=[0], times=[1], places=[2, 3])
        >>> anchors.hold(["7", "2024-03-01 10:00:00", "116.3012", "29.1334", "12"])
        True
        >>> anchors.hold(["7", "2024-03-01 10:00:00", "29.1334", "12"])
        False
        """
        if max([*self.names, *self.times, *self.places], default=-1) >= len(fields):
            return False
        times = [index for index in self.times if fields[index].strip()]
        places = [index for index in self.places if fields[index].strip()]
        firm = times and max(self.names, default=-1) < max(times + places)
        return (
            bool(firm)
            and all(_TIME.search(fields[index]) for index in times)
            and all(_DEGREES.fullmatch(fields[index].strip()) for index in places)
        )


_TIMES = ("time", "date", "clock", "deploy_on", "deploy_off")


def anchors_of(columns: Mapping[str, Sequence[int]]) -> Anchors:
    """
    Give the anchors of a table.

    Parameters
    ----------
    columns : mapping of str to sequence of int
        Field to its columns.
    """

    def of(*fields: str) -> list[int]:
        return [index for field in fields for index in columns.get(field, ())]

    return Anchors(of("tag", "individual"), of(*_TIMES), of("lon", "lat"))


NO_ANCHORS = Anchors((), (), ())
"""By these no row is seen to be whole."""


class Trimmed:
    """Counts the cells that rows of a sheet lack at their end."""

    def __init__(self, header: Sequence[str], anchors: Anchors = NO_ANCHORS) -> None:
        self._header, self._anchors = header, anchors
        self._lengths: Counter[int] = Counter()

    def is_whole(self, fields: Sequence[str]) -> bool:
        """Tell whether a row lacks its last cells alone."""
        return self._anchors.hold(fields)

    def padded(self, fields: Sequence[str]) -> list[str]:
        """Give a row all its cells, the last ones blank."""
        self._lengths[len(fields)] += 1
        return [*fields, *[""] * (len(self._header) - len(fields))]

    def told(self) -> list[Warning_]:
        """Tell which columns rows ended before: ``cells-left-away``, or nothing."""
        if not self._lengths:
            return []
        counts: Counter[str] = Counter()
        for index, name in enumerate(self._header):
            rows = sum(n for length, n in self._lengths.items() if length <= index)
            counts[name.strip()[:_SHOWN_MAX_CHARS] or f"column {index + 1}"] += rows
        sentence = (
            "Rows ended before their last columns, which were read as blank, as spreadsheets leave "
            "such cells away: {named}. If they were cut off, send the whole file."
        )
        return counted("cells-left-away", sentence, counts)
