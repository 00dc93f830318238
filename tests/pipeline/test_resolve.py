"""Which tag, which bird, which taxon: told from the records, never from their order."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.movement.argos import position_error_m
from app.pipeline.resolve import _errors, _instant, _rows, _taxa, _widen
from app.pipeline.variant import content_variant
from app.store.windows import instant
from ingest.record import RECORD_SCHEMA, SENSORS
from tests.flow.conftest import open_service

TAXA = ["Grus monacha", "Antigone vipio", "Avis ignota", "", None]
PAIRS = st.lists(st.tuples(st.sampled_from(["A", "B", None]), st.sampled_from(TAXA)), max_size=8)


def table(**columns: list) -> pl.DataFrame:
    """Give records of which only some columns are said."""
    n = max(map(len, columns.values()))
    return pl.DataFrame(
        {name: columns.get(name, [None] * n) for name in RECORD_SCHEMA},
        schema=dict(RECORD_SCHEMA),
    )


@settings(max_examples=25)
@given(PAIRS.filter(bool), st.randoms(use_true_random=False), st.sampled_from([None, *TAXA[:2]]))
def test_the_taxon_of_a_bird_hangs_on_no_order(pairs, rng: random.Random, study_taxon) -> None:
    shuffled = rng.sample(pairs, len(pairs))
    found, again = (
        _taxa(table(individual=[a for a, _ in each], taxon=[b for _, b in each]), study_taxon)
        for each in (pairs, shuffled)
    )
    assert found == again
    assert [name for name, *_ in found] == sorted({a for a, _ in pairs if a})


@settings(max_examples=25)
@given(PAIRS.filter(bool))
def test_a_taxon_we_know_goes_before_one_we_do_not(pairs) -> None:
    found = _taxa(table(individual=[a for a, _ in pairs], taxon=[b for _, b in pairs]), None)
    for name, taxon, key in found:
        said = {b for a, b in pairs if a == name}
        assert taxon in said
        if said & set(TAXA[:2]):
            assert taxon in TAXA[:2]
            assert key != "default"
        else:
            assert key == "default"


def test_the_study_lends_its_taxon_to_birds_without_one() -> None:
    records = table(individual=["A", "B"], taxon=[None, "Grus monacha"])
    assert _taxa(records, "Antigone vipio") == [
        ("A", None, "white_naped_crane"), ("B", "Grus monacha", "hooded_crane")
    ]  # fmt: skip


@pytest.mark.parametrize("sensor", ["gps", "argos", "other"])
def test_every_record_has_a_finite_error(sensor) -> None:
    classes = ["3", "2", "1", "0", "A", "B", "Z", "", None]
    records = table(sensor=[sensor] * 9, argos_class=classes)
    placed = records.with_columns(sensor=pl.lit(SENSORS.index(sensor), pl.Int16))
    found = _errors(placed).to_list()
    assert all(0 <= each <= 1e6 for each in found)
    assert np.isfinite(found).all()
    if sensor == "argos":
        assert found[0] < found[1] < found[2] < found[3]
    stated = _errors(placed.with_columns(error_m=pl.lit(12.5))).to_list()
    known = position_error_m(
        records["sensor"].to_numpy(), records["argos_class"].fill_null("").to_numpy(),
        semi_major_m=np.full(9, np.nan), semi_minor_m=np.full(9, np.nan),
        stated_error_m=np.full(9, 12.5),
    )  # fmt: skip
    assert stated == np.nan_to_num(known, nan=0.0, posinf=1e6).tolist()


RECORDS = st.lists(
    st.tuples(st.integers(1, 3), st.integers(1, 2), st.integers(0, 99)), min_size=1, max_size=12
)


@given(RECORDS, st.integers(0, 9))
def test_spans_hold_the_first_and_last_time_of_each_group_in_order(records, cut) -> None:
    frame = pl.DataFrame(records, schema=["decoding_id", "tag_id", "time_us"], orient="row")
    wanted = []
    for key in sorted({each[:2] for each in records}):
        times = [each[2] for each in records if each[:2] == key]
        wanted.append((*key, min(times), max(times)))
    spans = {}
    for piece in (frame[:cut], frame[cut:]):
        _widen(spans, piece, "tag_id")
    assert _rows(spans) == wanted


@given(st.integers(252_460_800_000_000, 4_102_444_800_000_000))
def test_a_time_keeps_its_microsecond(time_us) -> None:
    assert _instant(time_us) == instant(time_us)
    assert _instant(None) is None


SAYS = st.fixed_dictionaries(
    {"lon": st.floats(-180, 180), "lat": st.floats(-90, 90),
     "height_m": st.none() | st.floats(0, 9), "satellites": st.none() | st.integers(0, 9),
     "argos_class": st.none() | st.sampled_from("3210AB")}
)  # fmt: skip


@settings(max_examples=25)
@given(SAYS, SAYS)
def test_a_variant_is_the_same_for_the_same_content_alone(one, other) -> None:
    both = table(**{name: [one[name], other[name]] for name in one})
    first, second = content_variant(both)
    alone = content_variant(table(**{name: [value] for name, value in other.items()}))[0]
    assert second == alone
    assert (first == second) == (one == other)


@settings(max_examples=25)
@given(SAYS)
def test_a_variant_hangs_on_neither_key_nor_arrival(says) -> None:
    told = {name: [value, value] for name, value in says.items()}
    twins = table(
        **told, unit=[1, 2], tag=["a", "b"], individual=[None, "x"], time_us=[1, 2],
        sensor=["gps", "argos"], taxon=[None, "Grus"], marked_valid=[True, None],
    )  # fmt: skip
    first, second = content_variant(twins)
    assert first == second


REFERENCE = b"""tag-id,animal-id,animal-taxon,deploy-on-date,deploy-off-date
{rows}"""


def reference(*rows: str) -> bytes:
    return REFERENCE.replace(b"{rows}", "\n".join([*rows, ""]).encode())


@pytest.fixture
async def service(new_database):
    """Give a service of its own: reference data make birds."""
    made = await open_service(new_database())
    yield made
    await made.store.close()


async def deployments(service) -> list[tuple]:
    rows = await service.rows(
        "select t.local_identifier as tag, i.local_identifier as bird, lower(d.during) as low,"
        " upper(d.during) as high from deployment d join tag t on t.id = d.tag_id"
        " join individual i on i.id = d.individual_id where d.replaced_at is null"
        " and t.local_identifier like 'R%' order by 1, 3"
    )
    return [tuple(row.values()) for row in rows]


async def test_reference_data_that_contradict_themselves_are_refused_whole(service) -> None:
    kept = await service.push(
        reference("R1,Anna,,2024-01-01,2024-03-01", "R2,Berta,,2024-01-01,",
                  "R1,Clara,,2024-02-01,2024-04-01")
    )  # fmt: skip
    await service.drain()
    told = await service.receipt(kept.ref)
    assert told["state"] == "failed"
    assert "'R1' on 'Clara'" in told["problem"]["detail"] and told["problem"]["remedy"]
    assert await deployments(service) == []


async def test_reference_data_sent_twice_are_known(service) -> None:
    rows = ["R3,Dora,Grus monacha,2024-01-01 12:30:00,2024-03-01"]
    first = await service.push(reference(*rows))
    await service.drain()
    again = await service.push(reference(*rows, "R4,Emma,,2024-01-01,"))
    await service.drain()
    told = [await service.receipt(each.ref) for each in (first, again)]
    assert [(t["stored"], t["duplicates"]) for t in told] == [(1, 0), (1, 1)]
    assert await deployments(service) == [
        ("R3", "Dora", datetime(2024, 1, 1, 12, 30, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)),
        ("R4", "Emma", datetime(2024, 1, 1, tzinfo=UTC), None),
    ]
