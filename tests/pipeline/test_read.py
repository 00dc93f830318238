"""What is suspect about the bytes of a push is told, whatever they hold."""

from __future__ import annotations

import io
import zipfile

from app.pipeline.read import read
from app.pipeline.resolve import Reading
from ingest import DecodedReference

FIXES = "timestamp,location-long,location-lat,tag-id\n2024-03-01 08:00:00,127.5,34.8,7\n"
REFERENCE = "tag-id,animal-id,deploy-on-date\n7,a,2020-01-01\n"


def zipped(text: str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("__MACOSX/._a.csv", b"\0\5\x16\7")
        archive.writestr("a.csv", text)
    return held.getvalue()


def test_what_macos_added_to_a_zip_is_told_beside_its_fixes_and_deployments() -> None:
    said = dict.fromkeys(
        ("format", "encoding", "date_order", "mapping", "mapping_id", "mapping_version",
         "corrections", "taxon", "tag", "named_tag")
    )  # fmt: skip
    said |= {"tz": "UTC", "datum": "wgs84", "received_us": 1_795_000_000_000_000}
    todos = [{"id": number, "push_id": number, **said} for number in (1, 2, 3)]
    sent = {1: zipped(FIXES), 2: zipped(REFERENCE), 3: FIXES.encode()}
    fixes, reference, plain = read(todos, sent)
    assert isinstance(fixes, Reading)
    assert isinstance(reference, DecodedReference)
    assert isinstance(plain, Reading)
    assert [w.code for w in fixes.suspects] == ["archive-members-left-out"]
    assert [w.code for w in reference.warnings] == ["archive-members-left-out"]
    assert plain.suspects == []
