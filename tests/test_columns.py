"""Readings named by hand: encoding, datum and column mapping on `push`, `replay` and `mapping`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import psycopg
import pytest

from app.errors import BadInput, NotFound, SetupError
from ingest.datum import wgs84_to_gcj02
from tests.test_cli import answer, run, study

__all__ = ["run", "study"]

HEAD = "timestamp,location-long,location-lat,tag-local-identifier,individual-local-identifier\n"
SENT = (116.397428, 39.90923)
FILE = HEAD + f"2024-03-01 08:00:00,{SENT[0]},{SENT[1]},鹤1,鹤\n"
TERMS = {"timestamp": "t", "location-long": "x", "location-lat": "y", "tag-id": "n"}
OTHER_TERMS = TERMS | {"location-long": "y", "location-lat": "x"}


def stored(dsn: str) -> tuple[str, float, float]:
    """Give the tag and place of the one fix that stands."""
    with psycopg.connect(dsn) as conn:
        rows = conn.execute(
            "select t.local_identifier, f.lon, f.lat from fix f join tag t on t.id = f.tag_id"
            " where f.live"
        ).fetchall()
    (row,) = rows
    return row


def document(place: Path, **more: Any) -> str:
    place.write_text(json.dumps({"kind": "table", "terms": TERMS} | more))
    return str(place)


def test_a_push_is_read_in_the_encoding_and_datum_named_and_again_in_others(
    run: Any, study: str, database: str, tmp_path: Path
) -> None:
    file = tmp_path / "cn.csv"
    file.write_bytes(FILE.encode("gb18030"))
    receipt = answer(
        run("push", str(file), "--study", study, "--encoding", "gb18030", "--datum", "gcj02",
            "--json")
    )  # fmt: skip
    assert (receipt["encoding"], receipt["datum"]) == ("gb18030", "gcj02")
    tag, lon, lat = stored(database)
    assert tag == "鹤1"
    assert abs(lon - SENT[0]) > 0.003  # half a kilometre, as GCJ-02 is off in Beijing
    assert np.ravel(wgs84_to_gcj02(np.array([lon]), np.array([lat]))) == pytest.approx(
        SENT, abs=1e-6
    )
    words = ("replay", receipt["push_id"], "--datum", "wgs84", "--json")
    tried = answer(run(*words))
    assert tried["changes"]["datum"] == ["gcj02", "wgs84"]
    assert (tried["effect"]["moved"], tried["applied"]) == (1, False)
    assert stored(database) == (tag, lon, lat)
    answer(run(*words, "--apply"))
    assert stored(database) == ("鹤1", *SENT)
    again = answer(
        run("replay", receipt["push_id"], "--encoding", "cp949", "--date-order", "dmy", "--json")
    )
    assert again["changes"]["encoding"] == ["gb18030", "cp949"]
    assert again["changes"]["date_order"] == [None, "dmy"]
    assert stored(database) == ("鹤1", *SENT)


def test_a_push_is_read_with_one_mapping_and_again_with_another(
    run: Any, study: str, database: str, tmp_path: Path
) -> None:
    file = tmp_path / "maker.csv"
    file.write_text("n,t,x,y\nM7,2024-03-01 08:00:00,35.5,34.8\n")
    mappings = []
    for name, terms in (("right", TERMS), ("turned", OTHER_TERMS)):
        words = ("mapping", "add", document(tmp_path / "m.json", terms=terms), "--study", study)
        mappings.append(answer(run(*words, "--name", name, "--json"))["mapping"])
    receipt = answer(run("push", str(file), "--study", study, "--mapping", mappings[1], "--json"))
    assert (receipt["mapping"], receipt["mapping_version"]) == (mappings[1], 1)
    assert stored(database) == ("M7", 34.8, 35.5)
    words = ("replay", receipt["push_id"], "--mapping", mappings[0], "--json")
    tried = answer(run(*words))
    assert tried["changes"]["mapping"] == [mappings[1], mappings[0]]
    assert tried["effect"]["moved"] == 1
    answer(run(*words, "--apply"))
    assert stored(database) == ("M7", 35.5, 34.8)


@pytest.mark.parametrize(
    ("words", "error"),
    [(("--encoding", "klingon"), BadInput), (("--datum", "nad27"), BadInput),
     (("--date-order", "ymd"), BadInput),
     (("--mapping", str(uuid4())), NotFound)],
)  # fmt: skip
def test_what_is_unknown_keeps_nothing(
    run: Any, study: str, database: str, tmp_path: Path, words: tuple[str, str], error: type
) -> None:
    file = tmp_path / "a.csv"
    file.write_text(FILE)
    refused = run("push", str(file), "--study", study, *words)
    assert isinstance(refused.exception, error)
    with psycopg.connect(database) as conn:
        assert conn.execute("select count(*) from push").fetchone() == (0,)
    kept = answer(run("push", str(file), "--study", study, "--json"))
    refused = run("replay", kept["push_id"], *words, "--apply")
    assert isinstance(refused.exception, error)
    assert stored(database) == ("鹤1", *SENT)


def test_mappings_of_the_command_are_those_of_their_study(
    run: Any, study: str, tmp_path: Path
) -> None:
    place = document(tmp_path / "hq.json")
    made = answer(run("mapping", "add", place, "--study", study, "--json"))
    assert (made["name"], made["version"], made["made_by"]) == ("hq", 1, "operator")
    assert answer(run("mapping", "add", place, "--study", study, "--json")) == made
    assert answer(run("mapping", "list", "--study", study, "--json")) == [made]
    assert isinstance(run("mapping", "list", "--study", str(uuid4())).exception, NotFound)
    shown = answer(run("mapping", "show", made["mapping"], "--json"))
    assert shown["document"]["terms"]["location-long"] == "x"
    assert sorted(shown["document"]["terms"].values()) == sorted(TERMS.values())
    assert isinstance(run("mapping", "show", str(uuid4())).exception, NotFound)
    assert isinstance(run("mapping", "show", made["mapping"], "--version", "2").exception, NotFound)
    assert isinstance(run("mapping", "add", place, "--study", str(uuid4())).exception, NotFound)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"kind": "table", "terms": {"wingspan": "w"}}'])
def test_what_is_no_mapping_is_told_with_its_file(
    run: Any, study: str, tmp_path: Path, text: str
) -> None:
    place = tmp_path / "hq.json"
    place.write_text(text)
    refused = run("mapping", "add", str(place), "--study", study)
    assert isinstance(refused.exception, SetupError)
    assert "hq.json" in str(refused.exception)
    assert answer(run("mapping", "list", "--json")) == []
