"""
Utilisation and selection against the field's programs, on their own inputs and grids.

Each function gives rows that the tests hold to a bound and that a page of validation may print.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from polars import selectors
from pyproj import Proj

from app.movement.bridges import Path as Way
from app.movement.bridges import dynamic_motion, fixed_motion, lay_bridges
from app.movement.isopleths import Grid, home_ranges, volume
from app.movement.kernel_density import kernel_density, reference_bandwidth_m
from app.movement.selection import manly, manly_pooled

FLAT = Proj(proj="laea", lon_0=2.0, lat_0=42.0, ellps="WGS84")
"""Some equal-area plane: areas are compared, not places on the earth."""

MINUTE_S = 60.0


@dataclass(frozen=True)
class Agreement:
    """One figure of a peer, and ours."""

    peer: str
    what: str
    theirs: float
    ours: float

    @property
    def off(self) -> float:
        """Relative difference."""
        return abs(self.ours - self.theirs) / abs(self.theirs) if self.theirs else abs(self.ours)


def folder() -> Path:
    """Give the folder of the peers' outputs, beside the shared data."""
    return Path(os.environ.get("FLYWAYS_TEST_DATA", "../shared/data")).parent / "reference"


def table(path: Path) -> dict[str, np.ndarray]:
    """Read a CSV file into columns: numbers where all are."""
    columns = pl.read_csv(path, infer_schema_length=None)
    numbers = columns.select(selectors.numeric().cast(pl.Float64).fill_null(np.nan))
    texts = columns.select((~selectors.numeric()).cast(pl.String).fill_null(""))
    return {each.name: each.to_numpy(writable=True) for each in (*numbers, *texts)}


def metrics(program: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder() / program / "metrics.json").read_text())
    return found


def grid_of(x: np.ndarray, y: np.ndarray) -> Grid:
    """Give the grid that a peer's cells lie on."""
    xs, ys = np.unique(x), np.unique(y)
    return Grid(float(xs[0]), float(ys[0]), float(xs[1] - xs[0]), len(xs), len(ys))


def spread_out(grid: Grid, cells: dict[str, np.ndarray]) -> np.ndarray:
    """Put a peer's cells on the grid, summing to 1."""
    out = np.zeros((grid.n_y, grid.n_x))
    column = np.rint((cells["x"] - grid.x0) / grid.cell_m).astype(int)
    row = np.rint((cells["y"] - grid.y0) / grid.cell_m).astype(int)
    out[row, column] = cells["ud"]
    return out / out.sum()


def area(density: np.ndarray, grid: Grid, level: int) -> float:
    return home_ranges(density, volume(density), grid, [level / 100.0], FLAT)[0][0]


def kernels() -> Iterator[Agreement]:
    """Four boars of Puechabon on two grids, by href and a given bandwidth: adehabitatHR."""
    place = folder() / "adehabitatHR"
    said = metrics("adehabitatHR")
    fixes = table(place / "puechabon_relocs.csv")
    for number, bird in enumerate(np.unique(fixes["id"])):
        own = fixes["id"] == bird
        x, y = fixes["x"][own], fixes["y"][own]
        href = reference_bandwidth_m(x, y)
        yield Agreement("kernelUD", f"{bird} href [m]", said["href"][number], href)
        for file, key, bandwidth_m in (
            ("kud_href_g200", "area_vertices_km2_", href),
            ("kud_h300_50m", "h300_area_vertices_km2_", 300.0),
        ):
            cells = table(place / f"{file}.csv.gz")
            there = cells["id"] == bird
            grid = grid_of(cells["x"][there], cells["y"][there])
            density = kernel_density(x, y, grid, bandwidth_m)
            for level in (50, 95):
                yield Agreement(
                    "getverticeshr", f"{bird} {file} {level} % [km2]",
                    said[f"{key}{level}"][str(bird)], area(density, grid, level),
                )  # fmt: skip
    fixes = table(place / "scaling1000_input.csv")
    x, y = fixes["coords.x1"], fixes["coords.x2"]
    h_m = reference_bandwidth_m(x, y)
    yield Agreement("kernelUD", "1,000 fixes href [m]", said["scaling1000_h"], h_m)


