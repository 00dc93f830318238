"""How an address is told from another, and how to cite an answer."""

from __future__ import annotations

from urllib.parse import urlencode
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.as_of import address_of, birds_named, citation, filters_of
from app.errors import BadInput

NAMES = st.sampled_from(["species", "season", "study", "bbox", "by"])
QUERY = st.lists(st.tuples(NAMES, st.text("abc+ %&", max_size=4)), max_size=4)


@given(QUERY, st.randoms(use_true_random=False))
def test_the_order_of_filters_and_the_page_name_no_other_address(query, rng) -> None:
    shuffled = query[:]
    rng.shuffle(shuffled)
    paged = urlencode([("limit", "5"), *shuffled, ("cursor", "x"), ("as_of", "y")])
    told = address_of("/api/v1/sites", paged)
    assert told == address_of("/api/v1/sites", urlencode(query))
    path, _, again = told.partition("?")
    assert address_of(path, again) == told


def test_an_address_says_which_birds_it_is_about() -> None:
    ref = "6b0e2dd2-35c4-4b4c-b8d1-e0a2f3c47b11"
    found = filters_of("/api/v1/sites", f"individual={ref}&species=Grus+vipio&limit=3")
    assert (found.individual, found.species) == (UUID(ref), "white_naped_crane")
    assert filters_of(f"/api/v1/individuals/{ref}/track", "").individual == UUID(ref)
    assert filters_of("/api/v1/flyways/hooded_crane:spring", "").species == "hooded_crane"
    assert filters_of("/api/v1/flyways/hooded_crane:spring", "").simulated is False
    assert filters_of("/api/v1/flyways/hooded_crane:simulated/report", "").simulated is True
    assert filters_of("/api/v1/species/hooded_crane/utilisation", "").species == "hooded_crane"
    assert filters_of("/tiles/flyways/3/6/3.pbf", "").species is None
    with pytest.raises(BadInput):
        filters_of("/api/v1/sites", "study=mine")


def test_the_birds_of_an_answer_are_those_that_every_item_names() -> None:
    assert birds_named(b'{"items": [{"individual": {"id": "a"}}], "next": null}') == {"a"}
    assert birds_named(b'{"items": [], "next": null}') == set()
    assert birds_named(b'{"items": [{"id": "site"}], "next": null}') is None
    assert birds_named(b'{"type": "FeatureCollection"}') is None
    assert birds_named(b"not json") is None


def test_studies_are_cited_as_they_ask_for() -> None:
    credit = [
        {"citation": "Amur (2024): Cranes.", "institute": "Amur", "study_name": "Cranes"},
        {"citation": None, "institute": "Naktong", "study_name": "Spoonbills"},
    ]
    assert citation(credit) == "Amur (2024): Cranes; Naktong: Spoonbills. By Flyways 0.1.0."
    assert citation([]) == "Flyways 0.1.0."
