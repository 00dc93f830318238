from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import UnreadablePush
from ingest.layers import polygons
from ingest.layers.polygons import CLASS_MAX_CHARS, PolygonLayer, RawFeature, build_layer

SQUARE = [[[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0], [0.0, 0.0]]]
BOW_TIE = [[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]]


def raw(coordinates: object = SQUARE, kind: object = "Polygon", **properties: object) -> RawFeature:
    return RawFeature(kind, coordinates, properties)


def only(layer: PolygonLayer) -> shapely.Geometry:
    (feature,) = layer.features
    return shapely.from_wkb(feature.wkb)


def codes(*features: RawFeature, by: str | None = None) -> list[str]:
    return [refusal.code for refusal in build_layer(features, by).refusals]


def ring(*corners: tuple[float, float]) -> list[list[list[float]]]:
    return [[[float(v) for v in corner] for corner in (*corners, corners[0])]]


def test_nothing_is_a_layer_of_nothing() -> None:
    assert build_layer([], "cover") == PolygonLayer([], [], [], [])


@pytest.mark.parametrize("value", ["a\0b", "\x1b[31mred", "a\nb", "\x7f"])
def test_names_that_no_database_keeps_are_refused(value: str) -> None:
    assert codes(raw(cover=f"x{value}y"), by="cover") == ["control-character"]
    assert codes(raw(name=f"x{value}y")) == ["control-character"]
    assert codes(raw(note=value)) == []  # what is not taken does no harm


def test_classes_alike_in_their_first_characters_are_never_merged() -> None:
    start = "x" * (CLASS_MAX_CHARS - 1)
    layer = build_layer([raw(cover=start + end) for end in ("a", "b")], "cover")
    assert layer.classes == [start + "a", start + "b"]
    assert (
        codes(raw(cover=start + "ab"), raw(cover=start + "ac"), by="cover") == ["name-too-long"] * 2
    )


@pytest.mark.parametrize(
    ("value", "label"),
    [
        (" marsh ", "marsh"),
        ("芦苇\u3000湿地", "芦苇\u3000湿地"),
        (0, "0"),
        (-3, "-3"),
        (1.5, "1.5"),
    ],
)
def test_a_class_is_named_as_sent(value: object, label: str) -> None:
    assert build_layer([raw(cover=value)], "cover").classes == [label]


@pytest.mark.parametrize("value", [None, True, False, "", "  ", [], {}, ["marsh"]])
def test_what_names_no_class_is_told(value: object) -> None:
    assert codes(raw(cover=value), by="cover") == ["class-missing"]


@pytest.mark.parametrize("properties", [None, [], "cover", 7])
def test_properties_may_be_anything(properties: object) -> None:
    feature = RawFeature("Polygon", SQUARE, properties)
    assert codes(feature, by="cover") == ["class-missing"]
    assert build_layer([feature], None).classes == ["inside"]


def test_the_first_name_that_says_something_is_taken_and_cut() -> None:
    for properties, name in (
        ({"NAME": "B", "name": "A"}, "A"),
        ({"NAME": "B", "name": ""}, "B"),
        ({"name": 7, "Name": "C"}, "C"),
        ({"name_en": "D", "ADMIN": "E"}, "E"),
        ({"name": "n" * 500}, "n" * CLASS_MAX_CHARS),
        ({"title": "F"}, None),
    ):
        assert build_layer([raw(**properties)], None).features[0].name == name


def test_a_class_without_any_kept_area_is_no_class() -> None:
    layer = build_layer([raw([], cover="gone"), raw(cover="kept")], "cover")
    assert (layer.classes, layer.features[0].class_index) == (["kept"], 0)


def test_only_repairs_that_were_kept_are_counted() -> None:
    flat = ring((0, 0), (1, 1), (2, 2))
    assert build_layer([raw(flat)], None).warnings == []
    (warning,) = build_layer([raw(flat), raw(BOW_TIE), raw()], None).warnings
    assert warning.detail.startswith("1 feature(s)")


@pytest.mark.parametrize(
    ("value", "code"),
    [(180.0, None), (math.nextafter(180, 181), "longitude-out-of-range"), (math.nan, "nan"),
     (math.inf, "nan"), (-math.inf, "nan"), (1e308, "longitude-out-of-range")],
)  # fmt: skip
def test_longitudes_at_the_edge(value: float, code: str | None) -> None:
    expected = [] if code is None else [code.replace("nan", "coordinate-not-a-number")]
    assert codes(raw(ring((179, 0), (value, 0), (179, 1)))) == expected


@pytest.mark.parametrize("lat", [90.0, -90.0])
def test_latitudes_at_the_edge(lat: float) -> None:
    past = math.nextafter(lat, 10 * lat)
    assert codes(raw(ring((0, 0), (1, lat), (2, 0)))) == []
    assert codes(raw(ring((0, 0), (1, past), (2, 0)))) == ["latitude-out-of-range"]