def bridges() -> Iterator[Agreement]:
    """Brownian bridges of one variance: kernelbb."""
    said = metrics("adehabitatHR")
    way = boar()
    motion = fixed_motion(way)
    sigma = float(np.sqrt(motion.variance_m2_s[0]))
    yield Agreement("liker", "sig1 [m s-1/2]", said["kernelbb_sig1"], sigma)
    motion = fixed_motion(way, variance_m2_s=said["kernelbb_sig1"] ** 2)
    cells = table(folder() / "adehabitatHR/kernelbb_puechcirc1.csv.gz")
    grid = grid_of(cells["x"], cells["y"])
    density = lay_bridges(way, motion, grid)
    for level in (50, 95):
        yield Agreement(
            "kernelbb", f"{level} % [km2]", said[f"kernelbb_area_km2_{level}"],
            area(density, grid, level),
        )  # fmt: skip
    alike = float(np.sum(np.sqrt(density * spread_out(grid, cells))))
    yield Agreement("kernelbb", "Bhattacharyya coefficient", 1.0, alike)


def boar() -> Way:
    fixes = table(folder() / "adehabitatHR/puechcirc1_input.csv")
    return Way(fixes["time"], fixes["x"], fixes["y"], np.full(len(fixes["x"]), 58.0))


def leroy() -> Way:
    """Give the fisher Leroy, with the error its reference was made with."""
    fixes = table(folder() / "move_dbbmm/leroy_input.csv")
    return Way(fixes["time"], fixes["x"], fixes["y"], np.full(len(fixes["x"]), 23.5))


def leroy_grid() -> Grid:
    said = metrics("move_dbbmm")["grid"]
    west, _, south, _ = said["ext"]
    return Grid(west + 25.0, south + 25.0, 50.0, said["ncol"], said["nrow"])


def leroy_variance() -> np.ndarray:
    """Give the peer's variance of each way [m2/s]; nan where it lays no bridge."""
    said = table(folder() / "move_dbbmm/leroy_bmvar.csv")
    return np.where(said["interest"] == "true", said["var"] / MINUTE_S, np.nan)[:-1]


def dynamic_bridges() -> Iterator[Agreement]:
    """Brownian bridges of a dynamic variance: move."""
    said = metrics("move_dbbmm")
    way, grid = leroy(), leroy_grid()
    motion = dynamic_motion(way)
    density = lay_bridges(way, motion, grid)
    held = volume(density)
    for level in (95, 99):
        cells_km2 = float((held <= level / 100.0).sum()) * grid.cell_m**2 / 1e6
        theirs = said[f"area_cells_km2_0.{level}"]
        yield Agreement("brownian.bridge.dyn", f"{level} % [km2]", theirs, cells_km2)
    cells = table(folder() / "move_dbbmm/leroy_dbbmm_ud.csv.gz")
    alike = float(np.sum(np.sqrt(density * spread_out(grid, cells))))
    yield Agreement("brownian.bridge.dyn", "Bhattacharyya coefficient", 1.0, alike)


def ratios() -> Iterator[tuple[Agreement, Agreement]]:
    """Selection ratios and their standard errors: adehabitatHS, designs I, II and III."""
    said = metrics("adehabitatHS")

    def matrix(rows: list[dict[str, float]]) -> np.ndarray:
        return np.array([[v for k, v in row.items() if k != "_row"] for row in rows], float)

    sheep, squirrel = said["bighorn_input"], said["squirrel_input"]
    for name, ours in (
        ("bighorn_widesI", manly_pooled(matrix(sheep["used"]).sum(axis=0),
                                        np.array(sheep["availTrue"]))),
        ("squirrel_widesII", manly(matrix(squirrel["locs"]),
                                   matrix(squirrel["studyarea"])[0])),
        ("squirrel_widesIII", manly(matrix(squirrel["locs"]), matrix(squirrel["mcp"]))),
    ):  # fmt: skip
        for k, (w, se) in enumerate(zip(said[name]["wi"], said[name]["se.wi"], strict=True)):
            yield (
                Agreement(name, f"w {k}", w, float(ours.ratio[k])),
                Agreement(name, f"SE {k}", se, float(ours.standard_error[k])),
            )
