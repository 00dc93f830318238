"""The commands an operator types, against a real database."""

from __future__ import annotations

import inspect
import json
import logging
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner, Result

from app import VERSION, demo, operate
from app import cli as commands
from app.demo import flock
from app.errors import NotFound, SetupError
from app.pipeline import decode
from app.pipeline import run as flow


@pytest.fixture
def run(database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Give a function that runs a command and returns its result."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLYWAYS_DATABASE_URL", database)
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # a command sets its own

    def invoke(*words: str) -> Result:
        return CliRunner().invoke(commands.cli, list(words))

    return invoke


def answer(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def study(run: Any) -> str:
    institute = answer(run("partner", "add", "Crane Institute", "--country", "KR", "--json"))
    added = answer(run("study", "add", "Geum", "--institute", institute["institute"], "--json"))
    return str(added["study"])


SMALL = ("--birds", "1", "--days", "40", "--end", "2026-01-01", "--json")


def test_a_file_is_pushed_to_its_final_receipt(run: Any, study: str, tmp_path: Path) -> None:
    file = tmp_path / "flock.csv"
    written = answer(run("simulate", str(file), *SMALL))
    assert written == {"events": str(file), "events_bytes": file.stat().st_size}
    receipt = answer(run("push", str(file), "--study", study, "--json"))
    assert receipt["state"] == "processed"
    assert receipt["units"] == len(file.read_text().splitlines()) - 1
    assert receipt["units"] == receipt["records"] + receipt["refused"]
    assert answer(run("push", str(file), "--study", study, "--json"))["replay_of"] is not None
    assert answer(run("recompute", "--json")) == {"individuals": 1}


def test_a_simulated_flock_goes_into_a_study_with_its_deployments(run: Any, study: str) -> None:
    receipt = answer(run("simulate", "--study", study, "--sensor", "argos", *SMALL))
    assert receipt["state"] == "processed"
    assert receipt["study"] == study
    assert (receipt["of_stored"]["undeployed"], len(receipt["individuals"])) == (0, 1)


def test_a_simulation_goes_to_one_place(run: Any, study: str, tmp_path: Path) -> None:
    for words in ((), (str(tmp_path / "a.csv"), "--study", study)):
        result = run("simulate", *words)
        assert result.exit_code == 2
        assert "--study ID" in result.output


def test_deployments_are_written_beside_the_fixes(run: Any, tmp_path: Path) -> None:
    events, birds = tmp_path / "fixes.csv", tmp_path / "birds.csv"
    answer(run("simulate", str(events), "--reference", str(birds), "--interval", "86400", *SMALL))
    assert birds.read_text().startswith("tag-id,animal-id,")
    assert 20 < len(events.read_text().splitlines()) <= 41


def test_what_is_stored_equals_its_rebuild_until_it_is_tampered_with(
    run: Any, study: str, database: str
) -> None:
    answer(run("simulate", "--study", study, *SMALL))
    same = answer(run("recompute", "--verify", "--json"))
    assert same["compared"] >= 2
    assert same["differs"] == []
    with psycopg.connect(database) as conn:
        conn.execute("update stay set n_fixes = n_fixes + 1")
    result = run("recompute", "--verify", "--json")
    assert result.exit_code == commands.DIFFERS
    (bird,) = json.loads(result.stdout)["differs"]
    assert bird["name"].startswith("Geum / SIM-")
    assert bird["differs"] == ["stay"]
    assert run("recompute", "--verify", "--study", study).exit_code == 2


def test_dead_work_ends_a_push_is_named_by_the_doctor_and_revived(
    run: Any, study: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ValueError("the window has no fixes")

    file = tmp_path / "flock.csv"
    answer(run("simulate", str(file), *SMALL))
    with monkeypatch.context() as patched:
        patched.setattr(flow, "screen", broken)
        result = run("push", str(file), "--study", study)
    assert isinstance(result.exception, SetupError)
    assert "the window has no fixes" in str(result.exception)
    assert "flyways recompute" in str(result.exception)
    findings = json.loads(run("doctor", "--json").stdout)
    (found,) = (each for each in findings if each["check"] == "dead letters")
    assert not found["ok"]
    assert "Geum / SIM-" in found["seen"] and "the window has no fixes" in found["seen"]
    assert "flyways recompute" in found["remedy"]
    assert answer(run("recompute", "--json")) == {"individuals": 1}
    assert answer(run("push", str(file), "--study", study, "--json"))["state"] == "processed"


def test_a_push_that_breaks_its_decoder_is_given_up_and_revived_by_sending_it_again(
    run: Any, study: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    file = tmp_path / "flock.csv"
    answer(run("simulate", str(file), *SMALL))
    with monkeypatch.context() as patched:
        patched.setattr(decode, "read", broken)
        result = run("push", str(file), "--study", study, "--json")
    assert result.exit_code == commands.PUSH_FAILED
    assert json.loads(result.stdout)["problem"]["code"] == "decoding-failed"
    findings = json.loads(run("doctor", "--json").stdout)
    (found,) = (each for each in findings if each["check"] == "decodings")
    assert not found["ok"] and "RuntimeError" in found["seen"]
    assert answer(run("push", str(file), "--study", study, "--json"))["state"] == "processed"


def test_a_push_that_cannot_be_read_has_its_own_exit_code(
    run: Any, study: str, tmp_path: Path
) -> None:
    file = tmp_path / "holiday.txt"
    file.write_text("dear diary,\nno birds today\n")
    result = run("push", str(file), "--study", study, "--json")
    assert result.exit_code == commands.PUSH_FAILED, result.output
    assert json.loads(result.stdout)["problem"]["remedy"]


def test_what_was_refused_is_pointed_to_and_a_push_of_nothing_else_has_an_exit_code(
    run: Any, study: str, tmp_path: Path
) -> None:
    file = tmp_path / "birds.csv"
    head = "timestamp,location-long,location-lat,tag-local-identifier\n"
    for rows, code in (("never,127.5,34.8,T1\n2024-03-01 08:00:00,127.5,34.8,T1\n", 0),
                       ("never,127.5,34.8,T1\n", commands.PUSH_FAILED)):  # fmt: skip
        file.write_text(head + rows)
        for _ in range(2):  # the second time as a replay
            result = run("push", str(file), "--study", study, "--json")
            receipt = json.loads(result.stdout)
            assert (result.exit_code, receipt["state"], receipt["refused"]) == (
                code, "processed", 1,
            )  # fmt: skip
            lists = f"flyways refusals {study} --push {receipt['push_id']}"
            assert f"1 of {receipt['units']} units refused: `{lists}`" in result.stderr
            listed = answer(run(*lists.split()[1:], "--json"))["items"]
            assert [each["code"] for each in listed] == ["time-unreadable"]


def test_bytes_read_otherwise_in_vain_end_in_the_exit_code_of_that_reading(
    run: Any, study: str, tmp_path: Path
) -> None:
    file = tmp_path / "birds.csv"
    file.write_text(
        "timestamp,location-long,location-lat,tag-local-identifier\n"
        "2024-03-01 08:00:00,127.5,34.8,T1\n"
    )
    words = ("push", str(file), "--study", study, "--json")
    assert answer(run(*words))["state"] == "processed"
    for _ in range(2):
        failed = run(*words, "--format", "xlsx")
        receipt = json.loads(failed.stdout)
        assert failed.exit_code == commands.PUSH_FAILED
        assert "flyways: it could not be read: " in failed.stderr
        assert (receipt["state"], receipt["stored"], receipt["decoding"]) == ("processed", 1, 1)
        assert receipt["failed_reading"]["decoding"] == 2
    assert answer(run(*words))["replay_of"] is not None


def test_what_is_not_of_the_study_is_not_listed_as_nothing(
    run: Any, study: str, tmp_path: Path
) -> None:
    answer(run("simulate", "--study", study, *SMALL))
    for words in (
        ("refusals", study, "--push"),
        ("suspects", study, "--push"),
        ("export", study, "--format", "geojson", "--out", "o", "--individual"),
    ):
        missing = run(*words, "0b0e6d1c-4f7e-4ad5-8f3e-0f3f2d1f9c11")
        assert isinstance(missing.exception, NotFound), words
    assert not (tmp_path / "o").exists()


def test_whose_a_table_is_is_told_with_the_push_or_after_it(
    run: Any, study: str, tmp_path: Path
) -> None:
    file = tmp_path / "march.txt"
    file.write_text("DateTime\tLatitude_N\tLongitude_E\n2024-03-01 06:00:00\t34.8\t127.5\n")
    result = run("push", str(file), "--study", study, "--json")
    assert result.exit_code == commands.PUSH_FAILED
    receipt = json.loads(result.stdout)
    assert "--tag" in receipt["problem"]["remedy"]
    assert "added: 1" in run("replay", receipt["push_id"], "--tag", "7304").stdout
    told = answer(run("push", str(file), "--study", study, "--tag", "7305", "--json"))
    assert (told["tag"], told["stored"]) == ("7305", 1)


def test_a_service_elsewhere_wants_a_key(run: Any, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n")
    result = run("push", "a.csv", "--study", "x", "--url", "http://127.0.0.1:1")
    assert result.exit_code == 2
    assert "--key" in result.output


def test_the_doctor_finds_a_migrated_database_well(run: Any) -> None:
    findings = {each["check"]: each for each in json.loads(run("doctor", "--json").stdout)}
    for check in ("python", "database", "schema", "queue", "dead letters"):
        assert findings[check]["ok"], findings[check]


def test_the_doctor_names_the_remedy(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise SetupError("PostGIS is missing. Install it.")

    monkeypatch.setattr(operate, "database", broken)
    result = run("doctor", "--json")
    assert result.exit_code == commands.UNFIT
    assert "PostGIS is missing" in result.stdout


def test_people_get_words_and_tables(run: Any) -> None:
    for label in ("one", "two"):
        assert run("key", "create", "--label", label).exit_code == 0
    assert "prefix" in run("key", "list").stdout


def test_the_version_is_told_without_a_database() -> None:
    found = CliRunner().invoke(commands.cli, ["--version"])
    assert (found.exit_code, found.stdout) == (0, f"flyways {VERSION}\n")


def test_a_wrong_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLYWAYS_PORT", "seven")
    monkeypatch.setattr(sys, "argv", ["flyways", "migrate"])
    with pytest.raises(SystemExit):
        commands.main()
    assert "FLYWAYS_PORT" in capsys.readouterr().err


def test_a_simulation_is_by_default_the_flock_of_the_first_start() -> None:
    shown = inspect.signature(commands.simulate).parameters
    defaults = {name: shown[name].default for name in ("birds", "days", "interval_s", "seed")}
    assert defaults == {
        "birds": demo.BIRDS,
        "days": demo.DAYS,
        "interval_s": demo.SENDING.interval_s,
        "seed": demo.SEED,
    }
    assert shown["sensor"].default == demo.SENDING.sensor


def test_the_same_seed_gives_the_same_flock() -> None:
    end = datetime(2026, 1, 1, tzinfo=UTC)
    first = flock(end, birds=2, days=30, seed=3)
    assert first == flock(end, birds=2, days=30, seed=3)
    assert first != flock(end, birds=2, days=30, seed=4)


def test_a_study_is_exported_and_a_push_read_again(run: Any, study: str, tmp_path: Path) -> None:
    file = tmp_path / "birds.csv"
    file.write_text(
        "timestamp,location-long,location-lat,tag-local-identifier\n"
        "2024-03-01 08:00:00,127.5,34.8,T1\n"
    )
    push = answer(run("push", str(file), "--study", study, "--json"))["push_id"]
    shown = answer(run("replay", push, "--tz", "UTC+8", "--json"))
    assert not shown["applied"]
    assert shown["changes"]["tz"] == ["UTC", "UTC+8"]
    assert shown["effect"]["moved"] == 1
    for apply in ((), ("--apply",)):
        failed = run("replay", push, "--format", "xlsx", *apply)
        assert (failed.exit_code, failed.stdout.splitlines()[0]) == (3, "applied: False")
        assert not re.search("state|stored", failed.stdout)
        assert "flyways: it can't be read so: " in failed.stderr
    assert "tz: UTC -> UTC+8" in run("replay", push, "--tz", "UTC+8", "--apply").stdout
    out = tmp_path / "out"
    told = answer(
        run("export", study, "--format", "movebank-csv", "--out", str(out), "--json",
            "--datetime", "2024-03-01T00:00:00Z/..")
    )  # fmt: skip
    assert (told["fixes"], told["name"]) == (1, "Geum")
    assert "2024-03-01 00:00:00.000" in (out / "events.csv").read_text()


def test_a_mapping_is_tried_saved_shown_and_reads_a_push(
    run: Any, study: str, tmp_path: Path
) -> None:
    terms = {"timestamp": "t", "location-long": "x", "location-lat": "y", "tag-id": "n"}
    document, file = tmp_path / "hq.json", tmp_path / "maker.csv"
    document.write_text(json.dumps({"kind": "table", "terms": terms}))
    file.write_text("n,t,x,y\nM7,2024/3/1 8:00,127.5,34.8\nM7,never,127.5,34.8\n")
    assert run("mapping", "try", str(document), str(file)).exit_code == 1
    made = answer(run("mapping", "add", str(document), "--study", study, "--json"))
    assert (made["name"], made["version"]) == ("hq", 1)
    document.write_text(json.dumps({"kind": "table", "terms": terms, "tz": "UTC+8"}))
    again = answer(run("mapping", "add", str(document), "--study", study, "--json"))
    assert (again["mapping"], again["version"]) == (made["mapping"], 2)
    assert again in answer(run("mapping", "list", "--json"))
    old = answer(run("mapping", "show", made["mapping"], "--version", "1", "--json"))
    assert "tz" not in old["document"]
    words = ("push", str(file), "--study", study, "--mapping", made["mapping"], "--json")
    receipt = answer(run(*words))
    assert (receipt["tz"], receipt["mapping_version"], receipt["refused"]) == ("UTC+8", 2, 1)
    mend = ("replay", receipt["push_id"], "--correct", "2=M7,2024/3/1 9:00,127.5,34.8")
    assert "added: 1" in run(*mend).stdout
    assert "refused: 1 -> 0" in run(*mend, "--apply").stdout
    assert run("replay", receipt["push_id"], "--correct", "two").exit_code == 2
    document.write_text("{}")
    wrong = run("mapping", "add", str(document), "--study", study)
    assert wrong.exit_code == 1


def test_refusals_and_suspects_of_a_study_are_listed_page_by_page(
    run: Any, study: str, tmp_path: Path
) -> None:
    file = tmp_path / "bad.csv"
    rows = ["timestamp,location-long,location-lat,tag-local-identifier,manually-marked-outlier"]
    rows += [f"2024-03-01 {n:02}:00:00,127.5,{'34.8' if n % 2 else '99'},L1,{'true' * (n == 3)}"
             for n in range(6)]  # fmt: skip
    rows += ["never,127.5,34.8,L1,", "2024-03-02 01:00:00,0,0,L1,"]
    file.write_text("\n".join(rows) + "\n")
    push = answer(run("push", str(file), "--study", study, "--json"))["push_id"]
    first = answer(run("refusals", study, "--limit", "3", "--json"))
    rest = answer(run("refusals", study, "--limit", "3", "--after", first["next"], "--json"))
    units = [each["unit"] for each in first["items"] + rest["items"]]
    assert (units, rest["next"]) == ([1, 3, 5, 7], None)
    assert {each["push_id"] for each in first["items"]} == {push}
    only = answer(run("refusals", study, "--code", "time-unreadable", "--push", push, "--json"))
    assert [each["unit"] for each in only["items"]] == [7]
    assert only["items"][0]["remedy"]
    none = run("refusals", study, "--datetime", "../2020-01-01T00:00:00Z")
    assert (none.exit_code, none.stdout) == (0, "")
    assert "no refusals" in none.stderr
    assert "--after" in run("refusals", study, "--limit", "1").stderr
    for no_page in ("x", f"{10**19}:1", f"1:{10**19}"):
        assert isinstance(run("refusals", study, "--after", no_page).exception, SetupError)
    found = answer(run("suspects", study, "--json"))
    codes = [each["code"] for each in found["items"]]
    assert (codes, found["next"]) == (["marked-outlier", "null-island"], None)
    page = answer(run("suspects", study, "--limit", "1", "--json"))
    after = answer(run("suspects", study, "--after", page["next"], "--json"))
    assert page["items"] + after["items"] == found["items"]


def test_a_tag_is_listed_with_its_aliases_and_pushes_may_use_them(
    run: Any, study: str, tmp_path: Path
) -> None:
    def push(name: str, hour: int) -> None:
        file = tmp_path / f"{hour}.csv"
        file.write_text("timestamp,location-long,location-lat,tag-local-identifier\n"
                        f"2024-03-01 {hour:02}:00:00,127.5,34.8,{name}\n")  # fmt: skip
        answer(run("push", str(file), "--study", study, "--json"))

    def listed() -> list[tuple[Any, ...]]:
        rows = answer(run("tag", "list", "--study", study, "--undeployed", "--json"))
        return [(each["local_identifier"], each["aliases"], each["undeployed_n"]) for each in rows]

    push("PTT 9", 1)
    tag = answer(run("tag", "list", "--study", study, "--json"))[0]["tag"]
    assert answer(run("tag", "alias", tag, "SN-9", "K9", "--json"))["aliases"] == ["K9", "SN-9"]
    push("SN-9", 2)
    assert listed() == [("PTT 9", ["K9", "SN-9"], 2)]
    answer(run("tag", "alias", tag, "SN-9", "--remove", "--json"))
    push("SN-9", 3)
    assert listed() == [("PTT 9", ["K9"], 2), ("SN-9", [], 1)]
    refused = run("tag", "alias", tag, "SN-9")
    assert getattr(refused.exception, "code", None) == "alias-is-tag"
