"""What keeps the service from working: each check with its remedy."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from app import operate
from app.config import Settings
from app.errors import Problem, SetupError
from app.store import connectors, decodings, failures, health, sources
from app.store.engine import Store

DISK_FREE_MIN_BYTES = 2 << 30
"""Below this a busy day's write-ahead log and sorts can fill the disk [bytes]."""

KNOWN = frozenset(f"FLYWAYS_{name.upper()}" for name in Settings.model_fields) | {
    "FLYWAYS_CONNECTOR_PASSWORD", "FLYWAYS_DB_PASSWORD", "FLYWAYS_KEY", "FLYWAYS_PG_BIN",
}  # fmt: skip
"""Variables that something reads: the settings, and what commands and containers take besides."""
OURS = ("FLYWAYS_BENCH_", "FLYWAYS_TEST_")
"""Beginnings of those that tests and measurements read."""

SOURCES_MAX = 20
"""Sources named one by one."""

WAIT_MAX_S = 60.0
"""Work that has waited longer has no worker to do it [s]; a bird takes under a second."""

LEISURE_MAX_S = 3_600.0
"""So for areas that birds used and key sites, which are made when nothing else waits [s]."""


@dataclass(frozen=True)
class Finding:
    """One check: whether it passed, what was seen, and what mends it."""

    check: str
    ok: bool
    seen: str
    remedy: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Carry out every check that makes sense."""
    findings = [_python(), _settings(), _disk(settings), _viewer()]
    try:
        with operate.database(settings) as dsn:
            inside = asyncio.run(_inside(dsn))
            findings += [Finding("database", ok=True, seen="answers"), *inside]
    except SetupError as error:
        # The text of a SetupError holds its own remedy.
        findings.append(Finding("database", ok=False, seen=str(error)))
    except Problem as problem:
        findings.append(
            Finding("database", ok=False, seen=problem.detail, remedy=problem.remedy_here)
        )
    return findings


def _python() -> Finding:
    version = platform.python_version()
    return Finding("python", version.startswith("3.11."), version, "make PYTHON=… run")


def _settings() -> Finding:
    """Name variables and lines of `.env` that nothing reads: misspelt, the default is in force."""
    file = Path(".env")
    lines = file.read_text(errors="replace").splitlines() if file.is_file() else []
    named = {line.partition("=")[0].removeprefix("export ").strip().upper() for line in lines}
    named |= {name.upper() for name in os.environ}
    unknown = sorted(
        n for n in named - KNOWN if n.startswith("FLYWAYS_") and not n.startswith(OURS)
    )
    if not unknown:
        return Finding("settings", ok=True, seen="all known")
    meant = {name: get_close_matches(name, KNOWN, n=1, cutoff=0.85) for name in unknown}
    seen = ", ".join(f"{name} is none" + "".join(f"; {each}?" for each in close)
                     for name, close in meant.items())  # fmt: skip
    return Finding("settings", ok=False, seen=seen, remedy="Correct the name, or take it away.")


def _disk(settings: Settings) -> Finding:
    place = settings.data_dir
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    remedy = "Free some disk or set FLYWAYS_DATA_DIR to a larger one."
    return Finding("disk", free > DISK_FREE_MIN_BYTES, f"{free >> 30} GiB free", remedy)


def _viewer() -> Finding:
    there = (Path(__file__).parent / "viewer/vendor").is_dir()
    return Finding("viewer", there, "installed" if there else "files missing", "make install")


async def _inside(dsn: str) -> list[Finding]:
    """Look at the schema and at what waits."""
    store = Store(dsn, pool_size=1, name="doctor")
    try:
        async with store.read() as conn:
            found, wanted = await health.revision(conn), health.newest_revision()
            mends = "flyways migrate" if health.is_known(found) else health.NEWER
            schema = Finding("schema", found == wanted, f"at {found}", mends)
            if found != wanted:
                return [schema]
            backlog = await health.backlog(conn)
            laid_aside = await failures.dead(conn)
            given_up = await decodings.given_up(conn)
            failing = await connectors.failing(conn)
            alarmed = await sources.alarmed(conn, limit=SOURCES_MAX)
    finally:
        await store.close()
    limit_s = dict.fromkeys(backlog, WAIT_MAX_S) | dict.fromkeys(health.AT_LEISURE, LEISURE_MAX_S)
    late = [kind for kind, state in backlog.items() if state["oldest_age_s"] > limit_s[kind]]
    seen = ", ".join(f"{kind} {state['waiting']:.0f}" for kind, state in backlog.items())
    return [
        schema,
        Finding("queue", not late, seen, "Start a worker: flyways worker"),
        *_dead_letters([f"{dead.name}: {dead.reason}" for dead in laid_aside]),
        *_given_up(given_up),
        *_connectors(failing),
        *_refusing([_told(row) for row in alarmed]),
    ]


def _connectors(failing: list[dict[str, str]]) -> list[Finding]:
    """Name each connector whose last pull failed."""
    found = [
        Finding("connectors", ok=False, seen=f"{each['name']}: {each['detail']}",
                remedy=each["remedy"])
        for each in failing
    ]  # fmt: skip
    return found or [Finding("connectors", ok=True, seen="none fails")]


def _dead_letters(named: list[str]) -> list[Finding]:
    """Name each piece of work that failed too often, with its reason."""
    remedy = "Mend the cause, then `flyways recompute`; or push the same file again."
    found = [Finding("dead letters", ok=False, seen=each, remedy=remedy) for each in named]
    return found or [Finding("dead letters", ok=True, seen="none")]


def _given_up(pushes: list[dict[str, str]]) -> list[Finding]:
    """Name each push that could not be decoded for a reason of ours."""
    remedy = "Mend what the log of decode_failed says, then push the same file again."
    found = [
        Finding("decodings", ok=False, seen=f"push {push['ref']}: {push['detail']}", remedy=remedy)
        for push in pushes
    ]
    return found or [Finding("decodings", ok=True, seen="none given up")]


def _told(source: dict[str, Any]) -> str:
    return (
        f"{source['name']} ({source['ref']}) refused {source['refused_lately']} pushes,"
        f" the last at {source['refused_last_at']:%Y-%m-%d %H:%M} UTC:"
        f" {source['refused_last_code']}"
    )


def _refusing(named: list[str]) -> list[Finding]:
    """Name each source whose sender can't prove itself, or that somebody else tries to use."""
    remedy = "Have its sender check the secret and the clock; rotate or disable it: /api/v1/sources"
    found = [Finding("sources", ok=False, seen=each, remedy=remedy) for each in named]
    return found or [Finding("sources", ok=True, seen="none refuses its sender")]
