"""A page printed as PDF by Chromium, which makes the lines and letters that browsers make."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from app.errors import SetupError
from app.files import write

PROGRAMS = (
    "chromium",
    "chromium-headless-shell",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
PRINT_MAX_S = 120
"""Longest that printing may take [s]; a report of 20 pages takes 3 on an idle machine."""


def chromium() -> str:
    """Return where Chromium is; SetupError with the remedy where it is not."""
    for program in PROGRAMS:
        found = shutil.which(program)
        if found is not None:
            return found
    raise SetupError(
        "There is no Chromium to print a PDF with. Install it (Debian: apt install chromium), "
        "or write an .html file and print that from any browser."
    )


def print_pdf(program: str, page: str, out: Path) -> None:
    """Print an HTML page into a PDF file; the page may load nothing."""
    with tempfile.TemporaryDirectory() as folder:
        source, printed = Path(folder) / "report.html", Path(folder) / "report.pdf"
        source.write_text(page, encoding="utf-8")
        switches = [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            f"--user-data-dir={folder}/profile", "--no-pdf-header-footer",
            f"--print-to-pdf={printed}", source.as_uri(),
        ]  # fmt: skip
        try:
            done = subprocess.run(  # noqa: S603 - the program found, with fixed switches
                [program, *switches], capture_output=True, text=True, check=False,
                timeout=PRINT_MAX_S,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise SetupError(
                f"Chromium did not print within {PRINT_MAX_S} s. Try again when the machine is "
                "less busy, or write an .html file."
            ) from error
        if not printed.is_file():
            told = done.stderr.strip().splitlines()[-1:] or ["no message"]
            raise SetupError(
                f"Chromium printed nothing ({told[0]}). Write an .html file and print that."
            )
        write(out, printed.read_bytes())
