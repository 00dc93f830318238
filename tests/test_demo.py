"""The simulated flock: the same for the same seed, ending when it is told, loaded once."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import deliver, demo, operate
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


@given(st.lists(st.integers(0, 99)), st.integers(1, 40))
def test_newest_rows_come_first_and_none_is_lost_or_twice(numbers, rows) -> None:
    lines = [b"%d\n" % number for number in numbers]
    parts = demo.newest_first(b"".join([b"head\n", *lines]), rows)
    bodies = [part.splitlines(keepends=True) for part in parts]
    assert all(body[0] == b"head\n" and len(body) > 1 for body in bodies)
    assert len(parts) == (len(lines) > 0) + (len(lines) > rows)
    newest, before = ([body[1:] for body in bodies] + [[], []])[:2]
    assert before + newest == lines and len(newest) == min(rows, len(lines))


async def test_an_empty_service_gets_the_flock_once_newest_days_first_and_a_used_one_never(
    database, files, monkeypatch
) -> None:
    monkeypatch.setattr(demo, "flock", lambda end: files["events"])
    monkeypatch.setattr(demo, "NEWEST_ROWS", 12)
    monkeypatch.setattr(demo, "SHOWN_MAX_S", 0.0)  # no worker runs here
    async with operate.opened(database) as store:
        refs = await demo.load(store)
        async with store.read() as conn:
            kept = await execute(
                conn,
                "select p.ref, d.format, s.simulated from push p join decoding d"
                " on d.push_id = p.id join study s on s.id = p.study_id order by p.id",
            )
        assert [each["ref"] for each in kept] == refs
        assert all((each["format"], each["simulated"]) == ("movebank-csv", True) for each in kept)
        newest, before = [await deliver.settled(store, ref) for ref in refs]
        assert (newest["stored"], before["stored"]) == (12, len(rows(files["events"])) - 12)
        await deliver.processed(store, refs[0])  # and there is nothing more to wait for
        assert before["duplicates"] == newest["refused"] == before["refused"] == 0
        assert newest["time_last"] > before["time_last"]
        assert await demo.load(store) == []


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
