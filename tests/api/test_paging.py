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
