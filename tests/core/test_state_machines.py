"""The diagrams in docs are those of the tables."""

from __future__ import annotations

from scripts.state_machines import PAGE, page


def test_the_page_in_docs_is_current() -> None:
    assert PAGE.read_text() == page(), "run: python -m scripts.state_machines"
