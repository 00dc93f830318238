"""Sources: secrets are shown once, two are valid while a sender changes over, and nobody peeks."""

from __future__ import annotations

from hashlib import sha256
from uuid import uuid4

import pytest

from app.errors import Conflict, NotFound
from app.store import letters, sources
from app.store.audience import Audience
from app.store.engine import execute
from app.store.inbox import Reading
from app.store.sources import Refused
from tests.store.flock import Flock, ref_of

OWNER = Audience("institute", 1, 1, frozenset({"manage"}), exact=(1,), open=(2,))
OTHER = Audience("institute", 2, 2, frozenset({"manage"}), exact=(2,), open=(1,))
SCHEMES = ["token", "basic", "standard-webhooks", "github"]


@pytest.fixture(scope="module")
def flock(new_database) -> Flock:
    flock = Flock(new_database())
    for number in (1, 2):
        flock.study(flock.institute(f"institute {number}")[0], f"{number}", "open")
    return flock


async def create(conn, name="S", scheme="token", *, who=OWNER, **more):
    values = {"how": Reading(None, "UTC"), "ack_status": 202, **more}
    return await sources.create(conn, who, 1, name=name, scheme=scheme, **values)


def kept(secret: str, scheme: str = "token") -> bytes:
    """Return what the database may know of a secret, by the words of each scheme."""
    if secret.startswith("whsec_"):
        import base64  # noqa: PLC0415 - for this one line

        return base64.b64decode(secret.removeprefix("whsec_"))
    if scheme == "github":
        return secret.encode()
    return sha256(secret.encode()).digest()


async def secrets_of(conn, ref) -> list[bytes]:
    return [bytes(each) for each in (await sources.sender(conn, ref))["secrets"]]


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_secret_is_shown_once_and_the_one_before_lives_on_for_one_turn(
    trial, scheme
) -> None:
    made = await create(trial, scheme=scheme)
    assert "secret" not in await sources.one(trial, OWNER, made["ref"])
    shown = [made["secret"]]
    assert await secrets_of(trial, made["ref"]) == [kept(shown[0], scheme)]
    for _ in range(3):
        turned = await sources.rotate(trial, OWNER, made["ref"])
        shown.append(turned["secret"])
        assert turned["secrets_valid"] == 2
        assert await secrets_of(trial, made["ref"]) == [
            kept(s, scheme) for s in reversed(shown[-2:])
        ]
    one = await sources.edit(trial, OWNER, made["ref"], disabled=None, only_newest=True)
    assert one["secrets_valid"] == 1
    assert await secrets_of(trial, made["ref"]) == [kept(shown[-1], scheme)]
    assert len(set(shown)) == 4


async def test_a_disabled_source_is_unknown_to_its_sender_until_it_is_enabled(trial) -> None:
    ref = (await create(trial))["ref"]
    off = await sources.edit(trial, OWNER, ref, disabled=True, only_newest=False)
    assert await sources.sender(trial, ref) is None
    assert await letters.senders(trial, [ref]) == {}
    again = await sources.edit(trial, OWNER, ref, disabled=True, only_newest=False)
    assert again["disabled_at"] == off["disabled_at"]
    same = await sources.edit(trial, OWNER, ref, disabled=None, only_newest=False)
    assert same["disabled_at"] == off["disabled_at"]
    assert (await sources.edit(trial, OWNER, ref, disabled=False, only_newest=False))[
        "disabled_at"
    ] is None
    assert await sources.sender(trial, ref) is not None


async def test_one_sender_and_many_are_told_the_same(trial) -> None:
    refs = [(await create(trial, name))["ref"] for name in "AB"]
    many = await letters.senders(trial, [*refs, uuid4()])
    one = {ref: await sources.sender(trial, ref) for ref in refs}
    beside = {"ref", "version", "study", "mapping"}
    assert {
        ref: {name: told for name, told in row.items() if name not in beside}
        for ref, row in many.items()
    } == one
    assert await sources.sender(trial, uuid4()) is None


async def test_sources_are_their_owners_alone(trial) -> None:
    made = await create(trial)
    for who in (OTHER, Audience("public", open=(1,))):
        assert await sources.page(trial, who, limit=9) == []
        for ask in (
            sources.one(trial, who, made["ref"]),
            sources.rotate(trial, who, made["ref"]),
            sources.edit(trial, who, made["ref"], disabled=True, only_newest=True),
        ):
            with pytest.raises(NotFound):
                await ask
    assert len(await secrets_of(trial, made["ref"])) == 1


