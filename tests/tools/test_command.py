"""Reading and writing files from the command lines."""

from pathlib import Path

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
