"""Reading and writing files from the command lines."""

from pathlib import Path

import numpy as np
import pytest
from tilefold.errors import TilefoldError
from tilefold.tools import command


@pytest.mark.parametrize("name", ["../../etc/passwd", "/root/x", "a/b:c", "..", ".", "", "x\0y"])
def test_names_of_files_stay_in_their_folder(tmp_path: Path, name: str) -> None:
    path = (tmp_path / command.file_name(name)).resolve()
    assert path.parent == tmp_path


def test_files_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    files = {tmp_path / "new" / "a": b"a", tmp_path / "file" / "b": b"b"}
    with pytest.raises(TilefoldError, match="cannot be written"):
        command.write_files(files)
    assert list((tmp_path / "new").iterdir()) == []
    command.write_files({tmp_path / "new" / "a": b"a"})
    assert (tmp_path / "new" / "a").read_bytes() == b"a"


def test_arrays_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "MAX_ARRAYS", 1000)
    np.savez_compressed(tmp_path / "large.npz", x=np.zeros(1001, np.uint8))
    with pytest.raises(TilefoldError, match="GiB of arrays"):
        command.read_arrays(tmp_path / "large.npz")