@pytest.mark.parametrize("width", [3, 4])
def test_heights_and_measures_are_left_out(width: int) -> None:
    high = [[[*corner, *[7.0] * (width - 2)] for corner in SQUARE[0]]]
    area = only(build_layer([raw(high)], None))
    assert not area.has_z and area.area == 4.0


@pytest.mark.parametrize(
    "coordinates",
    [None, {}, "", 0, [[]], [[[]]], [[None]], [SQUARE], [[[0, 0]] * 3], [[[0, 0, 0, 0, 0]] * 4],
     [[[0, 10**400], [1, 0], [1, 1], [0, 10**400]]]],
)  # fmt: skip
def test_what_is_no_ring_is_told(coordinates: object) -> None:
    assert codes(raw(coordinates)) == ["geometry-malformed"]


def test_nested_beyond_reason_is_told() -> None:
    deep: object = 0.0
    for _ in range(100_000):
        deep = [deep]
    assert codes(raw(deep), raw(deep, "MultiPolygon")) == ["geometry-malformed"] * 2


def test_parts_that_overlap_are_counted_once_and_holes_are_cut() -> None:
    other = [[[x + 1, y] for x, y in SQUARE[0]]]
    assert only(build_layer([raw([SQUARE, other], "MultiPolygon")], None)).area == 6.0
    hole = ring((0.5, 0.5), (1.5, 0.5), (1.5, 1.5), (0.5, 1.5))[0]
    assert only(build_layer([raw([*SQUARE, hole])], None)).area == 3.0
    assert only(build_layer([raw([*SQUARE, hole[::-1]])], None)).area == 3.0
    assert codes(raw([*SQUARE, *SQUARE])) == ["geometry-empty"]


corner = st.tuples(st.integers(-4, 4), st.integers(-4, 4))
rings = st.lists(corner, min_size=3, max_size=7).map(lambda corners: ring(*corners)[0])


@settings(max_examples=60)
@given(rings, st.integers(0, 6), st.sampled_from([1, -1]))
def test_where_a_ring_begins_and_which_way_it_runs_is_immaterial(
    whole: list[list[float]], start: int, way: int
) -> None:
    k = start % (len(whole) - 1)
    moved = [*whole[k:-1], *whole[:k], whole[k]]
    first = build_layer([raw([whole])], None)
    second = build_layer([raw([moved[::way]])], None)
    assert [r.code for r in first.refusals] == [r.code for r in second.refusals]
    if first.features:
        assert shapely.equals(only(first), only(second))


@settings(max_examples=60)
@given(rings)
def test_a_repaired_ring_holds_what_it_winds_round_an_odd_number_of_times(
    whole: list[list[float]],
) -> None:
    layer = build_layer([raw([whole])], None)
    kept = only(layer) if layer.features else shapely.MultiPolygon()
    assert shapely.is_valid(kept)
    x, y = (v.ravel() + 1 / 3 for v in np.mgrid[-5:5:0.5, -5:5:0.5])
    y = y + 0.0123  # on no line through whole numbers
    odd = np.zeros(x.shape, dtype=bool)
    for (x1, y1), (x2, y2) in pairwise(whole):
        if y1 != y2:
            at = x1 + (y - y1) * (x2 - x1) / (y2 - y1)
            odd ^= ((y1 > y) != (y2 > y)) & (x < at)
    inside = shapely.contains_xy(kept, x, y)
    assert not np.any(odd & ~inside)  # what the even-odd rule holds is never lost


@settings(max_examples=30)
@given(st.permutations(range(5)))
def test_units_follow_the_file(order: list[int]) -> None:
    every = [raw(cover="a"), raw([], cover="b"), raw(cover="c"), raw(cover=None), raw(cover="a")]
    layer = build_layer([every[i] for i in order], "cover")
    assert [r.unit - 1 for r in layer.refusals] == [k for k, i in enumerate(order) if i in {1, 3}]
    expected = [str(every[i].properties["cover"]) for i in order if i in {0, 2, 4}]
    assert [layer.classes[f.class_index] for f in layer.features] == expected
    assert layer.units == 5


@pytest.mark.parametrize("limit", ["FEATURES_MAX", "VERTICES_MAX"])
def test_exactly_the_limit_is_within(monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    fits = {"FEATURES_MAX": 2, "VERTICES_MAX": 10}[limit]
    monkeypatch.setattr(polygons, limit, fits)
    assert build_layer([raw(), raw()], None).units == 2
    monkeypatch.setattr(polygons, limit, fits - 1)
    with pytest.raises(UnreadablePush):
        build_layer([raw(), raw()], None)


def test_the_excerpt_shows_the_properties() -> None:
    (refusal,) = build_layer([raw([], name="Bay\x00")], None).refusals
    assert refusal.excerpt == "{'name': 'Bay\\x00'}"
