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
from app.store import partners
from app.store.engine import execute
from tests.api.conftest import Network
from tests.api.keeping import PRODUCTS, Site, said


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


def test_a_product_of_a_kind_of_season_stands_on_birds_and_names_who_gave_them(site: Site):
    kind = site.get("/api/v1/seasons")["items"][0]["season"].partition("-")[2]
    for address in (
        f"/api/v1/species/white_naped_crane/utilisation?season={kind}",
        f"/api/v1/key-sites?season={kind}",
        "/api/v1/key-sites?season=all",
    ):
        told = site.client.get(address, headers=site.key)
        _, _, link = told.headers["Link"].partition("<")
        credit = site.get(link.partition(">")[0])
        assert [each["study_name"] for each in credit["contributors"]] == ["Kept"], address
        made = site.keep(address)
        assert made["manifest"]["contributors"] == credit["contributors"]
        assert made["manifest"]["individuals"]
    bird = made["manifest"]["individuals"][0]
    site.network.make(f"individuals/{bird}/withdraw", site.key, reason="asked for")
    assert site.as_of(address, made).status_code == 410


def test_a_product_stands_on_birds_of_which_it_shows_days_alone(site: Site):
    """Of one at its breeding place no stopover and no position is public, its days are summed."""
    bird = next(iter(site.birds.values()))
    study = f"/api/v1/studies/{site.study}"
    site.client.patch(study, json={"visibility": "open"}, headers=site.key)
    site.drain()

    async def hide(conn) -> None:
        for table in ("stopover", "season", "public_fix", "leg"):
            await execute(
                conn,
                f"update {table} set release_at = '2200-01-01 00:00Z'"
                " where individual_id = (select id from individual where ref = :ref)",
                {"ref": bird},
            )
        # Days are told of three of a species; one of the three birds is of another.
        await execute(conn, "update presence_day set species_key = 'white_naped_crane'", {})

    site.network.in_store(hide)
    made = site.keep("/api/v1/habitat/use?by=season", audience="public")
    assert bird in made["manifest"]["individuals"]
    site.client.patch(study, json={"visibility": "private"}, headers=site.key)
    assert site.as_of("/api/v1/habitat/use?by=season", made, {}).status_code == 404
    site.in_full()


def test_a_manifest_tells_no_stranger_when_something_came(site: Site):
    study = f"/api/v1/studies/{site.study}"
    site.client.patch(study, json={"visibility": "open"}, headers=site.key)
    site.drain()
    nothing = {"received_last": None, "study_versions": {}}
    for key, audience in ((site.key, "public"), (site.network.naktong, "own")):
        made = site.network.make("snapshots", key, address="/api/v1/seasons", audience=audience)
        assert made["manifest"]["individuals"]
        assert made["manifest"]["input"] == nothing
    own = site.keep("/api/v1/seasons")["manifest"]["input"]
    assert own["received_last"] is not None
    assert site.study in own["study_versions"]
    site.client.patch(study, json={"visibility": "private"}, headers=site.key)
    site.drain()


def test_what_was_kept_of_a_study_is_its_owners_alone_once_it_withholds_more(site: Site):
    study, address = f"/api/v1/studies/{site.study}", "/api/v1/stopovers"
    network, strangers = site.network, ({}, site.network.naktong)
    site.client.patch(study, json={"visibility": "open"}, headers=site.key)
    site.drain()
    public = site.keep(address, audience="public")
    theirs = network.make("snapshots", network.naktong, address=address)
    assert public["manifest"]["individuals"] == theirs["manifest"]["individuals"] != []
    for more, status in (
        ({"licence": "CC0-1.0"}, 200), ({"release_delay_s": 86_400}, 200),
        ({"public_grid_deg": 0.2}, 404), ({"public_grid_deg": 0.1}, 404),
    ):  # fmt: skip
        assert site.client.patch(study, json=more, headers=site.key).status_code == 200
        assert site.as_of(address, public, {}).status_code == status, more
        assert site.as_of(address, theirs, network.naktong).status_code == status, more
        assert site.as_of(address, public).status_code == 200
        assert public["id"] in str(site.get("/api/v1/snapshots"))
    site.drain()
    again = site.keep(address, audience="public")
    for who in strangers:
        assert site.as_of(address, again, who).status_code == 200
    back = {"visibility": "private", "release_delay_s": 30 * 86_400, "licence": "CC-BY-4.0"}
    site.client.patch(study, json=back, headers=site.key)
    site.drain()


def test_changes_are_told_for_those_whose_answer_was_kept(site: Site):
    made = site.keep("/api/v1/stopovers")
    address = f"/api/v1/snapshots/{made['id']}/changes"

    async def ticket(conn):
        key, _ = await partners.key_audience(conn, site.key["Authorization"].split()[1])
        return await partners.create_ticket(conn, key.key_id)

    assert site.get(address)["changes"] == []
    assert site.get(address, site.network.operator)["changes"] == []
    site.client.post("/api/v1/session", json={"ticket": site.network.in_store(ticket)})
    try:
        in_browser = site.client.get(address)
    finally:
        site.client.cookies.clear()
    assert in_browser.json()["changes"] == []


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
