"""Noise: the numbers that smoothing goes by, per species and sensor, under a version."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

SIGMAS_95 = math.sqrt(-2.0 * math.log(0.05))
"""Semi-axes of the ellipse that holds 95 % of a bivariate normal, in standard deviations."""


@dataclass(frozen=True, slots=True)
class Walk:
    """
    How a bird moves: equation 1 of `ctcrw`.

    Attributes
    ----------
    sigma : float
        Strength of the noise [m h^-1/2]: over times long beside 1/beta the bird strays by
        sigma sqrt(t) on each axis.
    beta : float
        Rate at which velocity is forgotten [1/h].
    """

    sigma: float
    beta: float


@dataclass(frozen=True, slots=True)
class Noise:
    """
    One row of noise.csv: the parameters of a species and a sensor, under a version.

    Attributes
    ----------
    species_key, sensor, version : str
        What it is for; a change of any number is a new version.
    walk : Walk
        Movement between resting and flying; `step_tail` spans the two.
    step_tail : float
        Degrees of freedom of the noise of steps.
    error_scale : float
        Factor on the covariance of every fix: ellipses of the provider are too small.
    fix_tail : float
        Degrees of freedom of the errors of fixes.
    spread : float
        Factor on the standard deviations of the result, so that 95 % ellipses hold 95 % of
        simulated truths: eq. 1-2 leave the doubt about the scales themselves out.
    """

    species_key: str
    sensor: str
    version: str
    walk: Walk
    step_tail: float
    error_scale: float
    fix_tail: float
    spread: float

    @property
    def name(self) -> str:
        """Name the parameters, as results carry them."""
        return f"{self.species_key}/{self.sensor} {self.version}"


def parse_noise(row: Mapping[str, str]) -> Noise:
    """Read one row of noise.csv; raises ValueError or KeyError when a number is missing."""
    return Noise(
        species_key=row["species_key"],
        sensor=row["sensor"],
        version=row["version"],
        walk=Walk(float(row["sigma_m_per_root_h"]), float(row["beta_per_h"])),
        step_tail=float(row["step_tail"]),
        error_scale=float(row["error_scale"]),
        fix_tail=float(row["fix_tail"]),
        spread=float(row["spread"]),
    )
