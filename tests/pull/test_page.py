"""Errands: no cursor passes what may still show, and every pull asks from what was passed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from app.pull.page import EPOCH, Errand, Identifier, Options, PullFailed, Since

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

moments = st.datetimes(
    datetime(2000, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)  # noqa: DTZ001 - see zones
)  # fmt: skip
spans = st.timedeltas(timedelta(0), timedelta(days=30))


def errand(now=NOW, overlap=timedelta(0), settle=timedelta(0)) -> Errand:
    return Errand(Since(), {}, now, overlap=overlap, settle=settle)


@given(now=moments, settle=spans, passed=st.none() | moments, reached=moments)
def test_the_cursor_goes_only_forward_and_never_past_what_is_settled(
    now, settle, passed, reached
) -> None:
    known = None if passed is None else passed.isoformat()
    end = datetime.fromisoformat(errand(now, settle=settle).end(known, reached))
    assert end >= (passed or EPOCH)
    if end > (passed or EPOCH):
        assert end <= min(reached, now - settle)
    else:
        assert min(reached, now - settle) <= (passed or EPOCH)


@given(overlap=spans, since=moments, passed=moments)
def test_a_pull_asks_from_the_passed_moment_less_the_overlap(overlap, since, passed) -> None:
    asked = errand(overlap=overlap).begin(passed.isoformat(), since)
    assert asked == (max(passed - overlap, since))


@pytest.mark.parametrize("passed", [None, 7, 1.5, True, ["2026-01-01"], {"a": 1}])
def test_a_cursor_that_names_no_moment_begins_anew(passed) -> None:
    since = datetime(2020, 1, 1, tzinfo=UTC)
    assert errand().begin(passed, since) == since
    assert errand(settle=MINUTE).end(passed, NOW) == (NOW - MINUTE).isoformat()


@settings(max_examples=60)
@given(
    records=st.lists(st.tuples(st.integers(0, 500), st.integers(0, 60)), max_size=15),
    waits=st.lists(st.integers(1, 120), max_size=12),
    overlap=st.integers(0, 30),
)
def test_records_that_show_within_the_settle_time_are_all_asked_for(
    records, waits, overlap
) -> None:
    """A provider that shows a record up to an hour after the moment it bears, pulled at whim."""
    got: set[tuple[int, int]] = set()
    cursor, minutes = None, 0
    for wait in (*waits, 2_000):
        minutes += wait
        one = errand(NOW + minutes * MINUTE, overlap * MINUTE, 61 * MINUTE)
        first = one.begin(cursor, EPOCH)
        got |= {
            (moment, late)
            for moment, late in records
            if NOW + moment * MINUTE >= first and moment + late <= minutes
        }
        cursor = one.end(cursor, one.now)
    assert got == set(records)


def test_a_cursor_in_another_zone_is_the_same_moment() -> None:
    seoul = NOW.astimezone(timezone(timedelta(hours=9)))
    assert errand().begin(seoul.isoformat(), EPOCH) == NOW
    assert datetime.fromisoformat(errand().end(seoul.isoformat(), EPOCH)) == NOW


def test_the_password_is_in_no_log_of_an_errand() -> None:
    assert "sesame" not in repr(Errand(Since(), {}, NOW, username="me", password="sesame"))


def test_a_failure_keeps_apart_what_it_is_and_what_mends_it() -> None:
    failed = PullFailed("provider-busy", "It is busy.", remedy="Wait.", retry_after_s=7.0)
    assert (str(failed), failed.code, failed.remedy) == ("It is busy.", "provider-busy", "Wait.")
    assert failed.retry_after_s == 7.0
    assert PullFailed("a", "b", remedy="c").retry_after_s is None


@pytest.mark.parametrize("name", ["", "a/b", "a?b", "a\nb", "x" * 121, "a&b", "../a%2f"])
def test_what_would_change_an_address_is_no_identifier(name: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Identifier).validate_python(name)


@pytest.mark.parametrize("name", ["300434063", "A-1.b:c_d", "Крэйн 7", "鶴"])
def test_devices_are_named_as_people_name_them(name: str) -> None:
    assert TypeAdapter(Identifier).validate_python(name) == name


def test_settings_take_nothing_unknown_and_no_moment_without_a_zone() -> None:
    class Own(Options):
        share: float

    assert Since().since == EPOCH
    assert Since(since="2020-01-01T09:00:00+09:00").since == datetime(2020, 1, 1, tzinfo=UTC)
    for wrong in ({"since": "2020-01-01T00:00:00"}, {"sinse": "2020-01-01T00:00:00Z"}):
        with pytest.raises(ValidationError):
            Since.model_validate(wrong)
    with pytest.raises(ValidationError):
        Own.model_validate({"share": float("nan")})
