"""Every operation of the OpenAPI document against every refusal that it documents."""

from __future__ import annotations

import gzip
import json
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.api import problems
from app.config import Settings
from app.main import create_app
from tests.api.inloop import spoken_to
from tests.api.served import document

READS, WRITES = {"get"}, {"post", "patch", "delete"}
OPEN = {"/health/live", "/health/ready", "/api/v1/species", "/tiles/{layer}.json",
        "/styles/flyways.json"}  # fmt: skip
"""Answers that are the same for everybody, whatever key is sent."""
NO_STORE = OPEN - {"/health/ready"}
"""Answers that need no database."""
TELLS_SELF = {"/api/v1/session", "/metrics"}
"""Answers about the caller itself, or that have a rule of their own: no scope is asked for."""
SENSORS, FEED = (
    "/api/v1.0/sensors/{sensor_type}/{provider}/status",
    "/movebank/service/external-feed",
)
DOORS = {"/push/{source}", SENSORS, FEED}
"""Where senders push that have the secret of a source, and no key."""
PLACES = {"layer": "tracks", "z": "0", "x": "0", "y": "0", "flyway": "hooded_crane:autumn",
          "verdict": "12"}  # fmt: skip
NEEDED = {"individual": "00000000-0000-4000-8000-000000000000",
          "tag": "00000000-0000-4000-8000-000000000000", "by": "season", "name": "n",
          "study": "00000000-0000-4000-8000-000000000000", "source": "s",
          "lon": "127.2", "lat": "38.2",
          "layer": "00000000-0000-4000-8000-000000000000"}  # fmt: skip
JSON = {"Content-Type": "application/json"}


def operations() -> list[Any]:
    return [
        pytest.param(path, method, operation, id=operation["operationId"])
        for path, item in document()["paths"].items()
        for method, operation in item.items()
    ]


def some(wanted) -> list[Any]:
    chosen = [each for each in operations() if wanted(*each.values)]
    assert chosen
    return chosen


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    return document()["components"]["schemas"][name] if name else schema


def json_schema(operation) -> dict[str, Any] | None:
    content = operation.get("requestBody", {}).get("content", {})
    found = content.get("application/json")
    return resolved(found["schema"]) if found else None


def address(path: str, **values: str) -> str:
    """Fill in an address: ids that nobody has, the rest as it may be."""
    names = [part.partition("}")[0] for part in path.split("{")[1:]]
    known = {name: PLACES[name] for name in names if name in PLACES and "/habitat/" not in path}
    return path.format(**{name: str(uuid4()) for name in names} | known | values)


def ask(client, path, method, operation, *, headers=None, **more):
    """Send a request that is well-formed in all that `more` does not say otherwise."""
    needed = {
        p["name"]: NEEDED[p["name"]]
        for p in operation.get("parameters", ())
        if p["in"] == "query" and p.get("required")
    }
    schema = json_schema(operation)
    if schema and "content" not in more:
        more["content"] = json.dumps(schema["examples"][0])
        headers = {**JSON, **(headers or {})}
    return client.request(
        method.upper(), address(path), params=more.pop("params", needed), headers=headers, **more
    )


