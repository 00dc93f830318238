"""Every code of a pull and every provider is explained."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from app.api.connectors import ProviderName
from app.pull import PROVIDERS
from ingest import FORMATS
from tests.tidy.test_words import told, written

ROOT = Path(__file__).parents[2]


def test_every_code_of_a_pull_is_explained() -> None:
    page = (ROOT / "app/guides/codes.md").read_text()
    codes = written(ROOT, {"PullFailed"}, place=0) | {"provider-busy", "provider-failed"}
    assert told(page, "A pull that could not go on") == codes


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_every_provider_is_in_the_guide_with_its_settings(name: str) -> None:
    part = (ROOT / "app/guides/operator.md").read_text().split("\n## Pull data in\n", 1)[1]
    row = re.search(rf"^\| `{name}` \|.*$", part, re.MULTILINE)
    assert row is not None
    for setting in PROVIDERS[name].settings.model_fields:
        assert f"`{setting}`" in row.group()


def test_the_api_takes_every_provider() -> None:
    assert set(get_args(ProviderName)) == set(PROVIDERS)
    formats = {provider.format for provider in PROVIDERS.values()}
    assert formats - {None} <= set(FORMATS)
