from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import Decoded, UnreadablePush, decode, decode_many
from ingest.formats.flyways_json import FIELDS, KEYS, Fix
from ingest.record import RECORD_SCHEMA

NOW_US = 1_795_000_000_000_000
GOOD = b'{"tag": "7", "time": "2020-01-01T00:00:00Z", "lon": 116.0, "lat": 29.0}'


def push(text: bytes) -> Decoded:
    return decode(text, format="flyways-json", now_us=NOW_US)


def codes(text: bytes) -> list[tuple[int, str]]:
    return [(refusal.unit, refusal.code) for refusal in push(text).refusals]


def fix(**members: object) -> bytes:
    return json.dumps({"tag": "7", "time": "2020-01-01T00:00:00Z"} | members).encode()


def test_wrapped_push(sample: Callable[[str], bytes]) -> None:
    decoded = decode(sample("fixes.json"), tz="UTC+9", now_us=NOW_US)
    assert decoded.format == "flyways-json"
    assert [(r.unit, r.code) for r in decoded.refusals] == [
        (3, "field-type"),
        (4, "longitude-out-of-range"),
        (5, "json-malformed"),
    ]
    first, second = decoded.records.iter_rows(named=True)
    assert (first["provider_id"], first["provider_revision"]) == ("9007199254740993", 2)
    assert (first["heading_deg"], first["satellites"], first["battery_v"]) == (270.0, 7, 3.87)
    assert second["time_us"] - first["time_us"] == 3_600_000_000
    assert (second["lon"], second["temperature_c"], second["activity"]) == (None, -12.5, 33.0)
    assert second["sensor"] == "gps"


@pytest.mark.parametrize(
    "text",
    [
        b'{"fixes": [' + GOOD + b"," + GOOD + b"]}",
        b'{"source": {"a": [1]}, "fixes": [' + GOOD + b"," + GOOD + b'], "n": 2}',
        b"[" + GOOD + b"," + GOOD + b"]",
        GOOD + b"\n" + GOOD,
        GOOD + b"\r\n\r\n" + GOOD + b"\r\n",
        b"\xef\xbb\xbf[" + GOOD + b"," + GOOD + b"]",
    ],
)
def test_all_three_frames_hold_the_same(text: bytes) -> None:
    decoded = decode(text, now_us=NOW_US)
    assert (decoded.records.height, decoded.refusals) == (2, [])


BAD = {
    b'{"tag": "7", "time": "2020-01-01T00:00:00Z", "lon": NaN, "lat": 1}': "json-malformed",
    b'{"tag": "7", "time": "2020-01-01T00:00:00Z", "lon": -Infinity}': "json-malformed",
    b'{"tag": "\\ud800", "time": "2020-01-01T00:00:00Z"}': "json-malformed",
    b'{"tag": "\xff", "time": "2020-01-01T00:00:00Z"}': "json-malformed",
    b'{"tag": "7" "time": 1}': "json-malformed",
    b'{"tag": "7", "time": "2020-01-01T00:00:00Z", "lon": 1e400, "lat": 1}': "json-malformed",
    b'{"tag": "7", "tag": "8", "time": "2020-01-01T00:00:00Z"}': "duplicate-key",
    b'{"tag": "7", "tag" : "8", "time": "2020-01-01T00:00:00Z"}': "duplicate-key",
    b'{"tag": "7", "x": {"a": 1, "a": 2}, "time": "2020-01-01T00:00:00Z"}': "duplicate-key",
    b'{"x": ' + b"[" * 20_000 + b"]" * 20_000 + b"}": "nesting-too-deep",
    b'{"tag": "' + b"x" * 70_000 + b'"}': "line-too-long",
    b"5": "not-an-object",
    b'"text"': "not-an-object",
    b"null": "not-an-object",
    b"[]": "not-an-object",
    b"{}": "field-missing",
    b'{"tag": "7"}': "field-missing",
    b'{"time": "2020-01-01T00:00:00Z"}': "no-animal-or-tag",
    b'{"tag": 7, "time": "2020-01-01T00:00:00Z"}': "field-type",
    b'{"tag": "7", "time": 1577836800}': "field-type",
    b'{"tag": "7", "time": "1577836800"}': "time-is-count",
    b'{"tag": "7", "time": "2020-01-01"}': "time-unreadable",
    b'{"tag": "7", "time": "2020-01-01T00:00:00Z", "lon": true, "lat": 1}': "field-type",
    b'{"tag": "7", "time": "2020-01-01T00:00:00Z", "lon": "1", "lat": 1}': "field-type",
    b'{"tag": "7", "time": "2020-01-01T00:00:00Z", "lon": 1}': "position-incomplete",
    b'{"tag": "7", "time": "2020-01-01T00:00:00Z", "satellites": 201}': "field-out-of-range",
    b'{"tag": "7", "time": "2020-01-01T00:00:00Z", "satellites": 1.5}': "field-type",
    b'{"tag": "7", "time": "2020-01-01T00:00:00Z", "battery_v": -1}': "field-out-of-range",
    b'{"tag": "7", "time": "2020-01-01T00:00:00Z", "revision": 9999999999}': "field-out-of-range",
    b'{"tag": "a\\u0000b", "time": "2020-01-01T00:00:00Z"}': "control-character",
}


