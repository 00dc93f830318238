"""What of an arrival is more than a duplicate, and how it is looked up."""

from __future__ import annotations

import polars as pl
import pytest

from app.store import known
from app.store.engine import Store, execute
from app.store.known import news

MINE, OTHER = 7, 8


def there(*rows: tuple[int, int, bool, bool]) -> pl.DataFrame:
    """Known fixes: (time, decoding, live, replaced)."""
    return pl.DataFrame(
        [(1, time, 0, 5, decoding, live, replaced) for time, decoding, live, replaced in rows],
        schema=known._KNOWN_SCHEMA, orient="row",
    )  # fmt: skip


def arriving(*times: int) -> pl.DataFrame:
    kinds = {"tag_id": pl.Int32, "time_us": pl.Int64, "sensor": pl.Int16, "variant": pl.Int64}
    return pl.DataFrame([(1, time, 0, 5) for time in times], schema=kinds, orient="row")


@pytest.mark.parametrize(
    ("decoding", "live", "replaced", "is_news"),
    [
        (OTHER, True, False, False),  # another push brought it
        (OTHER, False, False, False),  # another revision supersedes it
        (OTHER, False, True, True),  # the decoding that brought it is replaced: it lives again
        (OTHER, True, True, False),
        (MINE, True, False, True),  # this decoding, read again, owns it
        (MINE, False, False, True),
    ],
)
def test_what_stands_already_is_no_news(
    decoding: int, *, live: bool, replaced: bool, is_news: bool
) -> None:
    found = news(arriving(1, 2), there((1, decoding, live, replaced)), [MINE])
    assert found["time_us"].to_list() == ([1, 2] if is_news else [2])


def at_us(second: int) -> int:
    return (1_600_000_000 + second) * 1_000_000


@pytest.mark.parametrize("keys_max", [1, 2_000])
async def test_each_key_is_found_once_however_it_is_looked_up(
    database: str, keys_max: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One by one, by the spans of tags, and one by one after all where a span holds many others."""
    monkeypatch.setattr(known, "KEYS_MAX", keys_max)
    store = Store(database, pool_size=1)
    async with store.write() as conn:
        for sql in (
            "insert into institute (name) values ('A')",
            "insert into study (institute_id, name) values (1, 'S')",
            "insert into tag (study_id, local_identifier) values (1, 'T')",
            "insert into push (study_id, digest, size_bytes) values (1, '\\x00', 1)",
            "insert into decoding (study_id, push_id, number, tz) values (1, 1, 1, 'UTC')",
            "insert into fix (tag_id, time, sensor, variant, study_id, decoding_id, visible, lon,"
            " lat, error_m) select 1, to_timestamp(1600000000 + n), 0, 5, 1, 1, true, 1, 2, 3"
            " from generate_series(1, 60) n",
        ):
            await execute(conn, sql)
        sent = arriving(*[at_us(n) for n in (2, 50, 2, 70)])
        found = await known.fixes(conn, sent)
        nothing = await known.fixes(conn, sent.clear())
    await store.close()
    asked = found.filter(pl.col("time").is_in(sent["time_us"].implode()))
    assert sorted(asked["time"]) == [at_us(2), at_us(50)]
    assert found["live"].all() and not found["replaced"].any()
    assert (nothing.height, nothing.schema) == (0, found.schema)
    assert news(sent, found, [])["time_us"].to_list() == [at_us(70)]
