"""Sources: addresses that telemetry is pushed to, with the secrets that open them."""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import Conflict
from app.store import inbox, mappings, owned
from app.store.audience import Audience
from app.store.engine import execute
from app.store.fragments import newest_mapping, told_how
from app.store.owned import Noun

Row = dict[str, Any]
Scheme = Literal["token", "basic", "standard-webhooks", "github"]

SECRET_BYTES = 32
"""Random bytes of a secret; Standard Webhooks asks for 24 to 64."""
SECRETS_KEPT = 2
"""Valid secrets of one source: the newest and, while the sender changes over, the one before."""

REFUSED_MANY = 3
"""Refused pushes that are no slip any more: a sender who mistypes once sees it and mends it."""
REFUSED_WINDOW = "interval '1 day'"
"""SQL: after so long without a refusal the next one begins a count of its own."""

_ALARMED = (
    f"(source.refused_lately >= {REFUSED_MANY} and source.disabled_at is null"
    f" and source.refused_last_at > clock_timestamp() - {REFUSED_WINDOW})"
)
_COLUMNS = f"""
source.id, source.ref, source.study_id, study.ref as study, source.name, source.format, source.tz,
source.encoding, source.datum, source.date_order, source.scheme,
 cardinality(source.secrets) as secrets_valid,
 source.ack_status, source.refused_signatures, source.refused_lately, source.refused_last_at,
 source.refused_last_code, {_ALARMED} as alarmed, source.created_at, source.disabled_at,
 mapping.ref as mapping
"""
SENDER = f"""
 s.id, s.study_id, {told_how("s")}, s.scheme, s.secrets, s.ack_status
 from source s {newest_mapping("s")}
"""
"""What checking and reading a push of a source needs: with a mapping, the newest version of it."""

_FROM = """
 source join study on study.id = source.study_id
 left join mapping on mapping.id = source.mapping_id
"""
_NOUN = Noun("source", _COLUMNS, _FROM)
page, one = partial(owned.page, _NOUN), partial(owned.one, _NOUN)
"""Sources of the caller's own studies: a page of them, and one by its id."""


def new_secret(scheme: Scheme) -> tuple[str, bytes]:
    """Return a secret as the sender gets it, and what is kept of it."""
    raw = secrets.token_bytes(SECRET_BYTES)
    if scheme == "standard-webhooks":
        return "whsec_" + b64encode(raw).decode(), raw
    token = "flws_" + raw.hex()
    # Who signs with it needs it as it is; of what is only shown to us a digest is enough.
    return token, token.encode() if scheme == "github" else digest_of(token)


def digest_of(token: str) -> bytes:
    """Return what is kept of a token or password."""
    return sha256(token.encode("utf-8", errors="surrogatepass")).digest()


async def create(
    conn: AsyncConnection,
    audience: Audience,
    study_id: int,
    *,
    name: str,
    scheme: Scheme,
    how: inbox.Reading,
    ack_status: int,
) -> Row:
    """Add a source whose pushes are read in one way; its `secret` is returned here once."""
    shown, kept = new_secret(scheme)
    rows = await execute(
        conn,
        "insert into source"
        " (study_id, name, format, tz, encoding, datum, date_order, mapping_id, scheme, secrets,"
        " ack_status) values (:study, :name, :format, :tz, :encoding, :datum, :date_order,"
        " :mapping_id, :scheme, :secrets, :ack_status)"
        " on conflict (study_id, name) do nothing returning ref",
        {
            **how.stored,
            "study": study_id,
            "name": name,
            "scheme": scheme,
            "secrets": [kept],
            "ack_status": ack_status,
        },
    )
    if not rows:
        raise Conflict(
            "The study has a source of this name.",
            code="name-taken",
            remedy="Choose another name, or rotate the secret of the source there is.",
        )
    return {**await one(conn, audience, rows[0]["ref"]), "secret": shown}


async def rotate(conn: AsyncConnection, audience: Audience, ref: UUID) -> Row:
    """Give a source a new secret; the one before stays valid until the next rotation."""
    source = await one(conn, audience, ref)
    shown, kept = new_secret(source["scheme"])
    await execute(
        conn,
        f"update source set secrets = (array_prepend(:secret, secrets))[1:{SECRETS_KEPT}]"
        " where id = :id",
        {"id": source["id"], "secret": kept},
    )
    return {**await one(conn, audience, ref), "secret": shown}


READ_BY = ("format", "tz", "encoding", "datum", "date_order")
NO_CHANGE: Mapping[str, Any] = MappingProxyType({})


