"""Birds, tags and deployments by hand: stated, edited, split, taken back; nothing is lost."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.pipeline.decode import decode_in
from app.store.engine import execute
from app.store.implied import imply

CSV = b"tag-id,animal-id,animal-taxon,deploy-on-date,animal-sex\n7,Ada,Grus vipio,2018-07-05,f\n"


@pytest.fixture
def worn(network, request):
    study = network.study(network.amur, request.node.name)
    tag = network.make("tags", network.amur, study=study, local_identifier="T")["id"]
    birds = [
        network.make("individuals", network.amur, study=study, local_identifier=name)["id"]
        for name in ("Ada", "Bea")
    ]
    return study, tag, birds


def deploy(network, tag, bird, **more):
    return network.client.post(
        "/api/v1/deployments", json={"tag": tag, "individual": bird, **more}, headers=network.amur
    )


def test_a_deployment_is_stated_ended_and_kept(network, worn):
    _, tag, (ada, _) = worn
    made = deploy(network, tag, ada, deploy_on="2018-07-05T09:00:00+09:00").json()
    assert made["deploy_on"] == "2018-07-05T00:00:00Z"
    assert made["declared"] is True
    path = f"/api/v1/deployments/{made['id']}"
    ended = network.client.patch(
        path, json={"deploy_off": "2020-01-01T00:00:00Z"}, headers=network.amur
    ).json()
    assert (ended["id"], ended["deploy_on"]) == (made["id"], made["deploy_on"])
    assert network.client.get(path, headers=network.amur).json() == ended

    async def history(conn):
        return await execute(
            conn,
            "select replaced_at is null as current from deployment where ref = :ref order by id",
            {"ref": made["id"]},
        )

    assert [row["current"] for row in network.in_store(history)] == [False, True]


def test_an_overlap_is_a_conflict_with_its_remedy(network, worn):
    _, tag, (ada, bea) = worn
    deploy(network, tag, ada, deploy_on="2018-01-01T00:00:00Z")
    answer = deploy(network, tag, bea, deploy_on="2019-01-01T00:00:00Z")
    assert (answer.status_code, answer.json()["code"]) == (409, "deployment-overlaps")
    assert "End the other" in answer.json()["remedy"]


@pytest.mark.parametrize("off", ["2018-01-01T00:00:00Z", "2017-01-01T00:00:00Z"])
def test_a_range_must_run_forward(network, worn, off):
    _, tag, (ada, _) = worn
    answer = deploy(network, tag, ada, deploy_on="2018-01-01T00:00:00Z", deploy_off=off)
    assert (answer.status_code, answer.json()["code"]) == (422, "deployment-empty")


def test_a_split_gives_the_rest_to_another_bird(network, worn):
    study, tag, (ada, bea) = worn
    made = deploy(network, tag, ada, deploy_on="2018-01-01T00:00:00Z").json()
    path = f"/api/v1/deployments/{made['id']}/split"
    outside = {"at": "2017-01-01T00:00:00Z", "individual": bea}
    assert network.client.post(path, json=outside, headers=network.amur).status_code == 422
    answer = network.client.post(
        path, json={"at": "2019-01-01T00:00:00Z", "individual": bea}, headers=network.amur
    )
    assert answer.status_code == 200
    found = network.client.get(f"/api/v1/deployments?study={study}", headers=network.amur).json()
    ranges = {d["individual"]["id"]: (d["deploy_on"], d["deploy_off"]) for d in found["items"]}
    assert ranges == {
        ada: ("2018-01-01T00:00:00Z", "2019-01-01T00:00:00Z"),
        bea: ("2019-01-01T00:00:00Z", None),
    }


def test_a_withdrawn_deployment_is_gone_from_lists(network, worn):
    study, tag, (ada, _) = worn
    made = deploy(network, tag, ada).json()
    path = f"/api/v1/deployments/{made['id']}"
    assert network.client.delete(path, headers=network.naktong).status_code == 404
    assert network.client.delete(path, headers=network.amur).status_code == 204
    assert network.client.get(path, headers=network.amur).status_code == 404
    listed = network.client.get(f"/api/v1/deployments?study={study}", headers=network.amur)
    assert listed.json()["items"] == []


def test_what_names_imply_is_not_taken_back_but_replaced(network, worn):
    study, tag, (ada, bea) = worn

    async def name(conn):
        await execute(
            conn,
            "with s as (select t.id as tag_id, i.id as bird, t.study_id from tag t, individual i"
            "  where t.ref = :tag and i.ref = :bird),"
            " p as (insert into push (study_id, digest, size_bytes)"
            "  select study_id, '\\x07', 1 from s returning id, study_id),"
            " d as (insert into decoding (study_id, push_id, number, tz) select study_id, id, 1,"
            "  'UTC' from p returning id)"
            " insert into naming (decoding_id, tag_id, individual_id, study_id, time_first,"
            "  time_last) select d.id, tag_id, bird, study_id, now(), now() from s, d",
            {"tag": tag, "bird": ada},
        )
        (row,) = await execute(conn, "select id from tag where ref = :tag", {"tag": tag})
        await imply(conn, [row["id"]])

    network.in_store(name)
    listing = f"/api/v1/deployments?study={study}"
    (implied,) = network.client.get(listing, headers=network.amur).json()["items"]
    assert implied["declared"] is False
    path = f"/api/v1/deployments/{implied['id']}"
    answer = network.client.delete(path, headers=network.amur)
    assert (answer.status_code, answer.json()["code"]) == (409, "deployment-implied")
    assert "POST /api/v1/deployments" in answer.json()["remedy"]
    assert network.client.get(listing, headers=network.amur).json()["items"] == [implied]
    assert network.client.delete(path, headers=network.naktong).status_code == 404
    # The remedy: the fixes are of another bird.
    made = deploy(network, tag, bea).json()
    (stated,) = network.client.get(listing, headers=network.amur).json()["items"]
    assert (stated["individual"]["id"], stated["declared"]) == (bea, True)
    path = f"/api/v1/deployments/{made['id']}"
    assert network.client.delete(path, headers=network.amur).status_code == 204
    (again,) = network.client.get(listing, headers=network.amur).json()["items"]
    assert (again["individual"]["id"], again["declared"]) == (ada, False)


def test_tag_and_bird_must_share_a_study(network, worn):
    _, tag, _ = worn
    other = network.study(network.amur, "elsewhere")
    bird = network.make("individuals", network.amur, study=other, local_identifier="C")["id"]
    assert deploy(network, tag, bird).json()["code"] == "studies-differ"


def test_a_declared_deployment_voids_the_implied_one(network, worn):
    _, tag, (ada, bea) = worn
    when = datetime(2020, 5, 1, tzinfo=UTC)

    async def imply(conn):
        await execute(
            conn,
            "insert into deployment (study_id, tag_id, individual_id, during, declared)"
            " select t.study_id, t.id, i.id, tstzrange(null, null), false"
            " from tag t, individual i where t.ref = :tag and i.ref = :bird",
            {"tag": tag, "bird": ada},
        )

    network.in_store(imply)
    made = deploy(network, tag, bea, deploy_on=when.isoformat())
    assert made.status_code == 201, made.text
    listed = network.client.get(f"/api/v1/deployments?tag={tag}", headers=network.amur).json()
    assert [(d["individual"]["id"], d["declared"]) for d in listed["items"]] == [(bea, True)]


def test_the_species_follows_the_taxon_and_derives_the_track_again(network, worn):
    _, _, (ada, _) = worn
    path = f"/api/v1/individuals/{ada}"
    assert network.client.get(path, headers=network.amur).json()["species"] == "default"
    edited = network.client.patch(path, json={"taxon": "Grus vipio"}, headers=network.amur).json()
    assert edited["species"] == "white_naped_crane"

    async def dirty(conn):
        return await execute(
            conn,
            "select 1 from dirty join individual i on i.id = individual_id where i.ref = :ref",
            {"ref": ada},
        )

    assert len(network.in_store(dirty)) == 1
    kept = network.client.patch(
        path, json={"terms": {"animal-sex": "f"}}, headers=network.amur
    ).json()
    assert (kept["taxon"], kept["terms"]) == ("Grus vipio", {"animal-sex": "f"})
    by_synonym = network.client.get(
        "/api/v1/individuals?species=Antigone%20vipio", headers=network.amur
    )
    assert ada in by_synonym.text


def test_names_within_a_study_are_taken_once(network, worn):
    study, _, _ = worn
    for noun, name in (("individuals", "Ada"), ("tags", "T")):
        answer = network.client.post(
            f"/api/v1/{noun}", json={"study": study, "local_identifier": name}, headers=network.amur
        )
        assert (answer.status_code, answer.json()["code"]) == (409, "local-identifier-taken")


def test_a_study_name_is_taken_once_by_an_institute(network):
    first = network.study(network.amur, "name 1")
    network.study(network.amur, "name 2")
    network.study(network.naktong, "name 1")
    answer = network.client.patch(
        f"/api/v1/studies/{first}", json={"name": "name 2"}, headers=network.amur
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "name-taken")


def test_a_study_edit_leaves_the_rest(network):
    study = network.study(network.amur, "edited", licence="CC0", taxon="Grus grus")
    path = f"/api/v1/studies/{study}"
    edited = network.client.patch(path, json={"citation": "Us, 2026"}, headers=network.amur).json()
    assert (edited["licence"], edited["citation"]) == ("CC0", "Us, 2026")
    assert (
        network.client.patch(path, json={"licence": None}, headers=network.amur).json()["licence"]
        is None
    )
    assert network.client.patch(path, json={"name": None}, headers=network.amur).status_code == 422


def test_reference_data_are_kept_and_answered_with_a_receipt(network):
    study = network.study(network.amur, "by file")
    path = f"/api/v1/studies/{study}/reference-data?date_order=dmy"
    answer = network.client.post(path, content=CSV, headers=network.amur)
    assert answer.status_code == 202, answer.text
    receipt = answer.json()
    assert (receipt["format"], receipt["date_order"]) == ("movebank-reference-csv", "dmy")
    assert answer.headers["location"] == f"/api/v1/pushes/{receipt['push_id']}"

    async def decode(conn):
        (found,) = await execute(conn, "select max(id) as id from decoding")
        await decode_in(conn, found["id"])

    network.in_store(decode)
    grown = network.client.get(answer.headers["location"], headers=network.amur).json()
    assert (grown["units"], grown["stored"], grown["refused"]) == (1, 1, 0)
    (bird,) = network.client.get(f"/api/v1/individuals?study={study}", headers=network.amur).json()[
        "items"
    ]
    assert (bird["species"], bird["terms"]) == ("white_naped_crane", {"animal-sex": "f"})
    (worn,) = network.client.get(f"/api/v1/deployments?study={study}", headers=network.amur).json()[
        "items"
    ]
    assert worn["deploy_on"] == "2018-07-05T00:00:00Z"
    body = network.client.get(f"{answer.headers['location']}/body", headers=network.amur)
    assert body.content == CSV
    assert network.client.post(path, content=CSV, headers=network.naktong).status_code == 404
    assert network.client.post(path, content=CSV).status_code == 401


def test_species_are_listed_with_their_names(network):
    found = {item["key"]: item for item in network.client.get("/api/v1/species").json()["items"]}
    assert found["white_naped_crane"]["names"]["ja"] == "マナヅル"
    assert "default" in found
