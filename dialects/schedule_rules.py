"""The rules that concern a whole `schedule.program`. All raise VerifyException."""

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.utils.exceptions import VerifyException

from . import fabric
from .fields import FieldOp
from .schedule_control import (
    ConfigureOp,
    ForOp,
    PrefetchOp,
    ReadyOp,
    SignalOp,
    WaitOp,
    YieldOp,
    loops_around,
    ring_loops,
    writer_of,
)
from .schedule_places import BufferOp, PartOp, TensorOp, place_of
from .schedule_steps import (
    ComputeOp,
    ConvolvingOp,
    LoadOp,
    PlacingOp,
    StepOp,
    StoreOp,
    TransferOp,
    WindowOp,
)

PLACES = (TensorOp, PartOp, BufferOp)
"""What stands at the top level only, for all of the program."""

PARTS = (
    *PLACES,
    ForOp,
    YieldOp,
    ReadyOp,
    SignalOp,
    WaitOp,
    ConfigureOp,
    PrefetchOp,
    WindowOp,
    StepOp,
)
"""What a program is made of."""


def check_program(program: Operation, machine: str) -> None:
    """Check `program`, which is for `machine`; on that machine too where it is in the module."""
    for op in program.walk():
        if op is program:
            continue
        if not isinstance(op, PARTS):
            raise VerifyException(f"{op.name} is no part of a schedule")
        if isinstance(op, PLACES) and op.parent_op() is not program:
            raise VerifyException(f"{op.name} stands at the program's top level, not in a loop")
        if isinstance(op, PlacingOp):
            _check_counters(op)
        if isinstance(op, StepOp):
            _check_loops(op)
        if isinstance(op, WindowOp | TransferOp):
            _check_side(op)
    for op in program.walk():
        if isinstance(op, BufferOp):
            _check_readers(op)
    module = program.parent_op()
    machines = module.ops if isinstance(module, ModuleOp) else ()
    for op in machines:
        if isinstance(op, fabric.MachineOp):
            _Machine(op).check(program, machine)


def _check_loops(step: StepOp) -> None:
    """A step's tile moves with the loops around it, but for those that sum up its result."""
    loops = loops_around(step)
    outer = len(loops) - step.reduction_loops
    if not 0 <= outer <= len(loops):
        raise VerifyException(
            f"{step.name} sums over {step.reduction_loops} loops, {len(loops)} are around it"
        )
    if any(loop.counter in step.counters for loop in loops[outer:]):
        raise VerifyException(f"the tile of {step.name} moves with a loop that it sums over")


def _check_counters(op: PlacingOp) -> None:
    """A tile moves with loops around it only."""
    counters = [loop.counter for loop in loops_around(op)]
    if any(counter not in counters for counter in op.counters):
        raise VerifyException(f"{op.name} has an index that counts no loop around it")


def _check_side(op: WindowOp | TransferOp) -> None:
    """Windows are of tensors on chip; loads and stores move between DRAM and buffers."""
    tensor = op.operands[0] if isinstance(op, WindowOp | StoreOp) else op.operands[1]
    whole, _ = place_of(tensor)
    on_chip = whole.memory is not None
    if on_chip != isinstance(op, WindowOp):
        where = "on chip" if on_chip else "in DRAM"
        raise VerifyException(f"{op.name} cannot reach a tensor {where}")
    if any(isinstance(value.owner, WindowOp) for value in op.operands):
        raise VerifyException(f"{op.name} moves buffers, not windows")


def _check_readers(buffer: BufferOp) -> None:
    """A buffer has one writer, and is read after it in the same iteration."""
    writer = writer_of(buffer.result)
    loops = ring_loops(writer)
    home = loops[-1].body.block if loops else buffer.parent_block()
    assert home is not None, "a buffer stands in a program"
    writing = home.find_ancestor_op_in_block(writer)
    for use in buffer.result.uses:
        if use.operation is writer:
            continue
        reading = home.find_ancestor_op_in_block(use.operation)
        if writing is None or reading is None or not writing.is_before_in_block(reading):
            raise VerifyException(
                f"{use.operation.name} reads a buffer that {writer.name} has not written before "
                "in the same iteration"
            )


