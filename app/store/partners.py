"""Partner institutes, their keys, and the sign-in of browsers."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import BadInput, Conflict, NotFound
from app.store.audience import STUDIES, Audience, Scope, resolved
from app.store.engine import execute

KEY_BYTES = 32
"""Random bytes of a key: 256 bits can't be guessed, so a fast hash at rest is enough."""
KEY_PREFIX_CHARS = 12
"""Characters of a key shown in lists: `flw_` and 8 more, 48 of its 256 bits."""
USE_STALE_S = 60
"""`last_used_at` is written at most this often [s], so that reading stays free of writes."""
TICKET_S = 3_600
"""Life of a printed sign-in address [s]: long enough to be opened by hand; it works once."""
SESSION_S = 12 * 3_600
"""Life of a browser session [s]: one working day."""

READ_ONLY = frozenset({"read"})
"""All that a browser session may do, whatever the key behind it may."""

Row = dict[str, Any]

_VALID = "revoked_at is null and (expires_at is null or expires_at > now())"


def digest(secret: str) -> bytes:
    """Return what is kept of a secret."""
    return sha256(secret.encode("utf-8", "surrogateescape")).digest()


async def create_institute(conn: AsyncConnection, name: str, country: str | None = None) -> Row:
    """Add an institute; a name that is taken is a conflict."""
    rows = await execute(
        conn,
        "insert into institute (name, country) values (:name, :country)"
        " on conflict (name) do nothing returning id, ref, name, country, created_at",
        {"name": name, "country": country},
    )
    if not rows:
        raise Conflict(
            "An institute of this name exists.",
            code="name-taken",
            remedy="Choose another name, or use the institute that has it.",
        )
    return rows[0]


async def institutes(
    conn: AsyncConnection, audience: Audience, *, limit: int, after: str | None = None
) -> list[Row]:
    """Return the institutes a caller may know of: its own, and those with a visible study."""
    return await execute(
        conn,
        "select id, ref, name, country, created_at from institute"
        f" where {_KNOWN} and (cast(:after as text) is null or name > :after)"
        " order by name limit :limit",
        {**_known(audience), "after": after, "limit": limit},
    )


async def institute(conn: AsyncConnection, audience: Audience, ref: UUID) -> Row:
    """Return one institute the caller may know of."""
    rows = await execute(
        conn,
        f"select id, ref, name, country, created_at from institute where ref = :ref and {_KNOWN}",
        {**_known(audience), "ref": ref},
    )
    if not rows:
        raise _no_institute()
    return rows[0]


_KNOWN = (
    "(:all or id = :own or id in"
    " (select institute_id from study where id = any(:exact) or id = any(:open)))"
)


def _known(audience: Audience) -> dict[str, Any]:
    return {
        **audience.sql,
        "all": audience.kind == "operator",
        "own": -1 if audience.institute_id is None else audience.institute_id,
    }


def _no_institute() -> NotFound:
    return NotFound(
        "There is no such institute for this caller.",
        remedy="Take the id from GET /api/v1/institutes.",
    )


async def managed_institute(conn: AsyncConnection, audience: Audience, ref: UUID | None) -> Row:
    """Return the institute a manager acts for: its own, or the one an operator names."""
    own = audience.institute_id
    if ref is None:
        if own is None:
            raise BadInput(
                "The operator acts for an institute.",
                code="institute-needed",
                remedy="Name the institute: ids stand in GET /api/v1/institutes.",
            )
        rows = await execute(
            conn, "select id, ref, name, country from institute where id = :id", {"id": own}
        )
        return rows[0]
    found = await institute(conn, audience, ref)
    if audience.kind != "operator" and found["id"] != own:
        raise _no_institute()
    return found


async def create_key(
    conn: AsyncConnection,
    institute_id: int | None,
    scopes: Sequence[Scope],
    *,
    label: str = "",
    expires_at: datetime | None = None,
) -> Row:
    """Make a key; its `key` is returned here once and never kept. No institute: the operator's."""
    secret = "flw_" + secrets.token_urlsafe(KEY_BYTES)
    (row,) = await execute(
        conn,
        "insert into api_key (institute_id, label, prefix, secret_sha256, scopes, expires_at)"
        " values (:institute_id, :label, :prefix, :sha256, :scopes, :expires_at)"
        f" returning id, {_KEY_COLUMNS}",
        {
            "institute_id": institute_id,
            "label": label,
            "prefix": secret[:KEY_PREFIX_CHARS],
            "sha256": digest(secret),
            "scopes": list(scopes),
            "expires_at": expires_at,
        },
    )
    return {**row, "key": secret}


_KEY_COLUMNS = (
    "ref, label, prefix, scopes, created_at, expires_at, revoked_at, last_used_at,"
    " (select ref from institute where id = institute_id) as institute"
)
_KEY_OWNED = "(:all or institute_id = :own)"


async def keys(
    conn: AsyncConnection, audience: Audience, *, limit: int, after: int | None = None
) -> list[Row]:
    """Return the keys of the caller's institute (an operator: every key), newest first."""
    return await execute(
        conn,
        f"select id, {_KEY_COLUMNS} from api_key where {_KEY_OWNED}"
        " and (cast(:after as bigint) is null or id < :after) order by id desc limit :limit",
        {**_key_owner(audience), "after": after, "limit": limit},
    )


