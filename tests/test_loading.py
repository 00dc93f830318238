"""Loading modules without looking for garbage."""

from __future__ import annotations

import gc
from importlib import import_module

import pytest

from app.loading import loading


def test_garbage_is_looked_for_again_after_loading() -> None:
    with pytest.raises(ModuleNotFoundError), loading():
        import_module("app.nothing")
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0
    gc.unfreeze()
