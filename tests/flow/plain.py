"""The ledger's sums, written plainly: every visible fix looked up on its own."""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby

import numpy as np
import rasterio
import shapely
from rasterio.transform import rowcol
from shapely import STRtree

from app.pipeline.builtin import BUILT_IN, IGBP
from ingest.layers.topojson import decode_topology


def plain_days(shown: list[dict]) -> tuple[dict[str, float], dict[str, float]]:
    """Sum bird-days by class and by land, fix by fix: half of each step of seven days at most."""
    places, days = [], []
    for _, group in groupby(shown, key=lambda fix: fix["bird"]):
        fixes = list(group)
        spent = [0.0] * len(fixes)
        for k in range(len(fixes) - 1):
            step = (fixes[k + 1]["time"] - fixes[k]["time"]).total_seconds() / 86_400
            if step <= 7:
                spent[k] += step / 2
                spent[k + 1] += step / 2
        places += [(fix["lon"], fix["lat"]) for fix in fixes]
        days += spent
    by_class: dict[str, float] = defaultdict(float)
    with rasterio.open(BUILT_IN[1].find()) as cover:
        cells = cover.read(1)
        rows, columns = rowcol(cover.transform, *zip(*places, strict=True), op=np.floor)
    found = cells[np.asarray(rows, dtype=int), np.asarray(columns, dtype=int)].tolist()
    for number, spent_days in zip(found, days, strict=True):
        by_class[IGBP[number]] += spent_days
    by_land: dict[str, float] = defaultdict(float)
    land = decode_topology(BUILT_IN[0].find().read_bytes(), object_name="countries",
                           class_property="name")  # fmt: skip
    countries = [shapely.from_wkb(feature.wkb) for feature in land.features]
    inside = STRtree(shapely.points(places)).query(countries, predicate="contains")
    for country, point in inside.T.tolist():
        by_land[land.classes[land.features[country].class_index]] += days[point]
    return by_class, by_land
