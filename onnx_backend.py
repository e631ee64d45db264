"""ONNX's backend interface: prepare a model, run it on inputs, run a single node.

```python
from tilefold import onnx_backend

prepared = onnx_backend.prepare(onnx.load("network.onnx"), machine="tiny")
(logits,) = prepared.run([image])
```

The machine is emulated. Quantised networks run on it; a float network without calibration has no
scales, so its nodes run on the host, in onnxruntime.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import onnx
from onnx import ModelProto, NodeProto, ValueInfoProto, helper, numpy_helper
from onnx.backend.base import Backend, BackendRep, namedtupledict

from .backend.package import Package
from .backend.program import Program
from .compiler import Compilation, compile_network
from .emulator import emulate
from .errors import TilefoldError
from .interpreters.onnx_tensors import external_tensors
from .machines.model import Machine

Array = npt.NDArray[Any]
Outputs = tuple[Array, ...]

DEVICE = "CPU"
MACHINE = "dna_a600"


class TilefoldRep(BackendRep):
    """A model prepared for `machine`; it is compiled for the shapes of the inputs that it is given.

    Where a network needs constants that its inputs are to give (scales, weights, shapes), what is
    given is compiled in, once for each value, if that lets all of it run on the machine.
    """

    def __init__(self, model: ModelProto, machine: str | Path | Machine = MACHINE) -> None:
        self._model, self._machine = model, machine
        constants = {tensor.name for tensor in model.graph.initializer}
        self.inputs = [value for value in model.graph.input if value.name not in constants]
        self._compiled: dict[str, Program | Package] = {}
        self._baked: dict[str, Program | None] = {}

    def run(self, inputs: Any, **kwargs: Any) -> Outputs:
        """The outputs in the model's order, for arrays by name or in the order of its inputs.

        Raises TilefoldError where the model cannot be compiled, or the inputs do not fit it.
        """
        if kwargs:
            raise TilefoldError(f"unknown option {min(kwargs)}")
        feeds = self._by_name(inputs)
        program, rest = self.program(feeds)
        outputs = emulate(program, rest, time=False).outputs
        names = [value.name for value in self._model.graph.output]
        return namedtupledict("Outputs", names)(*(outputs[name] for name in names))

    def program(self, feeds: Mapping[str, Array]) -> tuple[Program | Package, dict[str, Array]]:
        """What runs for inputs `feeds`, and those of them that it still takes."""
        key = repr([(name, values.shape) for name, values in feeds.items()])
        if key not in self._compiled:
            self._compiled[key] = self._compile(feeds)
        program, constants = self._compiled[key], self._constants(feeds)
        if isinstance(program, Package) and constants:
            digest = sha256(key.encode())
            for name in constants:
                digest.update(np.ascontiguousarray(feeds[name]).tobytes())
            if digest.hexdigest() not in self._baked:
                self._baked[digest.hexdigest()] = self._compile_in(feeds, constants)
            baked = self._baked[digest.hexdigest()]
            if baked is not None:
                rest = {name: feeds[name] for name in feeds if name not in constants}
                return baked, rest
        return program, dict(feeds)

    def _by_name(self, inputs: Any) -> dict[str, Array]:
        """The inputs by name, in the model's order; TilefoldError where they do not fit."""
        names = [value.name for value in self.inputs]
        if not isinstance(inputs, Mapping):
            given: list[Any] = [inputs] if isinstance(inputs, np.ndarray) else list(inputs)
            if len(given) != len(names):
                raise TilefoldError(f"{len(given)} inputs, but the model takes {len(names)}")
            inputs = dict(zip(names, given, strict=True))
        by_name = cast(Mapping[str, Any], inputs)
        if unknown := sorted(set(by_name) - set(names)):
            raise TilefoldError(f"no input '{unknown[0]}'; the model takes {', '.join(names)}")
        for name in names:
            if name not in by_name:
                raise TilefoldError(f"input '{name}' is missing")
            if isinstance(by_name[name], list | tuple) or by_name[name] is None:
                raise TilefoldError(f"input '{name}' is no tensor; only tensors are supported")
        return {name: np.asarray(by_name[name]) for name in names}

    def _compile(self, feeds: Mapping[str, Array]) -> Program | Package:
        shapes = {
            value.name: feeds[value.name].shape for value in self.inputs if _is_dynamic(value)
        }
        compiled = compile_network(self._model, self._machine, shapes=shapes, batches=True)
        return compiled.program if isinstance(compiled, Compilation) else compiled.package

    def _constants(self, feeds: Mapping[str, Array]) -> list[str]:
        """The inputs that no node reads in the first place, where data is."""
        first = {node.input[0] for node in self._model.graph.node if node.input}
        return [name for name in feeds if name not in first]

    def _compile_in(self, feeds: Mapping[str, Array], constants: Iterable[str]) -> Program | None:
        """The program for the machine alone with these inputs as constants; None without one."""
        model = ModelProto()
        model.CopyFrom(self._model)
        kept = [value for value in model.graph.input if value.name not in set(constants)]
        del model.graph.input[:]
        model.graph.input.extend(kept)
        for name in constants:
            model.graph.initializer.append(numpy_helper.from_array(feeds[name], name))
        try:
            compiled = compile_network(model, self._machine, host=False)
        except TilefoldError:
            return None
        return compiled.program if isinstance(compiled, Compilation) else None


