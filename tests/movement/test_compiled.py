"""Kept machine code never outlives a change of any kernel."""

from __future__ import annotations

from pathlib import Path

import pytest
from numba.core import config

from app.movement import compiled

FOLDER = Path(compiled.__file__).parent


def test_kernels_are_compiled_in_one_way() -> None:
    """The cache follows every module of the folder, so no kernel may be compiled elsewhere."""
    for path in FOLDER.parents[1].glob("app/**/*.py"):
        if path != Path(compiled.__file__):
            assert "njit" not in path.read_text(), path


def test_a_change_in_any_module_gives_the_code_another_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in FOLDER.glob("*.py"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(compiled, "__file__", str(tmp_path / "compiled.py"))
    before = compiled._sources()
    assert config.CACHE_DIR.endswith(before)
    for name in ("geodesy.py", "enclosing.py"):
        with (tmp_path / name).open("a") as file:
            file.write("# changed")
        after = compiled._sources()
        assert after != before
        before = after
