from __future__ import annotations

import numpy as np
import pytest
import shapely
from pyproj import Transformer

from ingest import UnreadablePush
from ingest.layers.projection import to_wgs84
from tests.ingest.layers.vectors import WGS84


@pytest.mark.parametrize("definition", ["EPSG:4326", WGS84])
def test_wgs84_stays_as_it_is(definition: str) -> None:
    box = shapely.box(126.1234567891, 34.0, 127.0, 35.0)
    assert to_wgs84(definition)(box).equals_exact(box, 0.0)


def _there(code: int) -> Transformer:
    return Transformer.from_crs(4326, code, always_xy=True)


SYSTEMS = (32651, 5179, 4284)  # metres in zone 51 and on Korea's grid; Pulkovo 1942


@pytest.mark.parametrize("code", SYSTEMS)
def test_any_system_leads_back_to_the_place(code: int) -> None:
    places = np.random.default_rng(code).uniform((124.0, 33.0), (131.0, 42.0), (200, 2))
    moved = np.column_stack(_there(code).transform(*places.T))
    found = to_wgs84(f"EPSG:{code}")(shapely.MultiPoint(moved))
    assert shapely.get_coordinates(found) == pytest.approx(places, abs=2e-6)


def test_what_crosses_the_antimeridian_in_metres_is_refused() -> None:
    shaper = to_wgs84("EPSG:32601")  # UTM zone 1: 180 to 174 degrees west, and what lies beside
    box = shapely.box(300_000, 7_000_000, 400_000, 7_100_000)
    assert shaper(box) == "across-antimeridian"
    assert not isinstance(shaper(shapely.box(400_000, 7_000_000, 500_000, 7_100_000)), str)


@pytest.mark.parametrize(
    "definition", ["", "nonsense", "EPSG:0", 'LOCAL_CS["x"]', "x" * 70_000, "\0", "EPSG:5703"]
)
def test_what_is_no_place_on_the_earth_is_refused(definition: str) -> None:
    with pytest.raises(UnreadablePush) as caught:
        to_wgs84(definition)
    assert (caught.value.code, bool(caught.value.remedy)) == ("crs-unsupported", True)
