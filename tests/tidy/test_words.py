"""Every word that a caller can meet is explained, and none is explained that is not there."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

from app import errors
from app.api.problems import of_status
from app.movement.screening import CODES as TRACK_FLAGS
from app.observe import exposition
from app.store import fixes, fixpoints, flyways, sites, stopovers, tracks
from app.store.implied import BACK_AND_FORTH, ON_SEVERAL
from app.store.inbox import GIVEN_UP
from ingest import FORMATS
from ingest.checks import FLAGS
from ingest.correction import NOT_APPLIED
from ingest.reasons import REASONS
from tests.tidy.parsing import outline

CODE = re.compile(r"[a-z]+(-[a-z0-9]+)*")


def told(page: str, title: str) -> set[str]:
    """Give the codes in the table of one part of the page."""
    part = page.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]
    return set(re.findall(r"^\| `([a-z0-9-]+)` \|", part, re.MULTILINE))


def written(root: Path, makers: set[str], *, place: int | None) -> set[str]:
    """Give the codes in calls of some makers: as `code=`, or as the argument at a place."""
    found: set[str] = set()
    for path in [*(root / "app").rglob("*.py"), *(root / "ingest").rglob("*.py")]:
        for call in outline(path).calls:
            if call.of in makers:
                named = [text for name, text in call.named if name == "code"]
                placed = [] if place is None else call.placed[place : place + 1]
                found |= {text for text in (*named, *placed) if text and CODE.fullmatch(text)}
    return found


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return (root / "app/guides/codes.md").read_text()


def problems() -> dict[str, type[errors.Problem]]:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    return {kind.__name__: kind for kind in kinds if issubclass(kind, errors.Problem)}


def test_errors_of_a_request(page: str, root: Path) -> None:
    kinds = problems()
    general = {kind.code for kind in kinds.values()}
    by_status = {of_status(status).code for status in (400, 404, 405, 413, 415)}
    raised = written(root, set(kinds), place=None) | written(root, {"_made"}, place=1)
    raised |= written(root, {"CorrectionRefused"}, place=0)
    there = general | by_status | raised
    assert told(page, "Errors of a request") == there


def test_pushes_that_cannot_be_read(page: str, root: Path) -> None:
    made = written(root, {"UnreadablePush"}, place=0) | {GIVEN_UP}
    known = told(page, "A push that can't be read") | told(page, "Errors of a request")
    assert made <= known | set(REASONS)
    assert told(page, "A push that can't be read") <= made


def test_units_that_were_refused(page: str) -> None:
    assert told(page, "A unit that was refused") == set(REASONS)
    for code, remedy in REASONS.items():
        assert f"| `{code}` | {remedy} |" in page


def test_warnings(page: str, root: Path) -> None:
    made = written(root, {"Warning_", "counted"}, place=0)
    made |= {NOT_APPLIED, ON_SEVERAL, BACK_AND_FORTH}
    assert told(page, "Warnings of a receipt") == made


def test_signatures(page: str, root: Path) -> None:
    assert told(page, "Signatures of a webhook") == written(root, {"SignatureRefused"}, place=0)


def test_flags(page: str) -> None:
    assert told(page, "Flags of a fix") == set(FLAGS) | set(TRACK_FLAGS[1:])


@pytest.mark.parametrize(
    ("feed", "noun"),
    [("positions", fixes), ("fixes", fixpoints), ("tracks", tracks), ("stopovers", stopovers),
     ("sites", sites), ("flyways", flyways)],
)  # fmt: skip
def test_every_property_of_a_feed_is_explained(feed: str, noun: ModuleType, root: Path) -> None:
    said = (root / "app/guides/feeds.md").read_text().split(f"\n## {feed}\n", 1)[1]
    said = said.split("\n## ", 1)[0]
    assert re.findall(r"^\| `(\w+)` \|", said, re.MULTILINE)
    assert set(re.findall(r"^\| `(\w+)` \|", said, re.MULTILINE)) == set(noun.PROPERTIES)


def test_every_metric_in_a_document_is_exposed(root: Path, readme: str) -> None:
    pages = [readme, *(page.read_text() for page in (root / "app/guides").glob("*.md"))]
    named = {name for page in pages for name in re.findall(r"\bflyways_[a-z_]+", page)}
    exposed = exposition()[0].decode()
    # Names as they are asked for: the text of a help may tell of others.
    assert named
    assert named <= set(re.findall(r"^# TYPE (\w+) ", exposed, re.MULTILINE))


def test_every_format_is_in_the_readme(readme: str) -> None:
    part = readme.split("\n## Formats\n", 1)[1].split("\n## ", 1)[0]
    rows = dict(re.findall(r"^\| `([a-z0-9-]+)` \| (.+) \|$", part, re.MULTILINE))
    assert rows == {name: form.description for name, form in FORMATS.items()}
