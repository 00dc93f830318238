from __future__ import annotations

from collections.abc import Callable

from ingest import Decoded, decode

Values = Callable[[Decoded], list[dict[str, object]]]
NOW_US = 1_795_000_000_000_000


def test_each_kind_of_attempt(sample: Callable[[str], bytes], values: Values) -> None:
    decoded = decode(sample("fixes_eobs.txt"), tz="Asia/Ulaanbaatar", now_us=NOW_US)
    assert (decoded.format, decoded.warnings) == ("eobs-csv", [])
    # A fix whose own time is blank is not put at the time when the receiver was switched on.
    assert [(r.unit, r.code) for r in decoded.refusals] == [(4, "time-unreadable")]
    assert values(decoded) == [
        {
            "tag": "5120",
            "sensor": "gps",
            "time_us": 1427094022998000,
            "lon": 114.5512345,
            "lat": 48.1023456,
            "height_m": 612.4,
            "ground_speed_m_s": 0.7,
            "heading_deg": 198.57,
            "error_m": 18.43,
            "battery_v": 3.857,
            "temperature_c": 14.0,
        },
        {
            "tag": "5120",
            "sensor": "gps",
            "time_us": 1427097609000000,
            "battery_v": 3.898,
            "temperature_c": 0.0,
        },
        {
            "tag": "5120",
            "sensor": "gps",
            "time_us": 1427101200000000,
            "battery_v": 3.713,
            "temperature_c": -3.0,
        },
        {
            "tag": "5120",
            "sensor": "gps",
            "time_us": 1427108450001000,
            "lon": 114.5598765,
            "lat": 48.1187654,
            "height_m": 598.0,
            "ground_speed_m_s": 14.25,
            "heading_deg": 328.34,
            "error_m": 5.38,
            "battery_v": 3.721,
            "temperature_c": 10.0,
        },
    ]


def test_bursts_are_records_without_position(
    sample: Callable[[str], bytes], values: Values
) -> None:
    decoded = decode(sample("bursts_eobs.txt"), now_us=NOW_US)
    assert [(r.unit, r.code) for r in decoded.refusals] == [(3, "time-unreadable")]
    assert values(decoded) == [
        {"tag": "5120", "sensor": "other", "time_us": 1427094300000000},
        {"tag": "5120", "sensor": "other", "time_us": 1427094600000000},
    ]


def test_newer_columns_are_read() -> None:
    text = (
        b"key-bin-checksum,tag-serial-number,timestamp-of-fix,start-timestamp,longitude,latitude,"
        b"dop,satellite-count\n"
        b"1,5120,2025-12-01 03:00:20.000,2025-12-01 03:00:00.000,36.9,.3,1.4,9\n"
    )
    row = decode(text, now_us=NOW_US).records.row(0, named=True)
    assert (row["dop"], row["satellites"], row["time_us"] % 60_000_000) == (1.4, 9, 20_000_000)


def test_the_same_tag_through_movebank_is_the_same_record(
    sample: Callable[[str], bytes], values: Values
) -> None:
    header, *rows = sample("fixes_eobs.txt").decode().splitlines()
    names = {
        "tag-serial-number": "tag-local-identifier",
        "timestamp-of-fix": "timestamp",
        "longitude": "location-long",
        "latitude": "location-lat",
        "speed-over-ground": "ground-speed",
        "heading-degree": "heading",
    }
    terms = [
        names.get(name, name if name.startswith("height") else f"eobs:{name}")
        for name in header.split(",")
    ]
    text = "\n".join([",".join([*terms, "eobs:activity"]), rows[0] + ",7", rows[1] + ",8"]).encode()
    decoded = decode(text, now_us=NOW_US)
    assert (decoded.format, decoded.refusals, decoded.warnings) == ("movebank-csv", [], [])
    own = values(decode(sample("fixes_eobs.txt"), now_us=NOW_US))[:2]
    assert values(decoded) == [row | {"activity": n} for row, n in zip(own, (7, 8), strict=True)]


def test_volts_and_zeros_of_other_decoders(sample: Callable[[str], bytes]) -> None:
    header, first, *_ = sample("fixes_eobs.txt").decode().splitlines()
    names = header.split(",")
    row = dict(zip(names, first.split(","), strict=True))
    sent = [row | {"battery-voltage": "3.9"}]
    sent.append(row | {"timestamp-of-fix": "", "longitude": "0.0", "latitude": "0", "status": "D"})
    lines = [header, *(",".join(each[name] for name in names) for each in sent)]
    decoded = decode("\n".join(lines).encode(), now_us=NOW_US)
    assert decoded.refusals == []
    assert decoded.records["battery_v"][0] == 3.9
    assert decoded.records["lon"].is_null().to_list() == [False, True]
