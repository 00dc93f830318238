"""What every decoder promises, whatever the bytes: held by the tests and by ``make fuzz``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import polars as pl
import shapely

from ingest import (
    Correction,
    CorrectionRefused,
    Decoded,
    MappingRefused,
    Refusal,
    UnreadablePush,
    decode,
    decode_many,
    decode_reference,
    refused_texts,
)
from ingest.admission import CONTROL, NAME_MAX_CHARS
from ingest.checks import record_flags
from ingest.clock import EARLIEST_US, FUTURE_US
from ingest.daylight import STEPS_MIN, zone_suspect
from ingest.layers.polygons import PolygonLayer
from ingest.reasons import REASONS
from ingest.record import RECORD_SCHEMA, SENSORS

NOW_US = 1_795_000_000_000_000
_RANGES = {
    "time_us": (EARLIEST_US, NOW_US + FUTURE_US),
    "lon": (-180, 180), "lat": (-90, 90), "lon2": (-180, 180), "lat2": (-90, 90),
    "heading_deg": (0, 360), "orientation_deg": (0, 180), "ground_speed_m_s": (0, 500),
    "semi_major_m": (0, 2e7), "semi_minor_m": (0, 2e7), "error_m": (0, 2e7),
    "battery_v": (0, 100), "provider_revision": (0, 2**31 - 1),
}  # fmt: skip


def check(payload: bytes, form: str | None = None, **told: object) -> int | None:
    """Decode and hold the result to its promises; units, or None where it can't be read."""
    try:
        decoded = decode(payload, format=form, now_us=NOW_US, **{"tz": "Asia/Seoul"} | told)
    except UnreadablePush as error:
        check_told(error)
        return None
    check_decoded(decoded, payload)
    return decoded.units


def check_told(error: UnreadablePush | CorrectionRefused | MappingRefused) -> None:
    """What can't be read is told in sentences, with a code."""
    assert re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", error.code)
    assert error.detail.endswith((".", "?"))
    assert error.remedy.endswith((".", ")."))


def check_decoded(decoded: Decoded, payload: bytes) -> None:
    """Each unit is a record or a refusal, once; all values lie in their ranges."""
    records = decoded.records
    assert dict(records.schema) == RECORD_SCHEMA
    units = [*records["unit"], *(refusal.unit for refusal in decoded.refusals)]
    assert sorted(units) == list(range(1, decoded.units + 1))
    check_refusals(decoded.refusals, payload)
    _check_values({name: records[name].to_list() for name in records.columns})
    assert record_flags(records)["row"].is_between(0, records.height - 1).all()
    if records.height > STEPS_MIN:  # of fewer nobody asks
        zone_suspect(records)


def _check_values(columns: dict[str, list[Any]]) -> None:
    """Plain Python: on the few rows of a fuzzed file it is twenty times as fast as polars."""
    for name, (low, high) in _RANGES.items():
        assert all(value is None or low <= value <= high for value in columns[name]), name
    assert None not in columns["time_us"]
    assert set(columns["sensor"]) <= set(SENSORS)
    for one, other in (("lon", "lat"), ("lon2", "lat2")):
        assert [v is None for v in columns[one]] == [v is None for v in columns[other]]
    assert all(columns["tag"][i] or name for i, name in enumerate(columns["individual"]))
    for name in ("tag", "individual", "taxon", "provider_id"):
        for text in {text for text in columns[name] if text is not None}:
            assert 0 < len(text) <= NAME_MAX_CHARS, name
            assert not re.search(CONTROL, text), name


def check_refusals(refusals: Sequence[Refusal], payload: bytes) -> None:
    """A refusal has a known code with its remedy, a short excerpt and a place in the bytes."""
    for refusal in refusals:
        assert refusal.remedy == REASONS[refusal.code]
        assert len(refusal.excerpt) <= 200
        assert refusal.excerpt.isprintable() or re.search(r"[\t\s]", refusal.excerpt)
        assert refusal.offset is None or 0 <= refusal.offset <= len(payload)


def check_reference(payload: bytes) -> None:
    """Hold reference data to its promises."""
    try:
        decoded = decode_reference(payload, tz="UTC", now_us=NOW_US)
    except UnreadablePush as error:
        check_told(error)
        return
    units = [*(row.unit for row in decoded.rows), *(r.unit for r in decoded.refusals)]
    assert sorted(units) == list(range(1, decoded.units + 1))
    check_refusals(decoded.refusals, payload)
    for row in decoded.rows:
        on, off = row.deploy_on_us, row.deploy_off_us
        assert row.tag and row.individual
        assert on is None or off is None or on < off
        assert not any(re.search(CONTROL, text) for text in (row.tag, row.individual))


def check_together(payloads: Sequence[bytes], form: str) -> None:
    """Pushes that are read together become what each becomes alone."""
    told = {"format": form, "tz": "UTC+8"}
    many = decode_many(payloads, now_us=[NOW_US] * len(payloads), **told)
    for payload, found in zip(payloads, many, strict=True):
        try:
            alone: Decoded | UnreadablePush = decode(payload, now_us=NOW_US, **told)
        except UnreadablePush as error:
            alone = error
        if isinstance(alone, UnreadablePush):
            assert isinstance(found, UnreadablePush)
            assert (found.code, found.detail) == (alone.code, alone.detail)
            continue
        assert isinstance(found, Decoded)
        assert found.records.equals(alone.records)
        assert (found.refusals, found.warnings) == (alone.refusals, alone.warnings)


def check_corrected(payload: bytes, form: str | None, texts: Sequence[str]) -> None:
    """Corrections change the units they name and no other."""
    told = {"format": form, "tz": "UTC", "now_us": NOW_US}
    try:
        plain = decode(payload, **told)
        refused = [refusal.unit for refusal in plain.refusals[: len(texts)]]
        held = refused_texts(payload, refused, **told)
        made = [
            Correction(unit, held[unit], text)
            for unit, text in zip(refused, texts, strict=False)
        ]  # fmt: skip
        found = decode(payload, corrections=made, **told)
    except (UnreadablePush, CorrectionRefused) as error:
        check_told(error)
        return
    check_decoded(found, payload)
    assert found.units == plain.units
    others = ~pl.col("unit").is_in(refused)
    assert found.records.filter(others).equals(plain.records)
    assert [r for r in found.refusals if r.unit not in refused] == plain.refusals[len(refused) :]
    if refused and not any(w.code == "correction-not-applied" for w in found.warnings):
        same = [Correction(each.unit, each.original, each.original) for each in made]
        assert decode(payload, corrections=same, **told).records.equals(plain.records)


def check_layer(layer: PolygonLayer) -> None:
    """Areas are valid, not empty and on the globe."""
    assert layer.units == len(layer.features) + len(layer.refusals)
    for refusal in layer.refusals:
        assert refusal.remedy == REASONS[refusal.code]
    for feature in layer.features:
        area = shapely.from_wkb(feature.wkb)
        assert 0 <= feature.class_index < len(layer.classes)
        assert area.is_valid and not area.is_empty
        west, south, east, north = area.bounds
        assert -180 <= west <= east <= 180
        assert -90 <= south <= north <= 90
