"""Put the machine that a network is compiled for into the module, where later passes find it.

```mlir
builtin.module {                     builtin.module {
  func.func @main ...            ->    fabric.machine @tiny { ... }
}                                      func.func @main ...
                                     }
```
"""

from dataclasses import dataclass
from functools import lru_cache

from xdsl.context import Context
from xdsl.dialects.builtin import Builtin, ModuleOp
from xdsl.parser import Parser
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from ..dialects import fabric
from ..errors import TilefoldError
from ..machines import load_machine
from ..machines.model import Machine, parse_machine


@dataclass(frozen=True)
class AttachMachinePass(ModulePass):
    """Insert the machine `machine` (a name or the path of a file) into the module."""

    name = "attach-machine"

    machine: str

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        attach_machine(op, load_machine(self.machine))


def attach_machine(module: ModuleOp, machine: Machine) -> None:
    """Make `machine` the machine of `module`; TilefoldError where it has another one."""
    if any(isinstance(op, fabric.MachineOp) for op in module.ops):
        if machine_of(module) != machine:
            raise TilefoldError(f"the module is already for machine {machine_of(module).name}")
        return
    context = Context()
    context.load_dialect(Builtin)
    context.load_dialect(fabric.Fabric)
    parsed = Parser(context, machine.text, machine.name).parse_op()
    Rewriter.insert_op(parsed, InsertPoint.at_start(module.body.block))


def machine_of(module: ModuleOp) -> Machine:
    """The machine in `module`; TilefoldError where there is none."""
    for op in module.ops:
        if isinstance(op, fabric.MachineOp):
            return _machine(str(op))
    raise TilefoldError('the module has no machine; run attach-machine{machine="NAME"} first')


@lru_cache(maxsize=16)
def _machine(text: str) -> Machine:
    return parse_machine(text, "the module's machine")
