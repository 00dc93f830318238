"""Every address that reads, with each of its parameters: a stranger's answers tell no more."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import httpx2

from tests.access.withheld import NOUNS, foreign, foreign_nouns, hidden, open_world, unreleased
from tests.api.served import as_key, document, served
from tests.store.flock import ref_of

VALUES = {
    "species": ["white_naped_crane"],
    "flyway": ["white_naped_crane:spring", "white_naped_crane"],
    "season": ["2020-spring", "spring"],
    "bbox": ["120.7,45.1,120.8,45.2"],
    "datetime": ["2020-03-01T00:00:00Z/2020-03-15T00:00:00Z"],
    "limit": ["1"],
    "as_of": [hidden("snapshot"), "2099-01-01T00:00:00Z"],
    "levels": ["50"],
    "code": ["no-time"],
    "address": ["/api/v1/stopovers"],
    "year": ["2020"],
    "version": ["1"],
    "z": ["7"],
    "x": ["106"],
    "y": ["45"],
    "cursor": [],
}
"""What to ask for by parameters that are no ids and name no choices of their own."""
LEFT_OUT = re.compile(r"/metrics|/health/|/time-zones|/report$|/reports/morning|plot.svg")
"""Of the service itself, or drawn in seconds: `test_reads` asks for a plot."""


def values_of(parameter: dict[str, Any], known: dict[str, list[str]]) -> list[str]:
    """Give values of a parameter; the one of a new kind has to be named above."""
    name, schema = parameter["name"], parameter["schema"]
    schemas = [*schema.get("anyOf", [schema])]
    schemas += [each["items"] for each in schemas if "items" in each]
    choices = [choice for each in schemas for choice in each.get("enum", [])]
    if choices:
        return choices
    if any(each.get("type") == "boolean" for each in schemas):
        return ["true"]
    return known[name] if name in known else VALUES[name]


def addresses(known: dict[str, list[str]]) -> Iterator[tuple[str, dict[str, str]]]:
    """
    Give each address that reads, of every id that is known.

    Of the last ids, those that strangers know where there are any, with one filter more at a time.
    """
    for template, operations in document()["paths"].items():
        if "get" not in operations or LEFT_OUT.search(template):
            continue
        parameters = operations["get"].get("parameters", [])
        needed = [each for each in parameters if each.get("required")]
        for values in product(*(values_of(each, known) for each in needed)):
            given = {each["name"]: value for each, value in zip(needed, values, strict=True)}
            path, query = template.format(**given), _query(needed, given)
            yield path, query
        for each in parameters:
            if not each.get("required"):
                for value in values_of(each, known):
                    yield path, query | {each["name"]: value}


def _query(needed: list[dict[str, Any]], given: dict[str, str]) -> dict[str, str]:
    return {each["name"]: given[each["name"]] for each in needed if each["in"] == "query"}


async def _answers(
    client: httpx2.AsyncClient, asked: list[tuple[str, dict[str, str]]], who: dict[str, str]
) -> list[tuple[int, list[tuple[str, str]], bytes]]:
    found = []
    for path, params in asked:
        answer = await client.get(path, params=params, headers={"X-Request-ID": "same", **who})
        found.append((answer.status_code, sorted(answer.headers.items()), answer.content))
    return found


async def test_no_address_and_no_filter_tells_a_stranger_more(
    new_database: Callable[[], str],
) -> None:
    flock = open_world(new_database())
    flock.institute("Other")
    known = {name: [hidden(name)] for name in NOUNS}
    for name in ("individual", "study", "stopover", "layer"):
        known[name].append(str(flock.run(f"select ref from {name} order by id")[0][0]))
    known["site"].append(str(ref_of("site", "public", "Here")))
    asked = list(addresses(known))
    of_hidden = {path: {} for path, _ in asked if any(map(path.count, map(hidden, NOUNS)))}
    async with served(flock.dsn) as client:
        before = await _answers(client, asked, as_key("flw_Other"))
        foreign(flock)
        foreign_nouns(flock)
        unreleased(flock)
        after = await _answers(client, asked, as_key("flw_Other"))
        owner = await _answers(client, [*of_hidden.items()], as_key("flw_Foreign"))
    for address, first, then in zip(asked, before, after, strict=True):
        assert first == then, address
        assert first[0] < 500, address
    assert sum(status == 200 for status, _, _ in before) > len(asked) / 3
    # What is hidden is there for its owner, or this could pass on empty tables.
    refused = {path for path, (status, _, _) in zip(of_hidden, owner, strict=True) if status != 200}
    assert {path for path in refused if "utilisation" not in path} == set()
