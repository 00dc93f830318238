"""What the methods cost, as they grow with the track and beside the field's programs."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Mapping
from functools import partial

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from scipy.stats import gaussian_kde

from app.movement import compat
from app.movement.argos import ellipse_covariance_m2
from app.movement.autocorrelation import bandwidth, fit_wandering
from app.movement.bridges import dynamic_motion, lay_bridges
from app.movement.isopleths import Grid
from app.movement.kernel_density import kernel_density, reference_bandwidth_m
from app.movement.profile import Profile
from app.movement.screening import OK, screen
from app.movement.sensing import Sending
from app.movement.simulate import SimulatedBird, simulate_flock
from app.movement.smoothing import smooth
from app.movement.speedfilter import speed_angle_filter
from app.movement.stopovers import find_stays
from app.movement.stops import StopRule, find_stops
from app.movement.track import HOUR_US
from app.seeds import noise_of, profiles
from tests.movement import home_ranges
from tests.movement.flocks import START_US, key_sites
from tests.movement.section import Section, table
from tests.movement.test_bridges import wandering

DAYS = (50, 100, 200, 400)
RULE = StopRule(60_000.0, 24 * HOUR_US)
ROUNDS = 3


def cpu_s(act: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Give the least CPU time of some turns, after one that compiles."""
    act()
    spent = []
    for _ in range(rounds):
        started = time.process_time()
        act()
        spent.append(time.process_time() - started)
    return max(min(spent), 1e-6)


def _bird(days: int, sending: Sending) -> SimulatedBird:
    return simulate_flock(
        [profiles()["white_naped_crane"]], key_sites(), n_individuals=1, start_us=START_US,
        days=days, seed=1, sending=sending,
    ).birds[0]  # fmt: skip


def growth() -> Mapping[str, list[tuple[int, float]]]:
    """Return fixes and CPU seconds of each method on one bird followed longer and longer."""
    profile = profiles()["white_naped_crane"]
    found: dict[str, list[tuple[int, float]]] = {}
    for days in DAYS:
        often = Sending(interval_s=600.0, gaps_per_year=0)
        for name, act, n in (
            *_of_gps(_bird(days, often), profile),
            *_of_argos(_bird(days, Sending(sensor="argos"))),
        ):
            found.setdefault(name, []).append((n, cpu_s(act)))
    return found


Acts = list[tuple[str, Callable[[], object], int]]


def _of_gps(bird: SimulatedBird, profile: Profile) -> Acts:
    track = bird.sent.track
    shown = track.take(screen(track, profile).code == OK)
    lon, lat = shown.lon, shown.lat
    kinds = np.full(len(track), "3")
    sda = partial(
        speed_angle_filter,
        *(track.time_us, track.lon, track.lat, kinds),
        speed_max_m_s=profile.speed_max_m_s,
    )
    return [
        ("screening", lambda: screen(track, profile), len(track)),
        ("argosfilter's SDA, our port", sda, len(track)),
        ("stays with boundaries", lambda: find_stays(shown, profile), len(shown)),
        ("MovingPandas' stops, our port", lambda: find_stops(shown.time_us, lon, lat, RULE),
         len(shown)),
    ]  # fmt: skip


def _of_argos(bird: SimulatedBird) -> Acts:
    sent = bird.sent
    shown = screen(sent.track, profiles()[bird.species_key]).code == OK
    track, covariance = sent.track.take(shown), ellipse_covariance_m2(*sent.ellipse[shown].T)
    noise = noise_of(bird.species_key)
    return [("Argos smoothing", lambda: smooth(track, covariance, noise), len(track))]


def peers() -> list[tuple[str, float, float, str]]:
    """Return what was done, our CPU seconds, theirs, and whether theirs were measured here."""
    return [_stops(), _kernels_r(), _kernels_scipy(), _leroy(), *_homes()]


def _stops() -> tuple[str, float, float, str]:
    shown = _bird(20, Sending(gaps_per_year=0, gross_error_share=0.0)).sent.track
    fixes = shown.time_us, shown.lon, shown.lat
    ours = cpu_s(lambda: find_stops(*fixes, RULE))
    return "MovingPandas, stops of 480 fixes", ours, cpu_s(
        lambda: compat.peer_stops(*fixes, RULE), 1
    ), "here"  # fmt: skip


