"""What all tests have in common."""

import pytest


@pytest.fixture(autouse=True)
def plain_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables are as wide as without a terminal, whatever runs the tests says."""
    monkeypatch.delenv("COLUMNS", raising=False)
