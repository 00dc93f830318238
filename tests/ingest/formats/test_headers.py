from __future__ import annotations

import pytest

from ingest import decode
from ingest.formats.headers import Headers

NOW_US = 1_795_000_000_000_000
HEADER = "timestamp,location-long,location-lat,tag-local-identifier"


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (HEADER, "same"),
        ("\ufefftimestamp,location.long,location.lat,tag_local_identifier,,", "same"),
        ("timestamp,location-lat,location-long,tag-local-identifier", "other"),
        ("tag-local-identifier,timestamp,location-long,location-lat", "other"),
        ("timestamp,x,y,id", "other"),
        ("timestamp,80,46,7", ""),
        ("when,x,y,tag-local-identifier", ""),
        ("2024-03-01 08:00,location-long,location-lat,7", ""),
        (",,,", ""),
        ("", ""),
    ],
)
def test_which_rows_are_header_lines(row: str, kind: str) -> None:
    assert Headers(HEADER.split(","), 0).kind(row.split(",")) == kind


@pytest.mark.parametrize("tail", ["", "x,y\n"])
def test_rows_below_another_header_line_are_refused_up_to_the_first_one(tail: str) -> None:
    text = f"""{HEADER}
2024-03-01 08:00,80.1,46.1,7
timestamp,location-lat,location-long,tag-local-identifier
2024-03-01 09:00,46.2,80.2,7
2024-03-01 10:00,46.3,80.3
{HEADER}
2024-03-01 11:00,80.4,46.4,7
{tail}"""
    found = decode(text.encode(), now_us=NOW_US)
    assert found.records["lon"].to_list() == [80.1, 80.4]
    assert [(r.unit, r.code) for r in found.refusals][:3] == [
        (unit, "header-differs") for unit in (2, 3, 4)
    ]
    assert found.refusals[0].offset == text.index("timestamp,location-lat")
