"""Methods and levels of utilisation, for those who ask for areas and do not compute any."""

from __future__ import annotations

from typing import Literal, get_args

Method = Literal["kde", "akde", "bb", "dbb"]
METHODS: tuple[Method, ...] = get_args(Method)

LEVELS = (50, 75, 90, 95)
"""Shares of a bird's time that are outlined [%]: 50 as core, 95 as home range, two between."""

VERSION = "utilisation 4"
"""Name and version of the methods; a change of result is a new version."""
