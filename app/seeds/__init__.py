"""Facts with their sources: species profiles, named sites, names in six languages."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from typing import Any

from app.movement.noise import Noise, parse_noise
from app.movement.profile import Profile, parse_profile


def rows(name: str) -> list[dict[str, str]]:
    """Return the rows of one seed table: species, sites, names, noise or populations."""
    text = (files(__package__) / f"{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def profiles() -> dict[str, Profile]:
    """Return the species profiles by key; ``default`` serves every other taxon."""
    return {row["key"]: parse_profile(row) for row in rows("species")}


@cache
def _key_by_taxon() -> dict[str, str]:
    return {
        name.casefold(): key
        for key, profile in profiles().items()
        for name in (key, profile.scientific_name, profile.english_name, *profile.synonyms)
        if name
    }


@cache
def _noises() -> dict[tuple[str, str], Noise]:
    found = [parse_noise(row) for row in rows("noise")]
    return {(noise.species_key, noise.sensor): noise for noise in found}


def thresholds(species_key: str, country: str | None) -> list[dict[str, Any]]:
    """
    Return 1 % of each population of a species whose figure has a source, rounded up.

    A population of certain countries applies there alone; where the country is not known all do.
    """
    found = []
    for row in rows("populations"):
        within = row["countries"].split()
        if row["species"] != species_key or (country and within and country not in within):
            continue
        found.append({
            "region": row["region"],
            "one_percent": -(-int(row["low"]) // 100),
            "population_low": int(row["low"]),
            "counts": row["counts"],
            "year": int(row["year"]) if row["year"] else None,
            "source": row["source"],
            "note": row["note"],
        })  # fmt: skip
    return found


def noise_of(species_key: str, sensor: str = "argos") -> Noise:
    """Return the noise of a species and sensor; a species without a row moves as ``default``."""
    noises = _noises()
    return noises.get((species_key, sensor)) or noises["default", sensor]


def profile_of(taxon: str | None) -> Profile:
    """Return the profile of a taxon by key, scientific name, synonym or English name."""
    return profiles()[_key_by_taxon().get((taxon or "").strip().casefold(), "default")]
