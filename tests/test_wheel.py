"""The wheel works where nothing of the checkout is: it holds all that the demo needs."""

import json
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import tilefold

ROOT = Path(next(iter(tilefold.__path__)))
NOT_SOURCES = shutil.ignore_patterns(
    ".*", "*.egg-info", "__pycache__", "tests", "docs", "build", "dist", "out"
)


def run(*command: object, folder: Path) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_demo_runs_from_the_wheel(tmp_path: Path) -> None:
    # Built from a copy, for setuptools leaves files behind and takes in those it once left.
    shutil.copytree(ROOT, tmp_path / "source", ignore=NOT_SOURCES)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    offline = ("--no-deps", "--no-index")
    build = ("wheel", "./source", "--no-build-isolation", "--wheel-dir", "wheels")
    run(*pip, *build, *offline, folder=tmp_path)
    (wheel,) = (tmp_path / "wheels").glob("tilefold-*.whl")

    fresh = tmp_path / "venv"
    venv.create(fresh, symlinks=True)
    (site,) = fresh.glob("lib/python*/site-packages")
    # Dependencies come from here; path files in this folder, as of an editable install, do not.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    python = fresh / "bin" / "python"
    run(*pip, "--python", python, "install", wheel, *offline, folder=tmp_path)

    place = tmp_path / "place"
    place.mkdir()
    where = run(python, "-c", "import tilefold; print(tilefold.__file__)", folder=place)
    assert Path(where).is_relative_to(site)
    printed = run(fresh / "bin" / "tilefold", "demo", "--images", "20", folder=place)
    assert "200 of 200 outputs equal onnxruntime's" in printed
    report = json.loads((place / "out" / "report.json").read_text())
    assert report["comparison"]["mismatches"] == 0
    assert report["total"]["cycles"] > 0
    assert (place / "out" / "program.s").read_text().startswith(".isa ")
    assert (place / "out" / "program.tfp").stat().st_size > 1000