async def edit(
    conn: AsyncConnection,
    audience: Audience,
    ref: UUID,
    *,
    disabled: bool | None,
    only_newest: bool,
    refusals_seen: bool = False,
    how: Mapping[str, Any] = NO_CHANGE,
) -> Row:
    """
    Disable or enable a source; `only_newest` ends the secret before the newest.

    `how` sets how pushes are read from now on: `READ_BY`, and a `mapping` of the study or
    None. `refusals_seen` ends the alert over refused pushes; it comes again with the next
    ones.
    """
    source = await one(conn, audience, ref)
    values = {name: value for name, value in how.items() if name in READ_BY}
    if "mapping" in how:
        values["mapping_id"] = await mappings.id_in(
            conn, audience, source["study_id"], how["mapping"]
        )
    sets = "".join(f" {name} = :{name}," for name in values)
    await execute(
        conn,
        f"update source set{sets}"
        " disabled_at = case when cast(:disabled as boolean) then coalesce(disabled_at, now())"
        "   when not cast(:disabled as boolean) then null else disabled_at end,"
        " secrets = case when :only_newest then secrets[1:1] else secrets end,"
        " refused_lately = case when :seen then 0 else refused_lately end where id = :id",
        {**values, "id": source["id"], "disabled": disabled, "only_newest": only_newest,
         "seen": refusals_seen},
    )  # fmt: skip
    return await one(conn, audience, ref)


async def sender(conn: AsyncConnection, ref: UUID) -> Row | None:
    """Return what checking a push needs, secrets included; never leaves the push endpoint."""
    rows = await execute(
        conn,
        f"select {SENDER} where s.ref = :ref and s.disabled_at is null",
        {"ref": ref},
    )
    return rows[0] if rows else None


_NAMED = (
    "select ref from source where (name = :name or ref::text = lower(:name))"
    " and disabled_at is null"
)


async def named(conn: AsyncConnection, name: str) -> list[UUID]:
    """Return two sources at most of a name or id: enough to see that it is ambiguous."""
    rows = await execute(conn, f"{_NAMED} order by id limit 2", {"name": name})
    return [row["ref"] for row in rows]


async def opened(
    conn: AsyncConnection, name: str, *, secret: tuple[Scheme, str] | None, studies: Sequence[int]
) -> list[UUID]:
    """
    Return two at most of the sources that a sender means by a name or id and may push to.

    A secret of a scheme opens the source that it belongs to; `studies` of the caller's own open
    all of theirs.
    """
    scheme, shown = secret or (None, "")
    rows = await execute(
        conn,
        f"{_NAMED} and (study_id = any(cast(:studies as int[]))"
        " or scheme = :scheme and :digest = any(secrets)) order by id limit 2",
        {"name": name, "studies": list(studies), "scheme": scheme, "digest": digest_of(shown)},
    )
    return [row["ref"] for row in rows]


async def knows(conn: AsyncConnection, scheme: Scheme, secret: str) -> bool:
    """Whether any source takes this secret: who shows none is not worth reading further."""
    rows = await execute(
        conn,
        "select exists (select from source where scheme = :scheme and disabled_at is null"
        " and :digest = any(secrets)) as known",
        {"scheme": scheme, "digest": digest_of(secret)},
    )
    return bool(rows[0]["known"])


@dataclass(frozen=True, slots=True)
class Refused:
    """Pushes to a source that were not proven to come from it: how many, and the last reason."""

    n: int
    code: str


async def count_refused(conn: AsyncConnection, refused: Mapping[UUID, Refused]) -> None:
    """Count pushes that could not prove where they came from."""
    refs = sorted(refused)
    await execute(
        conn,
        f"""
        with refused as (
          select source.id, t.n, t.code
          from unnest(cast(:refs as uuid[]), cast(:counts as int[]), cast(:codes as text[]))
            as t(ref, n, code)
          join source on source.ref = t.ref order by source.id for update of source)
        update source set refused_last_code = code,
          refused_signatures = least(refused_signatures::bigint + n, 2147483647),
          refused_last_at = clock_timestamp(),
          refused_lately = least(2147483647, n::bigint + case
            when refused_last_at > clock_timestamp() - {REFUSED_WINDOW} then refused_lately
            else 0 end)
        from refused where refused.id = source.id
        """,
        {
            "refs": refs,
            "counts": [refused[ref].n for ref in refs],
            "codes": [refused[ref].code for ref in refs],
        },
    )


async def alarmed(conn: AsyncConnection, *, limit: int) -> list[Row]:
    """Return sources that refused push after push within a day, the busiest first."""
    return await execute(
        conn,
        f"select {_COLUMNS} from {_FROM}"
        f" where {_ALARMED} order by source.refused_lately desc, source.id limit :limit",
        {"limit": limit},
    )


async def count_alarmed(conn: AsyncConnection) -> int:
    """Return how many sources refused push after push within a day."""
    rows = await execute(conn, f"select count(*) as n from source where {_ALARMED}")
    return int(rows[0]["n"])
