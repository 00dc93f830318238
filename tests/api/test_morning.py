"""The morning report over HTTP: own birds alone, as JSON, CSV and a page."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest

from app.store.engine import execute
from tests.api.conftest import Network

NOW = datetime(2020, 5, 1, 6, tzinfo=UTC)
ADDRESS = "/api/v1/reports/morning"
ASKED = {"now": NOW.isoformat()}


@pytest.fixture(scope="module")
def study(network: Network) -> str:
    """Give a study with three birds: one lies still, one is silent, one is on its way."""
    made = network.study(network.amur, "Morning")
    birds = {}
    for name in ("=still", "silent", "under way", "new"):
        bird = network.make("individuals", network.amur, study=made, local_identifier=name)["id"]
        tag = network.make("tags", network.amur, study=made, local_identifier=f"T {name}")["id"]
        network.make(
            "deployments", network.amur, individual=bird, tag=tag, deploy_on="2020-01-01T00:00:00Z"
        )
        birds[name] = bird

    async def fill(conn) -> None:
        ages = {"=still": 1, "silent": 50, "under way": 1}
        for name, hours in ages.items():
            last = NOW - timedelta(hours=hours)
            values = {"ref": birds[name], "last": last}
            await execute(
                conn,
                "insert into latest_fix (individual_id, study_id, species_key, time, lon, lat)"
                " select id, study_id, species_key, cast(:last as timestamptz), 127, 38"
                " from individual where ref = cast(:ref as uuid)",
                values,
            )
            await execute(
                conn,
                "insert into recent (individual_id, study_id, doing, interval_usual_s,"
                " silence_usual_s, lag_p95_s, path_time, path_m) select id, study_id, 'moving',"
                " 3600, 21600, 600, array[cast(:last as timestamptz) - interval '200 h',"
                " cast(:last as timestamptz)], array[0, 200000] from individual"
                " where ref = cast(:ref as uuid)",
                values,
            )
        await execute(
            conn,
            "insert into lifeless (study_id, individual_id, tag_id, start_time, end_time,"
            " dismissed, basis, lon, lat, n_still, n_away, observed_s, days_midday, days_dark,"
            " method, still_radius_m, still_min_s) select i.study_id, i.id, d.tag_id,"
            " '2020-04-20Z', '2020-05-01Z', false, 'position', 127, 38, 9, 0, 1, 1, 1, 'm', 1, 1"
            " from individual i join deployment d on d.individual_id = i.id"
            " where i.ref = cast(:ref as uuid)",
            {"ref": birds["=still"]},
        )

    network.in_store(fill)
    return made


def report(network: Network, key: dict[str, str], **asked: str) -> dict:
    answer = network.client.get(ADDRESS, params=ASKED | asked, headers=key)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_worst_comes_first_and_distances_are_interpolated(network: Network, study: str):
    found = report(network, network.amur, study=study)
    assert [(bird["individual"]["local_identifier"], bird["state"]) for bird in found["birds"]] == [
        ("=still", "suspected_dead_or_dropped"), ("silent", "silent_unexpectedly"),
        ("new", "not_heard_yet"), ("under way", "moving"),
    ]  # fmt: skip
    assert found["states"] == {
        "suspected_dead_or_dropped": 1, "silent_unexpectedly": 1, "not_heard_yet": 1, "moving": 1,
    }  # fmt: skip
    _, silent, new, under_way = found["birds"]
    assert under_way["silence_s"] == 3600
    assert under_way["moved_24h_km"] == pytest.approx(23.0)  # 1 km/h, of which an hour is unseen
    assert under_way["moved_7d_km"] == pytest.approx(167.0)
    assert silent["moved_24h_km"] is None
    assert silent["moved_7d_km"] == pytest.approx(118.0)
    assert silent["days_beyond_habit"] == pytest.approx((50 * 3600 - 21_600 - 600) / 86_400)
    assert new["last_place"] is None
    assert found["birds_complete"]


def test_nobody_else_learns_of_a_bird(network: Network, study: str):
    assert report(network, network.naktong)["birds"] == []
    assert network.client.get(ADDRESS).status_code == 401
    foreign = network.client.get(ADDRESS, params={"study": study}, headers=network.naktong)
    assert foreign.status_code == 404
    assert len(report(network, network.operator, study=study)["birds"]) == 4


def test_what_came_is_counted_by_source_with_its_refusals(network: Network, study: str):
    body = "timestamp,location-long,location-lat,individual-local-identifier\nnever,127,38,x\n"
    pushed = network.client.post(
        f"/api/v1/studies/{study}/pushes?format=movebank-csv", content=body, headers=network.amur
    )
    assert pushed.status_code == 202, pushed.text

    async def read(conn) -> None:
        await execute(
            conn,
            "update decoding set state = 'processed', units = 3, records = 1, stored = 1,"
            ' refused = 2, warnings = \'[{"code": "time-zone-suspect"}]\''
            " where study_id = (select id from study where ref = cast(:ref as uuid))",
            {"ref": study},
        )

    network.in_store(read)
    (row,) = report(network, network.amur, study=study)["arrivals"]
    assert (row["n_pushes"], row["n_refused"], row["n_stored"], row["n_suspect_pushes"]) == (
        1, 2, 1, 1,
    )  # fmt: skip
    assert row["source"] is None
    assert row["connector"] is None
    later = report(network, network.amur, study=study, since="2099-01-01T00:00:00Z")
    assert later["arrivals"] == []
    assert report(network, network.naktong)["arrivals"] == []


@pytest.mark.parametrize("way", ["format", "accept"])
def test_csv_has_one_row_a_bird_and_no_formula(network: Network, study: str, way: str):
    more = {"format": "csv"} if way == "format" else {}
    accept = {"Accept": "text/csv"} if way == "accept" else {}
    answer = network.client.get(
        ADDRESS, params=ASKED | {"study": study} | more, headers=network.amur | accept
    )
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    shown = report(network, network.amur, study=study)["birds"]
    assert [row["state"] for row in rows] == [bird["state"] for bird in shown], answer.text
    assert [row["individual"] for row in rows] == ["'=still", "silent", "new", "under way"]
    for row, bird in zip(rows, shown, strict=True):
        assert row["individual_id"] == bird["individual"]["id"]
        assert row["last_time"] == (bird["last_time"] or "")
        assert row["moved_7d_km"] == str("" if bird["moved_7d_km"] is None else bird["moved_7d_km"])


def test_the_page_needs_no_script_and_shows_who_signed_in_their_birds(network: Network, study: str):
    page = network.client.get("/morning", headers=network.amur)
    assert page.status_code == 200
    assert "script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "private, no-store"
    assert "T =still" in page.text
    assert "suspected dead or dropped" in page.text
    for name in ("guides/guides.css", "viewer/morning.css", "viewer/icon.svg"):
        assert name in page.text
        assert network.client.get(f"/{name}").status_code == 200
    stranger = network.client.get("/morning")
    assert stranger.status_code == 401
    assert "T =still" not in stranger.text
