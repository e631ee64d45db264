"""Programs of several frames: their values, when each is complete, and the report's rows."""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from tilefold.backend.program import Program
from tilefold.compiler import compile_levels
from tilefold.emulator import Report, emulate
from tilefold.emulator.footprint import Footprint, Plan
from tilefold.emulator.session import session_of
from tilefold.emulator.timing import time_program
from tilefold.emulator.tree import Counters, Step
from tilefold.errors import TilefoldError
from tilefold.examples import fashion
from tilefold.passes.nn_frames import FrameOrder
from tilefold.tests.support.report_checks import check_cycles_of_units, check_sums_of_layers
from tilefold.tools.command import console

FRAMES = 3
WAYS = ("frame", "layer", "groups")
Images = npt.NDArray[np.float32]


@cache
def program(machine: str, way: str = "frame", frames: int = FRAMES) -> Program:
    order = FrameOrder.LAYER if way == "layer" else FrameOrder.FRAME
    return compile_levels(
        fashion.int8_model(), machine, groups=way == "groups", frames=frames, order=order
    ).program


@cache
def report(machine: str, way: str, frames: int = FRAMES) -> Report:
    return emulate(program(machine, way, frames), {}, values=False).report


def images(count: int) -> Images:
    return np.asarray(fashion.images()[0][:count], np.float32)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("machine", ["tiny", "dna_a600"])
@pytest.mark.parametrize("count", [1, FRAMES, 2 * FRAMES - 1])
def test_batches_that_do_or_do_not_fill_the_frames(machine: str, way: str, count: int) -> None:
    batch = {"image": images(count)}
    expected = emulate(program(machine, frames=1), batch, time=False).outputs["logits"]
    done: list[tuple[int, int]] = []

    def progress(inputs: int, total: int) -> None:
        done.append((inputs, total))

    result = emulate(program(machine, way), batch, time=False, progress=progress)
    assert result.outputs.keys() == {"logits"}
    assert np.array_equal(result.outputs["logits"], expected)
    assert done[-1] == (count, count)
    assert len(done) == -(-count // FRAMES)


@dataclass
class Ports:
    """Listens for the first load of each input, and for when the last store to each output ends."""

    loads: dict[int, int]
    stores: dict[int, int]
    begun: dict[int, int] = field(default_factory=dict[int, int])
    ended: dict[int, int] = field(default_factory=dict[int, int])
    _now: Step | None = None

    @staticmethod
    def of(program: Program) -> "Ports":
        loads = {port.address: number for number, port in enumerate(program.inputs)}
        return Ports(loads, {port.address: number for number, port in enumerate(program.outputs)})

    def begins(self, step: Step, counters: Counters) -> None:
        self._now = step

    def executed(self, footprint: Footprint, start: int, end: int) -> None:
        assert self._now
        if self._now.mnemonic == "load":
            port = self.loads.get(self._now.instruction.view("src").base)
            if port is not None:
                self.begun[port] = min(start, self.begun.get(port, start))
        if self._now.mnemonic == "store":
            port = self.stores.get(self._now.instruction.view("dst").base)
            if port is not None:
                self.ended[port] = max(end, self.ended.get(port, 0))

    def spent(self, unit: str, start: int, end: int, what: str, step: Step | None) -> None: ...
    def signalled(self, step: Step, issued: int, fired: int) -> None: ...
    def waited(self, step: Step, received: int) -> None: ...
    def moved(self, start: int, end: int, size: int) -> None: ...


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("machine", ["tiny", "dna_a600"])
def test_frames_begin_with_their_first_load_and_end_with_their_last_store(
    machine: str, way: str
) -> None:
    code = program(machine, way)
    listener = Ports.of(code)
    plan = Plan.of(code)
    time_program(plan, session_of(code).machine, code.code_bytes, listener)
    times = report(machine, way).frames
    assert [time.start for time in times] == [0, *(listener.begun[n] for n in range(1, FRAMES))]
    assert [time.end for time in times] == [listener.ended[n] for n in range(FRAMES)]
    assert max(time.end for time in times) == report(machine, way).total.cycles


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("machine", ["tiny", "dna_a600"])
def test_shortcuts_change_no_counter(machine: str, way: str) -> None:
    timer = session_of(program(machine, way)).timer
    followed = timer.run(compiled=False, shortcut=False)
    assert followed.begun.keys() == set(range(FRAMES))
    assert timer.run(compiled=False) == followed
    assert timer.run() == followed


@pytest.mark.parametrize("way", WAYS)
def test_a_layer_is_one_row_for_all_frames(way: str) -> None:
    several, one = report("tiny", way), report("tiny", "frame", 1)
    assert sorted(row.name for row in several.layers) == sorted(row.name for row in one.layers)
    by_name = {row.name: row for row in several.layers}
    for row in one.layers:
        assert by_name[row.name].macs == FRAMES * row.macs
    check_sums_of_layers(several)
    check_cycles_of_units(several, session_of(program("tiny", way)).machine)
    assert several.total.distance >= 1
    assert several.prediction
    assert len(several.prediction.layers) == len(one.layers) - 1


def test_one_after_the_other_a_frame_waits_for_those_before_it() -> None:
    first, second, third = report("tiny", "frame").frames
    assert first.end < second.end < third.end
    assert first.latency < report("tiny", "frame").total.cycles / 2
    for time in report("dna_a600", "layer").frames:
        assert time.end > 0.9 * report("dna_a600", "layer").total.cycles


def test_weights_are_loaded_once_for_all_frames() -> None:
    def weights(of: Report) -> int:
        return of.total.operands["W"]["dram"]["read"]

    one = weights(report("dna_a600", "frame", 1))
    assert weights(report("dna_a600", "frame")) == FRAMES * one
    assert weights(report("dna_a600", "layer")) < 1.1 * one
    constants = [segment.data.size for segment in program("dna_a600", "frame").segments]
    assert sum(constants) == sum(s.data.size for s in program("dna_a600", frames=1).segments)


def test_throughput_is_reported() -> None:
    found = report("tiny", "layer")
    rate = FRAMES * found.hz / found.total.cycles
    assert found.frames_per_second == rate
    record = found.to_json()
    assert record["frames_per_second"] == round(rate, 6)
    assert [each["latency"] for each in record["frames"]] == [f.latency for f in found.frames]
    screen = console()
    with screen.capture() as shown:
        screen.print(found.table())
    text = " ".join(shown.get().split())
    assert f"3 frames: latency {found.frames[0].latency:,} cycles of the first" in text
    assert text.endswith(f"{rate:,.0f} frames/s")


def test_a_single_frame_is_reported_as_before() -> None:
    found = report("tiny", "frame", 1)
    (time,) = found.frames
    assert (time.start, time.end) == (0, found.total.cycles)
    assert not {"frames", "frames_per_second"} & found.to_json().keys()
    assert found.table().caption is None


@pytest.mark.parametrize("frames", [0, -1, 65])
def test_numbers_of_frames_that_are_refused(frames: int) -> None:
    with pytest.raises(TilefoldError, match=f"^{frames} frames are not from 1 to 64$"):
        compile_levels(fashion.int8_model(), "tiny", frames=frames)


def test_a_program_of_frames_makes_the_round_trip(tmp_path: Path) -> None:
    code = program("tiny", "layer")
    code.save(tmp_path / "net.tfp")
    assert Program.load(tmp_path / "net.tfp") == code
    assert [port.name for port in code.inputs] == ["image", "image@1", "image@2"]
    assert [port.name for port in code.outputs_of(2)] == ["logits@2"]
