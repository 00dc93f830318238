"""Rows by the hundred thousand: built by columns as PostgreSQL's binary COPY takes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.engine import bound, driver

CHUNK_ROWS = 20_000
"""Rows built at a time: some 3 MB, so that memory does not grow with the push."""

PIECE_BYTES = 1 << 20
"""Text handed over at a time: some 15,000 fixes, so that memory does not grow with the study."""

PG_EPOCH_US = 946_684_800_000_000
"""2000-01-01 UTC [us since 1970]: where PostgreSQL's binary timestamps begin."""

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_HEADER_BYTES, _TRAILER_BYTES = len(_HEADER), len(_TRAILER)

Bytes = NDArray[np.uint8]


async def copy_in(
    conn: AsyncConnection, table: str, frame: pl.DataFrame, kinds: Mapping[str, str]
) -> None:
    """
    Append rows to a table.

    `kinds` gives the wire type of each column: a big-endian numpy type, `time` for microseconds
    since 1970, or `text`. A column of nulls is left out: the table's default stands for it.
    """
    if frame.is_empty():
        return
    sent = {name: kind for name, kind in kinds.items() if frame[name].null_count() < frame.height}
    await (await driver(conn)).copy_to_table(
        table, source=_binary(frame, sent), columns=list(sent), format="binary"
    )


async def copy_out(conn: AsyncConnection, sql: str, row: np.dtype[np.void]) -> NDArray[np.void]:
    """Return the rows of a statement whose columns are all of fixed size and never null."""
    pieces: list[bytes] = []

    async def keep(piece: bytes) -> None:  # what is no coroutine the driver runs in a thread
        pieces.append(piece)

    await (await driver(conn)).copy_from_query(sql, output=keep, format="binary")
    body = memoryview(b"".join(pieces))[_HEADER_BYTES:-_TRAILER_BYTES]
    return np.frombuffer(body, dtype=row)


async def copy_csv(
    conn: AsyncConnection,
    sql: str,
    values: Mapping[str, Any],
    give: Callable[[bytes], Awaitable[None]],
) -> None:
    """Hand over the rows of a statement as CSV, many at a time; the server waits meanwhile."""
    held = bytearray()

    async def add(rows: bytes) -> None:
        nonlocal held
        held += rows  # whole ones: the server sends each row as a message
        if len(held) >= PIECE_BYTES:
            piece, held = held, bytearray()
            await give(bytes(piece))

    statement, arguments = bound(sql, values)
    await (await driver(conn)).copy_from_query(statement, *arguments, output=add, format="csv")
    if held:
        await give(bytes(held))


@asynccontextmanager
async def beside(work: Callable[..., None]) -> AsyncIterator[Callable[..., Awaitable[None]]]:
    """Give a way to start work in a thread, which waits for what was started before."""
    last = asyncio.ensure_future(asyncio.sleep(0))

    async def start(*what: Any) -> None:
        nonlocal last
        await asyncio.shield(last)
        last = asyncio.ensure_future(asyncio.to_thread(work, *what))

    try:
        yield start
        await asyncio.shield(last)
    finally:
        await asyncio.wait([last])  # whatever it writes to is closed then


def row_type(fields: Mapping[str, str]) -> np.dtype[np.void]:
    """Return the type of a row that `copy_out` reads: each field behind its length."""
    parts = [("n_fields", ">i2")]
    for name, kind in fields.items():
        parts += [(f"{name}_bytes", ">i4"), (name, kind)]
    return np.dtype(parts)


async def _binary(frame: pl.DataFrame, kinds: Mapping[str, str]) -> AsyncIterator[bytes]:
    for piece in binary_rows(frame, kinds):
        yield piece


def binary_rows(frame: pl.DataFrame, kinds: Mapping[str, str]) -> Iterator[bytes]:
    """Yield the bytes of a binary COPY."""
    yield _HEADER
    for start in range(0, frame.height, CHUNK_ROWS):
        yield _rows(frame.slice(start, CHUNK_ROWS), kinds)
    yield _TRAILER


def _rows(frame: pl.DataFrame, kinds: Mapping[str, str]) -> bytes:
    """Lay the columns side by side in a matrix of bytes; what a null leaves out is masked."""
    n = frame.height
    blocks: list[Bytes] = [np.full((n, 2), 0, dtype=np.uint8)]
    blocks[0][:] = np.frombuffer(len(kinds).to_bytes(2, "big"), dtype=np.uint8)
    sent: list[NDArray[np.int64]] = [np.full(n, 2)]  # bytes of each block that are sent
    for name, kind in kinds.items():
        values = _text(frame[name]) if kind == "text" else _fixed(frame[name], kind)
        absent = frame[name].is_null().to_numpy()
        size = np.where(absent, -1, values[1])
        blocks += [size.astype(">i4").view(np.uint8).reshape(n, 4), values[0]]
        sent += [np.full(n, 4), np.maximum(size, 0)]
    matrix = np.hstack(blocks)
    if all(bool((used == block.shape[1]).all()) for used, block in zip(sent, blocks, strict=True)):
        return matrix.tobytes()
    kept = np.hstack(
        [np.arange(b.shape[1]) < used[:, None] for used, b in zip(sent, blocks, strict=True)]
    )
    return matrix[kept].tobytes()


def _fixed(column: pl.Series, kind: str) -> tuple[Bytes, NDArray[np.int64]]:
    values = column.fill_null(value=False if column.dtype == pl.Boolean else 0).to_numpy()
    if kind == "time":
        values, kind = values - PG_EPOCH_US, ">i8"
    wire = np.ascontiguousarray(values.astype(kind))
    width = wire.dtype.itemsize
    return wire.view(np.uint8).reshape(-1, width), np.full(len(column), width)


def _text(column: pl.Series) -> tuple[Bytes, NDArray[np.int64]]:
    texts = [(text or "").encode() for text in column]
    sizes = np.array([len(text) for text in texts], dtype=np.int64)
    width = max(int(sizes.max()), 1)
    padded = np.frombuffer(b"".join(t.ljust(width, b"\0") for t in texts), dtype=np.uint8)
    return padded.reshape(-1, width), sizes
