"""A stated radius becomes one sigma by the share of fixes that it holds."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from app.movement.argos import ellipse_error_m
from ingest import decode
from ingest.accuracy import one_sigma_m, sigmas

NOW_US = 1_795_000_000_000_000
HEADER = "timestamp,location-long,location-lat,tag-id,location-error-numerical"


def errors(said: str, more: str) -> tuple[list[float | None], list[str]]:
    text = f"{HEADER},{more}\n2024-04-01 10:00:00,10.5,50.5,T1,{said}\n"
    decoded = decode(text.encode(), now_us=NOW_US)
    return decoded.records["error_m"].to_list(), [each.code for each in decoded.warnings]


@pytest.mark.parametrize("percent", [50.0, 68.27, 90.0, 95.0])
def test_so_many_of_drawn_fixes_lie_within_the_radius(percent: float) -> None:
    east, north = np.random.default_rng(5).normal(0.0, 7.0, (2, 200_000))
    within = np.hypot(east, north) <= 7.0 * sigmas(percent)
    assert 100.0 * within.mean() == pytest.approx(percent, abs=0.4)


def test_an_argos_circle_and_its_percentile_say_the_same() -> None:
    (by_ellipse,) = ellipse_error_m(np.array([900.0]), np.array([900.0]))
    assert 900.0 / sigmas(100.0 * (1.0 - np.exp(-1.0))) == pytest.approx(by_ellipse)


@pytest.mark.parametrize(
    ("percent", "expected"),
    [
        ("50", 12.0 / 1.17741),
        ("95", 12.0 / 2.44775),
        ("0.95", 12.0 / 2.44775),
        ("39.35", 12.0),  # the circle with a radius of one sigma
        ("68", 12.0),
        ("68.27", 12.0),
        ("", 12.0),
    ],
)
def test_movebanks_error_at_its_percentile(percent: str, expected: float) -> None:
    found, warned = errors(f"12,{percent}", "location-error-percentile")
    assert found == [pytest.approx(expected, rel=1e-4)]
    assert warned == []


@pytest.mark.parametrize("percent", ["0", "1", "100", "-5", "999"])
def test_a_percentile_that_is_none_leaves_the_error_and_is_told(percent: str) -> None:
    assert errors(f"12,{percent}", "location_error_percentile") == ([12.0], ["value-out-of-range"])
    assert errors(f",{percent}", "location_error_percentile") == ([None], [])


def test_it_is_said_of_no_other_column() -> None:
    more = "location-error-percentile,eobs:horizontal-accuracy-estimate"
    assert errors(",95,6.4", more) == ([6.4], [])
    assert errors("12,95,6.4", more)[0] == [pytest.approx(12.0 / 2.44775, rel=1e-4)]


def test_one_sigma_of_a_whole_column() -> None:
    said = pl.DataFrame({"m": [5.0, None, 5.0], "p": [90.0, 90.0, float("nan")]})
    found = said.select(one_sigma_m(pl.col("m"), pl.col("p")))["m"].to_list()
    assert found == [pytest.approx(5.0 / sigmas(90.0)), None, 5.0]


@pytest.mark.parametrize("percent", [95.0, 0.95, 90.0, 50.0, 99.9])
def test_an_error_is_the_same_to_the_last_bit_in_any_company(percent: float) -> None:
    """Else a fix that comes again in another file is another fix."""
    radii = [10.0 + 0.37 * n for n in range(40)]
    rows = [f"2024-04-01 10:00:{n:02},10.5,50.5,T1,{m},{percent}" for n, m in enumerate(radii)]
    header = f"{HEADER},location-error-percentile"

    def read(some: list[str]) -> list[float]:
        text = "\n".join([header, *some, ""]).encode()
        return decode(text, now_us=NOW_US).records["error_m"].to_list()

    alone = [m for row in rows for m in read([row])]
    assert read(rows) == alone
    assert read(rows[:3] + rows[-2:]) == alone[:3] + alone[-2:]
    assert read([*rows, rows[0].replace(f"{percent}", "")])[:40] == alone
