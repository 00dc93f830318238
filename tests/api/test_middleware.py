"""What a caller takes and may ask: compression by weight, HEAD, browsers, strange hosts, limits."""

from __future__ import annotations

import gzip

import anyio
import pytest
from starlette.testclient import TestClient

from app.api import pages
from app.api.middleware import Head
from tests.api.conftest import serving

KEPT, MADE, PASSING = "/feeds/positions.geojson", "/feeds/sites.geojson", "/api/v1/species"
FILE = "/viewer/main.js"
NOBODY = "00000000-0000-4000-8000-000000000000"


def raw(client, path, encoding):
    with client.stream("GET", path, headers={"Accept-Encoding": encoding}) as answer:
        return answer, b"".join(answer.iter_raw())


@pytest.mark.parametrize("path", [KEPT, MADE, PASSING, FILE])
@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", True), ("GZIP", True), ("gzip;q=1.0", True), ("br, gzip;q=0.2", True),
        ("deflate, gzip ; q=0.001", True), ("x-gzip", True),
        ("gzip;q=0", False), ("gzip; q=0.000", False), ("gzip;q=0, *", False), ("br", False),
        ("identity", False), ("", False), ("xgzipx", False),
    ],
)  # fmt: skip
def test_only_who_takes_gzip_gets_it(network, path, encoding, packed):
    plain, body = raw(network.client, path, "identity")
    answer, sent = raw(network.client, path, encoding)
    assert answer.headers.get("content-encoding") == ("gzip" if packed else None)
    assert (gzip.decompress(sent) if packed else sent) == body
    assert answer.headers["etag"] == plain.headers["etag"]
    assert "accept-encoding" in answer.headers["vary"].lower()


def test_a_changed_file_of_the_map_is_compressed_anew_and_a_current_copy_kept(tmp_path):
    files = pages._Viewer(directory=tmp_path)
    file = tmp_path / "map.js"
    for text in ("const a = 1;" * 99, "const b = 22;" * 99):
        file.write_text(text)
        client = TestClient(files)
        answer = client.get("/map.js")
        assert answer.headers["content-encoding"] == "gzip"
        assert int(answer.headers["content-length"]) < len(text)
        assert answer.text == text
        assert "javascript" in answer.headers["content-type"]
        held = {"If-None-Match": answer.headers["etag"]}
        assert client.get("/map.js", headers=held).status_code == 304
        part = client.get("/map.js", headers={"Range": "bytes=6-10"})
        assert (part.status_code, part.text) == (206, text[6:11])


def test_two_lines_of_accept_encoding_are_one_list(network):
    lines = [("Accept-Encoding", "br"), ("Accept-Encoding", "gzip")]
    answer = network.client.get(PASSING, headers=lines)
    assert answer.headers["content-encoding"] == "gzip"
    lines[1] = ("Accept-Encoding", "gzip;q=0")
    assert "content-encoding" not in network.client.get(PASSING, headers=lines).headers


def test_head_takes_conditions_and_is_counted_under_its_route(network):
    tag = network.client.head(KEPT).headers["etag"]
    assert network.client.head(KEPT, headers={"If-None-Match": tag}).status_code == 304
    network.client.head("/api/v1/studies")
    counted = 'method="HEAD",route="/api/v1/studies",status="200"'
    assert counted in network.client.get("/metrics").text


def test_a_head_stays_a_head_for_whoever_wraps_it():
    scope = {"type": "http", "method": "HEAD"}
    sent = []

    async def app(inner, receive, send):
        assert inner["method"] == "GET"
        inner["route"] = "found"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"abc", "more_body": True})
        await send({"type": "http.response.body", "body": b"def"})
        raise RuntimeError

    async def send(message):
        assert scope["method"] == "HEAD"
        sent.append(message)

    with pytest.raises(RuntimeError):
        anyio.run(Head(app), scope, None, send)
    assert scope == {"type": "http", "method": "HEAD", "route": "found"}
    assert [message.get("body") for message in sent] == [None, b"", b""]


