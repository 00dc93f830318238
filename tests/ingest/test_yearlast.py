"""Dates with the year last are turned round in the order in force, and in no other."""

from __future__ import annotations

import polars as pl
import pytest

from ingest.yearlast import OrderInForce, reading_dates, reordered, year_first

WRITTEN = ["3/6/2017 8:20", "3.6.2017", "06-03-2017 08:20:19", "5/5/2017 8:20", "3/6/17 8:20"]


@pytest.mark.parametrize(
    ("sent", "put_first"),
    [
        ("08:20:19.25 06-Mar-2017", "2017-03-06 08:20:19.25"),
        ("06-MAR-2017 08:20", "2017-03-06 08:20"),
        ("6-Mar-17 08:20", "2017-03-6 08:20"),
        ("08:20:19 06-Mar-17", "2017-03-06 08:20:19"),
        ("3/6/2017 8:20", "2017-3-6 8:20"),
        ("3/6/17 8:20", "2017-3-6 8:20"),
        ("3/6/77 8:20", "2077-3-6 8:20"),
        ("3/6/78 8:20", "1978-3-6 8:20"),
        ("3/6/99 8:20", "1999-3-6 8:20"),
        ("2017-03-06 08:20", "2017-03-06 08:20"),
        # Spreadsheets that write points put the day first: no order is known.
        ("3.6.2017 8:20", "3.6.2017 8:20"),
        ("3.6.17 8:20", "3.6.2017 8:20"),
        ("5.5.17 8:20", "2017-5-5 8:20"),
    ],
)
def test_the_year_is_put_first(sent: str, put_first: str) -> None:
    assert reordered(pl.Series([sent])).to_list() == [put_first]


@pytest.mark.parametrize(
    ("order", "read"),
    [
        ("dmy", ["2017-6-3 8:20", "2017-6-3", "2017-03-06 08:20:19", "2017-5-5 8:20"]),
        ("mdy", ["2017-3-6 8:20", "2017-3-6", "2017-06-03 08:20:19", "2017-5-5 8:20"]),
        (None, [*WRITTEN[:3], "2017-5-5 8:20"]),
    ],
)
def test_the_order_in_force_is_the_one_read(order: str | None, read: list[str]) -> None:
    with reading_dates(order) as held:
        assert year_first(pl.Series(WRITTEN)).to_list() == [*read, WRITTEN[4]]
    assert held.needed
    assert held.makers is None


def test_what_is_settled_is_asked_for_once_and_only_where_needed() -> None:
    asked: list[str | None] = []

    def settle(held: OrderInForce) -> None:
        asked.append(held.makers)
        held.order = "dmy"

    with reading_dates(None, settle) as held:
        assert reordered(pl.Series(["2017-03-06 08:20", None])).to_list()[0] == "2017-03-06 08:20"
        assert (asked, held.needed) == ([], False)
        for _ in range(2):
            assert reordered(pl.Series(["3/6/17 8:20"])).to_list() == ["2017-6-3 8:20"]
    assert asked == ["mdy"]
    assert not held.assumed


def test_against_the_maker_nothing_is_guessed() -> None:
    def settle(held: OrderInForce) -> None:
        held.strict = True

    with reading_dates(None, settle) as held:
        sent = ["3/6/2017 8:20", "3/6/17 8:20", "5/5/17 8:20", "6-Mar-17 08:20"]
        assert reordered(pl.Series(sent)).to_list() == [*sent[:3], "2017-03-6 08:20"]
    assert not held.assumed
