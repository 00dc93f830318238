"""Accuracy that is stated as a radius with a share of the fixes in it, as one sigma."""

from __future__ import annotations

import math

import polars as pl

ONE_SIGMA_PERCENT = (68.0, 68.3)
"""
How senders write one standard deviation [%], which is no radius then: 68.27 % of a normal
distribution lie within it on either side. "1 standard deviation errors, assuming normal
distribution" is the example of Movebank's dictionary (location accuracy comments).
"""


def sigmas(percent: float) -> float:
    """
    Return how many sigmas long the radius is round the true place that holds a share of the fixes.

    Of two independent normal errors of one size, east and north, the distance follows a Rayleigh
    distribution, whose quantile is ``sqrt(-2 ln(1 - p))`` sigma. Sigma is the standard deviation
    along one axis, as an Argos ellipse is brought to it, whose axes are the case of 63.2 %:
    ``sqrt(2)`` sigma (McClintock et al. 2015, doi:10.1111/2041-210X.12286).

    Parameters
    ----------
    percent : float
        Share [%], over 0 and under 100.

    Returns
    -------
    float

    References
    ----------
    F. van Diggelen 2007, GNSS accuracy: lies, damn lies, and statistics, GPS World 18(1), 26-32.

    Examples
    --------
    >>> round(sigmas(50.0), 4), round(sigmas(95.0), 4)
    (1.1774, 2.4477)
    """
    return _length(percent / 100.0)


def _length(share: float) -> float:
    return math.sqrt(-2.0 * math.log1p(-share))


def one_sigma_m(radius_m: pl.Expr, percent: pl.Expr) -> pl.Expr:
    """
    Bring a stated error to one sigma along one axis, by its percentile; see `sigmas`.

    Parameters
    ----------
    radius_m : polars.Expr
        The error as stated [m].
    percent : polars.Expr
        Its percentile [%]; under 1 a share (0.95): nobody states a radius that holds so few.
        Null, no percentile of a radius (see `is_share`) or that of one sigma leaves the error as
        it is.

    Returns
    -------
    polars.Expr
        Error [m].

    Examples
    --------
    >>> said = pl.DataFrame({"r": [10.0] * 5, "p": [50.0, 95.0, 0.95, 68.0, None]})
    >>> said.select(one_sigma_m(pl.col("r"), pl.col("p")).round(2))["r"].to_list()
    [8.49, 4.09, 4.09, 10.0, 10.0]
    """
    radius = is_share(percent) & ~percent.is_between(*ONE_SIGMA_PERCENT)
    length = pl.when(radius).then(percent).map_batches(_lengths, return_dtype=pl.Float64)
    return pl.when(length.is_not_null()).then(radius_m / length).otherwise(radius_m)


def _lengths(percent: pl.Series) -> pl.Series:
    """
    Return the sigmas of each percentile, null for null.

    A column's logarithm may differ in its last bit from that of one value, which makes another fix
    of the same: each percentile is computed by itself.
    """
    shares = {each: each if each < 1.0 else each / 100.0 for each in percent.drop_nulls().unique()}
    lengths = {each: _length(share) for each, share in shares.items()}
    return percent.replace_strict(lengths, default=None, return_dtype=pl.Float64)


def is_share(percent: pl.Expr) -> pl.Expr:
    """Whether a percentile can be that of a radius: no radius holds none of the fixes, or all."""
    return (percent > 0.0) & (percent < 100.0) & (percent != 1.0)