@pytest.mark.parametrize("coding", ["deflate", "br", "zstd", "BR", "gzip, br", "gzip, gzip", "x"])
def test_a_body_in_a_compression_that_nothing_undoes_is_refused_and_not_kept(network, coding):
    study = network.study(network.amur, f"packed {coding}")
    source = network.make("sources", network.amur, study=study, scheme="token", name="packed")
    doors = {
        f"/api/v1/studies/{study}/pushes": network.amur,
        f"/api/v1/studies/{study}/reference-data": network.amur,
        source["push"]: {"Authorization": f"Bearer {source['secret']}"},
        f"/api/v1.0/sensors/any/{source['id']}/status": network.amur,
        "/movebank/service/external-feed": {},
    }
    for path, key in doors.items():
        headers = key | {"Content-Encoding": coding}
        answer = network.client.post(path, content=b"\x78\x9c\x03\x00", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (415, "content-encoding-unsupported")
        assert "gzip" in answer.json()["remedy"]
    listed = network.client.get(f"/api/v1/studies/{study}/pushes", headers=network.amur)
    assert listed.json()["items"] == []


@pytest.mark.parametrize(
    "coding", ["", "identity", "gzip", "GZIP", "x-gzip", "UTF-8", "identity, gzip"]
)
def test_a_body_plain_or_gzipped_is_kept(network, coding):
    study = network.study(network.amur, f"plain {coding}")
    plain = '[{"tag": "T", "time": "2024-05-01T00:00:00Z", "lon": 127, "lat": 38}]'
    sent = gzip.compress(plain.encode()) if "gzip" in coding.lower() else plain.encode()
    headers = network.amur | {"Content-Encoding": coding}
    answer = network.client.post(
        f"/api/v1/studies/{study}/pushes?dry_run=true", content=sent, headers=headers
    )
    assert answer.status_code == 202, answer.text
    assert answer.json()["stored"] == 1
    # Without a body there is nothing to undo.
    assert network.client.get(PASSING, headers={"Content-Encoding": "br"}).status_code == 200


def answered(caplog):
    """Give what the log tells of answers, without what every line has."""
    told = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    return [
        {name: each[name] for name in ("level", "request_id", "method", "route", "status", "code")}
        for each in told
        if each["event"] == "answered"
    ]


@pytest.mark.parametrize(
    ("method", "path", "told"),
    [
        ("GET", f"{KEPT}?species=dodo", (KEPT, 422, "species-unknown")),
        ("HEAD", f"{KEPT}?bbox=1", (KEPT, 422, "bbox-invalid")),
        ("GET", "/api/v1/studies?limit=many", ("/api/v1/studies", 422, "invalid-value")),
        ("GET", "/nothing?token=secret", ("unmatched", 404, "not-found")),
        ("POST", "/push/none?token=secret", ("/push/{source}", 422, "invalid-value")),
        ("POST", f"/push/{NOBODY}", ("/push/{source}", 404, "not-found")),
        ("GET", f"{KEPT}?species=%00", ("unmatched", 400, "bad-request")),
    ],
)  # fmt: skip
def test_an_answer_that_is_an_error_leaves_one_line(network, caplog, method, path, told):
    body = b"[]" if method == "POST" else None
    answer = network.client.request(method, path, content=body, headers={"X-Request-ID": "told"})
    route, status, code = told
    assert answered(caplog) == [
        {"level": "info", "request_id": "told", "method": method, "route": route,
         "status": status, "code": code}
    ]  # fmt: skip
    assert answer.headers["x-request-id"] == "told"
    assert "secret" not in caplog.text and "dodo" not in caplog.text


def test_what_comes_before_any_route_leaves_a_line_as_well(network, caplog):
    with serving(network.dsn, rate_limit="1/hour", body_max_bytes=8) as client:
        assert client.post("/push/none", content=b"x" * 9).status_code == 413
        assert client.get(PASSING).status_code == 429
    found = [(each["status"], each["code"], each["route"]) for each in answered(caplog)]
    assert found == [(413, "too-large", "unmatched"), (429, "rate-limited", "unmatched")]


def test_an_answer_that_is_none_leaves_no_line(network, caplog):
    tag = network.client.get(KEPT).headers["etag"]
    assert network.client.get(KEPT, headers={"If-None-Match": tag}).status_code == 304
    assert network.client.get("/api/v1/studies", headers=network.amur).status_code == 200
    assert answered(caplog) == []


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_a_page_elsewhere_may_send_what_the_service_reads(network, method):
    wanted = ["authorization", "content-type", "if-none-match", "idempotency-key", "x-request-id"]
    asked = {
        "Origin": "https://elsewhere.example",
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": ",".join(wanted),
    }
    answer = network.client.options("/api/v1/studies", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert method in answer.headers["access-control-allow-methods"]
    allowed = answer.headers["access-control-allow-headers"].lower().split(", ")
    assert set(wanted) <= set(allowed)
    assert "cookie" not in allowed and "access-control-allow-credentials" not in answer.headers


def test_a_refusal_can_be_read_by_a_page_elsewhere(network):
    origin = {"Origin": "https://elsewhere.example"}
    for path, headers in (("/api/v1/nothing", {}), ("/api/v1/studies", {"Authorization": "x"})):
        answer = network.client.get(path, headers={**origin, **headers})
        assert answer.status_code in {401, 404}
        assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    "host", ["[", "[::1", "[::1]:80", "a b", "x:99999999", "x:abc", "", "\xe9", "a/b?c#d", "u@h"]
)
def test_a_strange_host_breaks_no_link(network, host):
    network.study(network.amur, f"host {host!r} one")
    network.study(network.amur, f"host {host!r} two")
    headers = {**network.amur, "Host": host.encode("latin-1")}
    for path in ("/api/v1/studies?limit=1", "/feeds/stopovers.geojson?limit=1",
                 "/tiles/tracks.json", "/styles/flyways.json"):  # fmt: skip
        answer = network.client.get(path, headers=headers)
        assert answer.status_code in {200, 400}, answer.text


def test_the_rate_limit_is_each_addresss_own(network):
    with serving(network.dsn, rate_limit="2/hour", caller="203.0.113.7") as client:
        found = [client.get(PASSING, headers={"X-Forwarded-For": f"198.51.100.{n}"}) for n in
                 range(3)]  # fmt: skip
        # What a caller says of itself buys it nothing.
        assert [answer.status_code for answer in found] == [200, 200, 429]
        vary = [sorted(answer.headers["vary"].split(", ")) for answer in found]
        assert vary[0] == vary[-1] == sorted({*vary[0]})
        assert client.head(PASSING).status_code == 429
        assert client.get("/health/ready").status_code == 200


def test_a_sender_that_goes_away_in_the_middle_leaves_nothing_and_is_no_fault(network, caplog):
    study = network.study(network.amur, "cut off")
    app = network.client.app
    body = b"timestamp,location-long,location-lat,tag-local-identifier\n" * 50
    messages = [
        {"type": "http.request", "body": body, "more_body": True},
        {"type": "http.disconnect"},
    ]
    scope = {
        "type": "http", "method": "POST", "path": f"/api/v1/studies/{study}/pushes",
        "raw_path": b"", "query_string": b"", "root_path": "", "scheme": "http",
        "http_version": "1.1", "client": ("127.0.0.1", 1), "server": ("x", 80),
        "headers": [(b"authorization", network.amur["Authorization"].encode()),
                    (b"content-length", b"99999")],
    }  # fmt: skip

    async def receive():
        return messages.pop(0)

    async def send(message):
        pytest.fail(f"somebody was answered: {message}")

    async def call():
        await app(scope, receive, send)

    network.client.here.run(call())
    listed = network.client.get(f"/api/v1/studies/{study}/pushes", headers=network.amur)
    assert listed.json()["items"] == []
    assert [(each["level"], each["status"]) for each in answered(caplog)] == [("info", 499)]
    assert "unexpected error" not in caplog.text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Accept", "\xff\xfe"), ("Accept-Language", "x" * 4000), ("Cookie", "flyways_session=\xe9"),
        ("Cookie", "=; ;;; flyways_session"), ("If-None-Match", '"' * 999),
        ("If-None-Match", "W/,W/\"\xe9\",*x"), ("X-Request-ID", "\xe9"), ("Range", "bytes=0-0"),
        ("Content-Type", "\xe9/\xe9"), ("Accept-Encoding", ";;q=,gzip;q=\xe9"),
        ("Origin", "null"), ("Authorization", "Bearer \xe9"),
        ("Authorization", "Bearer" + " " * 99),
    ],
)  # fmt: skip
def test_hostile_headers_are_read_as_nothing_or_refused(network, name, value):
    for path in ("/api/v1/studies", KEPT, MADE, PASSING, "/docs", "/api/v1/session"):
        answer = network.client.get(path, headers={name: value.encode("latin-1")})
        assert answer.status_code in {200, 206, 401}, answer.text
