from __future__ import annotations

from collections.abc import Callable

from ingest import Decoded, decode

Values = Callable[[Decoded], list[dict[str, object]]]
NOW_US = 1_795_000_000_000_000


def test_each_kind_of_unit_of_one_push(sample: Callable[[str], bytes], values: Values) -> None:
    decoded = decode(sample("track.gpx"), now_us=NOW_US)
    assert (decoded.format, decoded.warnings) == ("gpx", [])
    assert [(r.unit, r.code) for r in decoded.refusals] == [
        (4, "coordinate-not-a-number"),
        (5, "time-unreadable"),
    ]
    assert values(decoded) == [
        {"tag": "W1", "sensor": "gps", "time_us": 1577836800000000, "lon": 116.125, "lat": 29.25},
        {
            "tag": "Ada",
            "sensor": "gps",
            "time_us": 1577840400000000,
            "lon": 116.25,
            "lat": 29.5,
            "height_m": 12.5,
            "satellites": 7,
            "dop": 1.5,
        },
        {"tag": "Ada", "sensor": "gps", "time_us": 1577844000500000, "lon": 116.5, "lat": 29.5},
    ]


def test_what_has_no_name_takes_the_tag_that_is_told(sample: Callable[[str], bytes]) -> None:
    nameless = sample("track.gpx").replace(b"<trk><name>Ada</name>", b"<trk><name> </name>")
    alone = decode(nameless, now_us=NOW_US)
    assert [r.code for r in alone.refusals] == ["no-animal-or-tag"] * 4
    told = decode(nameless, tag="7304", now_us=NOW_US)
    assert told.records["tag"].to_list() == ["W1", "7304", "7304"]
    assert [r.unit for r in told.refusals] == [4, 5]
    assert [(w.code, w.detail) for w in told.warnings] == [
        (
            "tag-not-used",
            "Units that name their tag or bird, so that the tag told with the push, '7304', was"
            " not used of them: 1.",
        )
    ]


def test_a_tag_that_all_points_take_is_told_to_be_used(sample: Callable[[str], bytes]) -> None:
    nameless = sample("track.gpx").replace(b"<name>Ada</name>", b"").replace(b"W1", b"")
    told = decode(nameless, tag="7304", now_us=NOW_US)
    assert (set(told.records["tag"]), told.warnings) == ({"7304"}, [])
    assert decode(sample("track.gpx"), tag="Ada", now_us=NOW_US).warnings[0].counts == {"units": 1}