def check(answer, operation, status: int, code: str | None = None) -> dict[str, Any]:
    """Hold a refusal to RFC 9457, to the document and to our own promises."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == problems.MEDIA_TYPE
    assert answer.headers["cache-control"] == "no-store"
    problem = answer.json()
    assert {"type", "title", "status", "code", "detail", "remedy"} <= problem.keys()
    assert problem["type"] == f"urn:flyways:problem:{problem['code']}"
    assert problem["status"] == status
    assert problem["remedy"].strip().endswith((".", "it)"))
    assert code in {None, problem["code"]}
    assert str(status) in operation["responses"] or status == 405
    return problem


def key_with(network, *scopes: str) -> dict[str, str]:
    made = network.make("keys", network.amur, label="+".join(scopes), scopes=list(scopes))
    return {"Authorization": f"Bearer {made['key']}"}


@pytest.fixture(scope="module")
def weak(network) -> dict[str, dict[str, str]]:
    """Keys that may not do what a method asks for."""
    return {"get": key_with(network, "push"), "post": key_with(network, "read")}


def _asks_who(path, method, operation):
    return path not in OPEN and not (path == "/api/v1/session" and method == "post")


def _tells_who(path, method, operation):
    # Ending a session asks for no key; near callers read metrics without one.
    ends = (path, method) == ("/api/v1/session", "delete")
    return _asks_who(path, method, operation) and path != "/metrics" and not ends


@pytest.mark.parametrize(("path", "method", "operation"), some(_tells_who))
def test_an_unknown_key_is_401(network, path, method, operation):
    headers = {"Authorization": "Bearer flw_nobody"}
    answer = ask(network.client, path, method, operation, headers=headers)
    if path == "/push/{source}":
        # A source that is not there is never told from one that refuses.
        check(answer, operation, 404)
        return
    if path == FEED:
        # It takes a password and no key.
        check(answer, operation, 401, "source-unproven")
        return
    check(answer, operation, 401, "key-unknown")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def _writes(path, method, operation):
    return method in WRITES and path not in TELLS_SELF | DOORS


@pytest.mark.parametrize(("path", "method", "operation"), some(_writes))
def test_a_write_without_a_key_is_401_and_with_a_reading_one_403(
    network, weak, path, method, operation
):
    check(ask(network.client, path, method, operation), operation, 401, "key-required")
    answer = ask(network.client, path, method, operation, headers=weak["post"])
    check(answer, operation, 403, "scope-missing")


@pytest.mark.parametrize(
    ("path", "method", "operation"),
    some(lambda path, method, _: method == "get" and path not in OPEN | TELLS_SELF),
)
def test_a_read_with_a_key_that_may_not_read_is_403(network, weak, path, method, operation):
    check(ask(network.client, path, method, operation, headers=weak["get"]), operation, 403)


NAMED = {SENSORS, "/api/v1/species/{species}/utilisation"}
"""Addresses of things that have names and no ids."""


def _names_a_thing(path, method, operation):
    return "{" in path and not path.startswith("/tiles/")


@pytest.mark.parametrize(("path", "method", "operation"), some(_names_a_thing))
def test_what_nobody_has_is_404(network, path, method, operation):
    check(ask(network.client, path, method, operation, headers=network.amur), operation, 404)


@pytest.mark.parametrize(
    ("path", "method", "operation"),
    some(lambda path, *_: "{" in path and not path.endswith("verdict}") and path not in NAMED),
)
def test_what_is_no_id_is_422(network, path, method, operation):
    wrong = address(path, **dict.fromkeys(("z", "x", "y", "layer"), "no-such"))
    for name in path.split("{")[1:]:
        if name.partition("}")[0] not in {"z", "x", "y", "layer"}:
            wrong = path.replace("{" + name.partition("}")[0] + "}", "no-such")
    answer = network.client.request(method.upper(), wrong, headers=network.amur)
    # A JSON body that is missing is told first.
    problem = check(answer, operation, 415 if json_schema(operation) else 422)
    assert "no-such" not in json.dumps(problem)


def _takes_json(path, method, operation):
    return json_schema(operation) is not None


@pytest.mark.parametrize(("path", "method", "operation"), some(_takes_json))
def test_bodies_that_are_no_json_of_ours(network, path, method, operation):
    def send(body, kind="application/json"):
        headers = {**network.amur, "Content-Type": kind}
        return ask(network.client, path, method, operation, content=body, headers=headers)

    example = json.dumps(json_schema(operation)["examples"][0])
    check(send(example, "text/plain"), operation, 415, "unsupported-media-type")
    check(send(b"--x--", "multipart/form-data; boundary=x"), operation, 415)
    packed = check(send(gzip.compress(example.encode())), operation, 415)
    assert packed["code"] == "content-encoding-unsupported"
    assert packed["remedy"].startswith("Send it plain")
    twice = example[:-1] + "," + example[1:]
    for body in (b"{", b"\xff", b'{"a": NaN}', twice.encode(), b"[" * 100_000):
        check(send(body), operation, 400, "malformed-body")
    unknown = {**json.loads(example), "no_such_name": "canary-5512"}
    problem = check(send(json.dumps(unknown)), operation, 422, "invalid-value")
    assert {"body.no_such_name"} <= {error["where"] for error in problem["errors"]}
    assert "canary" not in json.dumps(problem)
    for body in (b"[]", b"null", b'"x"', b"7"):
        check(send(body), operation, 422)


@pytest.mark.parametrize(
    ("path", "method", "operation"), some(lambda _, method, operation: "requestBody" in operation)
)
def test_a_body_over_its_limit_is_413(network, path, method, operation):
    headers = {**network.amur, "Content-Length": str(10**12)}
    answer = ask(network.client, path, method, operation, content=b"x", headers=headers)
    check(answer, operation, 413, "too-large")


def _ours(path, *_):
    return path.startswith(("/api/v1/", "/feeds/", "/tiles/"))


@pytest.mark.parametrize(("path", "method", "operation"), some(_ours))
def test_a_parameter_that_is_none_of_an_address_is_told_with_those_that_are(
    network, path, method, operation
):
    taken = [p["name"] for p in operation.get("parameters", ()) if p["in"] == "query"]

    def answer(verb, **more):
        known = {name: NEEDED.get(name, "1") for name in taken}
        return ask(network.client, path, verb, operation, headers=network.amur, params=known | more)

    for unknown in ("specie", "Limit", "no_such"):
        problem = check(answer(method, **{unknown: "1"}), operation, 422, "parameter-unknown")
        told = problem["remedy"].partition("one of ")[2].rstrip(".").split(", ")
        assert sorted(told) == sorted(taken or [""])
        if method == "get":
            assert answer("head", **{unknown: "1"}).status_code == 422
    plain = answer(method, _="17")
    assert plain.status_code < 400 or plain.json()["code"] != "parameter-unknown"


@pytest.mark.parametrize(("path", "method", "operation"), some(lambda path, *_: path in DOORS))
def test_the_doors_of_senders_leave_aside_what_stands_in_the_address(
    network, path, method, operation
):
    answer = ask(
        network.client, path, method, operation, params={"token": "t", "tag": "a", "x": ""}
    )
    assert answer.json()["code"] in {"not-found", "source-unproven", "key-required"}


@pytest.mark.parametrize("path", document()["paths"])
def test_other_methods_are_405_and_the_allowed_ones_are_told(network, path):
    item = document()["paths"][path]
    allowed = {method.upper() for method in item} | {"OPTIONS"}
    allowed |= {"HEAD"} if "get" in item else set()
    operation = next(iter(item.values()))
    for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} - allowed:
        answer = network.client.request(method, address(path))
        assert answer.status_code == 405
        assert set(answer.headers["allow"].split(", ")) == allowed
        if method != "HEAD":
            check(answer, operation, 405, "method-not-allowed")
    told = network.client.options(address(path))
    assert (told.status_code, told.content) == (204, b"")
    assert set(told.headers["allow"].split(", ")) == allowed


@pytest.fixture(scope="module")
def lost():
    """The service after its database went away."""
    settings = Settings(
        _env_file=None, database_url="postgresql://nobody@127.0.0.1:1/none", rate_limit="off"
    )
    with spoken_to(create_app(settings), start=False) as client:  # it had started
        yield client


@pytest.mark.parametrize(("path", "method", "operation"), operations())
def test_without_a_database_all_is_503_with_a_wait(lost, path, method, operation):
    headers = {"Authorization": "Bearer flw_x"} if path != "/metrics" else {}
    answer = ask(lost, path, method, operation, headers=headers)
    if path in NO_STORE or (path, method) == ("/api/v1/session", "delete"):
        assert answer.status_code in {200, 204}
        return
    check(answer, operation, 503, "unavailable")
    assert int(answer.headers["retry-after"]) >= 1


@pytest.mark.parametrize(
    ("path", "method", "operation"), some(lambda path, method, _: method == "get")
)
def test_head_is_get_without_its_body(network, path, method, operation):
    get = ask(network.client, path, "get", operation, headers=network.amur)
    head = ask(network.client, path, "head", operation, headers=network.amur)
    assert (head.status_code, head.content) == (get.status_code, b"")
    drop = {"x-request-id", "date"} | ({"content-length"} if path == "/metrics" else set())
    drop |= {"etag"} if path == "/api/v1/reports/morning" else set()  # it tells the time it is
    assert {k: v for k, v in head.headers.items() if k not in drop} == {
        k: v for k, v in get.headers.items() if k not in drop
    }


HOSTILE = st.sampled_from(
    ["", " ", "\x00", "%00", "null", "NaN", "-1", "0", "1e309", "9" * 30, "٣", "'", '"', "\\",
     "..", "../..", "/", "\ud83e\udda9", "\u202e", "e\u0301", "\ufeff", "\n", "A" * 5_000,
     "170,-10,-170,10", "-180,-90,180,90", "nan,0,0,0", "180,0,-180,0", "0,0,0,0,0,0",
     "2020-02-30", "2020-01-01", "2020-01-01T00:00:00Z/..", "../2020-01-01T00:00:00+14:00",
     "1970-01-01T00:00:00Z", "9999-12-31T23:59:59-23:00", "0001-01-01T00:00:00+23:00",
     "2020-03-01T00:00:00", "2020-12-31T23:59:60Z", "Grus vipio", "white_naped_crane", "default",
     "2020-spring", "0000-wintering", "true", "class", "light"]
)  # fmt: skip
TEXTS = HOSTILE | st.text(max_size=12) | st.integers().map(str) | st.uuids().map(str)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)


@st.composite
def requests(draw, path: str, operation) -> dict[str, Any]:
    """A request near the documented one: some values right, some hostile."""
    places = {name: draw(TEXTS) for name in PLACES if draw(st.integers(0, 3)) == 0}
    if draw(st.integers(0, 5)) == 0:
        places |= {part.partition("}")[0]: draw(TEXTS) for part in path.split("{")[1:]}
    params = {}
    for each in operation.get("parameters", ()):
        right = [NEEDED[each["name"]]] if each["name"] in NEEDED else []
        right += each["schema"].get("enum", []) + each.get("examples", each["schema"].get(
            "examples", []))  # fmt: skip
        if each["in"] == "query" and (each.get("required") or draw(st.booleans())):
            params[each["name"]] = draw(st.sampled_from(right) | TEXTS if right else TEXTS)
    request: dict[str, Any] = {"params": params, "places": places}
    schema = json_schema(operation)
    if schema:
        body = dict(schema["examples"][0])
        for name in draw(st.lists(st.sampled_from(sorted(schema["properties"])), max_size=2)):
            body[name] = draw(VALUES)
        request["content"] = json.dumps(body)
        request["headers"] = JSON
    elif "requestBody" in operation or operation["operationId"].startswith(("upload", "push")):
        request["content"] = draw(st.binary(max_size=64))
    return request


def safe(text: str) -> str:
    """Keep what a client can put into an address at all."""
    return text.encode("utf-8", "replace").decode()


@pytest.mark.parametrize(("path", "method", "operation"), operations())
def test_no_request_meets_an_error_of_ours(network, path, method, operation):
    @settings(max_examples=6, suppress_health_check=list(HealthCheck))
    @given(request=requests(path, operation))
    def hold(request):
        answer = network.client.request(
            method.upper(),
            address(path, **{k: quote(safe(v), safe="") for k, v in request["places"].items()}),
            params={k: safe(str(v)) for k, v in request["params"].items()},
            content=request.get("content"),
            headers={**network.amur, **request.get("headers", {})},
        )
        assert answer.status_code < 500, answer.text
        if answer.status_code >= 400:
            problem = answer.json()
            assert answer.headers["content-type"] == problems.MEDIA_TYPE
            assert problem["status"] == answer.status_code and problem["remedy"]
            # Another value of an address may be another address, which has its own methods.
            assert str(answer.status_code) in operation["responses"] or (
                answer.status_code in {404, 405}
            )
        else:
            assert str(answer.status_code) in operation["responses"]

    hold()
