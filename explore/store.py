"""Every point that was evaluated, in a folder: Parquet files, and where they come from.

    study.json          what the points depend on, and the runs that evaluated them
    points/*.parquet    a file for each chunk of points that was evaluated

A file is written under another name, brought to the disk and then renamed, so one that is there is
whole. Its columns are `point` (the number), the parameters, the metrics (NULL where a design is not
valid), `valid`, and `run`, which run of `study.json` evaluated it.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from ..errors import TilefoldError
from .evaluator import Evaluator, Results, identity
from .names import library
from .space import IntArray

Columns = dict[str, npt.NDArray[Any]]
"""A table: arrays [n] by column."""

_FORMAT: Final = 1
_COMPARED: Final = ("digest", "space", "metrics")
_MEMORY: Final = "512MB"
"""What queries may take; beyond it they use the disk."""

_INTERRUPTED: Final = ("Query interrupted", "INTERRUPT Error", "KeyboardInterrupt")
"""How DuckDB's errors begin where an interrupt from the keyboard meets it."""


class Store:
    """The points of one evaluator in `directory`, for one process at a time.

    Raises TilefoldError where the folder holds points of something else, or is in use.
    """

    def __init__(self, directory: Path, evaluator: Evaluator) -> None:
        self.directory, self._evaluator = directory, evaluator
        if set("*?[") & set(str(directory)):
            raise TilefoldError(f"{directory}: a store's name cannot have any of * ? [")
        self._files = directory / "points"
        self._files.mkdir(parents=True, exist_ok=True)
        self._lock = (directory / ".lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.record: dict[str, Any] = self._opened()
            for unfinished in self._files.glob(".*.tmp"):
                unfinished.unlink()
            self._duckdb = library("duckdb")
            spill = str(directory / ".spill")
            settings = {"memory_limit": _MEMORY, "temp_directory": spill}
            self._database = self._duckdb.connect(config=settings)
        except BlockingIOError:
            self._lock.close()
            raise TilefoldError(f"{directory}: another exploration is writing there") from None
        except BaseException:
            self._lock.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let others use the folder."""
        self._database.close()
        self._lock.close()

    def begin(self, run: Mapping[str, Any]) -> int:
        """The number of a run with these settings: that of an equal one, or a new one."""
        runs: list[dict[str, Any]] = self.record["runs"]
        for number, known in enumerate(runs):
            if {key: value for key, value in known.items() if key != "started"} == run:
                return number
        runs.append({**run, "started": datetime.now(UTC).isoformat(timespec="seconds")})
        self._save()
        return len(runs) - 1

    def write(self, run: int, points: IntArray, results: Results) -> None:
        """Add the results of `points` [n], none of which is there yet."""
        name = f"{points[0]}-{hashlib.sha256(points.tobytes()).hexdigest()[:16]}.parquet"
        temporary = self._files / f".{name}.tmp"
        metrics = [metric.name for metric in self._evaluator.metrics]
        self._register(
            "chunk", {"point": points, **self._evaluator.space.columns(points), **results}
        )
        columns = ["point", *map(_quoted, self._evaluator.space.names)]
        columns += [
            f"CASE WHEN valid THEN {_quoted(name)} END AS {_quoted(name)}" for name in metrics
        ]
        query = f"SELECT {', '.join(columns)}, valid, {run} AS run FROM chunk"
        copy = f"COPY ({query}) TO {_text(temporary)} (FORMAT parquet, COMPRESSION zstd)"
        self._asked(self._database.execute, copy)
        self._database.unregister("chunk")
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(self._files / name)

    def batches(self) -> Iterator[Columns]:
        """All rows, file by file; raises TilefoldError for one that cannot be read."""
        for file in self._paths():
            try:
                yield self._fetch(f"SELECT * FROM read_parquet({_text(file)})")
            except TilefoldError as error:
                hint = "without this file its designs are evaluated again"
                raise TilefoldError(f"{error}; {hint}") from None

    def query(
        self, sql: str, tables: Mapping[str, Mapping[str, npt.NDArray[Any]]] | None = None
    ) -> Columns:
        """The result of a query of DuckDB, in which all rows are the table `points`.

        There may be other `tables`, by name. Raises TilefoldError for a query that fails, or where
        nothing is stored.
        """
        if not self._paths():
            raise TilefoldError(f"{self.directory}: no points are stored")
        files = _text(self._files / "*.parquet")
        view = f"CREATE OR REPLACE TEMP VIEW points AS SELECT * FROM read_parquet({files})"
        self._asked(self._database.execute, view)
        for name, columns in (tables or {}).items():
            self._register(name, columns)
        try:
            return self._fetch(sql)
        finally:
            for name in tables or {}:
                self._database.unregister(name)

    def rows(self, points: IntArray) -> Columns:
        """The rows of `points` [n], which are stored, in their order."""
        wanted = {"wanted": points, "place": np.arange(len(points))}
        return self.query(
            "SELECT points.* FROM points JOIN wanted ON point = wanted ORDER BY place",
            {"wanted": wanted},
        )

    def export(self, file: Path) -> None:
        """Write all rows, by number, to a .csv, .json or .parquet file.

        Raises TilefoldError for another kind of file, or where nothing is stored.
        """
        kinds = {".csv": "FORMAT csv, HEADER", ".json": "FORMAT json, ARRAY true"}
        kinds[".parquet"] = "FORMAT parquet, COMPRESSION zstd"
        if file.suffix not in kinds:
            raise TilefoldError(f"{file}: points are written to {', '.join(kinds)} files")
        temporary = file.with_name(f".{file.name}.tmp")
        try:
            self.query(
                f"COPY (SELECT * FROM points ORDER BY point) TO {_text(temporary)} "
                f"({kinds[file.suffix]})"
            )
            temporary.replace(file)
        finally:
            temporary.unlink(missing_ok=True)

    def _register(self, name: str, columns: Mapping[str, npt.NDArray[Any]]) -> None:
        """Let queries see arrays as a table; DuckDB reads no arrays with strides."""
        whole = {column: np.ascontiguousarray(array) for column, array in columns.items()}
        self._asked(self._database.register, name, whole)

    def _fetch(self, sql: str) -> Columns:
        arrays = self._asked(lambda: self._database.execute(sql).fetchnumpy())
        return {name: _plain(array) for name, array in arrays.items()}

    def _asked(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """What DuckDB answers; it makes errors of its own of an interrupt from the keyboard."""
        try:
            return call(*arguments)
        except (self._duckdb.Error, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            if reason.startswith(_INTERRUPTED):
                raise KeyboardInterrupt from None
            raise TilefoldError(f"{self.directory}: {reason}") from None

    def _paths(self) -> Sequence[Path]:
        return sorted(self._files.glob("[!.]*.parquet"))

    def _opened(self) -> dict[str, Any]:
        """The record in the folder, or a new one."""
        wanted: dict[str, Any] = {"format": _FORMAT, **identity(self._evaluator)}
        file = self.directory / "study.json"
        if not file.exists():
            if self._paths():
                raise TilefoldError(f"{self.directory}: has points, but no study.json")
            self.record = {**wanted, "runs": []}
            self._save()
            return self.record
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
            different = [key for key in ("format", *_COMPARED) if found[key] != wanted[key]]
            runs = found["runs"]
        except (ValueError, KeyError, TypeError):
            raise TilefoldError(f"{file}: is not the page of a study") from None
        if different:
            raise TilefoldError(
                f"{self.directory}: holds another study ({_difference(found, wanted, different)}); "
                "give another --store"
            )
        return {**wanted, "runs": runs}

    def _save(self) -> None:
        temporary = self.directory / ".study.json.tmp"
        temporary.write_text(json.dumps(self.record, indent=1) + "\n", encoding="utf-8")
        temporary.replace(self.directory / "study.json")


def _difference(found: Mapping[str, Any], wanted: Mapping[str, Any], keys: Sequence[str]) -> str:
    """What differs, in words: provenance says more than digests."""
    if "digest" not in keys:
        return f"{' and '.join(keys)} differ"
    theirs, ours = found.get("provenance", {}), wanted["provenance"]
    for key in sorted({*theirs, *ours}):
        if theirs.get(key) != ours.get(key):
            return f"{key} is {theirs.get(key)!r} there, {ours.get(key)!r} here"
    return "digests differ"


def _plain(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """An array without a mask: NULL is NaN, for metrics have it alone."""
    if isinstance(array, np.ma.MaskedArray):
        masked: Any = array
        return masked.filled(np.nan) if masked.dtype.kind == "f" else masked.filled()
    return array


def _text(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return f'"{name}"'
