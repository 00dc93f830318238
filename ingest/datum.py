"""Coordinates of Chinese map services (GCJ-02, BD-09) back to WGS 84."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ingest.refusal import UnreadablePush

DATUMS = ("wgs84", "gcj02", "bd09")
"""Datums a source may declare. Tags report WGS 84; platforms that show maps in China may not."""

Degrees = NDArray[np.float64]
Shift = Callable[[Degrees, Degrees], tuple[Degrees, Degrees]]

_AXIS_M = 6_378_245.0  # Krasovsky 1940, which GCJ-02 is computed on
_ECCENTRICITY_SQUARED = 0.006_693_421_622_965_943
_ROUNDS = 20  # each makes the rest about 100 times smaller: far below a millimetre
_WEST, _EAST, _SOUTH, _NORTH = 72.004, 137.8347, 0.8293, 55.8271  # where GCJ-02 shifts [degrees]


def to_wgs84(records: pl.DataFrame, datum: str) -> pl.DataFrame:
    """
    Bring positions and mirror solutions to WGS 84.

    Outside the rectangle round China in which GCJ-02 shifts, nothing changes.

    Parameters
    ----------
    records : polars.DataFrame, shape (n, columns of RECORD_SCHEMA)
        As decoded.
    datum : str
        One of `DATUMS`.

    Returns
    -------
    polars.DataFrame
        The same columns.

    Raises
    ------
    UnreadablePush
        Code ``datum-unknown``.

    Notes
    -----
    The shift is published by no authority; the formula is the one that map clients have used
    since 2013. It is inverted by iteration.

    Examples
    --------
    >>> from ingest import decode
    >>> sent = b'[{"tag": "7", "time": "2020-01-01T00:00:00Z", "lon": 116.404, "lat": 39.915}]'
    >>> moved = decode(sent, datum="gcj02", now_us=1_700_000_000_000_000).records
    >>> round(moved["lon"][0], 4), round(moved["lat"][0], 4)
    (116.3978, 39.9136)
    """
    if datum not in DATUMS:
        raise UnreadablePush(
            "datum-unknown",
            f"There is no datum {datum[:60]!r}.",
            f"Declare one of {', '.join(DATUMS)}.",
        )
    if datum == "wgs84":
        return records
    moved = []
    for lon_name, lat_name in (("lon", "lat"), ("lon2", "lat2")):
        there = records[lon_name].is_not_null()
        lon = records[lon_name].fill_null(0.0).to_numpy()
        lat = records[lat_name].fill_null(0.0).to_numpy()
        if datum == "bd09":
            # BD-09 is shifted everywhere, yet means something only where GCJ-02 does.
            inner = _inverted(gcj02_to_bd09, lon, lat)
            inside = _inside(*inner)
            lon, lat = np.where(inside, inner[0], lon), np.where(inside, inner[1], lat)
        lon, lat = _inverted(wgs84_to_gcj02, lon, lat)
        moved += [
            pl.Series(lon_name, lon).set(~there, None),
            pl.Series(lat_name, lat).set(~there, None),
        ]
    return records.with_columns(moved)


def wgs84_to_gcj02(lon: Degrees, lat: Degrees) -> tuple[Degrees, Degrees]:
    """Shift WGS 84 [degrees] as GCJ-02 does, within its rectangle."""
    x, y = lon - 105.0, lat - 35.0
    root = np.sqrt(np.abs(x))
    wave = 20.0 * np.sin(6 * np.pi * x) + 20.0 * np.sin(2 * np.pi * x)
    north = (
        -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root
        + (wave + 20.0 * np.sin(np.pi * y) + 40.0 * np.sin(np.pi * y / 3)) * 2 / 3
        + (160.0 * np.sin(np.pi * y / 12) + 320.0 * np.sin(np.pi * y / 30)) * 2 / 3
    )  # fmt: skip
    east = (
        300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root
        + (wave + 20.0 * np.sin(np.pi * x) + 40.0 * np.sin(np.pi * x / 3)) * 2 / 3
        + (150.0 * np.sin(np.pi * x / 12) + 300.0 * np.sin(np.pi * x / 30)) * 2 / 3
    )  # fmt: skip
    sine = np.sin(np.radians(lat))
    w = np.sqrt(1 - _ECCENTRICITY_SQUARED * sine * sine)
    meridian_m = _AXIS_M * (1 - _ECCENTRICITY_SQUARED) / w**3
    parallel_m = np.maximum(_AXIS_M / w * np.cos(np.radians(lat)), 1.0)
    inside = _inside(lon, lat)
    return (
        np.where(inside, lon + np.degrees(east / parallel_m), lon),
        np.where(inside, lat + np.degrees(north / meridian_m), lat),
    )


def gcj02_to_bd09(lon: Degrees, lat: Degrees) -> tuple[Degrees, Degrees]:
    """Shift GCJ-02 [degrees] as BD-09 does."""
    turn = np.pi * 3_000.0 / 180.0
    radius = np.hypot(lon, lat) + 0.000_02 * np.sin(lat * turn)
    angle = np.arctan2(lat, lon) + 0.000_003 * np.cos(lon * turn)
    return radius * np.cos(angle) + 0.006_5, radius * np.sin(angle) + 0.006


def _inside(lon: Degrees, lat: Degrees) -> NDArray[np.bool_]:
    return (lon >= _WEST) & (lon <= _EAST) & (lat >= _SOUTH) & (lat <= _NORTH)


def _inverted(shift: Shift, lon: Degrees, lat: Degrees) -> tuple[Degrees, Degrees]:
    """Find the points that a shift brings to the given ones."""
    from_lon, from_lat = lon, lat
    for _ in range(_ROUNDS):
        to_lon, to_lat = shift(from_lon, from_lat)
        from_lon, from_lat = from_lon + (lon - to_lon), from_lat + (lat - to_lat)
    return from_lon, from_lat
