"""Check that passes keep the meaning of a module, bit for bit.

```mlir
builtin.module {  ->  builtin.module attributes {tilefold.semantics = {logits = "5f0a..."}} {
  ...                   ...
}                     }
```

The pass runs the module on seeded random inputs and notes a digest of each output on it. Where a
digest is already noted it compares instead, so this checks all the passes in between:

    -p 'verify-semantics,nn-fuse,nn-canonicalize,verify-semantics'

Modules of `nn` and `schedule` run in their interpreters; the driver adds the emulator for `isa`.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import DictionaryAttr, ModuleOp, StringAttr, TensorType
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.utils.hints import isa

from ..dialects import nn, schedule
from ..dialects.nn_network import network_of
from ..dialects.nn_types import shape_of
from ..dialects.quant import UniformType
from ..dialects.store import Store, store_of
from ..errors import TilefoldError
from ..interpreters import nn as nn_interpreter
from ..interpreters import schedule as schedule_interpreter

SEMANTICS = "tilefold.semantics"

Array = npt.NDArray[Any]
Executor = Callable[[ModuleOp, Mapping[str, Array], Store], dict[str, Array]]

EXECUTORS: dict[str, Executor] = {
    func.FuncOp.name: nn_interpreter.run,
    schedule.ProgramOp.name: schedule_interpreter.run,
}
"""What runs a module, by the name of the operation that holds its program."""


@dataclass(frozen=True)
class VerifySemanticsPass(ModulePass):
    """Note the outputs' digests on inputs seeded with `seed`, or compare them with those noted."""

    name = "verify-semantics"

    seed: int = 0

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        digests = output_digests(op, store_of(ctx), self.seed)
        noted = op.attributes.get(SEMANTICS)
        if isinstance(noted, DictionaryAttr):
            for name, digest in digests.items():
                if noted.data.get(name) != StringAttr(digest):
                    raise TilefoldError(
                        f"verify-semantics: output {name} is not what it was at the last "
                        "verify-semantics; a pass in between changed its bits"
                    )
        op.attributes[SEMANTICS] = DictionaryAttr(
            {name: StringAttr(digest) for name, digest in digests.items()}
        )


def output_digests(module: ModuleOp, store: Store, seed: int) -> dict[str, str]:
    """A digest of every output of `module` on seeded inputs, by name."""
    executor = next((EXECUTORS[op.name] for op in module.ops if op.name in EXECUTORS), None)
    if executor is None:
        raise TilefoldError("verify-semantics: the module holds nothing that can be run")
    inputs = {
        name: _random_input(name, shape, element, real, seed)
        for name, shape, element, real in _ports(module)
    }
    outputs = executor(module, inputs, store)
    return {
        name: hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()[:16]
        for name, value in sorted(outputs.items())
    }


def _ports(module: ModuleOp) -> list[tuple[str, tuple[int, ...], UniformType, bool]]:
    """The inputs: name, logical shape, quantised type and whether users give float32."""
    tensors = [op for op in module.walk() if isinstance(op, schedule.TensorOp)]
    ports = [op for op in tensors if op.kind.data == "input"]
    if not any(isinstance(op, func.FuncOp) for op in module.ops):
        return [(op.label.data, *_typed(op.logical), op.host_float is not None) for op in ports]
    network = network_of(module)
    return [
        _argument(name, value)
        for name, value in zip(network.input_names, network.inputs, strict=True)
    ]


def _typed(logical: object) -> tuple[tuple[int, ...], UniformType]:
    assert isa(logical, TensorType[UniformType])
    return logical.get_shape(), logical.element_type


def _argument(name: str, value: SSAValue) -> tuple[str, tuple[int, ...], UniformType, bool]:
    users = [use.operation for use in value.uses]
    for user in users:
        if isinstance(user, nn.QuantizeOp):
            return name, *_typed(user.result.type), True
    if isa(value.type, TensorType[UniformType]):
        return name, *_typed(value.type), False
    return name, shape_of(value), UniformType.per_tensor(8, True, 1 / 32, 0), True


def _random_input(
    name: str, shape: tuple[int, ...], element: UniformType, real: bool, seed: int
) -> Array:
    """Every stored integer is as likely; float32 inputs lie anywhere around them."""
    rng = np.random.default_rng([seed, crc32(name.encode())])
    codes = rng.integers(element.qmin, element.qmax, shape, endpoint=True)
    if not real:
        return codes.astype(element.numpy_dtype)
    offsets = rng.uniform(-0.5, 0.5, shape)
    return ((codes + offsets - element.zero_point) * element.scale).astype(np.float32)
