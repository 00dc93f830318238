"""`flyways morning`: the birds with the worst first, at the database."""

from __future__ import annotations

from typing import Any

from tests.flow.test_lifeless import KNOWN, csv
from tests.test_cli import answer, run, study

__all__ = ["run", "study"]


def test_the_report_is_that_of_the_service(run: Any, study: str, tmp_path) -> None:
    file = tmp_path / "died.csv"
    file.write_bytes(csv(KNOWN))
    answer(run("push", str(file), "--study", study, "--json"))
    (bird,) = answer(run("morning", "--study", study, "--json"))
    assert bird["state"] == "suspected_dead_or_dropped"
    assert bird["silence_s"] > 0
    assert bird["moved_7d_m"] is None
