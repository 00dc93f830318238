"""Where a bird was at its Argos fixes, given all of them."""

from __future__ import annotations

from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from app.store.copying import PG_EPOCH_US, copy_out, row_type
from app.store.engine import Connection

_ROW = row_type({"time": ">i8", "lon": ">f8", "lat": ">f8", "error_m": ">f8"})


async def places(
    conn: Connection, individual_id: int, low: datetime, high: datetime
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """
    Return the smoothed places of a bird in [low, high), in time order.

    Returns
    -------
    time_us : ndarray of int64, shape (n,)
        Times of Argos fixes [us since 1970 UTC].
    place : ndarray of float64, shape (n, 3)
        lon, lat [degrees] and error, one sigma [m].
    """
    rows = await copy_out(
        conn,
        "select time, lon, lat, sqrt((sd_major_m::float8 ^ 2 + sd_minor_m::float8 ^ 2) / 2)"
        f" from smoothed_fix where individual_id = {int(individual_id)}"
        f" and time >= '{low.isoformat()}'::timestamptz"
        f" and time < '{high.isoformat()}'::timestamptz order by time",
        _ROW,
    )
    place = np.column_stack([rows[name].astype(np.float64) for name in ("lon", "lat", "error_m")])
    return rows["time"].astype(np.int64) + PG_EPOCH_US, place.reshape(-1, 3)
