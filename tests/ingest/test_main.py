from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ingest import FORMATS
from ingest.__main__ import main

DATA = Path(__file__).parents[1] / "data/telemetry"


def test_refusals_are_printed_with_their_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(DATA / "events_hyphen.csv")]) == 1
    printed = capsys.readouterr().out
    payload = (DATA / "events_hyphen.csv").read_bytes()
    at = sum(map(len, payload.splitlines(keepends=True)[:5]))
    for text in (
        "movebank-csv",
        f"latitude-out-of-range: 1 refused, first at unit 5, line 6, byte {at}.",
        "text-in-numeric-column",
    ):
        assert text in printed


def test_json_holds_the_counts_of_a_receipt(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(DATA / "events_hyphen.csv"), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["units"], found["records"], found["refused"]) == (6, 5, 1)
    assert (found["without_position"], found["individuals"]) == (1, 1)
    assert found["flagged"] == {"marked-outlier": 2}
    assert found["refusals"][0]["unit"] == 5


def test_what_is_there_is_told_by_time_and_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    header = "timestamp,location-long,location-lat,tag-local-identifier\n"
    rows = "2024-04-01 10:00:00,127.5,34.8,7\n", "2024-04-03 08:30:00,-179.5,61,7\n"
    file = tmp_path / "twice.csv"
    file.write_text(header + rows[0] + rows[1] + rows[0] + "2024-04-02 00:00:00,,,7\n")
    assert main(["check", str(file)]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    for text in (
        "would be stored │ 3",
        "the same as an earlier unit │ 1",
        "without position │ 1",
        "first time │ 2024-04-01 10:00:00 UTC",
        "last time │ 2024-04-03 08:30:00 UTC",
        "longitudes │ -179.5000 to 127.5000 degrees",
        "latitudes │ 34.8000 to 61.0000 degrees",
    ):
        assert text in printed
    main(["check", str(file), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert (found["records"], found["repeated"]) == (4, 1)
    assert found["bbox"] == [-179.5, 34.8, 127.5, 61.0]


def test_each_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(DATA / "events_dotted.csv"), "--tz", "UTC+8"]) == 0
    assert main(["check", str(DATA / "events_argos.csv")]) == 3
    assert main(["check", str(DATA / "reference.csv")]) == 1
    assert main(["check", str(tmp_path / "absent.csv")]) == 2
    assert main(["check", str(DATA / "events_dotted.csv"), "--format", "argos-diag"]) == 2
    assert "no-blocks" in capsys.readouterr().out
    assert main(["check", str(DATA / "events_dotted.csv"), "--tz", "Mars", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["code"] == "zone-unknown"


def test_a_mapping_reads_what_no_format_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = {"timestamp": "t", "location-long": "x", "location-lat": "y", "tag-id": "n"}
    mapping, file = tmp_path / "mapping.json", tmp_path / "birds.csv"
    mapping.write_text(json.dumps({"kind": "table", "terms": told, "tz": "UTC+8"}))
    file.write_text("n,t,x,y\n7,2024/3/1 8:00,127.5,34.8\n")
    words = ["check", str(file), "--mapping", str(mapping), "--json"]
    assert main(["check", str(file)]) == 2
    capsys.readouterr()
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["format"], found["time_first_us"]) == ("columns", 1_709_251_200_000_000)
    assert main([*words, "--tz", "UTC"]) == 0
    assert json.loads(capsys.readouterr().out)["time_first_us"] == 1_709_280_000_000_000
    mapping.write_text("{}")
    assert main(words) == 2
    assert json.loads(capsys.readouterr().out)["code"] == "mapping-invalid"


def test_text_of_the_sender_is_not_taken_as_markup(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "[bold]a.csv"
    path.write_text("timestamp,location-long,location-lat,tag-id\n[red]x[/],1,2,7\n")
    assert main(["check", str(path)]) == 1
    assert "[red]x[/]" in capsys.readouterr().out


def test_whose_a_table_is_stands_in_its_name_or_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named, other = DATA / "7304g.txt", tmp_path / "march.txt"
    other.write_bytes(named.read_bytes())
    assert main(["check", str(named), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["format"], found["records"], found["without_position"]) == ("microwave-tab", 6, 3)
    assert main(["check", str(other)]) == 2
    assert "tag-not-named" in capsys.readouterr().out
    assert main(["check", str(other), "--tag", "7304"]) == 1


def test_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ingest", "check", str(DATA / "events_dotted.csv")],
        cwd=DATA.parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


KINDS = b"".join(
    b"2020-01-01 00:00:00,%s,%s,7\n" % place
    for place in ((b"116", b"29"), (b"116", b"95"), (b"116", b""), (b"116", b"96"))
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb18030"])
def test_each_kind_of_refusal_is_shown_once_with_its_first_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], encoding: str
) -> None:
    path = tmp_path / "a.csv"
    text = "timestamp,location-long,location-lat,tag-id\n" + KINDS.decode()
    path.write_bytes(text.encode(encoding))
    assert main(["check", str(path), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [(k["code"], k["count"], k["unit"], k["line"]) for k in found["kinds"]] == [
        ("latitude-out-of-range", 2, 2, 3),
        ("position-incomplete", 1, 3, 4),
    ]
    first = path.read_bytes()[found["kinds"][0]["offset"] :]
    assert first.replace(b"\0", b"").startswith(b"2020-01-01 00:00:00,116,95,7")
    assert [(r["unit"], r["line"]) for r in found["refusals"]] == [(2, 3), (3, 4), (4, 5)]


@pytest.mark.parametrize("path", sorted(DATA.iterdir()), ids=lambda path: path.name)
def test_every_format_is_checked(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(path), "--json"]) in {0, 1, 3}
    found = json.loads(capsys.readouterr().out)
    assert found["units"] == found["records"] + found["refused"]
    assert sum(kind["count"] for kind in found["kinds"]) == found["refused"]


def test_encoding_and_datum_may_be_declared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.csv"
    text = (
        "timestamp,location-long,location-lat,individual-local-identifier\n"
        "2020-01-01 00:00:00,116.4,39.9,두루미\n"
    )
    path.write_bytes(text.encode("cp949"))
    assert main(["check", str(path)]) == 3
    assert "encoding-assumed" in capsys.readouterr().out
    assert main(["check", str(path), "--encoding", "cp949", "--datum", "gcj02"]) == 0


def test_the_order_of_day_and_month_may_be_declared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("timestamp,location-long,location-lat,tag-id\n03/04/2024 5:06,116,29,7\n")
    assert main(["check", str(path)]) == 1
    assert "date-order-ambiguous" in capsys.readouterr().out
    assert main(["check", str(path), "--date-order", "dmy"]) == 0


def test_every_refusal_has_its_line_over_pieces(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.archive.PIECE_BYTES", 37)
    lines = [f"2020-01-01 00:00:00,{n},29,7" if n % 3 else "never,1,2,7" for n in range(1, 60)]
    path = tmp_path / "a.csv"
    for encoding in ("utf-8", "utf-16-be", "utf-16"):
        text = "timestamp,location-long,location-lat,tag-id\n" + "\n".join(lines)
        mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
        path.write_bytes(mark + text.encode(encoding))
        assert main(["check", str(path), "--json"]) == 1
        told = json.loads(capsys.readouterr().out)["refusals"]
        assert [r["line"] for r in told] == [n + 1 for n in range(1, 60) if not n % 3]


def test_help_tells_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["check", "--help"])
    printed = capsys.readouterr().out
    for name, form in FORMATS.items():
        assert f"  {name} " in printed
        assert form.description in printed


@pytest.mark.parametrize(
    ("column", "taxon", "suspect"),
    [
        ("", None, True), ("", "Grus monacha", True), ("", "Platalea minor", False),
        (",Platalea minor", "Grus monacha", False), (",Grus vipio", "Platalea minor", True),
    ],
)  # fmt: skip
def test_the_sun_judges_birds_that_fly_by_day(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    column: str,
    taxon: str | None,
    *,
    suspect: bool,
) -> None:
    header = "timestamp,location-long,location-lat,tag-id"
    header += ",individual-taxon-canonical-name" if column else ""
    rows = [
        f"2024-03-{day:02d} {hour:02d}:00:00,{120 + (hour - 14) * 0.3:.1f},40,7{column}"
        for day in range(1, 29)
        for hour in range(14, 18)  # 22 to 2 h of the sun
    ]
    path = tmp_path / "night.csv"
    path.write_text("\n".join([header, *rows]))
    said = [] if taxon is None else ["--taxon", taxon]
    assert main(["check", str(path), *said]) == (3 if suspect else 0)
    assert ("time-zone-suspect" in capsys.readouterr().out) == suspect
