from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import UnreadablePush
from ingest.layers.geojson_polygons import decode_polygons
from ingest.layers.polygons import PolygonLayer
from ingest.layers.wanted import Wanted
from ingest.layers.zipped_shapefile import decode_shapefile
from tests.ingest.layers.vectors import OTHER, SQUARE, by_gdal, shapefile_parts, zipped

KIND = Wanted("kind", "since")
PARTS = shapefile_parts()


def shapes(layer: PolygonLayer) -> list[shapely.Geometry]:
    return [shapely.from_wkb(each.wkb) for each in layer.features]


def test_classes_dates_and_holes() -> None:
    holed = SQUARE.difference(shapely.box(126.1, 34.1, 126.2, 34.2))
    parts = shapefile_parts([holed, OTHER], ["marsh", "paddy"], since=["2001-02-03", ""])
    layer = decode_shapefile(zipped(parts), KIND)
    assert layer.classes == ["marsh", "paddy"]
    assert [str(each.designated_on) for each in layer.features] == ["2001-02-03", "None"]
    assert shapes(layer)[0].equals(holed)


@pytest.mark.parametrize("name", ["ne_50m_admin_0_countries_neasia", "ne_10m_lakes_neasia"])
@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")  # GDAL shortens the names of columns
@pytest.mark.filterwarnings("ignore:.*:UserWarning")
def test_what_gdal_writes_is_read_as_its_geojson_is(name: str, shared_data: Path) -> None:
    source = shared_data / "habitat/naturalearth" / f"{name}.geojson"
    plain = decode_polygons(source.read_bytes(), class_property="name")
    layer = decode_shapefile(by_gdal(source, "ESRI Shapefile", encoding="UTF-8"), Wanted("name"))
    assert (layer.classes, layer.units) == (plain.classes, plain.units)
    for a, b in zip(shapes(layer), shapes(plain), strict=True):
        assert shapely.symmetric_difference(a, b).area <= 1e-9 * b.area


@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:.*:UserWarning")
def test_a_prj_of_metres_is_transformed(shared_data: Path) -> None:
    source = shared_data / "habitat/yellow_sea_coast/coast-2016.geojson"
    try:
        plain = decode_polygons(source.read_bytes())
        layer = decode_shapefile(by_gdal(source, "ESRI Shapefile", crs=32651), Wanted())
    except UnreadablePush as error:  # the coast of this set may be lines
        pytest.fail(error.detail)
    assert layer.units == plain.units
    for a, b in zip(shapes(layer), shapes(plain), strict=False):
        assert shapely.symmetric_difference(a, b).area <= 1e-7 * b.area


@pytest.mark.parametrize(
    ("word", "encoding", "said"),
    [
        ("沼泽", "gbk", "GBK"), ("沼泽", "gbk", "936"), ("沼泽", "utf-8", "65001"),
        ("습지", "cp949", "949"), ("湿地", "cp932", "Shift_JIS"), ("болото", "cp1251", "ANSI 1251"),
        ("marécage", "latin-1", "88591"), ("болото", "utf-8", ""), ("沼泽", "utf-8", "\ufeffUTF-8"),
    ],
)  # fmt: skip
def test_texts_are_read_in_the_encoding_of_the_cpg(word: str, encoding: str, said: str) -> None:
    parts = shapefile_parts(kinds=[word], encoding=encoding) | {
        "a.cpg": said.encode("utf-8-sig" if said.startswith("\ufeff") else "ascii", "ignore")
    }
    assert decode_shapefile(zipped(parts), KIND).classes == [word]


def test_without_a_cpg_the_dbf_tells_its_code_page() -> None:
    parts = shapefile_parts(kinds=["沼泽"], encoding="gbk")
    dbf = bytearray(parts["a.dbf"])
    dbf[29] = 0x4D
    assert decode_shapefile(zipped(parts | {"a.dbf": bytes(dbf)}), KIND).classes == ["沼泽"]


def test_a_text_cut_within_a_character_loses_that_alone() -> None:
    whole = shapefile_parts(kinds=["沼" * 20])["a.dbf"]
    cut = whole.replace("沼".encode() * 20, "沼".encode() * 19 + b"\xe6\xb2 ")
    assert cut != whole
    found = decode_shapefile(zipped(PARTS | {"a.dbf": cut, "a.cpg": b"UTF-8"}), KIND)
    assert found.classes == ["沼" * 19]


def test_names_in_the_zip_are_no_paths() -> None:
    renamed = {f"../../../etc/{name}": content for name, content in PARTS.items()}
    assert decode_shapefile(zipped(renamed), KIND).classes == ["marsh"]
    upper = {name.upper(): content for name, content in PARTS.items()}
    assert decode_shapefile(zipped(upper), KIND).classes == ["marsh"]
    twins = PARTS | {f"__MACOSX/._{name}": b"junk" for name in PARTS}
    assert decode_shapefile(zipped(twins), KIND).classes == ["marsh"]


