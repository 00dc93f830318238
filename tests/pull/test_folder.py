"""A watched folder: quiet files once, growing files again, nothing outside the study's own."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import ingest
from app import operate
from app.pull import files, folder
from app.pull.page import Errand, PullFailed
from app.store import mappings
from tests.pull.conftest import NOW, Bench

HEADER = (
    "device_id,device_name,UTC_datetime,UTC_date,UTC_time,datatype,satcount,U_bat_mV,bat_soc_pct,"
    "solar_I_mA,hdop,Latitude,Longitude,MSL_altitude_m,Reserved,speed_km/h,direction_deg\n"
)


def line(hour: int, device: str = "226976") -> str:
    time = f"2026-05-01 {hour:02}:00:00"
    rest = "GPS,7,3702,80,,1.1,43.5,119.2,610,,3,90"
    return f"{device},crane,{time},2026-05-01,{hour:02}:00:00,{rest}\n"


def drop(path: Path, text: str, age_s: float = 3600) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    at = NOW.timestamp() - age_s
    os.utime(path, (at, at))


@pytest.fixture
def place(bench: Bench, tmp_path: Path) -> Path:
    bench.inbox_dir = tmp_path
    own = tmp_path / str(bench.study)
    own.mkdir()
    return own


async def watch(bench: Bench, **settings: Any) -> int:
    return await bench.connect("folder", username=None, password=None, settings=settings)


async def test_a_quiet_file_is_taken_once_and_again_when_it_has_grown(
    bench: Bench, place: Path
) -> None:
    connector = await watch(bench)
    drop(place / "a.csv", HEADER + line(1), age_s=5)
    assert await bench.pull(connector) == 0
    assert await bench.pull(connector, NOW + timedelta(minutes=2)) == 1
    assert await bench.pull(connector, NOW + timedelta(minutes=4)) == 0
    drop(place / "a.csv", HEADER + line(1) + line(2), age_s=-300)
    assert await bench.pull(connector, NOW + timedelta(minutes=5)) == 0
    assert await bench.pull(connector, NOW + timedelta(hours=1)) == 1
    drop(place / "copy of a.csv", HEADER + line(1))
    assert await bench.pull(connector, NOW + timedelta(hours=2)) == 0
    assert [time.hour for _, time in await bench.fixes()] == [1, 2]
    assert await bench.bodies() == [
        (HEADER + line(1)).encode(), (HEADER + line(1) + line(2)).encode(),
    ]  # fmt: skip


async def test_files_that_went_are_forgotten_and_hidden_empty_and_other_ones_left(
    bench: Bench, place: Path
) -> None:
    connector = await watch(bench, pattern="*.csv")
    drop(place / "a.csv", HEADER + line(1))
    drop(place / ".b.csv", HEADER + line(2))
    drop(place / "c.txt", HEADER + line(3))
    drop(place / "d.csv", "")
    (place / "e.csv").mkdir()
    assert await bench.pull(connector) == 1
    assert (await bench.state(connector))["cursor"].keys() == {"a.csv"}
    (place / "a.csv").unlink()
    assert await bench.pull(connector) == 0
    assert (await bench.state(connector))["cursor"] == {}


async def test_nothing_beside_the_folder_of_the_study_is_reached(
    bench: Bench, place: Path, tmp_path: Path
) -> None:
    drop(tmp_path / "other/secret.csv", HEADER + line(1))
    (place / "link.csv").symlink_to(tmp_path / "other/secret.csv")
    (place / "way").symlink_to(tmp_path / "other")
    assert await bench.pull(await watch(bench)) == 0
    for name in ("way", "../other", "missing"):
        connector = await watch(bench, folder=name)
        assert await bench.pull(connector) == 0
        assert await bench.code(connector) == "folder-missing"
    for pattern in ("../*", "/etc/*", ""):
        with pytest.raises(ValidationError):
            folder.Settings(pattern=pattern)
    bench.inbox_dir = None
    assert await bench.pull(connector) == 0
    assert await bench.code(connector) == "folder-unset"


async def test_a_file_that_is_too_large_is_told_and_the_others_are_taken(
    bench: Bench, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "ANSWER_MAX_BYTES", 1000)
    connector = await watch(bench)
    drop(place / "a.csv", HEADER + "".join(map(line, range(20))), age_s=9000)
    drop(place / "b.csv", HEADER + line(1))
    assert await bench.pull(connector) == 1
    state = await bench.state(connector)
    assert state["problem"]["code"] == "files-left"
    assert "a.csv" in state["problem"]["detail"]


async def test_a_file_that_changes_while_it_is_read_is_left_for_later(place: Path) -> None:
    drop(place / "a.csv", HEADER + line(1))
    errand = Errand(folder.Settings(), {}, NOW, root=place)
    taken = folder.pages(errand, None)
    page = await anext(taken)
    assert page.pieces is not None
    with (place / "a.csv").open("a") as file:
        file.write(line(2))
    with pytest.raises(PullFailed, match="changed while it was read"):
        list(page.pieces())
    await taken.aclose()


async def test_the_name_of_a_file_tells_the_tag(bench: Bench, place: Path) -> None:
    connector = await watch(bench)
    table = "DateTime\tLatitude_N\tLongitude_E\n2026-05-01 06:00:00\t43.5\t119.2\n"
    for name in ("7304g.txt", "00007305g.txt", "7305g_2026-05-01.txt"):
        drop(place / name, table)
    assert await bench.pull(connector) == 2
    assert [tag for tag, _ in await bench.fixes()] == ["7304", "7305"]


async def test_files_are_read_as_the_connector_says(bench: Bench, place: Path) -> None:
    document = {
        "kind": "table", "tz": "UTC+8",
        "terms": {"timestamp": "时间", "location-long": "经度", "location-lat": "纬度",
                  "tag-id": "编号"},
    }  # fmt: skip
    audience = await operate.operator(bench.store)
    async with bench.store.write() as conn:
        made = await mappings.create(
            conn, audience, bench.study_id, name="HQ",
            document=ingest.write_mapping(ingest.read_mapping(json.dumps(document).encode())),
        )  # fmt: skip
    connector = await bench.connect(
        "folder", username=None, password=None, mapping=made["ref"], encoding="gb18030",
        datum="gcj02",
    )  # fmt: skip
    body = "编号,时间,经度,纬度\nHQ7,2024/3/1 8:00,116.3,29.1\n".encode("gb18030")
    (place / "a.csv").write_bytes(body)
    os.utime(place / "a.csv", (1, 1))
    assert await bench.pull(connector) == 1
    assert await bench.fixes() == [("HQ7", datetime(2024, 3, 1, tzinfo=UTC))]
    fix = (await bench.ask("select lon, lat from fix f join tag t on t.id = f.tag_id"
                           " where t.study_id = :study", study=bench.study_id))[0]  # fmt: skip
    assert 0.003 < 116.3 - fix["lon"] < 0.008
    assert 0.001 < abs(29.1 - fix["lat"]) < 0.006


async def test_a_name_in_another_encoding_is_told_and_keeps_no_other_from_its_turn(
    bench: Bench, place: Path
) -> None:
    connector = await watch(bench)
    drop(Path(os.fsdecode(os.fsencode(place) + b"/\xb0\xd7\xba\xd7.csv")), HEADER + line(1), 7200)
    drop(place / "白鹤.csv", HEADER + line(2))
    assert await bench.pull(connector) == 1
    problem = (await bench.state(connector))["problem"]
    assert problem["code"] == "files-left"
    assert r"b'\xb0\xd7\xba\xd7.csv' is no name in UTF-8: rename it" in problem["detail"]


@pytest.mark.parametrize("call", ["os.scandir", "pathlib.Path.is_dir", "pathlib.Path.lstat"])
async def test_a_folder_that_the_worker_may_not_read_is_not_taken_for_an_empty_one(
    place: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Which call fails depends on which right is missing; root, as tests may be, has them all."""

    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    drop(place / "a.csv", HEADER + line(1))
    errand = Errand(folder.Settings(), {"a.csv": "its mark"}, NOW, root=place)
    with monkeypatch.context() as patched:
        patched.setattr(call, denied)
        with pytest.raises(PullFailed, match="denied") as told:
            await anext(folder.pages(errand, None))
    assert told.value.code == "folder-missing"
