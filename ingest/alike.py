"""Names of one push that may be spellings of other names: told to people, never changed."""

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
_MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
_DATE = re.compile(
    rf"^(?:[0-9]{{1,2}}-{_MONTH}(?:-[0-9]{{2,4}})?|{_MONTH}-[0-9]{{2}}|"
    r"[0-9]{4}-[0-9]{2}-[0-9]{2} 00:00:00|[0-9]{1,2}月[0-9]{1,2}日)$",
    re.IGNORECASE,
)
"""Dates as spreadsheets show them, or as their cells hold them."""


class Alike:
    """
    Looks for names that differ only in zeros before them, in width or in case.

    A spreadsheet makes 71 of the tag 0071, an input method makes its digits wide; but 0071 and 71
    may be tags of two makers as well. So they stay two, and a person is asked.
    """

    def __init__(self) -> None:
        self._names: dict[str, dict[str, None]] = {"tag": {}, "individual": {}}
        self._tagged: set[str] = set()
        self._tagless: set[str] = set()

    def add(self, records: pl.DataFrame) -> None:
        """
        Look at some of the records.

        Parameters
        ----------
        records : polars.DataFrame, shape (n, columns of RECORD_SCHEMA)
            As decoded.
        """
        pairs = records.select("tag", "individual").unique(maintain_order=True)
        for tag, bird in pairs.iter_rows():
            for name, names in zip((tag, bird), self._names.values(), strict=True):
                if name is not None and len(names) < NAMES_MAX:
                    names[name] = None
            seen = self._tagless if tag is None else self._tagged
            if bird is not None and len(seen) < NAMES_MAX:
                seen.add(bird)

    def told(self) -> list[Warning_]:
        """Tell of the names: ``names-alike``, ``names-like-dates``, ``tags-missing``."""
        found = [group for names in self._names.values() for group in _groups(names)]
        dates = [name for names in self._names.values() for name in names if _DATE.search(name)]
        untold = [bird for bird in self._names["individual"] if bird in self._tagless]
        half = [bird for bird in untold if bird in self._tagged]
        return [*_alike(found), *_like_dates(dates), *_tags_missing(half)]


def _alike(found: list[list[str]]) -> list[Warning_]:
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


def _like_dates(found: list[str]) -> list[Warning_]:
    if not found:
        return []
    detail = (
        f"Names of tags or birds that a spreadsheet may have made of others: {_shown(found)}. It"
        " makes 01-Mar of 1-3 as of MAR1, so that two tags may have become one: if it did, format"
        " the column as text before the names are put in, and send that."
    )
    return [Warning_("names-like-dates", detail)]


def _tags_missing(found: list[str]) -> list[Warning_]:
    if not found:
        return []
    detail = (
        f"Of {len(found)} bird(s) some rows name the tag and others none: {_shown(found)}. Those"
        " without were taken for fixes of a tag that is named after the bird. Were cells merged, or"
        " left blank below the first? Fill the tag in on every row and send the file again."
    )
    return [Warning_("tags-missing", detail)]


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
