"""The normal distribution for kernels that ask for it millions of times."""

from __future__ import annotations

from math import erfc, sqrt

import numpy as np

from app.movement.compiled import kernel
from app.movement.track import FloatArray

REACH, STEPS = 7.0, 128
"""Deviations to either side that the table holds, 1e-12 lie beyond; and its steps in each."""

_PLACES = np.arange(-REACH * STEPS, REACH * STEPS + 1) / STEPS
_TABLE: FloatArray = np.column_stack(
    [
        [0.5 * erfc(-place / sqrt(2.0)) for place in _PLACES],
        np.exp(-0.5 * _PLACES**2) / np.sqrt(2.0 * np.pi) / STEPS,
    ]
)
"""The distribution function at each step, and its slope by steps."""


@kernel
def distribution(z: float) -> float:
    """
    Return the standard normal distribution function, within 1e-11; of NaN NaN.

    Between two steps of a table by the cubic that has their slopes as well, which takes a fifth
    of the time of an error function.

    Examples
    --------
    >>> round(distribution(1.96), 6)
    0.975002
    """
    place = (z + REACH) * STEPS
    if np.isnan(place):  # no step of the table: as a number it would lie anywhere in memory
        return np.nan
    if place < 0.0:
        return 0.0
    if place >= _TABLE.shape[0] - 1:
        return 1.0
    k = int(place)
    t = place - k
    low, up, down = _TABLE[k, 0], _TABLE[k, 1], _TABLE[k + 1, 1]
    rise = _TABLE[k + 1, 0] - low
    bend = 3.0 * rise - 2.0 * up - down + t * (up + down - 2.0 * rise)
    return float(low + t * (up + t * bend))
