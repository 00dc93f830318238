from __future__ import annotations

import json

import pytest

from ingest import Decoded, decode, read_mapping
from ingest.formats.pairs import by_rank

NOW_US = 1_795_000_000_000_000


def table(rows: list[str], header: str, terms: dict[str, object]) -> Decoded:
    mapping = read_mapping({"kind": "table", "terms": {"timestamp": "t", "tag-id": "n"} | terms})
    text = "\n".join([header, *rows, ""]).encode()
    return decode(text, mapping=mapping, now_us=NOW_US)


def places(decoded: Decoded) -> list[tuple[object, ...]]:
    return decoded.records.select("lon", "lat").rows()


TWO = {"location-long": ["gx", "ax"], "location-lat": ["gy", "ay"]}


@pytest.mark.parametrize(
    ("cells", "place"),
    [
        ("116.3,29.1,50.0,60.0", (116.3, 29.1)),
        (",29.1,50.0,60.0", (50.0, 60.0)),
        ("116.3,,50.0,60.0", (50.0, 60.0)),
        (",,50.0,60.0", (50.0, 60.0)),
        (",,,", (None, None)),
    ],
)
def test_a_place_is_of_one_pair(cells, place) -> None:
    decoded = table([f"2024-03-01 10:00,7,{cells}"], "t,n,gx,gy,ax,ay", TWO)
    assert places(decoded) == [place]
    assert not decoded.refusals


@pytest.mark.parametrize("cells", ["116.3,,,60.0", ",29.1,50.0,"])
def test_halves_of_two_pairs_are_no_place(cells) -> None:
    decoded = table([f"2024-03-01 10:00,7,{cells}"], "t,n,gx,gy,ax,ay", TWO)
    assert [each.code for each in decoded.refusals] == ["position-incomplete"]


def test_text_in_the_first_pair_is_refused_as_before() -> None:
    decoded = table(["2024-03-01 10:00,7,east,29.1,50.0,60.0"], "t,n,gx,gy,ax,ay", TWO)
    assert [each.code for each in decoded.refusals] == ["coordinate-not-a-number"]


def test_a_column_that_is_not_there_leaves_its_pair_out() -> None:
    decoded = table(["2024-03-01 10:00,7,116.3,50.0,60.0"], "t,n,gx,ax,ay", TWO)
    assert places(decoded) == [(50.0, 60.0)]


def test_of_pairs_in_json_neither_half_goes_with_another() -> None:
    element = {
        "manufacturer_id": "7",
        "recorded_at": "2024-03-01T10:00:00Z",
        "location": {"lon": 116.3, "latitude": 60.0, "longitude": 50.0},
    }
    decoded = decode(json.dumps([element]).encode(), format="earthranger-json", now_us=NOW_US)
    assert places(decoded) == [(50.0, 60.0)]


def test_the_shorter_list_gives_its_last_name() -> None:
    assert by_rank([0, 1, 2], [5]) == [(0, 5), (1, 5), (2, 5)]
    assert by_rank([None, 1], [3, None]) == [(1, 3)]