@pytest.mark.parametrize(("bad", "code"), BAD.items(), ids=[text[:60] for text in BAD])
def test_each_fault_costs_its_own_element(bad: bytes, code: str) -> None:
    assert codes(b"[" + GOOD + b"," + bad + b"," + GOOD + b"]") == [(2, code)]
    assert codes(b'{"fixes": [' + bad + b"," + GOOD + b"]}") == [(1, code)]
    assert codes(GOOD + b"\n" + bad + b"\n" + GOOD) == [(2, code)]


def test_all_faults_at_once_stay_apart() -> None:
    found = codes(b"[" + b",".join(BAD) + b"," + GOOD + b"]")
    assert found == list(enumerate(BAD.values(), start=1))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"[" + GOOD[:-4], "json-truncated"),
        (b'{"fixes": []', "json-truncated"),
        (GOOD[:-1], "json-truncated"),
        (b"[" * 100_000, "json-truncated"),
        (b"[] tail", "json-unreadable"),
        (b'{"fixes": [5, NaN], "fixes": [' + GOOD + b"]}", "json-unreadable"),
        (b'{"fixes": [], "fixes": [' + GOOD + b"]}", "json-unreadable"),
        (b"", "json-unreadable"),
        (b"hello", "json-unreadable"),
    ],
)
def test_pushes_that_cannot_be_read_at_all(text: bytes, code: str) -> None:
    with pytest.raises(UnreadablePush) as caught:
        push(text)
    assert caught.value.code == code


@pytest.mark.parametrize("begin", [b"[", b'{"about": [7], "fixes": ['])
def test_of_every_truncation_the_complete_elements_stay(begin: bytes) -> None:
    whole = begin + GOOD + b", " + GOOD + (b"]" if begin == b"[" else b'], "n": {"m": {}}}')
    first = len(begin + GOOD)
    for cut in range(1, len(whole)):
        sent = whole[:cut]
        if cut < first:
            with pytest.raises(UnreadablePush) as caught:
                push(sent)
            assert caught.value.code == "json-truncated"
            continue
        decoded = push(sent)
        complete = 1 + (cut >= first + 2 + len(GOOD))
        assert decoded.records["unit"].to_list() == list(range(1, complete + 1))
        (refusal,) = decoded.refusals
        assert (refusal.unit, refusal.code) == (complete + 1, "json-cut")
        rest = sent[refusal.offset :]
        assert rest.strip(b"], ").startswith(refusal.excerpt.strip("], ").encode())
        assert refusal.offset >= first + (complete - 1) * len(b", " + GOOD)


@pytest.mark.parametrize(
    ("sent", "code", "stored", "rest"),
    [
        (b"[%s,%s,%s,%s]", "json-cut", 1, b'{"tag"'),  # the second lacks its bracket
        (b"[%s,%s,%s]\n[%s]", "json-tail", 3, b"[{"),
        (b'{"fixes":[%s,%s,%s]} %s', "json-tail", 3, b"{"),
    ],
)
def test_what_stands_before_a_break_is_stored(
    sent: bytes, code: str, stored: int, rest: bytes
) -> None:
    spoilt = GOOD[:-1] if code == "json-cut" else GOOD
    payload = sent % (GOOD, spoilt, GOOD, GOOD)
    decoded = push(payload)
    (refusal,) = decoded.refusals
    assert (decoded.records.height, refusal.unit, refusal.code) == (stored, stored + 1, code)
    assert payload[refusal.offset :].startswith(rest)
    assert refusal.excerpt.startswith(rest.decode())


def test_an_open_quote_breaks_the_rest() -> None:
    decoded = push(b"[" + GOOD + b"," + GOOD.replace(b'",', b",", 1) + b"," + GOOD + b"]")
    assert decoded.records["unit"].to_list() == [1]
    assert codes(b'[{"tag": "7"}, "open}') == [(1, "field-missing"), (2, "json-cut")]


