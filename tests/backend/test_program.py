"""Program files: what is saved is what is loaded, and damage is refused."""

import json
import random
import re
import stat
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save as save_tensors
from tilefold.backend import archive
from tilefold.backend.assembler import assemble
from tilefold.backend.prediction import LayerPrediction, Prediction
from tilefold.backend.program import Port, Program, Segment, machine_digest
from tilefold.errors import TilefoldError

MACHINE = "fabric.machine @toy {}\n"
PORT = Port("image", (1, 3, 4, 4), True, 8, False, (0.1,), (3,), None, 0x1000)
CODE = assemble(
    f"""\
.isa 1
.machine "toy" "{machine_digest(MACHINE)}"
.network "net"
.dma load
.arrays conv.0
.vectors act
.memories dram data
load @load, src=dram[0x1000] u8 (48 by 1), dst=local data[0x0] u8 (48 by 1), pad=0
halt
"""
)


def toy() -> Program:
    data = np.random.default_rng(0).integers(0, 256, 300, dtype=np.uint8)
    return Program(
        code=CODE,
        machine_text=MACHINE,
        segments=(Segment("conv1.weight", 64, data), Segment("conv1.bias", 0, data[:12])),
        inputs=(PORT,),
        outputs=(
            Port("y", (1, 2), False, 5, True, (1e-3, 0.5), (0, 0), 1, 0x2000),
            Port("sum", (1, 2), False, 32, True, (1e-3,), (0,), None, 0x3000),
        ),
        layers=("conv1", "näme"),
        layer_of=(0, -1),
    )


def provenance(prediction: object) -> bytes:
    """The provenance of the toy, with this prediction."""
    record = {"layers": toy().layers, "layer_of": toy().layer_of, "prediction": prediction}
    return json.dumps(record).encode()


def predicted(*rows: list[object]) -> bytes:
    """The provenance of the toy, with a prediction of these layers."""
    return provenance({"start": 1, "layers": rows})


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "toy.tfp"
    toy().save(path)
    return path


