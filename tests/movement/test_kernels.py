"""Every compiled kernel gives what its own source gives when Python runs it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba.core.registry import CPUDispatcher

import app.movement
from app.movement import autocorrelation, geodesy, roosting
from app.movement.bridges import Path as Way
from app.movement.bridges import dynamic_motion, fixed_motion, lay_bridges
from app.movement.isopleths import Grid
from app.movement.kernel_density import kernel_density
from app.movement.noise import Noise, Walk
from app.movement.outliers import outlier_cleaner
from app.movement.residence import residence_time_s, visits
from app.movement.screening import screen
from app.movement.smoothing import log_likelihood, smooth
from app.movement.speedfilter import speed_angle_filter
from app.movement.stopovers import find_stays, merge_stays
from app.movement.stops import StopRule
from app.movement.stops import find_stops as find_peer_stops
from app.movement.track import HOUR_US, Track
from app.movement.windows import contexts, cuts, window
from app.seeds import profile_of

from .journeys import fly

CRANE = profile_of("Grus monacha")
RULES = (StopRule(), StopRule(20_000.0, 24 * HOUR_US))


def science() -> list[ModuleType]:
    """Give the modules of the science, those that only call kernels too."""
    folder = Path(app.movement.__file__).parent
    for path in folder.glob("*.py"):
        if "@kernel" in path.read_text():
            import_module(f"app.movement.{path.stem}")
    return [sys.modules[name] for name in sorted(sys.modules) if name.startswith("app.movement.")]


def kernels() -> dict[str, CPUDispatcher]:
    return {
        f"{module.__name__}.{name}": value
        for module in science()
        for name, value in vars(module).items()
        if isinstance(value, CPUDispatcher) and value.__module__ == module.__name__
    }


@contextmanager
def in_python(reached: Counter[str]) -> Iterator[None]:
    """Let Python run the kernels, calls between them included; count the calls of each."""
    with pytest.MonkeyPatch.context() as patch:
        for module in science():
            for name, value in list(vars(module).items()):
                if isinstance(value, CPUDispatcher):
                    patch.setattr(module, name, _counted(value, reached))
        yield


def _counted(kernel: CPUDispatcher, reached: Counter[str]) -> Any:
    def run(*values: Any) -> Any:
        reached[f"{kernel.__module__}.{kernel.__name__}"] += 1
        with np.errstate(all="ignore"):  # compiled code does not warn
            return kernel.py_func(*values)

    return run


def everything(track: Track) -> list[Any]:
    """Run whatever the science computes of one track."""
    hidden = np.zeros(len(track), dtype=np.bool_)
    hidden[3::29] = True
    pinned = np.zeros(len(track), dtype=np.bool_)
    pinned[5::31] = True
    found = screen(track, CRANE, hidden, pinned)
    shown = track.take(found.code == 0)
    stays = find_stays(shown, CRANE)
    stopovers = merge_stays(stays, CRANE)
    half = (int(track.time_us[len(track) // 2]), int(track.time_us[-1]))
    return vars_of([
        found, stays, stopovers, cuts(track, CRANE, hidden), contexts(track, CRANE, hidden),
        window(track, CRANE, half, hidden), geodesy.hull(shown.lon, shown.lat),
        *(find_peer_stops(shown.time_us, shown.lon, shown.lat, rule) for rule in RULES),
        *of_argos(track.take(slice(0, 80))), *of_areas(shown.take(slice(0, 80))),
    ])  # fmt: skip


def of_argos(track: Track) -> list[Any]:
    """Run what is made for Argos tracks."""
    walk, errors_m2 = Walk(1000.0, 1.0), np.ones(len(track))[:, None, None] * np.eye(2) * 1e6
    place = np.column_stack((track.lon, track.lat))
    return [
        smooth(track, errors_m2, Noise("", "", "", walk, 1.0, 1.0, 3.0, 1.0)),
        log_likelihood(track.time_us, place, errors_m2, walk),
        outlier_cleaner(track.time_us, track.lon, track.lat, 35.0),
        speed_angle_filter(track.time_us, track.lon, track.lat, np.full(len(track), "3")),
    ]


def of_areas(track: Track) -> list[Any]:
    """Run what tells the areas a bird used, and how long and often it was at a place."""
    time_us, first = np.unique(track.time_us, return_index=True)
    time_s, x, y = time_us / 1e6, track.lon[first] * 1e5, track.lat[first] * 1e5
    path, steps = Way(time_s, x, y, track.error_m[first]), np.diff(time_s)
    motion = fixed_motion(path, variance_m2_s=50.0)
    grid = Grid.around(x, y, 20_000.0, 1_000.0, 30)
    return [
        *(autocorrelation._filtered(steps, np.column_stack((x, y)) / 1e5, np.array(tau))
          for tau in ([], [86_400.0], [86_400.0, 7_200.0])),
        kernel_density(x, y, grid, 2.0 * grid.cell_m), kernel_density(x, y, grid, grid.cell_m),
        lay_bridges(path, motion, grid), fixed_motion(path).variance_m2_s,
        dynamic_motion(path).variance_m2_s,
        residence_time_s(time_s, x, y, 2000.0, away_max_s=7200.0),
        visits(time_s, x, y, (x[0], y[0]), 2000.0, away_min_s=3600.0),
        *roosting.night_middle(track.lon[:9], track.lat[:9]),
        *roosting.day_out(track.lon[:24], track.lat[:24], 15),
    ]  # fmt: skip


def vars_of(values: Any) -> list[Any]:
    """Give the fields of a frozen result, nested ones and those of sequences too."""
    if isinstance(values, list | tuple):
        return [field for value in values for field in vars_of(value)]
    if not hasattr(values, "__dataclass_fields__"):
        return [np.asarray(values)]
    return [
        field for name in values.__dataclass_fields__ for field in vars_of(getattr(values, name))
    ]


def same(one: Any, other: Any) -> bool:
    """Tell equality: exact, but for the last digits of numbers that a compiler sums otherwise."""
    if one.dtype.kind != "f":
        return np.array_equal(one, other)
    largest = np.abs(other[np.isfinite(other)]).max(initial=0.0)
    return one.shape == other.shape and np.allclose(
        one, other, rtol=1e-9, atol=1e-9 * largest, equal_nan=True
    )


def journeys() -> st.SearchStrategy[Track]:
    return st.builds(
        lambda seed, stays, every: (
            fly(seed, stays=stays, every_us=every * HOUR_US, bad_share=0.05).track
        ),
        st.integers(0, 10_000),
        st.integers(1, 3),
        st.sampled_from([1, 2, 3]),
    )


@settings(max_examples=4, deadline=None)
@given(journeys())
def test_compiled_and_plain_agree(track: Track) -> None:
    with in_python(Counter()):
        plain = everything(track)
    for number, (one, other) in enumerate(zip(everything(track), plain, strict=True)):
        assert same(one, other), f"part {number}"


def test_nothing_is_compiled_after_the_installation() -> None:
    """A worker would wait some seconds for each kernel, and so would every process of tests."""
    before = {name: sum(each.stats.cache_misses.values()) for name, each in kernels().items()}
    everything(fly(1, stays=4, every_us=2 * HOUR_US, bad_share=0.1, runs=True).track)
    after = {name: sum(each.stats.cache_misses.values()) for name, each in kernels().items()}
    assert after == before, "run `make install`, or name what is missing in app/movement/kernels.py"


def test_every_kernel_is_compared() -> None:
    reached: Counter[str] = Counter()
    with in_python(reached):
        everything(fly(1, stays=4, every_us=2 * HOUR_US, bad_share=0.1, runs=True).track)
        everything(fly(2, stays=2, every_us=HOUR_US // 2).track)  # cut within a journey
    assert set(kernels()) - set(reached) == set()
