"""Numbers with a comma for a point, told from those whose comma parts the thousands."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

_DECIMAL = r"^[+-]?\d+,\d+$"
_THOUSANDS = r"^[+-]?[1-9]\d{0,2},\d{3}$"


def pointed(
    cells: pl.DataFrame,
    places: Iterable[str],
    numbers: Iterable[str],
    *,
    decimal_comma: bool | None,
) -> pl.DataFrame:
    """
    Write a point for the decimal comma of each number.

    A comma in a coordinate, which is never a thousand, is a decimal one unless another coordinate
    of the row has a point. One that may as well part the thousands of another number (``1,234``)
    is taken for a decimal one only if the row has such a comma in a coordinate: a row without a
    position, or with whole degrees, proves nothing, not even where semicolons part the cells.
    Each row is judged by itself, so that it means the same in any part of a file. What stays as
    it is is no number to its reader.

    Parameters
    ----------
    cells : polars.DataFrame, shape (n, any)
        Strings.
    places, numbers : iterable of str
        Names of the coordinates, and of all columns of numbers.
    decimal_comma : bool or None
        As it is declared: every first comma is one, or none is; None to judge.

    Returns
    -------
    polars.DataFrame
        The same columns.

    Examples
    --------
    >>> cells = pl.DataFrame({"lon": ["116,3", "116.3"], "height": ["1,234", "1,234"]})
    >>> pointed(cells, ["lon"], cells.columns, decimal_comma=None).rows()
    [('116.3', '1.234'), ('116.3', '1,234')]
    """
    names = list(dict.fromkeys(numbers))
    if decimal_comma is False or not names:
        return cells
    found = cells.select(pl.col(names).str.contains(",", literal=True).any()).row(0, named=True)
    names = [name for name in names if found[name]]
    if not names:
        return cells
    if decimal_comma:
        return cells.with_columns(pl.col(names).str.replace(",", ".", literal=True))
    at = list(dict.fromkeys(places))
    coordinates = [pl.col(name) for name in at]
    pure = ~_any(each.str.contains(".", literal=True) for each in coordinates)
    speaks = pure & _any(each.str.contains(_DECIMAL) for each in coordinates)
    return cells.with_columns(
        pl.when(
            pl.col(name).str.contains(_DECIMAL)
            & (pure if name in at else speaks | ~pl.col(name).str.contains(_THOUSANDS))
        )
        .then(pl.col(name).str.replace(",", ".", literal=True))
        .otherwise(pl.col(name))
        .alias(name)
        for name in names
    )


def _any(tests: Iterable[pl.Expr]) -> pl.Expr:
    return pl.any_horizontal(pl.lit(value=False), *(test.fill_null(value=False) for test in tests))


def numeric(text: pl.Expr, per: float) -> pl.Expr:
    """Text to number in the unit of the field, null where it is none."""
    sent = text.cast(pl.Float64, strict=False)
    if per == 1.0:
        return sent

    def divided(numbers: pl.Series) -> pl.Series:
        # numpy divides; polars multiplies by 1/1000, which makes 3.8000000000000003 V of 3800 mV.
        return pl.Series(numbers.fill_null(0.0).to_numpy() / per).set(numbers.is_null(), None)

    return sent.map_batches(divided, return_dtype=pl.Float64)
