"""A rebuild beside what is stored: it finds what differs, names it, and changes nothing."""

from __future__ import annotations

from app.pipeline.verify import rebuild, verify
from app.store import content
from app.store.engine import execute


async def verdicts(service):
    return {each.name: each.differs async for each in verify(service.store)}


async def changed(service, sql):
    async with service.store.write() as conn:
        await execute(conn, sql)


async def test_what_the_stages_left_is_what_a_rebuild_gives(life) -> None:
    found = await verdicts(life)
    assert len(found) == 2 + 2  # two birds, and the catalogues of operator and institute
    assert set(found.values()) == {()}
    assert {"product:operator:0", "product:institute:1:0"} < set(found)
    assert await life.count("stopover") > 2 and await life.count("public_fix") > 10


async def test_harm_is_found_where_it_was_done_and_left_as_it_is(life) -> None:
    put = "update stopover set max_gap_s = max_gap_s {} 1 where individual_id = 1"
    await changed(life, put.format("+"))
    try:
        before = await life.content()
        found = await verdicts(life)
        assert await life.content() == before  # looked at, not mended
    finally:
        await changed(life, put.format("-"))
    names = [name for _, name in await birds(life)]
    assert [found[name] for name in names] == [("stopover",), ()]


async def birds(service):
    async with service.store.read() as conn:
        return sorted(await content.individuals(conn))


async def test_harm_to_a_catalogue_is_found_for_its_readers_alone(life) -> None:
    put = "update site set bird_days = bird_days {} 1 where scope = 'operator'"
    await changed(life, put.format("+"))
    try:
        found = await verdicts(life)
    finally:
        await changed(life, put.format("-"))
    assert found["product:operator:0"] == ("site",)
    assert {differs for name, differs in found.items() if name != "product:operator:0"} == {()}


async def test_a_bird_that_was_cleared_is_rebuilt_to_the_same(taken_back) -> None:
    before = await content.of_bird(taken_back, 1)
    await content.clear_bird(taken_back, 1)
    assert content.differing(before, await content.of_bird(taken_back, 1))
    await rebuild(taken_back, 1)
    assert list(content.differing(before, await content.of_bird(taken_back, 1))) == []
