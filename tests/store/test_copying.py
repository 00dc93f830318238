"""Rows by the hundred thousand go in and come out as they are, nulls, ends and all."""

from __future__ import annotations

import time

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.store import copying
from app.store.copying import beside, copy_csv, copy_in, copy_out, row_type
from app.store.engine import execute

KINDS = {"t": "time", "i": ">i4", "n": ">i8", "x": ">f8", "r": ">f4", "b": "?", "s": "text"}
SCHEMA = {"t": pl.Int64, "i": pl.Int32, "n": pl.Int64, "x": pl.Float64, "r": pl.Float32,
          "b": pl.Boolean, "s": pl.String}  # fmt: skip
TABLE = (
    "create temp table copied (n_row serial, t timestamptz, i int, n bigint, x float8, r float4,"
    " b boolean, s text) on commit drop"
)
READ = (
    "select (extract(epoch from t) * 1000000)::bigint as t, i, n, x, r, b, s from copied"
    " order by n_row"
)
FROM_1900, TO_2200 = -2_208_988_800_000_000, 7_258_118_400_000_000
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=9)
ROW = st.tuples(
    st.none() | st.integers(FROM_1900, TO_2200),
    st.integers(-(2**31), 2**31 - 1),  # as every table has a key
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.floats(allow_nan=False),
    st.none() | st.floats(allow_nan=False, width=32),
    st.none() | st.booleans(),
    st.none() | TEXT,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ROW, max_size=6))
async def test_what_goes_in_comes_out(flock, rows) -> None:
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    async with flock.trial() as trial:
        await execute(trial, TABLE)
        await copy_in(trial, "copied", frame, KINDS)
        assert [tuple(row.values()) for row in await execute(trial, READ)] == rows


@pytest.mark.parametrize("n", [copying.CHUNK_ROWS - 1, copying.CHUNK_ROWS, copying.CHUNK_ROWS + 1])
async def test_chunks_join_without_a_seam(trial, n) -> None:
    frame = pl.DataFrame({"i": np.arange(n, dtype=np.int32), "s": [None, "Kranich", "鹤"] * (n // 3)
                          + ["x"] * (n % 3)})  # fmt: skip
    await execute(trial, TABLE)
    await copy_in(trial, "copied", frame, {"i": ">i4", "s": "text"})
    (found,) = await execute(
        trial,
        "select count(*) as n, count(distinct i) as i, min(i) as low, max(i) as high,"
        " count(s) as s, max(s collate \"C\") as last from copied",
    )  # fmt: skip
    named = n - n // 3
    assert found == {"n": n, "i": n, "low": 0, "high": n - 1, "s": named, "last": "鹤"}


async def test_a_column_of_nulls_leaves_the_default(trial) -> None:
    await execute(trial, "create temp table d (a int, b int default 7) on commit drop")
    frame = pl.DataFrame({"a": [1, 2], "b": [None, None]}, schema={"a": pl.Int32, "b": pl.Int32})
    await copy_in(trial, "d", frame, {"a": ">i4", "b": ">i4"})
    assert await execute(trial, "select b from d") == [{"b": 7}, {"b": 7}]


async def test_a_row_that_the_table_refuses_refuses_all(store) -> None:
    frame = pl.DataFrame({"tag_id": [1, 1], "lon": [1.0, 500.0]})
    with pytest.raises(Exception, match="violates"):
        async with store.write() as conn:
            await copy_in(conn, "fix", frame, {"tag_id": ">i4", "lon": ">f8"})
    async with store.read() as conn:
        assert await execute(conn, "select 1 from fix") == []


@pytest.mark.parametrize("n", [0, 1, 1000])
async def test_columns_are_read_by_their_names(trial, n) -> None:
    kind = row_type({"i": ">i4", "x": ">f8", "b": "?"})
    sql = f"select n::int4, n / 4.0::float8, n % 2 = 0 from generate_series(1, {n}) n"
    found = await copy_out(trial, sql, kind)
    assert found["i"].tolist() == list(range(1, n + 1))
    assert found["x"].tolist() == [k / 4 for k in range(1, n + 1)]
    assert found["b"].tolist() == [k % 2 == 0 for k in range(1, n + 1)]


def test_an_empty_frame_is_a_header_and_a_trailer() -> None:
    body = b"".join(copying.binary_rows(pl.DataFrame({"i": []}, schema={"i": pl.Int32}), {}))
    assert body == b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"\xff\xff"


@pytest.mark.parametrize("piece_bytes", [1, 100, 1 << 20])
async def test_pieces_of_text_are_whole_rows_and_join_to_all(
    trial, monkeypatch, piece_bytes
) -> None:
    monkeypatch.setattr(copying, "PIECE_BYTES", piece_bytes)
    pieces: list[bytes] = []

    async def give(piece: bytes) -> None:
        pieces.append(piece)

    sql = "select n, cast(:word as text) from generate_series(1, cast(:n as int)) n"
    await copy_csv(trial, sql, {"word": 'a\n"b",', "n": 20_000}, give)
    assert (len(pieces) > 1) == (piece_bytes < 1 << 18)
    read = [pl.read_csv(piece, has_header=False) for piece in pieces]
    assert [n for part in read for n in part.to_series(0)] == list(range(1, 20_001))
    assert {word for part in read for word in part.to_series(1)} == {'a\n"b",'}


async def test_work_beside_is_done_in_turn_and_its_end_awaited() -> None:
    done: list[int] = []

    def work(number: int) -> None:
        time.sleep(0.01 / (number + 1))
        done.append(number)

    async with beside(work) as start:
        for number in range(5):
            await start(number)
            assert len(done) <= number
    assert done == list(range(5))


async def test_work_that_fails_ends_what_feeds_it_and_the_connection_stays_good(store) -> None:
    def work(_: bytes) -> None:
        raise OSError("disk full")

    sql = "select n, repeat('x', 100) from generate_series(1, 200000) n"
    with pytest.raises(OSError, match="disk full"):
        async with store.read() as conn, beside(work) as start:
            await copy_csv(conn, sql, {}, start)
    async with store.read() as conn:
        assert await execute(conn, "select 1 as n") == [{"n": 1}]