async def revoke_key(conn: AsyncConnection, audience: Audience, ref: UUID) -> Row:
    """End a key at once, with every browser session that came from it."""
    rows = await execute(
        conn,
        "update api_key set revoked_at = coalesce(revoked_at, now())"
        f" where ref = :ref and {_KEY_OWNED} returning id, {_KEY_COLUMNS}",
        {**_key_owner(audience), "ref": ref},
    )
    if not rows:
        raise NotFound(
            "There is no such key for this caller.", remedy="Take the id from GET /api/v1/keys."
        )
    await execute(conn, "delete from sign_in where api_key_id = :id", {"id": rows[0]["id"]})
    return rows[0]


def _key_owner(audience: Audience) -> dict[str, Any]:
    own = -1 if audience.institute_id is None else audience.institute_id
    return {"all": audience.kind == "operator", "own": own}


_RESOLVED = (
    "api_key.id as key_id, institute_id, scopes, (last_used_at is null"
    f" or last_used_at < now() - interval '{USE_STALE_S} s') as use_is_stale"
)
_BY_KEY = f"select {_RESOLVED} from api_key where secret_sha256 = :sha256 and {_VALID}"


async def key_audience(conn: AsyncConnection, secret: str) -> tuple[Audience | None, bool]:
    """
    Resolve the audience of a current key, in one statement whatever the secret; else None.

    The second value tells that the note of its last use has grown old.
    """
    row = await _asking(conn, _BY_KEY, secret)
    if row["key_id"] is None:
        return None, False
    found = resolved(
        row,
        institute_id=row["institute_id"],
        key_id=row["key_id"],
        scopes=frozenset(row["scopes"]),
    )
    return found, row["use_is_stale"]


async def touch_key(conn: AsyncConnection, key_id: int) -> None:
    """Note that a key was used; when another request is noting the same, leave it to that one."""
    await execute(
        conn,
        "update api_key set last_used_at = now() where id ="
        " (select id from api_key where id = :id for no key update skip locked)",
        {"id": key_id},
    )


async def create_ticket(conn: AsyncConnection, key_id: int, *, lifetime_s: int = TICKET_S) -> str:
    """Return a ticket that a browser may change once for a session."""
    return await _sign_in(conn, "ticket", key_id, lifetime_s)


async def redeem_ticket(conn: AsyncConnection, ticket: str) -> str | None:
    """Change a ticket for a session token; None when it is unknown, used or too old."""
    await execute(conn, "delete from sign_in where expires_at <= now()")
    rows = await execute(
        conn,
        "delete from sign_in using api_key"
        " where api_key.id = api_key_id and token_sha256 = :sha256 and kind = 'ticket'"
        f" and {_VALID_OWNER} returning api_key_id",
        {"sha256": digest(ticket)},
    )
    if not rows:
        return None
    return await _sign_in(conn, "session", rows[0]["api_key_id"], SESSION_S)


_VALID_OWNER = (
    "api_key.revoked_at is null"
    " and (api_key.expires_at is null or api_key.expires_at > now())"
    " and sign_in.expires_at > now()"
)


_BY_SESSION = (
    f"select {_RESOLVED} from sign_in join api_key on api_key.id = api_key_id"
    f" where token_sha256 = :sha256 and kind = 'session' and {_VALID_OWNER}"
)


async def session_audience(conn: AsyncConnection, token: str) -> Audience:
    """Resolve the audience of a session: whatever its key may do, a browser only reads."""
    row = await _asking(conn, _BY_SESSION, token)
    if row["key_id"] is None:
        return resolved(row)
    return resolved(
        row,
        institute_id=row["institute_id"],
        key_id=row["key_id"],
        scopes=READ_ONLY & set(row["scopes"]),
    )


async def end_session(conn: AsyncConnection, token: str) -> None:
    """Forget a session."""
    await execute(
        conn,
        "delete from sign_in where token_sha256 = :sha256 and kind = 'session'",
        {"sha256": digest(token)},
    )


async def cursor_secret(conn: AsyncConnection) -> bytes | None:
    """
    Return the secret that seals this database's cursors; None before its first key.

    It is derived from the hash of the first key, which is random, never leaves the store and
    stays (keys are revoked, not deleted).
    """
    rows = await execute(conn, "select secret_sha256 from api_key order by id limit 1")
    if not rows:
        return None
    return sha256(b"flyways cursor seal 1" + bytes(rows[0]["secret_sha256"])).digest()


async def _sign_in(conn: AsyncConnection, kind: str, key_id: int, lifetime_s: int) -> str:
    token = secrets.token_urlsafe(KEY_BYTES)
    await execute(
        conn,
        "insert into sign_in (token_sha256, kind, api_key_id, expires_at)"
        " values (:sha256, :kind, :key_id, now() + make_interval(secs => :lifetime_s))",
        {"sha256": digest(token), "kind": kind, "key_id": key_id, "lifetime_s": lifetime_s},
    )
    return token


async def _asking(conn: AsyncConnection, keys: str, secret: str) -> Row:
    rows = await execute(
        conn,
        f"select * from ({STUDIES}) as studies left join ({keys}) as known on true",
        {"sha256": digest(secret)},
    )
    return rows[0]