def without(*ends: str) -> bytes:
    return zipped({name: c for name, c in PARTS.items() if not name.endswith(ends)})


def changed(name: str, at: int, value: bytes) -> bytes:
    content = bytearray(PARTS[name])
    content[at : at + len(value)] = value
    return zipped(PARTS | {name: bytes(content)})


def encrypted() -> bytes:
    payload = bytearray(zipped(PARTS))
    for mark, at in ((b"PK\1\2", 8), (b"PK\3\4", 6)):
        start = 0
        while (start := payload.find(mark, start)) >= 0:
            payload[start + at] |= 1
            start += 4
    return bytes(payload)


HOSTILE = {
    "nothing but a mark": (b"PK\3\4", "archive-damaged"),
    "cut": (zipped(PARTS)[:400], "archive-damaged"),
    "a checksum that fails": (
        zipped(PARTS, zipfile.ZIP_STORED).replace(b"marsh", b"marsx", 1), "archive-damaged"
    ),
    "no member": (zipped({}), "shapefile-incomplete"),
    "no shape": (without(".shp"), "shapefile-incomplete"),
    "no table": (without(".dbf"), "shapefile-incomplete"),
    "no coordinate system": (without(".prj"), "crs-unsupported"),
    "a text alone": (zipped({"readme.txt": b"hello"}), "shapefile-incomplete"),
    "an archive in it": (zipped({"a.zip": zipped(PARTS)}), "shapefile-incomplete"),
    "two of them": (
        zipped(PARTS | {n.replace("a.", "b."): c for n, c in PARTS.items()}), "layer-ambiguous"
    ),
    "too many members": (zipped({f"{n}.txt": b"" for n in range(1_001)}), "shapefile-incomplete"),
    "encrypted": (encrypted(), "archive-method"),
    "a bomb": (zipped(PARTS | {"a.shp": b"\0" * 4_000_000}), "archive-ratio"),
    "a prj of nothing": (zipped(PARTS | {"a.prj": b""}), "crs-unsupported"),
    "a prj of noise": (zipped(PARTS | {"a.prj": bytes(range(256))}), "crs-unsupported"),
    "a prj of no place": (zipped(PARTS | {"a.prj": b'LOCAL_CS["x"]'}), "crs-unsupported"),
    "an encoding of none": (zipped(PARTS | {"a.cpg": b"klingon"}), "encoding-unknown"),
    "an encoding of no text": (zipped(PARTS | {"a.cpg": b"zlib"}), "encoding-unknown"),
    "an encoding that it is not": (
        zipped(shapefile_parts(kinds=["沼泽"], encoding="gbk")), "encoding-unknown"
    ),
    "no shapefile": (zipped(PARTS | {"a.shp": b"nonsense" * 40}), "shapefile-unreadable"),
    "an empty shape": (zipped(PARTS | {"a.shp": b""}), "shapefile-unreadable"),
    "an empty table": (zipped(PARTS | {"a.dbf": b""}), "shapefile-unreadable"),
    "shapes of another table": (
        zipped(shapefile_parts([SQUARE] * 2, ["a"] * 2, since=["", ""])
               | {"a.dbf": PARTS["a.dbf"]}), "shapefile-unreadable"
    ),
    "parts without end": (changed("a.shp", 144, b"\xff\xff\xff\x7f"), "shapefile-unreadable"),
    "points without end": (changed("a.shp", 148, b"\xff\xff\xff\x7f"), "shapefile-unreadable"),
    "records without end": (changed("a.dbf", 4, b"\xff\xff\xff\x7f"), "shapefile-unreadable"),
    "cut in its points": (zipped(PARTS | {"a.shp": PARTS["a.shp"][:-20]}), "shapefile-unreadable"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_every_hostile_file_gets_its_code(name: str) -> None:
    payload, code = HOSTILE[name]
    with pytest.raises(UnreadablePush) as caught:
        decode_shapefile(payload, KIND)
    assert caught.value.code == code
    assert caught.value.remedy


def test_a_shapefile_is_named_where_there_are_several() -> None:
    payload = zipped(PARTS | {n.replace("a.", "b."): c for n, c in PARTS.items()})
    assert len(decode_shapefile(payload, Wanted(table="b")).features) == 1


def test_points_are_no_areas() -> None:
    parts = shapefile_parts([shapely.Point(1, 1)])
    assert [r.code for r in decode_shapefile(zipped(parts), KIND).refusals] == ["geometry-type"]


@given(st.sampled_from(sorted(PARTS)), st.data())
@settings(max_examples=25)
def test_whatever_is_damaged_is_read_or_refused(name: str, data: st.DataObject) -> None:
    content = bytearray(PARTS[name])
    for _ in range(data.draw(st.integers(0, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        layer = decode_shapefile(zipped(PARTS | {name: bytes(content)}), KIND)
    except UnreadablePush:
        pass
    else:
        assert layer.units == len(layer.features) + len(layer.refusals)
