"""`tilefold-as` and `tilefold-objdump` from the command line."""

import json
from pathlib import Path

import numpy as np
import pytest
from tilefold.backend.assembler import assemble
from tilefold.backend.disassembler import disassemble
from tilefold.backend.isa_reference import EXAMPLE
from tilefold.backend.program import Port, Program, Segment, machine_digest
from tilefold.tools import objdump
from tilefold.tools.assemble import main as run_as

MACHINE = "fabric.machine @tiny {}\n"


def run_objdump(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as stop:
        objdump.main(arguments)
    assert stop.value.code == 0
    return capsys.readouterr().out


@pytest.fixture
def program(tmp_path: Path) -> Path:
    code = assemble(EXAMPLE.replace("9f0c", machine_digest(MACHINE)))
    layers = (-1, -1, *[0] * 8, -1)
    port = Port("image", (1, 16, 30, 30), True, 8, False, (0.5,), (128,), None, 0x1000)
    segment = Segment("conv1.weight", 0x100, np.zeros(64, np.uint8))
    path = tmp_path / "net.tfp"
    Program(code, MACHINE, (segment,), (port,), (), ("conv1",), layers).save(path)
    return path


def test_assemble_and_dump(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    source, binary = tmp_path / "net.s", tmp_path / "net.bin"
    source.write_text(EXAMPLE)
    with pytest.raises(SystemExit) as stop:
        run_as([str(source), "-o", str(binary)])
    assert stop.value.code == 0
    assert run_objdump(capsys, str(binary)) == disassemble(assemble(EXAMPLE))
    record = json.loads(run_objdump(capsys, str(binary), "--json"))
    assert record["header"]["dma"] == ["load", "store"]
    assert [row["mnemonic"] for row in record["instructions"]][:4] == ["sem", "sem", "loop", "wait"]
    load = record["instructions"][4]
    assert load["operands"]["src"]["dims"][0]["origin"] == {"const": -1, "terms": [[0, 8]]}
    assert load["text"].startswith("load @load, src=dram[0x1000] u8 (8*i0-1:10 of 30 by 480")


def test_dump_of_a_program_file(program: Path, capsys: pytest.CaptureFixture[str]):
    text = run_objdump(capsys, str(program))
    assert "; 0x00000100..0x00000140         64  segment conv1.weight\n" in text
    assert "input   image 1x16x30x30 u8 (scale 0.5 zero 128)\n" in text
    assert "\n  wait @load, sem=0  ; conv1\n" in text
    assert assemble(text) == Program.load(program).code
    headed = run_objdump(capsys, str(program), "--source")
    assert headed.count("conv1\n") == 1 + text.count("segment conv1.weight\n") - 1
    assert "\n; ---- conv1\nloop count=4\n" in headed
    assert assemble(headed) == Program.load(program).code
    record = json.loads(run_objdump(capsys, str(program), "--json"))
    assert record["instructions"][2]["layer"] == "conv1"
    assert "layer" not in record["instructions"][0]
    assert [place["what"] for place in record["dram"]] == ["segment", "input"]


def test_errors_are_lines_on_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    source = tmp_path / "net.s"
    source.write_text(EXAMPLE.replace("wait @load", "wait @laod"))
    output = tmp_path / "net.bin"
    cases = [
        (run_as, [str(source), "-o", str(output)], f"error: {source}:11:9: unknown unit 'laod'"),
        (run_as, [str(tmp_path / "no.s"), "-o", str(output)], "no.s: No such file or directory"),
        (objdump.main, [str(source)], f"error: {source}: program code: byte 0x0: not a Tilefold"),
        (objdump.main, [str(tmp_path / "no.bin")], "no.bin: No such file or directory"),
    ]
    for main, arguments, message in cases:
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 1
        said = capsys.readouterr().err
        assert message in said
        assert "Traceback" not in said
    assert not output.exists()
    source.write_bytes(b".isa \xff")
    with pytest.raises(SystemExit):
        run_as([str(source), "-o", str(output)])
    assert "not text: byte 5 is not UTF-8" in capsys.readouterr().err


def test_source_needs_a_program_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    source, binary = tmp_path / "net.s", tmp_path / "net.bin"
    source.write_text(EXAMPLE)
    with pytest.raises(SystemExit):
        run_as([str(source), "-o", str(binary)])
    with pytest.raises(SystemExit) as stop:
        objdump.main([str(binary), "--source"])
    assert stop.value.code == 1
    assert "a binary has no layers" in capsys.readouterr().err
