"""The generated pages of `docs/` are those that the code makes."""

import pytest
from tilefold.tools.docs import DOCS, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_page_is_current(name: str) -> None:
    page = (DOCS / name).read_text(encoding="utf-8")
    assert page == PAGES[name]().rstrip("\n") + "\n", "run `make docs`"


def test_links_between_pages_lead_somewhere() -> None:
    import re

    for page in DOCS.glob("*.md"):
        for target in re.findall(r"\]\(([\w.-]+\.md)\)", page.read_text(encoding="utf-8")):
            assert (DOCS / target).exists(), f"{page.name} links to {target}"
