"""Coordinates of Chinese map services (GCJ-02, BD-09) back to WGS 84."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ingest.record import Warning_, counted
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
    since 2013. It is inverted by iteration. Its rectangle holds Korea, Mongolia, the south of
    Japan and Indochina, too: the programs that convert for a platform shift all of it (rectangles
    are all that they know: 72.004-137.8347 E, or 73.66-135.05 E), while the maps themselves are
    shifted on the mainland of China alone. As the sender's program made the positions, all of
    them are brought back; `outside_china` counts those that may not have been shifted.

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


def outside_china(records: pl.DataFrame, datum: str) -> list[Warning_]:
    """
    Count the positions that were brought to WGS 84 and lie over 65 km from the mainland of China.

    Parameters
    ----------
    records : polars.DataFrame, shape (n, columns of RECORD_SCHEMA)
        From `to_wgs84`.
    datum : str
        One of `DATUMS`.

    Returns
    -------
    list of Warning_
        One, ``datum-outside-china``, or none.
    """
    if datum == "wgs84":
        return []
    import shapely  # noqa: PLC0415 - slow to load, and few sources declare a datum

    placed = records.filter(pl.col("lon").is_not_null())
    lon, lat = placed["lon"].to_numpy(), placed["lat"].to_numpy()
    far = _inside(lon, lat) & ~shapely.contains_xy(shapely.Polygon(_MAINLAND), lon, lat)
    sentence = (
        "{total} position(s) lie outside of China where some platforms shift and others do not:"
        " they were shifted back by some hundred metres. Compare one with a known place; if it is"
        " off, send the positions as the tag gave them and declare wgs84."
    )
    return counted("datum-outside-china", sentence, {"positions": int(far.sum())})


_MAINLAND = (
    (73.0, 39.4), (74.6, 41.0), (79.6, 42.5), (79.5, 45.3), (81.8, 45.9), (82.8, 47.7),
    (85.0, 47.6), (86.8, 49.7), (90.7, 48.1), (91.5, 45.7), (95.6, 44.8), (96.7, 43.4),
    (104.9, 42.3), (110.1, 43.3), (111.6, 45.6), (113.5, 45.4), (117.0, 47.0), (115.3, 47.3),
    (115.0, 48.4), (116.4, 50.4), (118.6, 50.5), (119.6, 53.1), (120.9, 53.9), (125.9, 53.6),
    (128.2, 50.2), (130.9, 49.4), (131.4, 48.3), (134.7, 48.9), (135.3, 47.8), (133.5, 44.7),
    (131.8, 44.5), (130.9, 42.1), (121.4, 38.2), (123.3, 37.4), (120.0, 35.0), (122.4, 32.1),
    (123.0, 29.9), (122.1, 28.0), (120.3, 25.1), (116.8, 22.5), (111.1, 20.8), (111.6, 19.4),
    (109.7, 17.6), (108.0, 18.8), (109.1, 20.8), (107.1, 21.1), (105.9, 22.3), (102.6, 22.0),
    (101.7, 20.6), (98.8, 21.7), (98.2, 23.5), (97.0, 23.8), (98.1, 27.0), (95.7, 28.5),
    (92.1, 27.1), (90.0, 27.6), (88.8, 26.7), (78.4, 30.8), (78.1, 34.0), (74.0, 36.7),
    (74.3, 37.8),
)  # fmt: skip
"""
A line round the mainland of China and its coast, nowhere over 0.65 degrees from them; made from
the 1:50 million borders of Natural Earth, which are in the public domain. No statement on borders.
"""


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
