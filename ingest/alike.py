"""Names of one push that may be two spellings of one name: told to people, never made one."""

from __future__ import annotations

import re
from unicodedata import normalize

import polars as pl

from ingest.record import Warning_

NAMES_MAX = 50_000
"""Different names of tags, and of birds, that are compared, in the order of the push."""

SHOWN_MAX = 5
"""Groups of names that are shown, and names of a group."""

_SHOWN_MAX_CHARS = 60


class Alike:
    """
    Looks for names that differ only in zeros before them, in width or in case.

    A spreadsheet makes 71 of the tag 0071, an input method makes its digits wide; but 0071 and 71
    may be tags of two makers as well. So they stay two, and a person is asked.
    """

    def __init__(self) -> None:
        self._names: dict[str, dict[str, None]] = {"tag": {}, "individual": {}}

    def add(self, records: pl.DataFrame) -> None:
        """
        Look at some of the records.

        Parameters
        ----------
        records : polars.DataFrame, shape (n, columns of RECORD_SCHEMA)
            As decoded.
        """
        for column, names in self._names.items():
            for name in records[column].drop_nulls().unique(maintain_order=True):
                if len(names) < NAMES_MAX:
                    names[name] = None

    def told(self) -> list[Warning_]:
        """Tell of the names: ``names-alike``, or nothing."""
        found = [group for names in self._names.values() for group in _groups(names)]
        if not found:
            return []
        shown = "; ".join(_shown(group) for group in found[:SHOWN_MAX])
        more = f"; and {len(found) - SHOWN_MAX} more" if len(found) > SHOWN_MAX else ""
        detail = (
            "Names that differ only in zeros before them, width or case were taken for those of"
            f" different tags or birds: {shown}{more}. If they are one, write them in one way and"
            " send the file again."
        )
        return [Warning_("names-alike", detail)]


def names_alike(records: pl.DataFrame) -> list[Warning_]:
    """Tell of the names among all records of a push; see `Alike`."""
    if records.height < 2:  # one name is like no other
        return []
    alike = Alike()
    alike.add(records)
    return alike.told()


def _groups(names: dict[str, None]) -> list[list[str]]:
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(_key(name), []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def _key(name: str) -> str:
    return re.sub(r"^0+(?=.)", "", normalize("NFKC", name).casefold())


def _shown(group: list[str]) -> str:
    return ", ".join(repr(name[:_SHOWN_MAX_CHARS]) for name in group[:SHOWN_MAX])
