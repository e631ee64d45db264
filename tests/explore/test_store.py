"""Stores: what is in them, whose they are, and what is left of a write that broke off."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tilefold.errors import TilefoldError
from tilefold.explore.evaluator import Metric, evaluated
from tilefold.explore.space import Parameter, Space
from tilefold.explore.store import Store
from tilefold.tests.support.designs import Designs

POINTS = np.array([1919, 3, 1917, 200])
RUN = {"sampler": "random", "seed": 1}


def filled(folder: Path) -> Store:
    store = Store(folder, Designs())
    for part in np.split(POINTS, 2):
        store.write(store.begin(RUN), part, evaluated(Designs(), part))
    return store


def test_every_point_is_there_with_where_it_comes_from(tmp_path: Path) -> None:
    with filled(tmp_path) as store:
        assert store.begin(RUN) == 0
        assert store.begin({**RUN, "seed": 2}) == 1
        rows = store.rows(POINTS[::-1])
        results = evaluated(Designs(), POINTS[::-1])
        expected = {"point": POINTS[::-1], **Designs().space.columns(POINTS[::-1]), **results}
        assert list(rows) == [*expected, "run"]
        for name, column in expected.items():
            np.testing.assert_array_equal(rows[name], column)
        assert rows["run"].tolist() == [0] * 4
        files = list(store.batches())
        assert sorted(len(file["point"]) for file in files) == [2, 2]
    record = json.loads((tmp_path / "study.json").read_text())
    assert [run["seed"] for run in record["runs"]] == [1, 2]
    assert record["digest"] == "designs" and record["provenance"] == {"network": "made up"}
    assert all(run["started"] for run in record["runs"])


def test_a_design_that_is_not_valid_has_no_metrics(tmp_path: Path) -> None:
    slow = np.array([45, 46])
    assert Designs().space.columns(slow)["waste"].tolist() == [2.0, 2.0]
    with Store(tmp_path, Designs()) as store:
        store.write(0, slow, evaluated(Designs(), slow))
        counted = store.query("SELECT count(*) AS n, count(latency_ms) AS k FROM points")
        assert (counted["n"][0], counted["k"][0]) == (2, 0)
        rows = store.rows(slow)
        assert np.isnan(rows["latency_ms"]).all() and not rows["valid"].any()


def test_queries(tmp_path: Path) -> None:
    with filled(tmp_path) as store:
        columns = store.query(
            "SELECT count(*) AS n, min(speed) AS slowest FROM points JOIN few USING (point)",
            {"few": {"point": np.array([3, 200])}},
        )
        assert (columns["n"].tolist(), columns["slowest"].tolist()) == ([2], [1])
        with pytest.raises(TilefoldError, match="colour"):
            store.query("SELECT colour FROM points")


def test_exports(tmp_path: Path) -> None:
    with filled(tmp_path / "store") as store:
        for name in ("all.csv", "all.json", "all.parquet"):
            store.export(tmp_path / name)
        with pytest.raises(TilefoldError, match=r"all\.xls: points are written to \.csv, \.json"):
            store.export(tmp_path / "all.xls")
    with (tmp_path / "all.csv").open() as file:
        table = list(csv.DictReader(file))
    records = json.loads((tmp_path / "all.json").read_text())
    assert [row["point"] for row in records] == sorted(POINTS.tolist())
    assert [int(row["point"]) for row in table] == sorted(POINTS.tolist())
    assert list(table[0]) == list(records[0])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "all.csv", "all.json", "all.parquet", "store",
    ]  # fmt: skip


def test_an_empty_store(tmp_path: Path) -> None:
    with Store(tmp_path / "new" / "store", Designs()) as store:
        assert list(store.batches()) == []
        with pytest.raises(TilefoldError, match="no points are stored"):
            store.rows(POINTS)


OTHERS = [
    (
        Designs(digest="other", provenance={"network": "another"}),
        "network is 'made up' there, 'another' here",
    ),
    (Designs(digest="other"), "digests differ"),
    (Designs(space=Space((Parameter("speed", (1, 2)),))), "space differ"),
    (Designs(metrics=(Metric("latency_ms", "s", "min"),)), "metrics differ"),
]


@pytest.mark.parametrize(("other", "reason"), OTHERS)
def test_another_study_is_refused(tmp_path: Path, other: Designs, reason: str) -> None:
    filled(tmp_path).close()
    before = (tmp_path / "study.json").read_bytes()
    with pytest.raises(TilefoldError, match=f"another study .*{reason}.*; give another --store"):
        Store(tmp_path, other)
    assert (tmp_path / "study.json").read_bytes() == before
    with Store(tmp_path, replace(Designs(), provenance={"network": "moved"})) as store:
        assert len(store.rows(POINTS)["point"]) == 4


def test_one_exploration_at_a_time(tmp_path: Path) -> None:
    with filled(tmp_path), pytest.raises(TilefoldError, match="another exploration is writing"):
        Store(tmp_path, Designs())
    Store(tmp_path, Designs()).close()


def test_what_broke_off_does_not_count(tmp_path: Path) -> None:
    filled(tmp_path).close()
    whole = next((tmp_path / "points").glob("*.parquet"))
    unfinished = tmp_path / "points" / ".77-abc.parquet.tmp"
    unfinished.write_bytes(whole.read_bytes()[:200])
    with Store(tmp_path, Designs()) as store:
        assert not unfinished.exists()
        assert sum(len(file["point"]) for file in store.batches()) == 4


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    filled(tmp_path).close()
    damaged = next((tmp_path / "points").glob("*.parquet"))
    damaged.write_bytes(damaged.read_bytes()[:-10])
    with Store(tmp_path, Designs()) as store, pytest.raises(TilefoldError) as error:
        list(store.batches())
    assert damaged.name in str(error.value)
    assert "without this file its designs are evaluated again" in str(error.value)


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    with Store(tmp_path, Designs()) as store:
        (tmp_path / "points").rmdir()
        with pytest.raises(TilefoldError, match=str(tmp_path)):
            store.write(0, POINTS, evaluated(Designs(), POINTS))


@pytest.mark.parametrize(
    "text", ["Query interrupted", "INTERRUPT Error: Interrupted!", "KeyboardInterrupt: "]
)
def test_an_interrupt_stays_one(tmp_path: Path, text: str) -> None:
    """What DuckDB makes of a key that is hit while it works."""

    def interrupted() -> None:
        raise RuntimeError(text)

    with filled(tmp_path) as store, pytest.raises(KeyboardInterrupt):
        store._asked(interrupted)


@pytest.mark.parametrize("text", ["", "[]", "{}", "\xff", '{"format": 1}'])
def test_a_damaged_page_is_named(tmp_path: Path, text: str) -> None:
    filled(tmp_path).close()
    (tmp_path / "study.json").write_text(text, encoding="latin-1")
    with pytest.raises(TilefoldError, match=r"study\.json: is not the page of a study"):
        Store(tmp_path, Designs())
    (tmp_path / "study.json").unlink()
    with pytest.raises(TilefoldError, match=r"has points, but no study\.json"):
        Store(tmp_path, Designs())


def test_a_folder_with_wildcards(tmp_path: Path) -> None:
    with pytest.raises(TilefoldError, match="cannot have any of"):
        Store(tmp_path / "a*", Designs())
    with Store(tmp_path / "it's", Designs()) as store:
        store.write(0, POINTS, evaluated(Designs(), POINTS))
        assert len(store.rows(POINTS)["point"]) == 4
