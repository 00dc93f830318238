"""What JSON says at places that are not read is told; what makers send beside fixes is no noise."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from ingest import decode, decode_many, read_mapping
from ingest.formats.elsewhere import seems_placed
from ingest.record import Decoded

NOW_US = 1_795_000_000_000_000
FIX = {"tag": "7", "time": "2024-03-01T08:00:00Z"}


@pytest.mark.parametrize(
    "place",
    [
        {"longitude": 116, "latitude": 29},
        {"lon": None, "lat": None, "Lng": "116,5", "Lat": "29"},
        {"location": {"lon": 116, "lat": 29}},
        {"geometry": {"type": "Point", "coordinates": [116, 29]}},
        {"properties": {"position": {"location-long": 0.0}}},
    ],
)
def test_a_position_that_nobody_reads_is_refused(place: dict[str, object]) -> None:
    sent = json.dumps({"fixes": [{**FIX, "lon": 1, "lat": 2}, {**FIX, **place}]}).encode()
    decoded = decode(sent, format="flyways-json", now_us=NOW_US)
    assert [(each.unit, each.code) for each in decoded.refusals] == [(2, "position-elsewhere")]
    for each in decode_many([sent, sent], format="flyways-json", now_us=[NOW_US] * 2):
        assert isinstance(each, Decoded)
        assert each.refusals == decoded.refusals
    collar = {"idCollar": 1, "acquisitionTime": "2024-03-01T08:00:00"}
    ours = {"longitude", "latitude"} & place.keys()
    decoded = decode(json.dumps([collar | place]).encode(), now_us=NOW_US)
    assert [each.code for each in decoded.refusals] == ([] if ours else ["position-elsewhere"])


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"location": "Poyang Lake", "position": "perched"},
        {"longitude": None, "latitude": ""},
        {"geometry": None, "coordinates": []},
        {"battery": {"lon": 1}},
    ],
)
def test_an_element_without_position_stays_a_record(more: dict[str, object]) -> None:
    assert not seems_placed(FIX | more)
    decoded = decode(json.dumps([FIX | more]).encode(), format="flyways-json", now_us=NOW_US)
    assert decoded.records["lon"].to_list() == [None]


def test_a_mapping_that_names_other_paths_is_told() -> None:
    terms = {"timestamp": "time", "location-long": "x", "location-lat": "y", "tag-id": "tag"}
    mapping = read_mapping({"kind": "json", "terms": terms})
    sent = json.dumps({"fixes": [FIX | {"lon": 1, "lat": 2}], "data": [FIX]}).encode()
    decoded = decode(sent, mapping=mapping, now_us=NOW_US)
    assert [each.code for each in decoded.refusals] == ["position-elsewhere"]
    (warning,) = decoded.warnings
    assert (warning.code, "'data' 1" in warning.detail) == ("list-unread", True)


@pytest.mark.parametrize(
    "name",
    [
        "positions_vectronic.json", "individuals_movebank.json", "positions_traccar.json",
        "records_druid.json", "fixes.json", "positions_lotek.json", "messages_cls.json",
        "observations_earthranger.json", "posts_movebank.json", "observations_gundi.json",
    ],
)  # fmt: skip
def test_samples_of_makers_make_no_noise(sample: Callable[[str], bytes], name: str) -> None:
    decoded = decode(sample(name), now_us=NOW_US)
    assert "list-unread" not in {each.code for each in decoded.warnings}
    assert "position-elsewhere" not in {each.code for each in decoded.refusals}