def crane_winter(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Give two haunts 15 km apart, as adehabitatHR was timed on."""
    rng = np.random.default_rng(7)
    return rng.normal(0, 3000, n) + rng.choice([0, 15000], n), rng.normal(0, 3000, n)


def timing(program: str) -> dict[str, float]:
    found: dict[str, float] = json.loads(
        (home_ranges.folder() / program / "timing.json").read_text()
    )
    return found


def _kernels_r() -> tuple[str, float, float, str]:
    x, y = crane_winter(50_000)
    h_m = reference_bandwidth_m(x, y)
    grid = Grid.around(x, y, 3 * h_m, 10.0, 500)
    theirs = timing("adehabitatHR")["scaling kernelUD n=50000 grid=500 href"]
    ours = cpu_s(lambda: kernel_density(x, y, grid, h_m))
    return "adehabitatHR, kernels of 50,000 fixes on 500 cells", ours, theirs, "its own run"


def scipy_kernel() -> tuple[tuple[np.ndarray, np.ndarray], Grid, float, Callable[[], np.ndarray]]:
    """
    Return positions, a grid, a bandwidth [m], and scipy's estimate of their density there.

    Its kernel has the shape of the scatter: made round, it is the same as ours.
    """
    fixes = np.stack(crane_winter(5_000))
    x, y = 5_000.0 * np.linalg.solve(np.linalg.cholesky(np.cov(fixes)), fixes)
    h_m = reference_bandwidth_m(x, y)
    grid = Grid.around(x, y, 3 * h_m, 10.0, 200)
    places = np.indices((grid.n_y, grid.n_x))[::-1].reshape(2, -1)
    places = np.array([[grid.x0], [grid.y0]]) + grid.cell_m * places
    peer = gaussian_kde(np.stack([x, y]), bw_method=h_m / 5_000.0)
    return (x, y), grid, h_m, lambda: peer(places).reshape(grid.n_y, grid.n_x)


def _kernels_scipy() -> tuple[str, float, float, str]:
    (x, y), grid, h_m, peer = scipy_kernel()
    started = time.process_time()
    peer()
    theirs = time.process_time() - started
    ours = cpu_s(lambda: kernel_density(x, y, grid, h_m))
    return "scipy, kernels of 5,000 fixes on 200 cells", ours, theirs, "here"


def _leroy() -> tuple[str, float, float, str]:
    way, grid = home_ranges.leroy(), home_ranges.leroy_grid()
    ours = cpu_s(lambda: lay_bridges(way, dynamic_motion(way), grid))
    theirs = timing("move_dbbmm")["dBBMM leroy raster 50 m"]
    return "move, dynamic bridges of 919 fixes on 382 x 373 cells", ours, theirs, "its own run"


CTMM_S = {600: 12.7, 3_527: 66.5}
"""CPU seconds that ctmm took for so many fixes of a buffalo."""


def home(n: int) -> Callable[[], None]:
    """Return the making of the home range of a bird with so many fixes: its fit and bandwidth."""
    path = wandering(n, speed=1.0)
    pull = np.exp(-0.02 * np.arange(n))
    x, y = (np.convolve(np.diff(v), pull, "full")[:n] for v in (path.x, path.y))

    def both() -> None:
        found = fit_wandering(path.time_s, x, y)
        assert found is not None
        bandwidth(path.time_s, found)

    return both


def _homes() -> list[tuple[str, float, float, str]]:
    return [
        (f"ctmm, home range of {n:,} fixes", cpu_s(home(n), 1), theirs, "its own run")
        for n, theirs in CTMM_S.items()
    ]


def cost() -> Section:
    """Tell what the methods cost."""
    grown = growth()
    rows = [
        (
            name,
            *(f"{1e6 * s / n:.2f}" for n, s in points),
            f"{1e-6 * points[-1][0] / points[-1][1]:.2f}",
        )
        for name, points in grown.items()
    ]
    beside = [
        (what, f"{ours:.4f}", f"{theirs:.3g}", f"{theirs / ours:,.0f}", where)
        for what, ours, theirs, where in peers()
    ]
    head = ("method", *(f"{days} days [us a fix]" for days in DAYS), "million fixes a second")
    text = f"""\
One bird, every ten minutes by GPS and hourly by Argos, followed longer and longer: CPU time a fix.
Linear cost keeps a row level.

{table(head, rows)}
![CPU time by number of fixes](validation-cost.svg)

Beside the field's programs, CPU seconds; those that do not run here as they were measured on
their own inputs, on a machine like this one.

{table(("program and task", "ours [s]", "theirs [s]", "ratio", "theirs measured"), beside)}
"""
    return Section("Cost", text, {"validation-cost": _drawn(grown)})


def _drawn(grown: Mapping[str, list[tuple[int, float]]]) -> bytes:
    with mpl.rc_context({"svg.hashsalt": "flyways", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(6, 4), layout="constrained")
        axes = figure.add_subplot()
        for name, points in grown.items():
            axes.loglog(*zip(*points, strict=True), marker="o", markersize=3, lw=1.2, label=name)
        axes.set_xlabel("Fixes")
        axes.set_ylabel("CPU time [s]")
        axes.legend(frameon=False)
        out = io.BytesIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()
