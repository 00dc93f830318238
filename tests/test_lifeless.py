"""`flyways lifeless`: listed, decided and taken back at the database."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flow.test_lifeless import KNOWN, csv
from tests.test_cli import answer, run, study

__all__ = ["run", "study"]


@pytest.fixture
def suspected(run: Any, study: str, tmp_path) -> dict[str, Any]:
    file = tmp_path / "died.csv"
    file.write_bytes(csv(KNOWN))
    answer(run("push", str(file), "--study", study, "--json"))
    (found,) = answer(run("lifeless", "list", "--study", study, "--json"))
    return dict(found)


def test_a_suspicion_is_listed_dismissed_confirmed_and_taken_back(run: Any, suspected) -> None:
    ref = suspected["ref"]
    said = answer(run("lifeless", "dismiss", ref, "--reviewer", "Kim", "--json"))
    assert (said["verdict"], said["reviewer"]) == ("dismiss", "Kim")
    answer(run("lifeless", "undo", said["ref"], "--json"))
    words = ("confirm", ref, "--reviewer", "Kim", "--end-type", "fall-off", "--json")
    said = answer(run("lifeless", *words))
    assert (said["end_type"], said["ended_time"]) == ("fall-off", suspected["start_time"])
    assert answer(run("lifeless", "undo", said["ref"], "--json"))["undone_at"] is not None
    assert run("lifeless", "undo", said["ref"], "--json").exit_code == 1
