"""The benchmarks, which are scripts and not part of the package."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


def script(name: str) -> Any:
    """A benchmark as a module; the test is skipped where there are none."""
    if not FOLDER.exists():
        pytest.skip("the benchmarks are not there")
    sys.path.insert(0, str(FOLDER))
    try:
        return import_module(name)
    finally:
        sys.path.remove(str(FOLDER))
