"""A running web process among lost connections, impatient senders and hostile bytes."""

from __future__ import annotations

import gzip
import io
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.faults.conftest import Site

HEADER = (
    "timestamp,location-long,location-lat,sensor-type,individual-taxon-canonical-name,"
    "tag-local-identifier,individual-local-identifier"
)


def row(place: str, *, tag: str = "T1", minute: int = 0) -> str:
    return f"2024-05-01 10:{minute:02d}:00,{place},gps,Grus vipio,{tag},{tag}-bird"


def csv(*rows: str) -> bytes:
    return "\n".join([HEADER, *rows, ""]).encode()


def test_backends_ended_under_uploads_give_503_and_never_500(web: Site) -> None:
    answers: list[Any] = []

    def send(sender: int) -> None:
        with web.client() as client:
            for number in range(25):
                rows = [row(f"127.{number},38.1", tag=f"c{sender}-{number}", minute=m)
                        for m in range(30)]  # fmt: skip
                answers.append(client.post(web.uploads, content=csv(*rows)))

    done = threading.Event()

    def cut() -> int:
        n = 0
        while not done.wait(0.05):
            n += web.one(
                "select count(pg_terminate_backend(pid)) from (select pid from pg_stat_activity"
                " where datname = current_database() and application_name = 'flyways-web'"
                " order by random() limit 1) as one"
            )
        return n

    with ThreadPoolExecutor(5) as pool:
        cutter = pool.submit(cut)
        for sender in [pool.submit(send, each) for each in range(4)]:
            sender.result()
        done.set()
        assert cutter.result() > 0
    statuses = {answer.status_code for answer in answers}
    assert statuses <= {202, 503}, [a.text for a in answers if a.status_code not in {202, 503}][:2]
    assert 202 in statuses
    for answer in answers:
        if answer.status_code == 503:
            assert int(answer.headers["Retry-After"]) > 0
            assert answer.json()["code"] == "unavailable"
    kept = {str(ref) for (ref,) in web.rows("select ref from push")}
    assert {a.json()["push_id"] for a in answers if a.status_code == 202} <= kept
    with web.client() as client:
        assert client.post(web.uploads, content=csv(row("127,38", tag="after"))).status_code == 202


def test_the_same_push_from_many_clients_at_once_is_one(web: Site) -> None:
    sent = csv(*(row("127.5,38.5", tag="same", minute=minute) for minute in range(60)))
    together = threading.Barrier(4)

    def send() -> dict[str, Any]:
        with web.client() as client:
            together.wait(20)
            answer = client.post(web.uploads, content=sent)
            while answer.status_code == 409:
                assert answer.json()["code"] == "push-in-progress"
                answer = client.post(web.uploads, content=sent)
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    with ThreadPoolExecutor(4) as pool:
        receipts = [future.result() for future in [pool.submit(send) for _ in range(4)]]
    assert len({receipt["digest"] for receipt in receipts}) == 1
    (first,) = (receipt for receipt in receipts if receipt["replay_of"] is None)
    assert {r["replay_of"] for r in receipts if r is not first} == {first["push_id"]}
    web.drain()
    assert web.one("select count(*) from fix f join tag t on t.id = f.tag_id"
                   " where t.local_identifier = 'same'") == 60  # fmt: skip


def zip_bomb() -> bytes:
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a.csv", "w") as inner,
    ):
        for _ in range(32):
            inner.write(b"\0" * (1 << 20))
    return packed.getvalue()


GOOD = row("127,38", tag="hostile")
FAILS = {
    "truncated gzip": gzip.compress(csv(*[GOOD] * 500))[:-40],
    "zip bomb": zip_bomb(),
    "binary": bytes(range(256)) * 40,
    "header of nothing known": b"a,b,c\n1,2,3\n",
    "NUL bytes alone": b"\0" * 4096,
}
REFUSES = {
    "lat 95": row("127,95", tag="lat95"),
    "NaN": row("NaN,NaN", tag="nan"),
    "infinite": row("inf,38", tag="inf"),
    "no time": row("127,38", tag="notime").replace("2024-05-01 10:00:00", "yesterday"),
    "NUL in a name": row("127,38", tag="nu\0l"),
}


@pytest.mark.parametrize("name", FAILS)
def test_unreadable_bytes_fail_with_a_remedy(web: Site, name: str) -> None:
    with web.client() as client:
        answer = client.post(web.uploads, content=FAILS[name])
        assert answer.status_code == 202, answer.text
        web.drain()
        receipt = client.get(f"/api/v1/pushes/{answer.json()['push_id']}").json()
    assert receipt["state"] == "failed", receipt
    assert receipt["problem"]["code"] != "decoding-failed", receipt["problem"]
    assert receipt["problem"]["remedy"]


@pytest.mark.parametrize("name", REFUSES)
def test_a_bad_row_is_refused_and_its_neighbour_stored(web: Site, name: str) -> None:
    good = row("127,38", tag=f"beside {name}")
    with web.client() as client:
        answer = client.post(web.uploads, content=csv(REFUSES[name], good))
        assert answer.status_code == 202, answer.text
        web.drain()
        address = f"/api/v1/pushes/{answer.json()['push_id']}"
        receipt = client.get(address).json()
        refusals = client.get(f"{address}/refusals").json()["items"]
    assert (receipt["state"], receipt["refused"], receipt["stored"]) == ("processed", 1, 1), receipt
    assert [refusal["unit"] for refusal in refusals] == [1]
    assert refusals[0]["remedy"]


def test_bodies_that_are_not_taken(web: Site) -> None:
    with web.client() as client:
        empty = client.post(web.uploads, content=b"")
        assert (empty.status_code, empty.json()["code"]) == (422, "body-empty")
        large = client.post(web.uploads, content=b"x" * ((8 << 20) + 1))
        assert large.status_code == 413
        unmeasured = client.post(web.uploads, content=(b"x" * (1 << 20) for _ in range(10)))
        assert unmeasured.status_code == 413
        foreign = client.post(
            f"/api/v1/studies/{'0' * 8}-0000-4000-8000-{'0' * 12}/pushes", content=csv(GOOD)
        )
        assert foreign.status_code == 404
        unsigned = client.post(web.uploads, content=csv(GOOD), headers={"Authorization": ""})
        assert unsigned.status_code == 401
    assert web.one("select count(*) from push where size_bytes > 8 << 20") == 0


def test_a_wrong_signature_is_refused_and_the_right_one_taken(web: Site) -> None:
    with web.client() as client:
        made = client.post(
            "/api/v1/sources",
            json={"study": web.study, "name": "tracker", "format": "movebank-csv",
                  "scheme": "token"},
        )  # fmt: skip
        assert made.status_code == 201, made.text
        source, secret = made.json()["id"], made.json()["secret"]
        for token, status in (("wrong", 401), (secret, 202)):
            answer = client.post(
                f"/push/{source}", content=csv(GOOD), headers={"Authorization": f"Bearer {token}"}
            )
            assert answer.status_code == status, answer.text


def test_among_hostile_pushes_a_good_one_works(web: Site) -> None:
    with web.client() as client:
        for hostile in (*FAILS.values(), *(csv(bad) for bad in REFUSES.values())):
            assert client.post(web.uploads, content=hostile).status_code == 202
        answer = client.post(web.uploads, content=csv(row("127,38", tag="good")))
        web.drain()
        receipt = client.get(answer.headers["Location"]).json()
    assert (receipt["state"], receipt["stored"]) == ("processed", 1)
