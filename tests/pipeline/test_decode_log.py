"""What the log tells of pushes that were read, once that is committed."""

from __future__ import annotations

import json

import pytest
from structlog.testing import CapturingLogger

from app.pipeline import decode
from app.store.engine import Connection, execute
from tests.pipeline.test_decode import new_store, push

__all__ = ["new_store"]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> CapturingLogger:
    log = CapturingLogger()
    monkeypatch.setattr(decode, "log", log)
    return log


async def test_each_push_that_was_read_leaves_a_line(new_store, log) -> None:
    store = await new_store()
    row = {"tag": "a", "time": "2024-05-01T00:00:00Z", "lon": 127, "lat": 38}
    good = await push(store, json.dumps([row, row, {"tag": "a", "time": "x"}]).encode())
    bad = await push(store, b"nothing that we know")
    await decode.decode_small(store, 1)
    alone = await push(store, json.dumps([row]).encode())
    for _ in range(2):  # a job and a sweep may both know of it
        await decode.decode_push(store, alone.decoding_id)
    assert {(call.method_name, call.args) for call in log.calls} == {("info", ("push_decoded",))}
    told = [call.kwargs for call in log.calls]
    assert [each["push_id"] for each in told] == [str(each.ref) for each in (good, bad, alone)]
    names = ("state", "units", "refused", "stored", "duplicates", "code")
    assert [tuple(each[name] for name in names) for each in told] == [
        ("processed", 3, 1, 1, 1, None),
        ("failed", 0, 0, 0, 0, "format-unknown"),
        ("processed", 1, 0, 0, 1, None),
    ]


async def test_what_is_taken_back_leaves_no_such_line(
    new_store, log, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await new_store()
    kept = await push(store, b"nothing that we know")

    async def cut(conn: Connection, *_: object) -> None:
        await execute(conn, "select 1 / 0")

    monkeypatch.setattr(decode, "decode_in", cut)
    with pytest.raises(Exception, match="division by zero"):
        await decode.decode_push(store, kept.decoding_id)
    assert [call.args for call in log.calls] == [("decode_failed",)]
