"""What `verify-semantics` runs modules of `isa` with: the emulator."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import ModuleOp

from ..backend.build import build_program
from ..dialects.store import Store
from ..emulator import emulate
from ..passes.attach_machine import machine_of

Array = npt.NDArray[Any]


def run_isa(module: ModuleOp, inputs: Mapping[str, Array], store: Store) -> dict[str, np.ndarray]:
    """The outputs of the program in `module` by name, races and cycles checked too."""
    program = build_program(module, machine_of(module), store)
    return dict(emulate(program, inputs).outputs)
