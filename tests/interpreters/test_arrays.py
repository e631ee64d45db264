"""Reading arrays from files."""

from pathlib import Path

import numpy as np
import pytest
from tilefold.errors import TilefoldError
from tilefold.interpreters import arrays


def test_arrays_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "MAX_ARRAYS", 1000)
    np.savez_compressed(tmp_path / "large.npz", x=np.zeros(1001, np.uint8))
    with pytest.raises(TilefoldError, match="GiB of arrays"):
        arrays.read_arrays(tmp_path / "large.npz")
