from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ingest.__main__ import main

DATA = Path(__file__).parents[1] / "data/telemetry"


def test_refusals_are_printed_with_their_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(DATA / "events_hyphen.csv")]) == 1
    printed = capsys.readouterr().out
    for text in ("movebank-csv", "unit 5: latitude-out-of-range", "text-in-numeric-column"):
        assert text in printed


def test_json_holds_the_counts_of_a_receipt(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(DATA / "events_hyphen.csv"), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["units"], found["records"], found["refused"]) == (6, 5, 1)
    assert (found["without_position"], found["individuals"]) == (1, 1)
    assert found["flagged"] == {"marked-outlier": 2}
    assert found["refusals"][0]["unit"] == 5


def test_each_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(DATA / "events_dotted.csv"), "--tz", "UTC+8"]) == 0
    assert main(["check", str(DATA / "events_argos.csv")]) == 3
    assert main(["check", str(DATA / "reference.csv")]) == 1
    assert main(["check", str(tmp_path / "absent.csv")]) == 2
    assert main(["check", str(DATA / "events_dotted.csv"), "--format", "argos-diag"]) == 2
    assert "no-blocks" in capsys.readouterr().out
    assert main(["check", str(DATA / "events_dotted.csv"), "--tz", "Mars", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["code"] == "zone-unknown"


def test_text_of_the_sender_is_not_taken_as_markup(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "[bold]a.csv"
    path.write_text("timestamp,location-long,location-lat,tag-id\n[red]x[/],1,2,7\n")
    assert main(["check", str(path)]) == 1
    assert "[red]x[/]" in capsys.readouterr().out


def test_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ingest", "check", str(DATA / "events_dotted.csv")],
        cwd=DATA.parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