def refused(path: Path, message: str) -> None:
    with pytest.raises(TilefoldError, match=message) as error:
        Program.load(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def rewrite(path: Path, change: dict[str, bytes | None], fix_digests: bool = True) -> None:
    """Replace (None: drop) entries, and make the manifest's digests agree."""
    with zipfile.ZipFile(path) as old:
        entries = {name: old.read(name) for name in old.namelist()}
    merged = entries | change
    entries = {name: data for name, data in merged.items() if data is not None}
    manifest = json.loads(entries.pop(archive.MANIFEST))
    manifest.pop("entries") if fix_digests else None
    if fix_digests:
        archive.write_archive(path, manifest, entries)
        return
    with zipfile.ZipFile(path, "w") as new:
        for name, data in {archive.MANIFEST: json.dumps(manifest).encode(), **entries}.items():
            new.writestr(name, data)


def edited(path: Path, **fields: object) -> bytes:
    """The manifest with other fields."""
    with zipfile.ZipFile(path) as old:
        return json.dumps(json.loads(old.read(archive.MANIFEST)) | fields).encode()


def test_round_trip_is_exact_and_deterministic(saved: Path, tmp_path: Path):
    program = Program.load(saved)
    assert program == toy()
    assert program.network == "net"
    again = tmp_path / "again.tfp"
    program.save(again)
    assert again.read_bytes() == saved.read_bytes()
    assert stat.S_IMODE(saved.stat().st_mode) & 0o600 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.tfp", "toy.tfp"]


def test_weights_can_be_left_out(saved: Path, tmp_path: Path):
    bare = tmp_path / "bare.tfp"
    toy().without_weights().save(bare)
    loaded = Program.load(bare)
    assert bare.stat().st_size < saved.stat().st_size - 300
    assert not loaded.weights
    assert loaded == toy().without_weights() != toy()
    assert [s.data.size for s in loaded.segments] == [s.data.size for s in toy().segments]
    rewrite(bare, {archive.MANIFEST: edited(bare, weights=1)})
    refused(bare, "'weights' is missing or has the wrong type")
    segments = [{"name": "conv1.weight", "address": 0, "bytes": 1 << 32 | 1}]
    rewrite(bare, {archive.MANIFEST: edited(bare, weights=False, segments=segments)})
    refused(bare, "4294967297 bytes at 0x0 do not fit")
    rewrite(saved, {archive.MANIFEST: edited(saved, segments=segments)})
    refused(saved, "4294967297 bytes at 0x0 do not fit")


def test_a_prediction_is_kept_and_can_be_missing(saved: Path):
    assert Program.load(saved).prediction is None
    prediction = Prediction(7, {1: LayerPrediction((1, 2, 3, 4, 5))})
    replace(toy(), prediction=prediction).save(saved)
    assert Program.load(saved).prediction == prediction


def test_byte_flips_are_refused_or_harmless(saved: Path):
    rng = random.Random(1)
    whole = saved.read_bytes()
    refusals = 0
    for _ in range(300):
        data = bytearray(whole)
        data[rng.randrange(len(data))] ^= rng.randrange(1, 256)
        saved.write_bytes(data)
        try:
            assert Program.load(saved) == toy()
        except TilefoldError as error:
            refusals += 1
            assert "\n" not in str(error)
    assert refusals > 150


def test_truncated_and_foreign_files_are_refused(saved: Path):
    rng = random.Random(2)
    whole = saved.read_bytes()
    for _ in range(100):
        saved.write_bytes(whole[: rng.randrange(len(whole))])
        refused(saved, "damaged|not match")
    for foreign in (b"", b"PK", b"\x7fELF" + bytes(100), whole[:100] * 3):
        saved.write_bytes(foreign)
        refused(saved, "damaged, or not a program")
    refused(saved.with_name("none.tfp"), "cannot be read: No such file")


def test_entries_are_exactly_those_known(saved: Path):
    whole = saved.read_bytes()
    for name in ("extra.bin", "../code.bin", "/etc/passwd", "code.bin/"):
        saved.write_bytes(whole)
        rewrite(saved, {name: b"x"})
        refused(saved, f"unknown entry '{re.escape(name)}'")
    saved.write_bytes(whole)
    rewrite(saved, {"machine.mlir": None})
    refused(saved, "entry 'machine.mlir' is missing")
    saved.write_bytes(whole)
    with zipfile.ZipFile(saved, "a") as opened, pytest.warns(UserWarning, match="Duplicate"):
        opened.writestr("code.bin", b"x")
    refused(saved, "entry 'code.bin' is there twice")


def test_compressed_encrypted_and_oversized_entries(saved: Path, monkeypatch: pytest.MonkeyPatch):
    whole = saved.read_bytes()
    with zipfile.ZipFile(saved) as old:
        entries = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(saved, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in entries.items():
            new.writestr(name, data)
    refused(saved, "is compressed")
    flags = bytearray(whole)
    flags[whole.index(b"PK\1\2") + 8] |= 1
    saved.write_bytes(flags)
    refused(saved, "is encrypted")
    saved.write_bytes(whole)
    monkeypatch.setattr(archive, "MAX_BYTES", len(whole) - 1)
    refused(saved, "more than a program may have")
    monkeypatch.undo()
    for name in sorted(set(entries) - {archive.MANIFEST}):
        limits = {other: 9 if other == name else 1 << 20 for other in entries}
        with pytest.raises(TilefoldError, match=rf"entry '{name}' has .* too many"):
            archive.read_archive(saved, lambda _, limits=limits: limits)
    monkeypatch.setattr(archive, "MAX_MANIFEST", 9)
    refused(saved, "entry 'manifest.json' has .* too many")


def test_digests_and_machine_must_agree(saved: Path):
    whole = saved.read_bytes()
    rewrite(saved, {"provenance.json": b'{"layers": [], "layer_of": [-1, -1]}'}, fix_digests=False)
    refused(saved, "digests in the manifest do not match")
    saved.write_bytes(whole)
    rewrite(saved, {"machine.mlir": b"fabric.machine @other {}\n"})
    refused(saved, "the code is for another machine than the one in the program")
    saved.write_bytes(whole)
    rewrite(saved, {archive.MANIFEST: edited(saved, machine="00")})
    refused(saved, "the code is for another machine than the manifest says")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"isa": 2}, "isa is 2, but must be 1"),
        ({"version": 0}, "version is 0"),
        ({"format": "zip"}, "format is 'zip'"),
        ({"segments": [{"name": "conv1.weight", "address": "0"}]}, "'address' is missing or has"),
        ({"segments": []}, "segment 'conv1.bias' is not in the manifest"),
        ({"inputs": {}}, "'inputs' is missing or has the wrong type"),
        ({"inputs": [1]}, "'inputs' has an element of the wrong type"),
        ({"outputs": [{"name": "x"}]}, "'shape' is missing"),
        ({"frames": 0}, "the ports are not those of 0 frames"),
        ({"frames": 2}, "the ports are not those of 2 frames"),
        ({"frames": "1"}, "'frames' is missing or has the wrong type"),
    ],
)
def test_manifest_is_checked(saved: Path, change: dict[str, object], message: str):
    rewrite(saved, {archive.MANIFEST: edited(saved, **change)})
    refused(saved, message)


