from __future__ import annotations

from collections.abc import Callable

from ingest import Decoded, decode

Values = Callable[[Decoded], list[dict[str, object]]]
NOW_US = 1_795_000_000_000_000


def test_each_kind_of_unit_of_one_push(sample: Callable[[str], bytes], values: Values) -> None:
    decoded = decode(sample("fixes_ornitela.csv"), now_us=NOW_US)
    assert (decoded.format, decoded.warnings) == ("ornitela-csv", [])
    assert [(r.unit, r.code) for r in decoded.refusals] == [(5, "coordinate-not-a-number")]
    assert values(decoded) == [
        {
            "tag": "226976",
            "individual": "Ada",
            "sensor": "gps",
            "time_us": 1737191411000000,
            "lon": 116.3701844215393,
            "lat": 29.39453125,
            "height_m": 12.0,
            "ground_speed_m_s": 10.0,
            "heading_deg": 90.0,
            "satellites": 7,
            "dop": 1.2,
            "battery_v": 3.702,
            "temperature_c": 21.5,
        },
        {
            "tag": "226976",
            "individual": "Ada",
            "sensor": "gps",
            "time_us": 1737192011000000,
            "satellites": 0,
            "battery_v": 3.701,
        },
        {
            "tag": "226976",
            "individual": "Ada",
            "sensor": "other",
            "time_us": 1737192012050000,
            "satellites": 0,
            "battery_v": 3.701,
            "temperature_c": 20.0,
        },
        {"tag": "226976", "individual": "Ada", "sensor": "other", "time_us": 1737192012100000},
    ]


def test_a_fix_on_the_crossing_of_equator_and_meridian_is_one(
    sample: Callable[[str], bytes],
) -> None:
    lines = sample("fixes_ornitela.csv").split(b"\n")
    lines[1] = lines[1].replace(b"29.394531250000000,116.370184421539307", b"0,0")
    rows = decode(b"\n".join(lines[:2]), now_us=NOW_US).records
    assert rows.select("lon", "lat").rows() == [(0.0, 0.0)]


def test_a_bar_of_thousands_of_sensor_rows_keeps_their_order(
    sample: Callable[[str], bytes],
) -> None:
    lines = sample("fixes_ornitela.csv").split(b"\n")
    many = [lines[4].replace(b",100,", b",%d," % n) for n in range(0, 1_000, 50)]
    times = decode(b"\n".join([lines[0], *many]), now_us=NOW_US).records["time_us"]
    assert times.diff().drop_nulls().unique().to_list() == [50_000]


def test_the_two_thermometers_are_not_mixed(sample: Callable[[str], bytes]) -> None:
    """A tag with a probe for water: some rows have one temperature, some the other, some both."""
    header, fix, *_ = sample("fixes_ornitela.csv").decode().splitlines()
    rows = []
    for n, (inside, outside) in enumerate([("21.5", "4.5"), ("21.5", ""), ("", "4.5")]):
        cells = fix.replace("09:10:11", f"09:10:1{n}").split(",")
        cells[header.split(",").index("int_temperature_C")] = inside
        cells[header.split(",").index("ext_temperature_C")] = outside
        rows.append(",".join(cells))
    decoded = decode("\n".join([header, *rows, ""]).encode(), now_us=NOW_US)
    assert decoded.records["temperature_c"].to_list() == [21.5, 21.5, None]


def test_a_sensor_row_that_repeats_the_last_fix_is_a_reading(
    sample: Callable[[str], bytes],
) -> None:
    """As its files hold them: place and satellites of the fix stand on each row of the burst."""
    header, fix, *_ = sample("fixes_ornitela.csv").decode().splitlines()
    burst = [
        fix.replace(",GPS,", f",SEN_ALL_20Hz{end},").replace("09:10:11", f"09:10:1{n}")
        for n, end in enumerate(["_START", "", "_END"], start=2)
    ]
    records = decode("\n".join([header, fix, *burst, ""]).encode(), now_us=NOW_US).records
    assert records["sensor"].to_list() == ["gps", "other", "other", "other"]
    assert records["lon"].is_null().to_list() == [False, True, True, True]
    assert records["battery_v"].to_list() == [3.702] * 4


def test_tags_with_one_thermometer_name_it_otherwise(sample: Callable[[str], bytes]) -> None:
    text = sample("fixes_ornitela.csv")
    old = text.replace(b"int_temperature_C", b"temperature_C").replace(b"MSL_altitude", b"Altitude")
    old = old.replace(b"speed_km/h", b"speed_km_h")
    assert decode(old, now_us=NOW_US).records.equals(decode(text, now_us=NOW_US).records)
