"""Longitude and latitude taken together: never the one of a pair and the other of another."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

Pair = tuple[int, int]


def by_rank(lons: Sequence[int | None], lats: Sequence[int | None]) -> list[Pair]:
    """
    Pair the columns of two lists of names: the first with the first, the second with the second.

    Where one list is shorter, its last name goes with all that are left of the other.

    Parameters
    ----------
    lons, lats : sequence of (int or None)
        Column of each name, best first; None where there is none of that name.

    Returns
    -------
    list of tuple of int
        Best first; of the first columns there are where no two names go together.

    Examples
    --------
    >>> by_rank([0, 1], [None, 2]), by_rank([0, None], [None, 3]), by_rank([4, 5], [6])
    ([(1, 2)], [(0, 3)], [(4, 6), (5, 6)])
    """
    ranks = range(max(len(lons), len(lats)))
    both = ((lons[min(n, len(lons) - 1)], lats[min(n, len(lats) - 1)]) for n in ranks)
    found = [(lon, lat) for lon, lat in both if lon is not None and lat is not None]
    first = [next(each for each in names if each is not None) for names in (lons, lats)]
    return found or [(first[0], first[1])]


def position(
    text: pl.DataFrame, numbers: pl.DataFrame, pairs: Sequence[Pair]
) -> tuple[pl.Series, pl.Series]:
    """
    Read longitude and latitude of the first pair that has both, else of one that has either.

    Parameters
    ----------
    text, numbers : polars.DataFrame, shape (n, any)
        Columns ``c<index>``: cells, null where blank, and what they are as numbers.
    pairs : sequence of tuple of int
        Columns of longitude and latitude, best first.

    Returns
    -------
    lon, lat : polars.Series, shape (n,)
        NaN where a cell is no number.
    """
    both = [pl.all_horizontal(pl.col(f"c{i}").is_not_null() for i in pair) for pair in pairs]
    either = [pl.any_horizontal(pl.col(f"c{i}").is_not_null() for i in pair) for pair in pairs]
    chosen = pl.coalesce(
        pl.when(test).then(pl.lit(n % len(pairs))) for n, test in enumerate([*both, *either])
    )
    lon, lat = (
        text.with_columns(numbers.select(pl.all().name.prefix("as number ")), pair=chosen)
        .select(
            pl.coalesce(
                pl.when((pl.col("pair") == n) & pl.col(f"c{pair[axis]}").is_not_null()).then(
                    pl.col(f"as number c{pair[axis]}").fill_null(float("nan"))
                )
                for n, pair in enumerate(pairs)
            ).alias(name)
            for axis, name in enumerate(("lon", "lat"))
        )
        .get_columns()
    )
    return lon, lat