@pytest.mark.parametrize(
    ("entry", "data", "message"),
    [
        ("code.bin", b"TFLD\1", "program code: byte 0x4: the program is cut off"),
        ("provenance.json", b"[" * 100_000, "a table is not JSON"),
        ("provenance.json", b"[]", "a table is not a JSON object"),
        ("provenance.json", b'{"layers": [], "layer_of": [-1]}', "does not cover every"),
        ("provenance.json", b'{"layers": [], "layer_of": [0, 0]}', "a layer that is not there"),
        ("provenance.json", b'{"layers": [], "layer_of": [true, 0]}', "'layer_of' has an element"),
        ("provenance.json", provenance(1), "'prediction' is missing or has the wrong type"),
        ("provenance.json", provenance({"layers": []}), "'start' is missing"),
        ("provenance.json", provenance({"start": 1, "layers": [3]}), "'layers' has an element"),
        ("provenance.json", predicted([0, 1]), "a layer of the wrong form"),
        ("provenance.json", predicted([0, 1, 1, 1, 1, 1.5]), "a layer of the wrong form"),
        ("provenance.json", predicted([0, 1, 1, 1, 1, -1]), "impossible cycles"),
        ("provenance.json", predicted([0, 1, 1, 1, 1, 1 << 53]), "impossible cycles"),
        ("provenance.json", predicted([2, 1, 1, 1, 1, 1]), "a layer that is not there"),
        ("provenance.json", predicted([0] * 6, [0] * 6), "a layer twice"),
        ("weights.safetensors", b"", "weights: "),
        ("weights.safetensors", save_tensors({}), "segment 'conv1.weight' is missing"),
        ("machine.mlir", b"\xff", "the machine is not text"),
    ],
)
def test_entries_are_checked(saved: Path, entry: str, data: bytes, message: str):
    rewrite(saved, {entry: data})
    refused(saved, message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"machine_text": ""}, "another machine"),
        ({"layer_of": (0,)}, "does not cover"),
        (
            {"prediction": Prediction(1, {2: LayerPrediction((1,) * 5)})},
            "a layer that is not there",
        ),
        ({"segments": (Segment("a", 0, np.zeros(9, np.uint8)),) * 2}, "overlaps"),
        ({"segments": (Segment("a", 2**32 - 8, np.zeros(9, np.uint8)),)}, "do not fit into 4 GiB"),
        ({"inputs": (PORT, PORT)}, "the same name"),
        (
            {"inputs": (PORT, replace(PORT, name="image@2")), "frames": 2},
            "the ports of frame 1 are not those of frame 0",
        ),
        ({"inputs": (replace(PORT, scale=(0.0,)),)}, "port 'image' has a scale that is not"),
        ({"inputs": (replace(PORT, bits=9),)}, "port 'image' has 9 bits"),
        ({"inputs": (replace(PORT, shape=(0,)),)}, r"port 'image' has shape \[0\]"),
        ({"inputs": (replace(PORT, axis=4),)}, "port 'image' has axis 4"),
        ({"inputs": (replace(PORT, axis=1),)}, "port 'image' has 1 scales and 1 zero points"),
        ({"inputs": (replace(PORT, address=-1),)}, "port 'image': 48 bytes at -0x1"),
    ],
)
def test_nonsense_is_not_saved(tmp_path: Path, change: dict[str, object], message: str):
    path = tmp_path / "toy.tfp"
    with pytest.raises(TilefoldError, match=message):
        replace(toy(), **change).save(path)  # type: ignore[arg-type]
    assert not path.exists()


def test_a_failed_write_leaves_the_old_file(saved: Path, monkeypatch: pytest.MonkeyPatch):
    whole = saved.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive.os, "fsync", full)
    with pytest.raises(TilefoldError, match="cannot be written: No space left"):
        replace(toy(), layers=("a", "b")).save(saved)
    assert saved.read_bytes() == whole
    assert [path.name for path in saved.parent.iterdir()] == ["toy.tfp"]
