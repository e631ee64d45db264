"""`nn.onnx`: an ONNX operator on plain tensors, as the model has it.

```mlir
%y = nn.onnx "HardSigmoid"(%x) {alpha = 0.5 : f32} : (tensor<1x8xf32>) -> tensor<1x8xf32>
```

A network of real numbers comes in as such operations, and passes quantise it. They mean what ONNX
says of the operator in the versions of its operator sets that the module names (`nn.opsets`).
"""

from collections.abc import Mapping, Sequence

from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    FloatAttr,
    IntegerAttr,
    StringAttr,
    TensorType,
)
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    opt_prop_def,
    prop_def,
    traits_def,
    var_operand_def,
    var_result_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.hints import isa

from .nn_syntax import Ints, ints


@irdl_op_definition
class OnnxOp(IRDLOperation):
    """The ONNX operator `operator` ("Relu", "com.microsoft.Gelu") with its attributes as options.

    `absent` has the places of optional inputs that are left out; operands are the others. The
    attributes that hold tensors or graphs are `nn.stored`: bytes of their protocol buffers. What
    such graphs use of what is around them are the last operands, `captured` under names of theirs.
    """

    name = "nn.onnx"

    operator = prop_def(StringAttr)
    options = prop_def(DictionaryAttr)
    absent = opt_prop_def(Ints)
    captured = opt_prop_def(ArrayAttr[StringAttr])
    inputs = var_operand_def(TensorType)
    outputs = var_result_def(TensorType)

    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = (
        "$operator `(` $inputs `)` $options attr-dict `:` functional-type($inputs, $outputs)"
    )

    def __init__(
        self,
        operator: str,
        inputs: Sequence[SSAValue | None],
        types: Sequence[Attribute],
        options: Mapping[str, Attribute] | None = None,
        captured: Mapping[str, SSAValue] | None = None,
    ) -> None:
        """The operator on `inputs`, None for those that are left out, with results of `types`."""
        absent = [place for place, value in enumerate(inputs) if value is None]
        given = [value for value in inputs if value is not None]
        captured = captured or {}
        super().__init__(
            operands=[[*given, *captured.values()]],
            result_types=[types],
            properties={
                "operator": StringAttr(operator),
                "options": DictionaryAttr(dict(options or {})),
                "absent": ints(absent) if absent else None,
                "captured": ArrayAttr(map(StringAttr, captured)) if captured else None,
            },
        )

    @property
    def domain(self) -> str:
        """The operator's domain, "" for ONNX's own."""
        return self.operator.data.rpartition(".")[0]

    @property
    def op_type(self) -> str:
        """The operator's name in its domain."""
        return self.operator.data.rpartition(".")[2]

    @property
    def arguments(self) -> list[SSAValue | None]:
        """The inputs by place, None for those that are left out."""
        absent = set(self._absent)
        given = iter(self.inputs)
        return [None if place in absent else next(given) for place in range(self._places)]

    def integer(self, name: str, default: int) -> int:
        """The attribute `name`, an integer."""
        option = self.options.data.get(name)
        return option.value.data if isinstance(option, IntegerAttr) else default

    def real(self, name: str, default: float) -> float:
        """The attribute `name`, a number."""
        option = self.options.data.get(name)
        return float(option.value.data) if isinstance(option, FloatAttr) else default

    def integers(self, name: str, default: Sequence[int] = ()) -> Sequence[int]:
        """The attribute `name`, a list of integers."""
        option = self.options.data.get(name)
        return option.get_values() if isa(option, Ints) else default

    def text(self, name: str, default: str = "") -> str:
        """The attribute `name`, a string."""
        option = self.options.data.get(name)
        return option.data if isinstance(option, StringAttr) else default

    @property
    def captures(self) -> dict[str, SSAValue]:
        """What the graphs among the attributes use, by the names that they use."""
        names = [name.data for name in self.captured or ()]
        return dict(zip(names, self.inputs[len(self.inputs) - len(names) :], strict=True))

    @property
    def _absent(self) -> tuple[int, ...]:
        return self.absent.get_values() if self.absent is not None else ()

    @property
    def _places(self) -> int:
        return len(self.inputs) + len(self._absent) - len(self.captured or ())

    def verify_(self) -> None:
        """Check the places of what is left out, the captured names, and the operator's."""
        if not self.op_type:
            raise VerifyException("the operator has no name")
        names = self.captured or ()
        if len(names) > len(self.inputs) or len(set(names)) < len(names):
            raise VerifyException(
                "captured names must be unique, one for each of the last operands"
            )
        places = self._absent
        if list(places) != sorted({place for place in places if 0 <= place < self._places}):
            raise VerifyException(
                f"absent inputs {list(places)} are not ascending places of {self._places}"
            )


def is_operator(op: object, *op_types: str) -> bool:
    """Whether `op` is one of these operators of ONNX's own domain."""
    return isinstance(op, OnnxOp) and not op.domain and op.op_type in op_types
