"""The validation page holds what its sections say, and is made of them alone."""

from tests.movement.section import Section, table
from tests.movement.validation import GUIDES, HEAD, SECTIONS, page, write


def test_a_section_is_one_heading_and_its_figures_are_files_beside_the_page(tmp_path) -> None:
    drawn = Section("B", "![b](b.svg)", {"b": b"<svg/>"})
    write([Section("A", table(["x", "y"], [[1, "2"]])), drawn], tmp_path)
    text = (tmp_path / "validation.md").read_text()
    assert text == page([Section("A", "| x | y |\n| --- | --- |\n| 1 | 2 |\n"), drawn])
    assert text.startswith(HEAD)
    assert text.count("\n## ") == 2
    assert (tmp_path / "b.svg").read_bytes() == b"<svg/>"


def test_the_page_in_the_repository_was_written_by_this_code() -> None:
    text = (GUIDES / "validation.md").read_text()
    assert text.startswith(HEAD)
    assert 1 <= text.count("\n## ") <= sum(map(len, SECTIONS))
