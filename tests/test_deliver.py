"""Files brought in at the database: final receipts, rereadings, and what was laid aside."""

from __future__ import annotations

import hashlib
from uuid import UUID, uuid4

import pytest

from app import deliver, operate, printing
from app.errors import BadInput, NotFound, SetupError
from app.pipeline import decode
from app.pipeline import run as flow
from app.pipeline.receive import reading
from app.pipeline.replay import Wanted
from app.store import failures, work
from app.store.engine import execute
from ingest import UnreadablePush

CSV = """timestamp,location-long,location-lat,tag-local-identifier,individual-local-identifier
2024-03-01 08:00:00.000,127.5,34.8,T1,A
2024-03-01 09:00:00.000,127.6,34.8,T1,A
2024-03-01 10:00:00.000,127.6,95,T1,A
"""


@pytest.fixture
async def store(database):
    async with operate.opened(database) as store:
        yield store


@pytest.fixture
async def study(store) -> UUID:
    return await operate.own_study(store)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "birds.csv"
    path.write_text(CSV)
    return path


async def test_a_file_comes_to_its_final_receipt(store, study, file, monkeypatch) -> None:
    monkeypatch.setattr(deliver, "CHUNK_BYTES", 7)  # its bytes pass in pieces
    receipt = await deliver.settled(store, await deliver.push(store, file, study))
    assert (receipt["state"], receipt["stored"], receipt["refused"]) == ("processed", 2, 1)
    assert receipt["digest"].endswith(hashlib.sha256(CSV.encode()).hexdigest())


async def test_nobody_waits_for_work_that_was_laid_aside(store, study, file) -> None:
    push = await deliver.push(store, file, study)
    async with store.read() as conn:
        (owner,) = (await work.waiting(conn, limit=9)).studies
    await flow.decode_small(store, owner)
    async with store.write() as conn:
        await execute(conn, "update dirty set dead_at = now(), last_error = 'odd' returning 1")
    with pytest.raises(SetupError, match=r"is stored, but 1 pieces .* / A \(odd\)"):
        await deliver.processed(store, push)


async def test_the_name_of_a_file_tells_the_tag_unless_one_is_told(store, study, tmp_path) -> None:
    path = tmp_path / "00007304g.txt"
    path.write_text("DateTime\tLatitude_N\tLongitude_E\n2024-03-01 06:00:00\t34.8\t127.5\n")
    for how, tag in (
        (deliver.AS_IT_SAYS, "7304"),
        (reading(None, None, tag="own name"), "own name"),
    ):
        receipt = await deliver.delivered(store, path, study, how, mapping=None)
        assert (receipt["tag"], receipt["stored"]) == (tag, 1)


async def test_what_cannot_be_kept_is_told_before_anything_is(store, study, file) -> None:
    with pytest.raises(NotFound):
        await deliver.push(store, file, uuid4())
    async with store.read() as conn:
        assert await execute(conn, "select id from push") == []


async def test_a_push_whose_bird_is_laid_aside_is_not_waited_for(
    store, study, file, monkeypatch
) -> None:
    async def fail(_conn, _span):
        raise ValueError("no such place")

    ref = await deliver.push(store, file, study)
    monkeypatch.setattr(flow, "screen", fail)
    with pytest.raises(SetupError) as told:
        await deliver.settled(store, ref)
    for said in (f"Push {ref} is stored", "1 pieces", "ValueError: no such place", "recompute"):
        assert said in str(told.value)
    with pytest.raises(SetupError, match="All else is derived"):
        await deliver.recompute(store, study)
    monkeypatch.undo()
    assert await deliver.recompute(store, study) == 1
    assert (await deliver.settled(store, ref))["state"] == "processed"


def test_only_so_many_reasons_are_told() -> None:
    dead = [failures.Dead(f"individual:{n}", f"bird {n}", "odd") for n in range(9)]
    with pytest.raises(SetupError) as told:
        deliver._refuse_dead(dead, "Done")
    assert str(told.value).count("(odd)") == deliver.NAMED_MAX
    assert "9 pieces" in str(told.value)
    deliver._refuse_dead([], "Done")


async def test_a_rereading_is_shown_and_then_done(store, study, file) -> None:
    ref = await deliver.push(store, file, study)
    await deliver.settled(store, ref)
    how = Wanted(tz="UTC+8")
    shown = await deliver.replay(store, ref, how, apply=False)
    assert (shown["applied"], set(shown["changes"])) == (False, {"tz", "state", "time_first",
                                                                 "time_last"})  # fmt: skip
    done = await deliver.replay(store, ref, how, apply=True)
    assert done["applied"] and set(done["changes"]) == {"tz", "time_first", "time_last"}
    assert (await deliver.replay(store, ref, how, apply=True))["changes"] == {}


