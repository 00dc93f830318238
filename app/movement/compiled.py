"""How kernels are compiled: once, without the interpreter's lock, and kept for the next process."""

from __future__ import annotations

import hashlib
from pathlib import Path

from numba import njit
from numba.core import config as _config


def _sources() -> str:
    """Name the state of all kernels: a digest of every module of the science."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


# Numba looks whether the file of a kernel changed, not the kernels of other files that it calls:
# kept code would go on with the old ones. A folder for each state of the sources can't.
_kept = Path(__file__).parent / "__pycache__" / f"kernels-{_sources()}"
_config.CACHE_DIR = str(_kept)  # type: ignore[attr-defined]  # made while numba is imported

kernel = njit(nogil=True, cache=True)
"""Compile a function of numbers and arrays at its first call, and keep the code."""
