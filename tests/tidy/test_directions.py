"""Imports go one way, and every process starts with what it needs and no more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

FRAMES = ("pandas", "geopandas", "movingpandas", "pyarrow", "matplotlib")
"""Programs of their own, each loaded where a file of its kind is written or drawn."""
SELDOM = ("alembic", "httpx2", "asyncssh", "rasterio", "openpyxl", "tzfpy")
"""For the schema, for services elsewhere, for files of one kind: loaded where they are used."""
SCIENCE = ("numba", "scipy", "app.movement.keysites", "app.pipeline.keysites")
PARTS_OF_SCIPY = tuple(
    f"scipy.{part}" for part in ("ndimage", "optimize", "sparse", "spatial", "special")
)
"""Of the whole numba looks whether it is there; each part takes a quarter of a second and more."""
WEB = ("fastapi", "starlette", "uvicorn")
DECODERS = ("polars", "ingest")

WAITS = (*FRAMES, *SELDOM, *SCIENCE)
NO_FLOW = (*WAITS, *WEB, *DECODERS, "numpy", "app.pipeline", "app.pull")
STUDY = "0b0e6d1c-4f7e-4ad5-8f3e-0f3f2d1f9c11"

# One process does all in turn, as each start takes a second or more: what one step loads stays,
# so that none may lack what one before it has.
STEPS: tuple[tuple[list[str], tuple[str, ...]], ...] = (
    (["--help"], (*NO_FLOW, "sqlalchemy", "pydantic_settings", "asyncpg")),
    (["key", "list"], (*NO_FLOW, "app.api")),
    (["partner", "add", "Amur"], NO_FLOW),
    (["tag", "alias", STUDY, "K9"], NO_FLOW),
    (["import", "app.deliver"], NO_FLOW),
    (["refusals", STUDY], (*WAITS, *WEB)),
    (["export", STUDY, "--format", "geojson", "--out", "."], (*WAITS, *WEB)),
    (["import", "app.main"], WAITS),
    (["import", "app.worker"], (*FRAMES, *SELDOM, *PARTS_OF_SCIPY)),
)
"""A command, or a module that a process is made of, and what must not be loaded then."""

# No database answers: a command has loaded all that it needs when it asks.
TAKE = """
import json, sys
from importlib import import_module
from app.cli import cli
from app.errors import Problem
found = []
for words, absent in json.loads(sys.argv[1]):
    try:
        import_module(words[1]) if words[0] == "import" else cli(words, standalone_mode=False)
    except Problem as problem:
        assert problem.status == 503, problem
    if words[-1] == "app.main":
        from app.config import Settings
        sys.modules["app.main"].create_app(Settings())
    found += [[words, name] for name in absent if name in sys.modules]
print(json.dumps(found))
"""


def run(command: list[str], root: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environ = os.environ | {"PYTHONPATH": str(root)} | more
    return subprocess.run(
        command, cwd=root, env=environ, capture_output=True, text=True, check=False
    )


def test_every_import_contract_is_kept(root: Path) -> None:
    program = str(Path(sys.executable).parent / "lint-imports")
    done = run([program, "--no-cache"], root)
    assert done.returncode == 0, done.stdout


def test_every_process_starts_without_what_it_may_never_need(root: Path) -> None:
    nowhere = {"FLYWAYS_DATABASE_URL": "postgresql://127.0.0.1:1/none"}
    command = [sys.executable, "-W", "ignore", "-c", TAKE, json.dumps(STEPS)]
    done = run(command, root, **nowhere)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []


def test_installing_needs_the_standard_library_only(root: Path) -> None:
    """`python3 -m app.install` runs before anything is installed: -S hides every package."""
    done = run([sys.executable, "-S", "-m", "app.install", "--help"], root)
    assert done.returncode == 0, done.stderr
