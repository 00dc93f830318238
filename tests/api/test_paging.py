"""Cursors: every row once, sealed against change, other filters and other callers."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

N = 7


@pytest.fixture(scope="module")
def flock(network):
    study = network.study(network.amur, "flock")
    other = network.study(network.amur, "other flock")
    for n in range(N):
        network.make("individuals", network.amur, study=study, local_identifier=f"bird {n}")
    network.make("individuals", network.amur, study=other, local_identifier="bird")
    return study, other


def walk(network, address):
    found = []
    while address:
        answer = network.client.get(address, headers=network.amur)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert ('rel="next"' in answer.headers.get("link", "")) == (page["next"] is not None)
        found.append([item["local_identifier"] for item in page["items"]])
        address = page["next"]
    return found


@pytest.mark.parametrize("limit", [1, 3, N - 1, N, N + 1])
def test_pages_hold_each_row_once_in_order(network, flock, limit):
    pages = walk(network, f"/api/v1/individuals?study={flock[0]}&limit={limit}")
    assert [name for page in pages for name in page] == [f"bird {n}" for n in range(N)]
    assert all(len(page) == limit for page in pages[:-1])
    assert 1 <= len(pages[-1]) <= limit


@pytest.fixture(scope="module")
def cursor(network, flock):
    answer = network.client.get(
        f"/api/v1/individuals?study={flock[0]}&limit=2", headers=network.amur
    )
    return answer.json()["next"].partition("cursor=")[2]


def test_a_cursor_belongs_to_its_filters_and_its_caller(network, flock, cursor):
    study, other = flock
    good = f"/api/v1/individuals?study={study}&limit=2&cursor={cursor}"
    assert network.client.get(good, headers=network.amur).status_code == 200
    assert network.client.get(good, headers=network.naktong).status_code == 422
    for address in (
        f"/api/v1/individuals?study={other}&cursor={cursor}",
        f"/api/v1/individuals?cursor={cursor}",
        f"/api/v1/tags?study={study}&cursor={cursor}",
    ):
        answer = network.client.get(address, headers=network.amur)
        assert (answer.status_code, answer.json()["code"]) == (422, "cursor-refused")


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 10_000), sign=st.sampled_from("Aa0-_Zz9"))
def test_a_changed_cursor_is_refused(network, flock, cursor, at, sign):
    at %= len(cursor) - 1  # the last sign holds unused bits
    changed = cursor[:at] + sign + cursor[at + 1 :]
    answer = network.client.get(
        f"/api/v1/individuals?study={flock[0]}&cursor={changed}", headers=network.amur
    )
    assert answer.status_code == (200 if changed == cursor else 422)


def test_rows_that_join_in_the_middle_are_neither_missed_nor_shown_twice(network):
    """Every list walked in pages of two while each page is followed by a new row."""
    study = network.study(network.amur, "growing")

    def add(noun, n):
        body = {"study": study}
        if noun == "sources":
            return network.make(noun, network.amur, **body, name=f"{n}", scheme="token")["id"]
        return network.make(noun, network.amur, **body, local_identifier=f"{n}")["id"]

    for noun in ("individuals", "tags", "sources"):
        before = [add(noun, n) for n in range(5)]
        address, found, late = f"/api/v1/{noun}?study={study}&limit=2", [], []
        while address:
            page = network.client.get(address, headers=network.amur).json()
            found += [item["id"] for item in page["items"]]
            address = page["next"]
            if len(late) < 3:
                late.append(add(noun, 100 + len(late)))
        assert found == before + late


def test_newest_first_lists_keep_their_order_while_they_grow(network):
    study = network.study(network.amur, "pushed to")
    path = f"/api/v1/studies/{study}/pushes"

    def push(n):
        body = f"timestamp,location-long,location-lat,tag-id\n2024-01-01,1,{n},1\n"
        sent = network.client.post(path, content=body, headers=network.amur)
        return sent.json()["push_id"]

    before = [push(n) for n in range(5)]
    address, found = f"{path}?limit=2", []
    while address:
        page = network.client.get(address, headers=network.amur).json()
        found += [item["push_id"] for item in page["items"]]
        address = page["next"]
        push(50 + len(found))
    assert found == before[::-1]


def test_a_row_that_goes_in_the_middle_takes_none_with_it(network):
    study = network.study(network.amur, "shrinking")
    tag = network.make("tags", network.amur, study=study, local_identifier="T")["id"]
    bird = network.make("individuals", network.amur, study=study, local_identifier="B")["id"]
    made = [
        network.make(
            "deployments", network.amur, tag=tag, individual=bird,
            deploy_on=f"20{year}-01-01T00:00:00Z", deploy_off=f"20{year}-02-01T00:00:00Z",
        )["id"]
        for year in range(10, 16)
    ]  # fmt: skip
    path = f"/api/v1/deployments?study={study}&limit=2"
    first = network.client.get(path, headers=network.amur).json()
    # The row that the cursor stands on, and the one after it, are withdrawn.
    for gone in made[1:3]:
        network.client.delete(f"/api/v1/deployments/{gone}", headers=network.amur)
    address, found = first["next"], [item["id"] for item in first["items"]]
    while address:
        page = network.client.get(address, headers=network.amur).json()
        found += [item["id"] for item in page["items"]]
        address = page["next"]
    assert found == [*made[:2], *made[3:]]


def test_a_next_link_keeps_every_filter_and_asks_for_the_same_host(network, flock):
    path = f"/api/v1/individuals?study={flock[0]}&limit=2&species=default"
    page = network.client.get(path, headers={**network.amur, "Host": "flyways.example:8000"})
    following = page.json()["next"]
    assert following.startswith("http://flyways.example:8000/api/v1/individuals?")
    assert f"study={flock[0]}" in following and "species=default" in following
    assert "limit=2" in following
    assert page.headers["link"] == f'<{following}>; rel="next"'


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "2.5", "", "all", "9" * 30])
def test_a_limit_out_of_bounds_is_refused(network, limit):
    answer = network.client.get(f"/api/v1/studies?limit={limit}", headers=network.amur)
    assert (answer.status_code, answer.json()["errors"][0]["where"]) == (422, "query.limit")
