"""Coordinate systems that GeoJSON declares: the member ``crs``, which RFC 7946 dropped."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import msgspec
from pyproj import Transformer
from pyproj.enums import TransformDirection

from ingest.layers.projection import transformer
from ingest.refusal import UnreadablePush

Mover = Callable[[Sequence[object]], list[object]]
"""Brings one position, x and y and what else it has, to longitude and latitude of WGS 84."""

_LON_LAT = re.compile(r"\bCRS:?84$", re.IGNORECASE)  # of WGS 84: OGC:1.3:CRS84, OGC/1.3/CRS84
_EPSG = re.compile(r"\bEPSG[:/](?:[0-9.]*[:/])?([0-9]{4,6})$", re.IGNORECASE)
_POLE_DEG, _TURN_DEG = 90.0, 360.0
_NOWHERE = 1e9  # out of range on either axis
_NEAR = 1e-6  # what a way there and back may lose of a coordinate, or of one unit near zero


class _Document(msgspec.Struct):
    """A GeoJSON object, of which one member is read."""

    crs: object = None


def declared(payload: bytes) -> object:
    r"""
    Return the ``crs`` of a GeoJSON object, None where it is none or has none.

    Of text that breaks off only what stands before its features is read.

    Examples
    --------
    >>> declared(b'{"crs": "EPSG:3857", "features": [{"ty')
    'EPSG:3857'
    """
    if b'"crs"' not in payload:
        return None
    head = payload[: max(payload.find(b'"features"'), 0)].rstrip(b" \t\r\n,") + b"}"
    for text in (payload, head):
        try:
            return msgspec.json.decode(text.removeprefix(b"\xef\xbb\xbf"), type=_Document).crs
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
    return None


class Frames:
    """The coordinate systems of one push, each looked up once."""

    def __init__(self) -> None:
        self._movers: dict[str, Mover | None] = {}

    def mover(self, crs: object) -> Mover | None:
        """
        Return what brings positions of a declared system to WGS 84.

        Parameters
        ----------
        crs : object
            The member as it is sent. A name of the OGC or of EPSG is known; axes are taken as x, y
            (longitude first), as GeoJSON has them whatever the definition says.

        Returns
        -------
        callable or None
            None where they are of WGS 84, or nothing is declared.

        Raises
        ------
        UnreadablePush
            Code ``crs-unsupported``.

        Examples
        --------
        >>> move = Frames().mover({"type": "name", "properties": {"name": "EPSG:3857"}})
        >>> [round(axis, 6) for axis in move([12_245_143.99, 4_865_942.28, 7.5])]
        [110.0, 40.0, 7.5]
        """
        if crs is None:
            return None
        properties = crs.get("properties") if isinstance(crs, dict) else None
        name = properties.get("name") if isinstance(properties, dict) else crs
        if not isinstance(name, str):
            raise _unsupported("a coordinate system without a name")
        if name not in self._movers:
            self._movers[name] = _mover(name)
        return self._movers[name]


def _mover(name: str) -> Mover | None:
    found = _EPSG.search(name)
    if _LON_LAT.search(name):
        return None
    if not found:
        raise _unsupported(f"the coordinate system {name[:60]!r}")
    try:
        leads = transformer(f"EPSG:{found[1]}")
    except UnreadablePush as unknown:
        raise _unsupported(f"the coordinate system {name[:60]!r}") from unknown
    if leads is None:
        return None

    def moved(position: Sequence[object]) -> list[object]:
        x, y, *rest = position
        from_x, from_y = _number(x), _number(y)
        if from_x is None or from_y is None:
            return [x, y, *rest]
        place = _place(leads, from_x, from_y)
        return [*(place or (_NOWHERE, _NOWHERE)), *rest]

    return moved


def _place(leads: Transformer, x: float, y: float) -> tuple[float, float] | None:
    """
    Return longitude and latitude of a position, None where it lies outside of its plane.

    PROJ gives a place for it even then: that at an edge of the map or, of a national grid, any. It
    leads back to another position. One that went on past the antimeridian, as longitudes from 180
    to 360 do, leads back to the one a whole turn before it.
    """
    lon, lat = leads.transform(x, y)
    if not abs(lat) < _POLE_DEG:
        return None
    back_x, back_y = leads.transform(lon, lat, direction=TransformDirection.INVERSE)
    if not abs(back_y - y) <= _NEAR * max(1.0, abs(y)):
        return None
    near = _NEAR * max(1.0, abs(x))
    if abs(back_x - x) <= near:
        return lon, lat
    east, _ = leads.transform(_TURN_DEG / 2, lat, direction=TransformDirection.INVERSE)
    west, _ = leads.transform(-_TURN_DEG / 2, lat, direction=TransformDirection.INVERSE)
    turned = abs(back_x + east - west - x) <= near and x <= east - west
    return (lon, lat) if turned else None


def on_earth(frames: Frames, crs: object, feature: Mapping[str, object]) -> Mapping[str, object]:
    """
    Give a GeoJSON feature with the coordinates of its point in WGS 84.

    Parameters
    ----------
    frames : Frames
        Of the push.
    crs : object
        What the document declares, see `declared`; what the feature or its geometry declares
        comes before it.
    feature : mapping
        Any object; without coordinates of a point it is given back.

    Raises
    ------
    UnreadablePush
        Code ``crs-unsupported``.
    """
    geometry = feature.get("geometry")
    if not isinstance(geometry, dict):
        return feature
    position = geometry.get("coordinates")
    move = frames.mover(geometry.get("crs") or feature.get("crs") or crs)
    if move is None or not isinstance(position, list) or len(position) < 2:
        return feature
    return {**feature, "geometry": {**geometry, "coordinates": move(position)}}


def _number(axis: object) -> float | None:
    """Read a number, which some senders write as text; None where it is none."""
    if isinstance(axis, bool) or not isinstance(axis, int | float | str):
        return None
    try:
        return float(axis)
    except (ValueError, OverflowError):
        return None


def _unsupported(what: str) -> UnreadablePush:
    return UnreadablePush(
        "crs-unsupported",
        f"The push declares {what}, from which nothing here leads to WGS 84.",
        "Send longitude and latitude of WGS 84 and no crs member (ogr2ogr -t_srs EPSG:4326), or"
        " name the coordinate system by its EPSG code.",
    )
