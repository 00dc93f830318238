"""The OpenAPI document tells everything: examples, problems, ways to sign in."""

from __future__ import annotations

import pytest
from fastapi.routing import APIRoute

from app.api.routers import ROUTERS
from tests.api import served

WRITES = {"post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def document():
    return served.document()


def operations(document):
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def test_every_route_stands_in_the_document(document):
    routes = {
        (route.path, method.lower())
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and route.include_in_schema
        for method in route.methods
    }
    assert routes == {(path, method) for path, method, _ in operations(document)}
    assert len(routes) >= 30


def test_every_operation_says_what_it_does(document):
    for path, method, operation in operations(document):
        title = operation["summary"]
        assert title != operation["operationId"].replace("_", " ").title(), (method, path)
        assert 10 < len(title) <= 100, title
        assert "\n" not in title
        assert not title.endswith("."), title
        assert operation["tags"], (method, path)
        assert operation["security"], (method, path)


def test_operations_have_names_of_their_own(document):
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() for name in names)


def test_problems_are_documented_as_such(document):
    for path, method, operation in operations(document):
        wanted = {"401", "404", "422", "429", "503"}
        if method in WRITES:
            wanted |= {"403", "409", "413", "415"}
        assert wanted <= operation["responses"].keys(), (method, path)
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"]


def has_example(schema, document):
    name = schema.get("$ref", "").rpartition("/")[2]
    found = document["components"]["schemas"].get(name, schema)
    if name.startswith("Listing_"):
        return has_example(found["properties"]["items"]["items"], document)
    if name == "SpeciesList":
        return has_example(found["properties"]["items"]["items"], document)
    return bool(found.get("examples"))


def test_bodies_and_answers_have_examples(document):
    lacking = []
    for path, method, operation in operations(document):
        contents = list(operation.get("requestBody", {}).get("content", {}).values())
        for status, response in operation["responses"].items():
            if int(status) < 300:
                contents += [
                    body for kind, body in response.get("content", {}).items() if "json" in kind
                ]
        lacking += [
            (method, path)
            for body in contents
            if "example" not in body and not has_example(body["schema"], document)
        ]
    # A refused unit is data of its sender; its list has no example of its own.
    assert lacking == [("get", "/api/v1/studies/{study}/pushes"),
                       ("get", "/api/v1/pushes/{push_id}/refusals")]  # fmt: skip


def test_the_docs_page_needs_nothing_from_elsewhere(network):
    for path in ("/docs", "/docs/docs.js", "/docs/docs.css"):
        answer = network.client.get(path)
        assert answer.status_code == 200
        assert "//" not in answer.text.replace("// ", "").replace("<!doctype", "")
    assert network.client.get("/openapi.json").json()["info"]["title"] == "Flyways"


def test_pages_have_no_inline_script(network):
    for path in ("/", "/docs"):
        text = network.client.get(path).text
        assert "<script>" not in text
        assert " onclick=" not in text


def test_the_map_is_served_with_its_files(network):
    assert network.client.get("/").headers["content-type"].startswith("text/html")
    assert network.client.get("/viewer/main.js").status_code == 200
    for path in ("/viewer/package-lock.json", "/viewer/node_modules/x", "/viewer/../main.py"):
        assert network.client.get(path).status_code == 404
