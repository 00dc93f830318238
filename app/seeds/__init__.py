"""Facts with their sources: species profiles, named sites, names in six languages."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

from app.movement.noise import Noise, parse_noise
from app.movement.profile import Profile, parse_profile


def rows(name: str) -> list[dict[str, str]]:
    """Return the rows of one seed table: species, sites, names or noise."""
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


def noise_of(species_key: str, sensor: str = "argos") -> Noise:
    """Return the noise of a species and sensor; a species without a row moves as ``default``."""
    noises = _noises()
    return noises.get((species_key, sensor)) or noises["default", sensor]


def profile_of(taxon: str | None) -> Profile:
    """Return the profile of a taxon by key, scientific name, synonym or English name."""
    return profiles()[_key_by_taxon().get((taxon or "").strip().casefold(), "default")]
