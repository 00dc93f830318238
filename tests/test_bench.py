"""`flyways bench` runs the whole flow in a database of its own and leaves nothing behind."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from app import bench
from app.store.cluster import Cluster


def test_every_step_is_measured(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def here() -> Iterator[str]:
        yield database

    monkeypatch.setattr(bench, "_scratch", here)
    said: list[str] = []
    figures = bench.measure(1, 10.0, said.append)
    assert [figure["unit"] for figure in figures] == ["fixes/s"] * 4 + ["ms"] * 2
    assert all(figure["value"] > 0 for figure in figures)
    assert [line.partition(";")[0] for line in said][1:] == ["stored", "derived"]
    with psycopg.connect(database) as conn:
        states = conn.execute("select distinct state from decoding").fetchall()
        counts = conn.execute(
            "select (select count(*) from fix), sum(stored), max(duplicates) from decoding"
            " where format = 'movebank-csv'"
        ).fetchone()
    assert states == [("processed",)]
    assert counts is not None
    assert counts[0] == counts[1] == counts[2] > 300
    assert said[0].startswith(f"{counts[0]:,} fixes decoded")


def test_the_database_of_a_bench_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    places: list[Path] = []

    class Noted(Cluster):
        def __init__(self, place: Path) -> None:
            super().__init__(place)
            places.append(place)

        @contextmanager
        def use(self) -> Iterator[str]:
            yield "postgresql:///nothing"

    monkeypatch.setattr(bench, "Cluster", Noted)
    with bench._scratch():
        (place,) = places
        assert place.parent.parent == Path(tempfile.gettempdir())
        assert place.parent.is_dir()
    assert not place.parent.exists()