class _Machine:
    """A machine's parts as far as a program must respect them."""

    def __init__(self, op: fabric.MachineOp):
        self.name = op.sym_name.data
        self.parts = {part.sym_name.data: part for part in op.children()}
        self.units: dict[str, FieldOp] = {}
        for name, part in self.parts.items():
            if isinstance(part, fabric.ArrayOp):
                self.units |= {f"{name}.{index}": part for index in range(part.get("count"))}
            elif isinstance(part, fabric.DmaOp | fabric.VectorOp):
                self.units[name] = part

    def check(self, program: Operation, machine: str) -> None:
        """Check every operation of `program`, which is for `machine`."""
        if machine != self.name:
            raise VerifyException(f"the program is for machine {machine}, not {self.name}")
        for op in program.walk():
            match op:
                case BufferOp():
                    self._check_place(op, "a buffer", op.memory.data, op.total_bytes)
                case TensorOp() if op.memory is not None:
                    self._check_place(op, "a tensor", op.memory.data, op.box.byte_size)
                case ConfigureOp() | PrefetchOp():
                    self._check_fold(op.fold)
                case SignalOp() | WaitOp():
                    self._unit(op.unit.data)
                case StepOp():
                    self._check_step(op)
                case _:
                    pass

    def _unit(self, name: str) -> FieldOp:
        if name not in self.units:
            raise VerifyException(f"machine {self.name} has no unit {name}")
        return self.units[name]

    def _check_place(self, op: BufferOp | TensorOp, what: str, name: str, size: int) -> None:
        memory = self.parts.get(name)
        if not isinstance(memory, fabric.MemoryOp) or memory.get("kind") == "dram":
            raise VerifyException(f"machine {self.name} has no memory @{name} on chip")
        end = size + (op.address.value.data if op.address else 0)
        if end > memory.get("bytes"):
            raise VerifyException(
                f"{what} ends at byte {end} of memory @{name}, which has {memory.get('bytes')}"
            )

    def _check_fold(self, fold: fabric.FoldAttr) -> None:
        array = self.parts.get(fold.array.data)
        if not isinstance(array, fabric.ArrayOp):
            raise VerifyException(f"machine {self.name} has no array @{fold.array.data}")
        end, modes = fold.first.data + fold.units.data, list(array.children())
        if end > array.get("count"):
            raise VerifyException(
                f"a fold ends at unit {end} of @{fold.array.data}, which has {array.get('count')}"
            )
        if fold.mode.data >= sum(isinstance(mode, fabric.ModeOp) for mode in modes):
            raise VerifyException(f"@{fold.array.data} has no mode {fold.mode.data}")

    def _check_step(self, step: StepOp) -> None:
        unit = self._unit(step.queue)
        if isinstance(step, ConvolvingOp):
            fits = isinstance(unit, fabric.ArrayOp)
        elif isinstance(step, ComputeOp):
            fits = isinstance(unit, fabric.VectorOp)
        else:
            fits = isinstance(unit, fabric.DmaOp) and self._moves(unit, step)
        if not fits:
            raise VerifyException(f"unit {step.queue} of machine {self.name} cannot do {step.name}")

    def _moves(self, dma: fabric.DmaOp, step: StepOp) -> bool:
        """Whether an engine's path is that of a load or store."""
        (dram,) = (
            name
            for name, part in self.parts.items()
            if isinstance(part, fabric.MemoryOp) and part.get("kind") == "dram"
        )
        if isinstance(step, LoadOp) and isinstance(step.buffer.owner, BufferOp):
            return list(dma.get("path")) == [dram, step.buffer.owner.memory.data]
        if isinstance(step, StoreOp) and isinstance(step.buffer.owner, BufferOp):
            return list(dma.get("path")) == [step.buffer.owner.memory.data, dram]
        return False
