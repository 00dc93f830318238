"""What a child process that decodes a layer may use, and how it answers."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable

import msgspec

from ingest.refusal import UnreadablePush

PAYLOAD_MAX_BYTES = 268_435_456
"""Largest file [bytes]: 256 MiB, four bytes a cell of a raster."""

CPU_LIMIT_S = 60
MEMORY_LIMIT_BYTES = 8 * 2**30
"""Address space of the child [bytes]: its libraries map 4 GiB before any work is done."""


def answer(decode: Callable[[bytes], bytes]) -> int:
    """Decode stdin to stdout within the limits; a refusal goes to stderr as JSON: exit code 1."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT_S, CPU_LIMIT_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    try:
        sys.stdout.buffer.write(decode(sys.stdin.buffer.read(PAYLOAD_MAX_BYTES + 1)))
    except UnreadablePush as error:
        problem = {"code": error.code, "detail": error.detail, "remedy": error.remedy}
        sys.stderr.write(msgspec.json.encode(problem).decode())
        return 1
    return 0
