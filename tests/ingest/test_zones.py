"""Times with and without a zone, in every format: the text, the maker or the source says which."""

from __future__ import annotations

import pytest

from ingest import decode
from ingest.clock import HOUR_US
from tests.ingest.hostile import GOOD, TEMPLATES, Template

NOW_US = 1_795_000_000_000_000
DECLARED = {
    "movebank-csv", "flyways-json", "earthranger-json", "traccar-json", "geojson-points", "gpx",
    "microwave-tab",
}  # fmt: skip
"""Formats whose times without a zone are in that of the source; other makers state UTC."""

PLAIN = [t for t in TEMPLATES if t.good.get("time") == GOOD["time"] and t.family != "argos-text"]


def time_us(template: Template, text: str, tz: str) -> int:
    unit = template.unit.format(**template.good | {"time": text})
    payload = (template.begin + unit + template.end).encode()
    decoded = decode(payload, format=template.format, tz=tz, now_us=NOW_US)
    assert not decoded.refusals
    return int(decoded.records["time_us"][0])


@pytest.mark.parametrize("template", PLAIN, ids=lambda template: template.format)
def test_a_time_without_a_zone_is_that_of_the_source_or_of_the_maker(template: Template) -> None:
    there = time_us(template, GOOD["time"], "UTC+8")
    moved = time_us(template, GOOD["time"], "UTC") - there
    assert moved == (8 * HOUR_US if template.format in DECLARED else 0)


@pytest.mark.parametrize("template", PLAIN, ids=lambda template: template.format)
def test_a_time_with_a_zone_keeps_it_whatever_the_source_declares(template: Template) -> None:
    utc = time_us(template, GOOD["time"], "UTC")
    for tz in ("UTC+8", "Asia/Seoul"):
        assert time_us(template, "2018-07-05T10:48:10Z", tz) == utc
        assert time_us(template, "2018-07-05T18:48:10+08:00", tz) == utc
        assert time_us(template, "2018-07-05 06:18:10-04:30", tz) == utc


def test_both_may_stand_in_one_push() -> None:
    text = (
        "timestamp,location-long,location-lat,tag-id\n"
        "2018-07-05 18:48:10,1,2,7\n2018-07-05T10:48:10Z,1,2,8\n"
    )
    rows = decode(text.encode(), tz="Asia/Shanghai", now_us=NOW_US).records
    assert rows["time_us"].n_unique() == 1
