"""The simulated flock: the same for the same seed, ending when it is told, loaded once."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import demo, operate
from app.movement.sensing import Sending
from app.store.engine import execute

END = datetime(2026, 1, 1, tzinfo=UTC)
SMALL = {"birds": 2, "days": 20.0, "seed": 3, "sending": Sending(interval_s=14_400.0)}


def rows(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode())))


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return demo.flock_files(END, **SMALL)


def test_fixes_and_deployments_are_of_the_same_birds(files) -> None:
    assert list(files) == ["reference", "events"]  # who wore what comes in first
    birds = {row["animal-id"] for row in rows(files["reference"])}
    assert len(birds) == 2
    assert {row["individual-local-identifier"] for row in rows(files["events"])} == birds


def test_no_fix_is_of_the_future_or_before_the_start(files) -> None:
    times = [
        datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC)
        for row in rows(files["events"])
    ]
    assert END - timedelta(days=SMALL["days"]) <= min(times)
    assert END - timedelta(days=3) < max(times) <= END


def test_the_file_of_a_flock_is_its_fixes(files) -> None:
    assert demo.flock(END, **SMALL) == files["events"]
    assert demo.flock(END, **SMALL | {"seed": 4}) != files["events"]


@given(st.integers(0, 10**11).map(lambda s: datetime.fromtimestamp(s, UTC)))
def test_midnight_is_the_start_of_the_day(time) -> None:
    found = demo.midnight(time)
    assert found.date() == time.date() and found <= time < found + timedelta(days=1)
    assert found.tzinfo is UTC


def test_without_a_day_it_is_todays() -> None:
    before = datetime.now(UTC)
    assert before - timedelta(days=1) < demo.midnight(None) <= datetime.now(UTC)


async def test_an_empty_service_gets_the_flock_once_and_a_used_one_never(
    database, monkeypatch
) -> None:
    monkeypatch.setattr(demo, "flock", lambda end: b"timestamp,location-long,location-lat\n")
    async with operate.opened(database) as store:
        ref = await demo.load(store)
        async with store.read() as conn:
            (kept,) = await execute(
                conn,
                "select p.ref, d.format, s.simulated from push p join decoding d"
                " on d.push_id = p.id join study s on s.id = p.study_id",
            )
        assert (kept["ref"], kept["format"], kept["simulated"]) == (ref, "movebank-csv", True)
        assert await demo.load(store) is None


async def test_a_flock_pushed_into_a_study_ends_in_the_receipt_of_its_fixes(
    database, files
) -> None:
    async with operate.opened(database) as store:
        study = await operate.own_study(store)
        receipt = await demo.push(store, files, study)
        assert (receipt["state"], receipt["refused"]) == ("processed", 0)
        assert receipt["units"] == len(rows(files["events"]))
        async with store.read() as conn:
            (told,) = await execute(conn, "select bool_and(declared) as all from deployment")
        assert told["all"]
