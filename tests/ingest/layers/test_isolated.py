from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from ingest import UnreadablePush
from ingest.layers import isolated
from ingest.layers.isolated import decode_geotiff_in_child

PROBLEM = b'{"code":"too-large","detail":"It is large.","remedy":"Make it smaller."}'


def told(
    monkeypatch: pytest.MonkeyPatch, returncode: int, stderr: bytes = b""
) -> tuple[str, str, str]:
    """What the caller learns of a child that ended so."""
    ended = subprocess.CompletedProcess([], returncode, b"", stderr)
    monkeypatch.setattr(isolated.subprocess, "run", lambda *_, **__: ended)
    with pytest.raises(UnreadablePush) as caught:
        decode_geotiff_in_child(b"", timeout_s=1.0)
    return caught.value.code, caught.value.detail, caught.value.remedy


def test_a_refusal_is_handed_on_word_for_word(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("too-large", "It is large.", "Make it smaller.")
    assert told(monkeypatch, 1, PROBLEM) == words
    assert told(monkeypatch, 1, PROBLEM + b"\n") == words


def test_what_a_library_wrote_before_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = b'Warning 1: {"code": odd tag \xff\xfe\nTIFFReadDirectory: {"code"}\n'
    assert told(monkeypatch, 1, noise + PROBLEM)[0] == "too-large"


@pytest.mark.parametrize(
    "stderr", [b"", b"Traceback", b"\xff", PROBLEM[:-3], b'{"code": 7}', b'{"code":"x"}']
)
def test_a_child_that_fails_without_a_word_is_told(
    monkeypatch: pytest.MonkeyPatch, stderr: bytes
) -> None:
    code, detail, remedy = told(monkeypatch, 1, stderr)
    assert (code, detail) == ("raster-unreadable", "The decoder of the raster failed.")
    assert "gdal_translate" in remedy


@pytest.mark.parametrize("returncode", [-9, -11, 2, 137])
def test_a_child_that_was_killed_is_told(monkeypatch: pytest.MonkeyPatch, returncode: int) -> None:
    code, detail, _ = told(monkeypatch, returncode, PROBLEM)
    assert (code, detail) == (
        "raster-unreadable",
        f"The decoder of the raster ended with {returncode}.",
    )


def test_no_secret_and_no_folder_of_the_caller_reaches_the_child(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The real child, asked what it sees in place of decoding."""
    monkeypatch.setenv("FLYWAYS_DATABASE_URL", "postgresql://secret")
    run, seen = subprocess.run, {}

    def look(command: list[str], **options: Any) -> subprocess.CompletedProcess[bytes]:
        assert command == [sys.executable, "-P", "-m", "ingest.layers.geotiff"]
        asked = "import os, sys; print(sorted(os.environ), '' in sys.path)"
        seen["words"] = run([sys.executable, "-P", "-c", asked], **options).stdout
        return subprocess.CompletedProcess(command, 2)

    monkeypatch.setattr(isolated.subprocess, "run", look)
    with pytest.raises(UnreadablePush):
        decode_geotiff_in_child(b"", timeout_s=60.0)
    assert b"PYTHONPATH" in seen["words"]
    assert b"FLYWAYS" not in seen["words"]
    assert seen["words"].rstrip().endswith(b"False")
