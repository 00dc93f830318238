"""The colours stay apart for readers who see fewer of them, and stand out from the map."""

import re
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest

VIEWER = Path(__file__).resolve().parents[2] / "app" / "viewer"
PALETTE = (VIEWER / "palette.js").read_text()
THEMES = (VIEWER / "themes.js").read_text()

# Machado, Oliveira and Fernandes 2009, doi:10.1109/TVCG.2009.113, severity 1.0, linear RGB.
SIGHT = {
    "full": np.eye(3),
    "protanopia": np.array([
        [0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array([
        [0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881]]),
    "tritanopia": np.array([
        [1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900]]),
}  # fmt: skip
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = np.array([0.95047, 1.0, 1.08883])
LEAST_APART = 18.0  # CIE76; about 2.3 is just noticeable side by side
LEAST_CONTRAST = 3.0  # WCAG 2.2, 1.4.11 non-text contrast


def linear(colour: str) -> np.ndarray:
    parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    ratio = XYZ @ np.clip(rgb, 0, 1) / WHITE
    root = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    lightness = 116 * root[1] - 16
    return np.array([lightness, *(np.array([500, 200]) * [a - b for a, b in pairwise(root)])])


# The names of a set of colours and of the one for everything else, and how many they are.
SETS = {"birds": ("PALETTES", "OTHER", 9), "seasons": ("SEASON_PALETTES", "NO_SEASON", 6)}


def colours(theme: str, what: str) -> list[str]:
    several, one, _ = SETS[what]
    block = PALETTE[PALETTE.index(f"export const {several} = ") :]
    row = re.search(rf"\b{theme}: \[([^\]]+)\]", block)
    other = re.search(rf"export const {one} = .*\b{theme}: '(#\w+)'", PALETTE)
    assert row is not None
    assert other is not None
    return [*re.findall(r"#\w{6}", row[1]), other[1]]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("what", SETS)
@pytest.mark.parametrize("sight", SIGHT)
def test_any_two_colours_stay_apart(theme: str, what: str, sight: str) -> None:
    seen = {colour: lab(SIGHT[sight] @ linear(colour)) for colour in colours(theme, what)}
    assert len(seen) == SETS[what][2]
    for first, second in combinations(seen, 2):
        apart = float(np.linalg.norm(seen[first] - seen[second]))
        assert apart >= LEAST_APART, (first, second)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("what", SETS)
def test_every_colour_stands_out_from_land_and_sea(theme: str, what: str) -> None:
    block = THEMES[THEMES.index(f"{theme}: {{") :]
    for surface in ("land", "sea"):
        ground = re.search(rf"{surface}: '(#\w+)'", block)
        assert ground is not None
        for colour in colours(theme, what):
            high, low = sorted([XYZ[1] @ linear(colour), XYZ[1] @ linear(ground[1])])[::-1]
            assert (high + 0.05) / (low + 0.05) >= LEAST_CONTRAST, (colour, surface)