class TilefoldBackend(Backend):
    """ONNX's `Backend`: the device is "CPU", for the machine is emulated."""

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """Whether `device` is "CPU", with or without a number."""
        return device.partition(":")[0] == DEVICE

    @classmethod
    def is_compatible(cls, model: ModelProto, device: str = DEVICE, **kwargs: Any) -> bool:
        """Whether `model` can be prepared for `device`."""
        try:
            cls.prepare(model, device, **kwargs)
        except TilefoldError:
            return False
        return True

    @classmethod
    def prepare(cls, model: ModelProto, device: str = DEVICE, **kwargs: Any) -> TilefoldRep:
        """`model` ready to run, on `machine` (a name, the path of a file, or a Machine).

        Raises TilefoldError where the model is damaged or the device is another.
        """
        if not cls.supports_device(device):
            raise TilefoldError(f"device {device} is not supported; the machine is emulated on CPU")
        machine = kwargs.pop("machine", MACHINE)
        if kwargs:
            raise TilefoldError(f"unknown option {min(kwargs)}; there is machine")
        for tensor in external_tensors(model):
            raise TilefoldError(f"tensor '{tensor.name}' has external data; load it first")
        try:
            onnx.checker.check_model(model)
        except onnx.checker.ValidationError as error:
            raise TilefoldError(f"not a valid model: {str(error).splitlines()[0]}") from error
        return TilefoldRep(model, machine)

    @classmethod
    def run_model(
        cls, model: ModelProto, inputs: Any, device: str = DEVICE, **kwargs: Any
    ) -> Outputs:
        """The outputs of `model` for `inputs`; options as for `prepare`."""
        return cls.prepare(model, device, **kwargs).run(inputs)

    @classmethod
    def run_node(
        cls,
        node: NodeProto,
        inputs: Any,
        device: str = DEVICE,
        outputs_info: Sequence[tuple[np.dtype[Any], tuple[int, ...]]] | None = None,
        **kwargs: Any,
    ) -> Outputs:
        """The outputs of `node` for arrays in the order of its inputs.

        `opset_version` is its operator set, the newest that onnxruntime knows if it is left out;
        other options are as for `prepare`. The types of its results are inferred, or those of
        `outputs_info`.
        """
        names = [name for name in node.input if name]
        arrays = [np.asarray(each) for each in inputs]
        if len(arrays) != len(names):
            raise TilefoldError(f"{len(arrays)} inputs, but the node takes {len(names)}")
        opset = int(kwargs.pop("opset_version", OPSET))
        takes = [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
            )
            for name, array in zip(names, arrays, strict=True)
        ]
        gives = _results(node, takes, arrays, opset, outputs_info)
        graph = helper.make_graph([node], node.name or node.op_type, takes, gives)
        model = helper.make_model(graph, opset_imports=_opsets(node, opset), ir_version=IR_VERSION)
        return cls.run_model(model, arrays, device, **kwargs)


OPSET = 21
"""ONNX's operator set of single nodes: the newest of onnxruntime 1.20."""

IR_VERSION = 10
"""Of ONNX's file format, as the operator set."""


def _opsets(node: NodeProto, opset: int) -> list[onnx.OperatorSetIdProto]:
    domains = {"": opset, **({node.domain: 1} if node.domain else {})}
    return [helper.make_opsetid(*entry) for entry in domains.items()]


def _results(
    node: NodeProto,
    takes: Sequence[ValueInfoProto],
    arrays: Sequence[Array],
    opset: int,
    given: Sequence[tuple[np.dtype[Any], tuple[int, ...]]] | None,
) -> list[ValueInfoProto]:
    """The types of a node's results."""
    names = [name for name in node.output if name]
    if given is not None:
        return [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(dtype), shape)
            for name, (dtype, shape) in zip(names, given, strict=True)
        ]
    known = {value.name: value.type for value in takes}
    values = {
        value.name: numpy_helper.from_array(array, value.name)
        for value, array in zip(takes, arrays, strict=True)
    }
    try:
        schema = onnx.defs.get_schema(node.op_type, opset, node.domain)
        types = onnx.shape_inference.infer_node_outputs(
            schema, node, known, values, opset_imports=_opsets(node, opset), ir_version=IR_VERSION
        )
    except (onnx.defs.SchemaError, onnx.shape_inference.InferenceError) as error:
        reason = " ".join(str(error).split())[:200]
        raise TilefoldError(f"node '{node.name}' ({node.op_type}): {reason}") from error
    return [helper.make_value_info(name, types[name]) for name in names]


def _is_dynamic(value: ValueInfoProto) -> bool:
    kind = value.type.tensor_type
    return not kind.HasField("shape") or any(
        not dim.HasField("dim_value") or dim.dim_value < 1 for dim in kind.shape.dim
    )


prepare = TilefoldBackend.prepare
run_model = TilefoldBackend.run_model
run_node = TilefoldBackend.run_node
supports_device = TilefoldBackend.supports_device
is_compatible = TilefoldBackend.is_compatible