async def test_names_filters_and_pages(trial) -> None:
    refs = [(await create(trial, name))["ref"] for name in "CAB"]
    with pytest.raises(Conflict) as taken:
        await create(trial, "A")
    assert taken.value.code == "name-taken"
    first = await sources.page(trial, OWNER, limit=2)
    rest = await sources.page(trial, OWNER, limit=2, after=first[-1]["id"])
    assert [row["ref"] for row in (*first, *rest)] == refs
    assert len(await sources.page(trial, OWNER, limit=9, study=ref_of("study", "1"))) == 3
    assert await sources.page(trial, OWNER, limit=9, study=ref_of("study", "2")) == []


async def test_refused_pushes_are_counted(trial) -> None:
    ref = (await create(trial))["ref"]
    other = (await create(trial, "T"))["ref"]
    for n in (1, 2):
        told = {ref: Refused(n, f"code-{n}"), uuid4(): Refused(1, "token-mismatch")}
        assert not (await sources.one(trial, OWNER, ref))["alarmed"]
        await sources.count_refused(trial, told)
    row = await sources.one(trial, OWNER, ref)
    assert (row["refused_signatures"], row["refused_last_code"]) == (3, "code-2")
    assert row["alarmed"]
    assert row["refused_last_at"] is not None
    assert (await sources.one(trial, OWNER, other))["refused_signatures"] == 0
    assert [each["ref"] for each in await sources.alarmed(trial, limit=9)] == [ref]
    assert await sources.count_alarmed(trial) == 1
    seen = await sources.edit(
        trial, OWNER, ref, disabled=None, only_newest=False, refusals_seen=True
    )
    assert (seen["alarmed"], seen["refused_signatures"]) == (False, 3)


async def test_an_alert_is_over_a_day_after_the_last_refusal(trial) -> None:
    ref = (await create(trial))["ref"]
    await sources.count_refused(trial, {ref: Refused(5, "token-mismatch")})
    await execute(trial, "update source set refused_last_at = now() - interval '25 hours'")
    assert not (await sources.one(trial, OWNER, ref))["alarmed"]
    await sources.count_refused(trial, {ref: Refused(1, "token-mismatch")})
    row = await sources.one(trial, OWNER, ref)
    assert (row["alarmed"], row["refused_lately"], row["refused_signatures"]) == (False, 1, 6)


async def test_counts_of_refusals_end_where_their_column_does(trial) -> None:
    ref = (await create(trial))["ref"]
    for _ in range(2):
        await sources.count_refused(trial, {ref: Refused(2**31 - 1, "token-mismatch")})
    assert (await sources.one(trial, OWNER, ref))["refused_signatures"] == 2**31 - 1


async def test_a_name_opens_what_its_secret_or_its_owner_may_use(trial) -> None:
    token = await create(trial, "Gate")
    password = await create(trial, "Feed", "basic")
    signed = await create(trial, "Signed", "github")

    async def opened(name, scheme="token", secret=None, studies=()):
        shown = (scheme, secret) if secret else None
        return await sources.opened(trial, name, secret=shown, studies=studies)

    for name in ("Gate", str(token["ref"]), str(token["ref"]).upper()):
        assert await opened(name, secret=token["secret"]) == [token["ref"]]
    assert await opened("Feed", "basic", password["secret"]) == [password["ref"]]
    assert await opened("Signed", studies=[1]) == [signed["ref"]]
    for name, scheme, made in (
        ("Gate", "basic", token), ("Feed", "token", password), ("Gate", "token", password),
        ("gate", "token", token),
    ):  # fmt: skip
        assert await opened(name, scheme, made["secret"]) == []
    assert await opened("Gate", studies=[2]) == []
    assert await opened("Gate") == []
    assert await sources.knows(trial, "basic", password["secret"])
    assert not await sources.knows(trial, "token", password["secret"])
    await sources.edit(trial, OWNER, token["ref"], disabled=True, only_newest=False)
    assert await opened("Gate", secret=token["secret"], studies=[1]) == []
    assert await sources.named(trial, "Gate") == []


async def test_two_rotations_at_once_leave_both_secrets(flock, store, meets) -> None:
    async with store.write() as conn:
        ref = (await create(conn, "turned"))["ref"]
    shown = []

    async def second() -> None:
        async with store.write() as conn:
            shown.append((await sources.rotate(conn, OWNER, ref))["secret"])

    async with store.engine.connect() as conn:
        shown.append((await sources.rotate(conn, OWNER, ref))["secret"])
        await meets(conn.commit, second())
    async with store.read() as conn:
        assert sorted(await secrets_of(conn, ref)) == sorted(map(kept, shown))
    flock.run("delete from source")
