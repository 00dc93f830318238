from __future__ import annotations

from collections.abc import Callable

import pytest

from ingest import Decoded, decode, sniff

Values = Callable[[Decoded], list[dict[str, object]]]
NOW_US = 1_795_000_000_000_000


def test_each_kind_of_unit_of_one_push(sample: Callable[[str], bytes], values: Values) -> None:
    decoded = decode(sample("locations_wildlife.csv"), now_us=NOW_US)
    assert (decoded.format, decoded.warnings) == ("wildlife-csv", [])
    assert [(r.unit, r.code) for r in decoded.refusals] == [(5, "time-unreadable")]
    assert values(decoded) == [
        {
            "tag": "106744",
            "individual": "Ada",
            "sensor": "argos",
            "time_us": 1471474096000000,
            "lon": -70.6673,
            "lat": 41.5324,
            "error_m": 159.0,
            "argos_class": "3",
            "semi_major_m": 359.0,
            "semi_minor_m": 70.0,
            "orientation_deg": 101.0,
        },
        {
            "tag": "106744",
            "sensor": "argos",
            "time_us": 1471474120250000,
            "lon": -70.667,
            "lat": 41.532,
            "argos_class": "B",
        },
        {
            "tag": "106744",
            "individual": "Ada",
            "sensor": "gps",
            "time_us": 1471474800000000,
            "lon": -70.6,
            "lat": 41.5,
            "satellites": 7,
        },
        {
            "tag": "106744",
            "individual": "Ada",
            "sensor": "other",
            "time_us": 1472320800000000,
            "lon": -70.6,
            "lat": 41.5,
        },
    ]


@pytest.mark.parametrize(
    ("name", "units", "placed"), [("Locations", 543, 543), ("Argos", 1_349, 1_051)]
)
def test_real_tables_are_read_whole(
    real: Callable[[str], bytes], name: str, units: int, placed: int
) -> None:
    payload = real(f"telemetry/argos_wildlife_computers/106744-{name}.csv")
    decoded = decode(payload, now_us=NOW_US)
    assert (decoded.format, decoded.units, decoded.refusals) == ("wildlife-csv", units, [])
    assert decoded.warnings == []
    assert decoded.records["lon"].count() == placed


def test_a_summary_of_the_portal_is_no_table_of_fixes(real: Callable[[str], bytes]) -> None:
    assert sniff(real("telemetry/argos_wildlife_computers/106744-Summary.csv")) is None


def test_a_table_of_depths_is_none_of_passes() -> None:
    """Its location is that of the nearest pass, not of the time when it was so deep and warm."""
    header = "DeployID,Ptt,DepthSensor,Instr,Date,LocationQuality,Latitude,Longitude,Depth,Source\n"
    assert (
        sniff(f"{header}1,40001,,Mk10,11:00:00 26-Jul-2017,2,29.1,116.2,0.0,Status\n".encode())
        is None
    )
