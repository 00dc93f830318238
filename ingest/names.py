"""Names of birds, tags and fixes, without what programs put about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import MappingProxyType

import polars as pl

from ingest.clock import AS_TOLD
from ingest.record import Warning_, counted

_HIDDEN = r"\x{ad}\x{200b}\x{200e}\x{200f}\x{202a}-\x{202e}\x{2060}\x{2066}-\x{2069}\x{feff}"
"""Soft hyphen, spaces without width, marks of direction, byte order mark: none has a shape."""

_JOINERS = r"\x{200c}\x{200d}"
"""They shape letters of Mongolian, Persian and Indian scripts, and are kept between letters."""

ROUNDED = r"^[0-9](?:[.,][0-9]+)?[eE]\+[0-9]+$"
"""
A number as spreadsheets and programs write one that is long: most of its digits are gone. Serial
numbers in hexadecimal (``1E05``) have no plus sign.
"""

_NOTHING = (
    "#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!", "#CALC!",
    "#GETTING_DATA", "N/A", "n/a", "NA", "<NA>", "nan", "NaN", "NaT", "None", "none", "null",
    "NULL", "-", "--",
)  # fmt: skip
"""
What programs write where there is no name, as they spell it: errors of spreadsheets, the missing
values of R, pandas, Python and SQL, dashes. A bird may be called Nan or Na; none is called nan.
"""

_ODD = rf"[{_HIDDEN}{_JOINERS}]|^[='#<]|^[Nn\-]|\.0$"
"""What any name has that is to be mended: a quick look at all of them."""

_DOUBTFUL = rf"{_ODD}|^\s|^$"
"""What any cell has that may hold no name, blank ones among them."""


def mended(table: pl.DataFrame, names: Sequence[str]) -> tuple[pl.DataFrame, list[Warning_]]:
    r"""
    Take from names what a program put about them, and count it.

    Nothing is lost by it: characters without a shape tell no two names apart for people, and a
    spreadsheet writes ``="0071"`` or ``'0071`` to keep the zeros of 0071, pandas ``6118.0`` for
    6118 where other rows have no tag. Joiners between letters stay, as do the separators of
    Mongolian vowels: they are of its spelling. What stands for no name (``#N/A``, ``nan``,
    ``None``, ``-``) becomes none; then the other name, of the bird or of the tag, is all there is.

    Parameters
    ----------
    table : polars.DataFrame, shape (n, any)
        With the columns `names`, of strings.
    names : sequence of str
        Columns that hold names.

    Returns
    -------
    table : polars.DataFrame, shape (n, any)
    warnings : list of Warning_
        ``name-mended``: what was taken away, and of how many names.

    Examples
    --------
    >>> sent = pl.DataFrame({"tag": ["7\u200b", '="0071"', "6118.0", "#N/A"]})
    >>> mended(sent, ["tag"])[0]["tag"].to_list()
    ['7', '0071', '6118', None]
    """
    odd = table.lazy().select(_odd(tuple(names))).collect(optimizations=AS_TOLD).row(0)
    columns = [name for name, is_odd in zip(names, odd, strict=True) if is_odd]
    if not columns:
        return table, []
    counts: dict[str, int] = {}
    for kind, mend in _MENDS.items():
        changed = table.select(mend(pl.col(name)) for name in columns)
        differ = (changed[name].ne_missing(table[name]).sum() for name in columns)
        counts[kind] = sum(int(count) for count in differ)
        table = table.with_columns(changed.get_columns())
    sentence = (
        "Names were read without what a program put about them, or as none where it wrote that "
        "it has none: {named}."
    )
    return table, counted("name-mended", sentence, counts)


@cache
def _odd(names: tuple[str, ...]) -> list[pl.Expr]:
    """Ask of each column whether any name is odd: of most pushes none is."""
    return [pl.col(name).str.contains(_ODD).any() for name in names]


def best_named(candidates: Sequence[pl.Expr | pl.Series]) -> pl.Expr:
    """
    Take the first of several cells that holds a name.

    What stands for no name (``#N/A``, see `mended`) is passed over while another cell has one.

    Parameters
    ----------
    candidates : sequence of polars.Expr or polars.Series, of strings
        Cells of one name, best first.

    Examples
    --------
    >>> sent = pl.DataFrame({"tag": ["7", "#N/A", "#N/A"], "id": ["8", "9", None]})
    >>> sent.select(best_named([pl.col("tag"), pl.col("id")]))["tag"].to_list()
    ['7', '9', '#N/A']
    """
    cells = [pl.lit(each) if isinstance(each, pl.Series) else each for each in candidates]
    if len(cells) == 1:
        return cells[0]
    held = (
        pl.when(cell.map_batches(_holds_name, return_dtype=pl.Boolean)).then(cell) for cell in cells
    )
    return pl.coalesce([*held, *cells])


def _holds_name(cells: pl.Series) -> pl.Series:
    """Say which cells hold a name: all that are not null where none is doubtful, as in most."""
    if cells.str.contains(_DOUBTFUL).any():
        for mend in (_shaped, _unquoted, _named):
            cells = cells.to_frame("cell").select(mend(pl.col("cell")))["cell"]
    return cells.is_not_null()


def _shaped(name: pl.Expr) -> pl.Expr:
    """Without characters that have no shape; joiners stay between letters."""
    seen = name.str.replace_all(f"[{_HIDDEN}]", "")
    seen = seen.str.replace_all(rf"([^\p{{L}}\p{{M}}{_JOINERS}])[{_JOINERS}]+", "${1}")
    seen = seen.str.replace_all(rf"[{_JOINERS}]+([^\p{{L}}\p{{M}}{_JOINERS}])", "${1}")
    seen = seen.str.replace_all(rf"^[\s{_JOINERS}]+|[\s{_JOINERS}]+$", "")
    return seen.replace("", None)


def _unquoted(name: pl.Expr) -> pl.Expr:
    """Without the marks by which spreadsheets keep digits text; ``'t Zwin`` is a name."""
    bare = name.str.replace(r'^="([^"]*)"$', "${1}").str.strip_chars()
    bare = bare.str.replace(r"^'([0-9][0-9A-Za-z._/-]*)$", "${1}")
    return bare.replace("", None)


def _whole(name: pl.Expr) -> pl.Expr:
    """Without the decimal place of a whole number."""
    return name.str.replace(r"^([0-9]+)\.0$", "${1}")


def _named(name: pl.Expr) -> pl.Expr:
    """None where a program wrote that it has none."""
    return pl.when(~(name.is_in(_NOTHING) | name.str.contains("^#+$"))).then(name)


_MENDS: Mapping[str, Callable[[pl.Expr], pl.Expr]] = MappingProxyType(
    {
        "characters without a shape": _shaped,
        '="…" or \' of a spreadsheet': _unquoted,
        ".0 of a number": _whole,
        "no name (#N/A, nan, None, -)": _named,
    }
)
"""What is taken away, and how; in this order."""
