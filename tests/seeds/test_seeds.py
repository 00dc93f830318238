"""The facts the service is born with: complete, in range, each with its source."""

from __future__ import annotations

import re

import pytest

from app.movement.profile import Profile
from app.seeds import profile_of, profiles, rows

COUNTRIES = {"CN", "HK", "JP", "KP", "KR", "MN", "RU", "TW", "KZ", "UZ", "IN", "BT", "NP", "VN"}
LANGUAGES = ("en", "zh", "ja", "ko", "ru", "mn")
SCRIPTS = {
    "zh": r"[\u4e00-\u9fff]",
    "ja": r"[\u3040-\u30ff\u4e00-\u9fff]",
    "ko": r"[\uac00-\ud7a3]",
    "ru": r"[\u0400-\u04ff]",
    "mn": r"[\u0400-\u04ff]",
}
SPECIES = {key: profile for key, profile in profiles().items() if key != "default"}


@pytest.mark.parametrize("name", ["species", "sites", "names"])
def test_no_table_has_ragged_or_repeated_rows(name: str) -> None:
    table = rows(name)
    keys = [row["name" if name == "sites" else "key"] for row in table]
    assert len(keys) == len(set(keys))
    assert all(None not in row and None not in row.values() for row in table)
    assert all(value == value.strip() for row in table for value in row.values())


def test_the_species_of_the_programme_come_first() -> None:
    assert {"white_naped_crane", "hooded_crane", "black_faced_spoonbill"} <= set(SPECIES)


@pytest.mark.parametrize(("key", "profile"), sorted(SPECIES.items()))
def test_a_profile_is_one_of_a_living_bird(key: str, profile: Profile) -> None:
    assert profile.key == key
    assert re.fullmatch(r"[A-Z][a-z]+ [a-z]+", profile.scientific_name)
    assert 10 <= profile.speed_max_m_s < profile.speed_hard_m_s <= 100
    assert 500 <= profile.stop_radius_m <= 50_000


@pytest.mark.parametrize("row", rows("species"), ids=lambda row: row["key"])
def test_every_species_names_its_evidence(row: dict[str, str]) -> None:
    assert row["evidence"]
    if row["key"] != "default":
        assert row["iucn_source"]


@pytest.mark.parametrize("key", sorted(SPECIES))
def test_a_bird_is_found_by_each_of_its_names(key: str) -> None:
    profile = SPECIES[key]
    for name in (key, profile.scientific_name, profile.english_name, *profile.synonyms):
        assert profile_of(name) is profile
        assert profile_of(f"  {name.upper()} ") is profile


@pytest.mark.parametrize("taxon", [None, "", "Passer domesticus"])
def test_any_other_bird_has_the_cautious_profile(taxon: str | None) -> None:
    assert profile_of(taxon) is profiles()["default"]


@pytest.mark.parametrize("row", rows("sites"), ids=lambda row: row["name"])
def test_a_site_lies_where_the_flyway_is(row: dict[str, str]) -> None:
    assert 5 <= float(row["lat"]) <= 75
    assert 60 <= float(row["lon"]) <= 180
    assert set(row["country"].split("/")) <= COUNTRIES
    assert row["source"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_species_is_named_in_every_language_or_said_to_lack_a_name(language: str) -> None:
    named = {row["key"]: row for row in rows("names")}
    for key in [*SPECIES, "default"]:
        name = named[key][language]
        if not name:
            assert f"{language} missing" in named[key]["status"], key
        elif language in SCRIPTS:
            assert re.search(SCRIPTS[language], name), (key, name)