@pytest.mark.parametrize("apply", [False, True])
async def test_a_rereading_that_fails_is_not_done_and_says_why(store, study, file, apply) -> None:
    ref = await deliver.push(store, file, study)
    before = await deliver.settled(store, ref)
    found = await deliver.replay(store, ref, Wanted(format="xlsx"), apply=apply)
    assert (found["applied"], found["changes"]) == (False, {})
    assert found["problem"]["remedy"]
    assert (found["effect"]["unchanged"], found["effect"]["removed"]) == (2, 0)
    assert await deliver.settled(store, ref) == before
    async with store.read() as conn:
        assert len(await execute(conn, "select id from decoding")) == 1


async def test_a_rereading_that_fails_after_its_trial_is_told_as_it_is(
    store, study, file, monkeypatch
) -> None:
    """The study changed in between, say: what was read before stays, and nobody is told it went."""
    ref = await deliver.push(store, file, study)
    before = await deliver.settled(store, ref)
    real, trials = decode.read, []

    def once(todos, sent):
        if trials:
            return [UnreadablePush("empty", "It is gone.", "Send it.") for _ in todos]
        trials.append(todos)
        return real(todos, sent)

    monkeypatch.setattr(decode, "read", once)
    found = await deliver.replay(store, ref, Wanted(tz="UTC+8"), apply=True)
    assert (found["applied"], found["changes"]) == (False, {})
    assert found["problem"] == {"code": "empty", "detail": "It is gone.", "remedy": "Send it."}
    after = await deliver.settled(store, ref)
    assert after.pop("failed_reading")["decoding"] == 2
    assert after | {"failed_reading": None} == before


async def test_a_rebuild_beside_what_is_stored_says_what_differs(store, study, file) -> None:
    await deliver.settled(store, await deliver.push(store, file, study))
    said: list[str] = []
    found = await deliver.verify(store, said.append)
    assert said == [] and {tuple(each["differs"]) for each in found} == {()}
    async with store.write() as conn:
        await execute(conn, "delete from latest_fix")
    found = await deliver.verify(store, said.append)
    assert said == ["differs: My birds / A: latest_fix"]
    assert [each["differs"] for each in found if each["differs"]] == [["latest_fix"]]


FLYWAY = "white_naped_crane"


async def written(store, out, flyway: str = FLYWAY, datetime: str | None = None) -> dict:
    return await deliver.report(store, flyway, out, lang="en", datetime=datetime)


async def test_a_report_is_written_as_the_name_of_its_file_ends(
    store, study, tmp_path, monkeypatch
) -> None:
    out = tmp_path / "report.HTML"
    rows = "\n".join(CSV.splitlines()[1:3]).replace(",A", ",A,Antigone vipio")
    head = CSV.splitlines()[0] + ",individual-taxon-canonical-name"
    (tmp_path / "one.csv").write_text(f"{head}\n{rows}\n")
    await deliver.settled(store, await deliver.push(store, tmp_path / "one.csv", study))
    assert await written(store, out) == {"file": str(out), "bytes": out.stat().st_size}
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")
    printed = []
    monkeypatch.setattr(printing, "chromium", lambda: "browser")
    monkeypatch.setattr(
        printing, "print_pdf", lambda *told: printed.append(told) or told[2].write_bytes(b"%PDF")
    )
    paper = tmp_path / "report.pdf"
    assert await written(store, paper) == {"file": str(paper), "bytes": 4}
    assert [(program, page[:15], path) for program, page, path in printed] == [
        ("browser", "<!doctype html>", paper)
    ]


@pytest.mark.parametrize(
    ("name", "asked", "raised", "said"),
    [
        ("report.txt", {}, SetupError, r"neither \.html nor \.pdf"),
        ("report", {}, SetupError, r"neither \.html nor \.pdf"),
        ("r.html", {"flyway": "White-naped Crane"}, SetupError, r"species\[:season\]"),
        ("r.html", {"flyway": FLYWAY + ":winter; drop"}, SetupError, r"species\[:season\]"),
        ("r.html", {"datetime": "yesterday"}, BadInput, "interval"),
        ("r.html", {"flyway": "dodo"}, NotFound, "flyway"),
    ],
)
async def test_a_report_that_cannot_be_made_leaves_no_file(
    store, tmp_path, name, asked, raised, said
) -> None:
    with pytest.raises(raised, match=said):
        await written(store, tmp_path / name, **asked)
    assert list(tmp_path.iterdir()) == []
