"""Imports go one way, and the web process stays light."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HEAVY = (
    "pandas", "numba", "geopandas", "movingpandas", "matplotlib", "scipy", "tzfpy",
    "app.movement.keysites", "app.pipeline.keysites",
)  # fmt: skip


def run(command: list[str], root: Path) -> subprocess.CompletedProcess[str]:
    environ = os.environ | {"PYTHONPATH": str(root)}
    return subprocess.run(
        command, cwd=root, env=environ, capture_output=True, text=True, check=False
    )


def test_every_import_contract_is_kept(root: Path) -> None:
    program = str(Path(sys.executable).parent / "lint-imports")
    done = run([program, "--no-cache"], root)
    assert done.returncode == 0, done.stdout


def test_the_web_process_starts_without_data_frames_compiler_and_borders(root: Path) -> None:
    """Nor does it load them to describe itself: what they make is made by the worker."""
    code = (
        "import sys; from app.main import create_app; from app.config import Settings;"
        "create_app(Settings(_env_file=None, database_url='postgresql:///x')).openapi();"
        f"print([m for m in {HEAVY} if m in sys.modules])"
    )
    done = run([sys.executable, "-c", code], root)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_installing_needs_the_standard_library_only(root: Path) -> None:
    """`python3 -m app.install` runs before anything is installed: -S hides every package."""
    done = run([sys.executable, "-S", "-m", "app.install", "--help"], root)
    assert done.returncode == 0, done.stderr
