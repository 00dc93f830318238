"""Products as they were: kept to the digit, read under today's grants, gone with their birds."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from httpx2 import Response

from app import deliver, operate
from app.api.flyway_page import KEPT_HERE
from app.errors import Gone, NotFound
from app.movement.simulate import flock_csv, reference_csv
from app.pipeline import run as flow
from app.store.engine import Store
from tests.api.conftest import Network
from tests.flow.conftest import flock

BIRDS = flock(seed=41, birds=3, days=150, interval_s=14_400.0)
PRODUCTS = (
    "/api/v1/stopovers",
    "/api/v1/stopovers?species=white_naped_crane",
    "/api/v1/seasons",
    "/api/v1/legs",
    "/api/v1/sites",
    "/api/v1/flyways",
    "/api/v1/habitat/use?by=individual",
    "/api/v1/flyways/white_naped_crane/ledger",
    "/api/v1/reports/migrations",
)
OF_BIRD = ("/track", "/utilisation?method=kde", "/seasons")
OF_SITE = ("", "/loss", "/utilisation")
OF_FLYWAY = ("", "/connectivity")
OF_ALL = (
    "/api/v1/key-sites",
    "/api/v1/species/white_naped_crane/utilisation",
    "/tiles/density/2/3/1.pbf",
    "/tiles/tracks/2/3/1.pbf",
    "/tiles/stopovers/2/3/1.pbf",
)
"""Further products, read as they were by the same means."""


class Site:
    """A study with a simulated flock, and everything derived from it."""

    def __init__(self, network: Network) -> None:
        self.network, self.client, self.key = network, network.client, network.amur
        self.study = network.study(network.amur, "Kept", licence="CC-BY-4.0")
        for body in (reference_csv(BIRDS), flock_csv(BIRDS)):
            sent = self.client.post(
                f"/api/v1/studies/{self.study}/pushes", content=body, headers=self.key
            )
            assert sent.status_code == 202, sent.text
        self.drain(areas=True)
        listed = self.get("/api/v1/individuals")["items"]
        self.birds = {each["local_identifier"]: each["id"] for each in listed}

    def drain(self, *, areas: bool = False) -> None:
        async def run() -> None:
            store = Store(self.network.dsn, pool_size=2, statement_timeout_s=60)
            try:
                assert await flow.drain(store, areas=areas) == []
            finally:
                await store.close()

        asyncio.run(run())

    def get(self, address: str, key: dict[str, str] | None = None, **asked: str) -> dict:
        answer = self.client.get(address, params=asked or None, headers=key or self.key)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def addresses(self) -> list[str]:
        """Give every product: of the flock, of each bird, and of each site of many birds."""
        of_birds = [f"/api/v1/individuals/{bird}{part}" for bird in self.birds.values()
                    for part in OF_BIRD]  # fmt: skip
        sites = self.get("/api/v1/sites")["items"]
        of_sites = [f"/api/v1/sites/{each['id']}{part}" for each in sites[:2] for part in OF_SITE]
        flyways = self.get("/api/v1/flyways")["items"]
        of_flyways = [f"/api/v1/flyways/{each['id']}{part}" for each in flyways[:1]
                      for part in OF_FLYWAY]  # fmt: skip
        assert of_sites and of_flyways
        return [*PRODUCTS, *OF_ALL, *of_birds, *of_sites, *of_flyways]

    def species(self) -> str:
        """Give a species with a flyway: another test may have made a bird one of another."""
        return str(self.get("/api/v1/flyways")["items"][0]["species"])

    def read(self, address: str) -> object:
        """Give what an answer says: JSON where it is that, else its bytes."""
        return said(self.client.get(address, headers=self.key))

    def keep(self, address: str, **more: str) -> dict:
        return self.network.make("snapshots", self.key, address=address, **more)

    def as_of(self, address: str, made: dict, key: dict[str, str] | None = None):
        joint = "&" if "?" in address else "?"
        return self.client.get(
            f"{address}{joint}as_of={made['id']}", headers=self.key if key is None else key
        )


def said(answer: Response) -> object:
    assert answer.status_code == 200, answer.text
    return answer.json() if "json" in answer.headers["content-type"] else answer.content


@pytest.fixture
def site(network: Network) -> Iterator[Site]:
    """Give the flock; what a test withdrew of it comes back."""
    made = getattr(network, "_kept", None)
    if made is None:
        made = Site(network)
        object.__setattr__(network, "_kept", made)
    yield made
    for bird in made.birds.values():
        made.client.delete(f"/api/v1/individuals/{bird}/withdraw", headers=made.key)
    made.drain()


def edit(site: Site, rng: random.Random, number: int) -> None:
    """Make one edit of many kinds that changes products."""

    def verdict() -> Response:
        bird = rng.choice(list(site.birds.values()))
        rows = site.get("/api/v1/fixes", individual=bird, limit="100")["items"]
        said = {"individual": bird, "time": rng.choice(rows)["time"], "verdict": "hide"}
        body = said | {"reason": f"edit {number}"}
        return site.client.post("/api/v1/fixes/verdicts", headers=site.key, json=body)

    def stopover() -> Response:
        rows = site.get("/api/v1/stopovers")["items"]
        chosen = rng.choice(rows)
        return site.client.patch(f"/api/v1/stopovers/{chosen['id']}", headers=site.key, json={
            "kind": rng.choice(["staging", "breeding"]), "reviewer": "Kim",
            "note": f"edit {number}"})  # fmt: skip

    def species() -> Response:
        bird = rng.choice(list(site.birds.values()))
        return site.client.patch(f"/api/v1/individuals/{bird}", headers=site.key, json={
            "taxon": rng.choice(["Grus vipio", "Grus monacha"])})  # fmt: skip

    done = rng.choice([verdict, stopover, species])()
    assert done.status_code in {200, 201, 409}, done.text


def test_old_numbers_are_told_to_the_digit_after_edits_and_gone_after_a_withdrawal(site: Site):
    before = {address: site.read(address) for address in site.addresses()}
    assert all(before.values())
    kept = {address: site.keep(address) for address in before}
    rng = random.Random(7)
    for number in range(12):
        edit(site, rng, number)
    site.drain()
    changed = [a for a in PRODUCTS if site.client.get(a, headers=site.key).json() != before[a]]
    assert changed
    for address, made in kept.items():
        told = site.as_of(address, made)
        assert said(told) == before[address]
        manifest = site.get(f"/api/v1/snapshots/{made['id']}")["manifest"]
        content = manifest["content"]
        assert content["digest"] == f"sha256:{sha256(told.content).hexdigest()}"
        canonical = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert made["digest"] == f"sha256:{sha256(canonical.encode()).hexdigest()}"
        answer = before[address]
        if (
            isinstance(answer, dict) and answer.get("items") == []
        ):  # too short a story for a migration
            assert manifest["individuals"] == []
            continue
        assert manifest["individuals"]
        assert manifest["contributors"][0]["licence"] == "CC-BY-4.0"
        assert "Amur: Kept" in manifest["citation"]
    name, bird = min(site.birds.items())
    taken = site.client.post(
        f"/api/v1/individuals/{bird}/withdraw", json={"reason": "asked for"}, headers=site.key
    )
    assert taken.status_code == 201, taken.text
    assert taken.json()["numbers"]["n_stopovers"] > 0
    touched = {each["id"] for each in taken.json()["snapshots"]}
    for address, made in kept.items():
        stood = bird in made["manifest"]["individuals"]
        assert (made["id"] in touched) == stood
        told = site.as_of(address, made)
        assert told.status_code == (410 if stood else 200), (address, name)
        if stood:
            assert told.json()["code"] == "snapshot-withdrawn"
            assert told.json()["manifest"] == made["manifest"]
    assert touched


def test_a_report_is_read_as_it_was_printed_and_gone_with_its_bird(site: Site):
    address = f"/api/v1/flyways/{site.species()}/report?lang=mn"
    made = site.keep(address)
    edit(site, random.Random(3), 99)
    site.drain()
    told = site.as_of(address, made)
    assert told.status_code == 200, told.text
    assert told.headers["content-type"] == "text/html; charset=utf-8"
    assert told.headers["content-language"] == "mn"
    assert "default-src 'none'" in told.headers["content-security-policy"]
    (line,) = (each for each in told.text.splitlines() if made["digest"] in each)
    assert made["id"] in line
    assert f"{made['made_at'][:10]} {made['made_at'][11:16]}" in line
    kept = told.text.replace(line, KEPT_HERE).encode()
    assert f"sha256:{sha256(kept).hexdigest()}" == made["manifest"]["content"]["digest"]
    assert site.as_of(address.replace("mn", "ru"), made).status_code == 404
    compared = site.client.get(f"/api/v1/snapshots/{made['id']}/changes", headers=site.key)
    assert (compared.status_code, compared.json()["code"]) == (422, "snapshot-opaque")
    bird = made["manifest"]["individuals"][0]
    site.network.make(f"individuals/{bird}/withdraw", site.key, reason="asked for")
    gone = site.as_of(address, made)
    assert (gone.status_code, gone.json()["code"]) == (410, "snapshot-withdrawn")
    assert gone.json()["manifest"] == made["manifest"]


def test_the_operator_prints_what_an_institute_kept(site: Site, tmp_path: Path):
    species = site.species()
    made = site.keep(f"/api/v1/flyways/{species}/report?lang=ja")
    out = tmp_path / "kept.html"

    async def write(as_of: str) -> None:
        async with operate.opened(site.network.dsn) as store:
            await deliver.report(store, species, out, lang="ja", datetime=None, as_of=as_of)

    asyncio.run(write(made["id"]))
    assert made["digest"] in out.read_text(encoding="utf-8")
    out.unlink()
    with pytest.raises(NotFound):  # a time names none of another's
        asyncio.run(write("2099-01-01"))
    bird = made["manifest"]["individuals"][0]
    site.network.make(f"individuals/{bird}/withdraw", site.key, reason="asked for")
    with pytest.raises(Gone, match="withdrawn"):
        asyncio.run(write(made["id"]))
    assert not out.exists()


def test_a_withdrawn_bird_is_in_no_product_and_comes_back_exactly(site: Site):
    address = "/api/v1/habitat/use?by=season"
    before = {each: site.get(each) for each in (*PRODUCTS, "/feeds/positions.geojson")}
    made = site.keep(address)
    bird = min(site.birds.values())
    withdrawn = f"/api/v1/individuals/{bird}/withdraw"
    body = {"reason": "asked for"}
    assert site.client.post(withdrawn, json=body, headers=site.key).status_code == 201
    again = site.client.post(withdrawn, json=body, headers=site.key)
    assert (again.status_code, again.json()["code"]) == (409, "withdrawn-already")
    for product in ("/api/v1/stopovers", "/api/v1/seasons", "/api/v1/legs"):  # before any worker
        assert all(each["individual"]["id"] != bird for each in site.get(product)["items"])
    site.drain()
    for product in (*PRODUCTS, "/feeds/positions.geojson", "/api/v1/reports/morning"):
        text = json.dumps({**site.get(product), "arrivals": None})
        assert bird not in text
    fixes = site.get("/api/v1/fixes", individual=bird, limit="1000")["items"]
    assert fixes
    assert not any(each["visible"] for each in fixes)
    changed = site.get(f"/api/v1/snapshots/{made['id']}/changes")["changes"]
    assert any(each["path"].endswith("n_individuals") for each in changed)
    assert all(each["was"] is None for each in changed)  # while it is withdrawn
    assert site.client.delete(withdrawn, headers=site.key).status_code == 200
    site.drain()
    assert {each: without_ids(site.get(each)) for each in before} == {
        each: without_ids(answer) for each, answer in before.items()
    }
    assert site.as_of(address, made).status_code == 200
    listed = site.get("/api/v1/withdrawals")["items"]
    assert listed[0]["undone_at"] is not None


def without_ids(answer: dict) -> str:
    """Give an answer without what names its rows: stopovers that come back are new ones."""

    def strip(value):
        if isinstance(value, list):
            return sorted((strip(each) for each in value), key=json.dumps)
        if isinstance(value, dict):
            return {k: strip(v) for k, v in value.items() if k not in {"id", "site", "site_id"}}
        return value

    return json.dumps(strip(answer), sort_keys=True)


def test_only_those_who_may_know_of_every_bird_read_a_snapshot(site: Site):
    made = site.keep("/api/v1/stopovers")
    assert site.as_of("/api/v1/stopovers", made, site.network.naktong).status_code == 404
    assert site.as_of("/api/v1/stopovers", made, {}).status_code == 404
    for address in (f"/api/v1/snapshots/{made['id']}", f"/api/v1/snapshots/{made['id']}/changes"):
        assert site.client.get(address, headers=site.network.naktong).status_code == 404
    assert site.get("/api/v1/snapshots", site.network.naktong)["items"] == []
    taken = site.client.post(
        f"/api/v1/individuals/{next(iter(site.birds.values()))}/withdraw",
        json={"reason": "not mine"}, headers=site.network.naktong,
    )  # fmt: skip
    assert taken.status_code == 404


def test_a_public_snapshot_ends_with_the_grant_it_stands_on(site: Site):
    study = f"/api/v1/studies/{site.study}"
    opened = site.client.patch(study, json={"visibility": "open"}, headers=site.key)
    assert opened.status_code == 200, opened.text
    site.drain()
    made = site.keep("/api/v1/seasons", audience="public")
    public = site.client.get("/api/v1/seasons").json()
    assert public["items"]
    assert not any(each["exact"] for each in public["items"])
    for key in ({}, site.network.naktong):
        assert site.as_of("/api/v1/seasons", made, key).json() == public
    credit = site.client.get("/api/v1/contributors").json()
    assert credit["licences"] == ["CC-BY-4.0"]
    closed = site.client.patch(study, json={"visibility": "private"}, headers=site.key)
    assert closed.status_code == 200
    assert site.as_of("/api/v1/seasons", made, {}).status_code == 404
    site.drain()


def test_a_time_names_the_newest_snapshot_up_to_it(site: Site):
    address = "/api/v1/seasons"
    first, second = site.keep(address), site.keep(f"{address}?limit=3")
    assert first["address"] == second["address"] == address
    told = site.client.get(address, params={"as_of": first["made_at"]}, headers=site.key)
    assert told.headers["Link"] == f'</api/v1/snapshots/{first["id"]}>; rel="describedby"'
    told = site.client.get(address, params={"as_of": "2099-01-01"}, headers=site.key)
    assert second["id"] in told.headers["Link"]
    for as_of, status, code in (
        ("2020-01-01T00:00:00Z", 404, "snapshot-missing"), ("yesterday", 422, "datetime-invalid"),
        ("2020-01-01/2020-02-01", 422, "as-of-invalid"),
    ):  # fmt: skip
        told = site.client.get(address, params={"as_of": as_of}, headers=site.key)
        assert (told.status_code, told.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("/api/v1/keys", "no-product"),
        ("/health/live", "no-product"),
        ("http://elsewhere.test/x", "no-product"),
        ("http://[", "no-product"),
        ("/api/v1/stopovers?species=%00", "no-product"),
        ("/api/v1/stopovers?species=dodo", "species-unknown"),
        ("/api/v1/stopovers?specie=dodo", "parameter-unknown"),
        ("/api/v1/seasons?bbox=1,2,3,4", "bbox-not-here"),
    ],
)
def test_what_is_no_answer_is_not_kept(site: Site, address: str, code: str):
    told = site.client.post("/api/v1/snapshots", json={"address": address}, headers=site.key)
    assert (told.status_code, told.json()["code"]) == (422, code)


@pytest.mark.parametrize(
    "address",
    ["/api/v1/flyways/white_naped_crane/ledger?format=csv", "/api/v1/reports/migrations?format=csv",
     "/api/v1/reports/migrations"],
)  # fmt: skip
def test_a_product_names_them_in_any_form(site: Site, address: str):
    told = site.client.get(address, headers=site.key)
    assert told.status_code == 200, told.text
    assert told.headers["Link"] == '</api/v1/contributors>; rel="describedby"'


def test_a_product_names_who_contributed(site: Site):
    told = site.client.get("/api/v1/stopovers?species=Grus+vipio&limit=1", headers=site.key)
    link = '</api/v1/contributors?species=Grus+vipio>; rel="describedby"'
    assert link in told.headers["Link"]
    found = site.get("/api/v1/contributors", species="Grus vipio")
    assert [each["institute"] for each in found["contributors"]] == ["Amur"]
    assert found["contributors"][0]["n_individuals"] >= 1
