"""A long push is read ahead, a piece at a time, and never beyond what is wanted of it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import aclosing

import polars as pl
import pytest

import ingest
from app.pipeline import decode
from ingest import UnreadablePush


async def test_a_piece_is_read_while_the_one_before_is_stored() -> None:
    second_read = asyncio.Event()
    loop = asyncio.get_running_loop()

    def pieces() -> Iterator[ingest.Decoded]:
        yield piece(1)
        loop.call_soon_threadsafe(second_read.set)
        yield piece(2)

    got = []
    async with aclosing(decode._read_ahead(pieces())) as ahead:
        async for each in ahead:
            await asyncio.wait_for(second_read.wait(), 30)
            got.append(each.records.height)
    assert got == [1, 2]


async def test_nobody_reads_on_in_a_file_that_is_closed() -> None:
    reading, ended = threading.Event(), threading.Event()

    def pieces() -> Iterator[ingest.Decoded]:
        yield piece(1)
        reading.set()
        time.sleep(0.2)
        ended.set()
        raise UnreadablePush("of-no-interest", "The push had failed before.", "")

    async def fail() -> None:
        async with aclosing(decode._read_ahead(pieces())) as ahead:
            async for _ in ahead:
                assert await asyncio.to_thread(reading.wait, 30)
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert ended.is_set()


def piece(n: int) -> ingest.Decoded:
    return ingest.Decoded("any", pl.DataFrame({"unit": range(n)}), [], [])
