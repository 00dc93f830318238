from __future__ import annotations

import pytest

from ingest import UnreadablePush
from ingest.layers.isolated import decode_vector_in_child
from ingest.layers.vector import decode_vector
from ingest.layers.wanted import Wanted
from tests.ingest.layers.vectors import geopackage, shapefile_parts, zipped

KIND = Wanted("kind", "since")


@pytest.mark.parametrize("payload", [geopackage(), zipped(shapefile_parts())])
def test_the_child_gives_the_same(payload: bytes) -> None:
    assert decode_vector_in_child(payload, KIND, timeout_s=100.0) == decode_vector(payload, KIND)


def test_the_child_hands_on_its_refusal_and_its_end() -> None:
    with pytest.raises(UnreadablePush) as caught:
        decode_vector_in_child(geopackage(srid=-1), KIND, timeout_s=100.0)
    assert caught.value.code == "crs-unsupported"
    with pytest.raises(UnreadablePush) as caught:
        decode_vector_in_child(geopackage(), KIND, timeout_s=0.001)
    assert (caught.value.code, "took longer" in caught.value.detail) == ("layer-unreadable", True)


def test_a_file_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.layers.vector.PAYLOAD_MAX_BYTES", 10)
    with pytest.raises(UnreadablePush) as caught:
        decode_vector(geopackage(), KIND)
    assert caught.value.code == "too-large"
