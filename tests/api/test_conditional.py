"""ETags: equal answers are not sent twice, and no caller gets another's 304."""

from __future__ import annotations

from starlette.requests import Request

from app.api.conditional import cache_headers, not_modified, unchanged
from app.store.audience import Audience

PUBLIC = Audience("public", open=(2,))
OWN = Audience("institute", institute_id=1, key_id=1, exact=(1,), open=(2,))


def request(method="GET", **headers):
    raw = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
    return Request({"type": "http", "method": method, "headers": raw})


def test_if_none_match_is_compared_weakly():
    tag = 'W/"5f0c"'
    strong = tag.removeprefix("W/")
    for held in (tag, strong, f'"x", {strong}', "*"):
        assert not_modified(request(if_none_match=held), tag)
    for held in ('"x"', "", strong.strip('"')):
        assert not not_modified(request(if_none_match=held), tag)
    assert not not_modified(request(), tag)
    assert not not_modified(request("PATCH", if_none_match="*"), tag)


def test_only_the_public_answer_may_be_shared():
    assert cache_headers(PUBLIC, "t")["Cache-Control"].startswith("public")
    assert cache_headers(OWN, "t")["Cache-Control"].startswith("private")
    assert unchanged(OWN, 'W/"t"').headers["etag"] == 'W/"t"'


def test_lists_answer_304_until_they_change(network):
    study = network.study(network.amur, "seen before")
    path = f"/api/v1/individuals?study={study}"
    first = network.client.get(path, headers=network.amur)
    held = {"If-None-Match": first.headers["etag"]}
    again = network.client.get(path, headers={**network.amur, **held})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    network.make("individuals", network.amur, study=study, local_identifier="new")
    assert network.client.get(path, headers={**network.amur, **held}).status_code == 200


def test_every_answer_varies_by_its_caller(network):
    vary = network.client.get("/api/v1/studies").headers["vary"]
    assert {"Authorization", "Cookie", "Accept-Encoding"} <= {v.strip() for v in vary.split(",")}


def test_a_silence_that_grows_has_no_etag(network):
    study = network.study(network.amur, "silent")
    tag = network.make("tags", network.amur, study=study, local_identifier="T1")
    source = network.make("sources", network.amur, study=study, name="S1", scheme="token")
    for path in (f"tags/{tag['id']}", f"sources/{source['id']}"):
        told = network.client.get(f"/api/v1/{path}/statistics", headers=network.amur)
        assert (told.status_code, told.headers["cache-control"]) == (200, "no-store")
        assert "etag" not in told.headers