def test_the_last_line_of_ndjson_cut_short_costs_that_line() -> None:
    assert codes(GOOD + b"\n" + GOOD[:-5]) == [(2, "json-malformed")]


def test_unknown_keys_are_left_out_and_named() -> None:
    decoded = push(b"[" + fix(lattitude=3) + b"," + fix(lattitude=4, x=1) + b"]")
    assert decoded.records.height == 2
    assert [w.code for w in decoded.warnings] == ["unknown-keys"]
    assert "'lattitude' 2" in decoded.warnings[0].detail


def test_too_many_elements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.formats.elements.UNITS_MAX", 1)
    with pytest.raises(UnreadablePush) as caught:
        push(b"[1,2]")
    assert caught.value.code == "too-many-units"


def test_a_push_may_be_empty() -> None:
    assert push(b"[]").units == push(b'{"fixes": [ ]}').units == 0


@pytest.mark.parametrize(
    ("sent", "sensor"),
    [("GPS", "gps"), ("GNSS", "gps"), ("argos", "argos"), ("radar", "other"), (None, "gps")],
)
def test_sensors(sent: str | None, sensor: str) -> None:
    assert push(b"[" + fix(sensor=sent) + b"]").records["sensor"].item() == sensor


def test_keys_are_the_record_fields_and_each_is_documented() -> None:
    assert set(FIELDS) - {"time"} == set(RECORD_SCHEMA) - {"unit", "time_us"}
    assert set(KEYS) ^ set(FIELDS) == {"id", "revision", "provider_id", "provider_revision"}
    for key in ("time", "tag", "individual", "lon", "lat", "id", "revision"):
        assert f"``{key}``" in (Fix.__doc__ or "")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=6) | JSON, max_size=5))
def test_any_elements_are_counted_one_by_one(elements: list[object]) -> None:
    text = json.dumps(elements).encode()
    assert push(text).units == len(elements)
    assert push(b'{"fixes":' + text + b"}").units == len(elements)


@settings(max_examples=25, deadline=None)
@given(st.floats(-180, 180), st.floats(-90, 90), st.text("abcé丹", min_size=1, max_size=20))
def test_values_come_back_exactly(lon: float, lat: float, name: str) -> None:
    row = push(b"[" + fix(lon=lon, lat=lat, individual=name) + b"]").records.row(0, named=True)
    assert (row["lon"], row["lat"], row["individual"]) == (lon, lat, name)


ELEMENTS = st.one_of(
    st.just(GOOD),
    st.builds(fix, lon=st.floats(-181, 361), lat=st.floats(-91, 91)),
    st.builds(fix, temperature_c=st.sampled_from([20, 999])),
    st.builds(fix, time=st.sampled_from(["2020-01-01 00:00", "2026-11-27T06:00:00Z", "soon"])),
    st.builds(fix, unheard_of=st.integers()),
    st.sampled_from([b"5", b"{", b"", *list(BAD)[:4]]),
)
BODIES = st.one_of(
    st.lists(ELEMENTS, max_size=3).map(lambda parts: b"[" + b",".join(parts) + b"]"),
    st.lists(ELEMENTS, max_size=3).map(b"\n".join),
    st.sampled_from([b"", b"[", b"?", b'{"fixes": [', b"[]"]),
)


@settings(max_examples=15)
@given(
    st.lists(st.tuples(BODIES, st.sampled_from([NOW_US, NOW_US - 86_400_000_000 * 2])), max_size=8),
    st.sampled_from(["UTC", "Asia/Seoul", "nowhere"]),
)
def test_many_pushes_are_read_as_each_alone(sent: list[tuple[bytes, int]], tz: str) -> None:
    found = decode_many(
        [body for body, _ in sent], format="flyways-json", tz=tz, now_us=[now for _, now in sent]
    )
    assert len(found) == len(sent)
    for (body, now_us), one in zip(sent, found, strict=True):
        (alone,) = decode_many([body], format="flyways-json", tz=tz, now_us=[now_us])
        assert told(one) == told(alone)
        if isinstance(one, Decoded) and isinstance(alone, Decoded):
            assert one.records.equals(alone.records)
            assert one.records.schema == alone.records.schema


def told(outcome: Decoded | UnreadablePush) -> tuple[object, ...]:
    if isinstance(outcome, UnreadablePush):
        return (outcome.code, outcome.detail)
    return (outcome.format, outcome.refusals, outcome.warnings)
