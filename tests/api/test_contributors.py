"""Who contributed to a product, as its Link header leads there."""

from __future__ import annotations

import pytest

from app.store.engine import execute
from tests.api.conftest import Network
from tests.api.keeping import Site


@pytest.fixture(scope="module")
def site(network: Network) -> Site:
    return Site(network)


@pytest.mark.parametrize(
    ("address", "asked"),
    [("/api/v1/flyways/white_naped_crane/ledger?format=csv",
      "?simulated=false&species=white_naped_crane"),
     ("/api/v1/species/white_naped_crane/utilisation", "?species=white_naped_crane"),
     ("/api/v1/reports/migrations?format=csv", ""), ("/api/v1/reports/migrations", "")],
)  # fmt: skip
def test_a_product_names_them_in_any_form(site: Site, address: str, asked: str):
    told = site.client.get(address, headers=site.key)
    assert told.status_code == 200, told.text
    assert told.headers["Link"] == f'</api/v1/contributors{asked}>; rel="describedby"'
    if asked:
        real = site.get(f"/api/v1/contributors{asked}")["contributors"]
        assert [each["simulated"] for each in real] == [False]


def test_a_simulated_study_is_no_contributor_to_a_real_flyway(site: Site):
    def named(**asked: str) -> list[bool]:
        species = "white_naped_crane"
        told = site.get("/api/v1/contributors", species=species, **asked)["contributors"]
        return [each["simulated"] for each in told]

    def turn(*, simulated: bool) -> None:
        site.network.in_store(
            lambda conn: execute(
                conn, "update study set simulated = :now where name = 'Kept'", {"now": simulated}
            )
        )

    assert (named(), named(simulated="false"), named(simulated="true")) == ([False], [False], [])
    turn(simulated=True)
    try:
        assert (named(), named(simulated="false"), named(simulated="true")) == ([True], [], [True])
    finally:
        turn(simulated=False)


def test_a_product_names_who_contributed(site: Site):
    told = site.client.get("/api/v1/stopovers?species=Grus+vipio&limit=1", headers=site.key)
    link = '</api/v1/contributors?species=Grus+vipio>; rel="describedby"'
    assert link in told.headers["Link"]
    found = site.get("/api/v1/contributors", species="Grus vipio")
    assert [each["institute"] for each in found["contributors"]] == ["Amur"]
    assert found["contributors"][0]["n_individuals"] >= 1
