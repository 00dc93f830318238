"""Printing by Chromium: a PDF, or a message that says what to do."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from app import printing
from app.errors import SetupError


@pytest.mark.skipif(not any(map(shutil.which, printing.PROGRAMS)), reason="no Chromium here")
def test_a_page_becomes_a_pdf(tmp_path: Path) -> None:
    out = tmp_path / "page.pdf"
    printing.print_pdf(printing.chromium(), "<!doctype html><p>Цэн тогоруу 白枕鹤 재두루미", out)
    assert out.read_bytes().startswith(b"%PDF-")


def test_without_chromium_the_remedy_is_told(monkeypatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SetupError, match="apt install chromium"):
        printing.chromium()


def test_a_program_that_prints_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"printed nothing.*\.html"):
        printing.print_pdf("/bin/true", "<p>x", tmp_path / "page.pdf")
    assert not (tmp_path / "page.pdf").exists()
