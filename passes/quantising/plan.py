"""Which real values of a network are stored as integers, and which share their parameters.

Operators that machines compute on integers read and make stored values. Between two of them some
values are never stored: a sum before the Relu or Clip that bounds it, and what is inside a function
of one value, which becomes a table as a whole.
"""

from collections.abc import Container, Iterable, Sequence

from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue

from ...dialects import nn
from ...dialects.location import name_of
from ...dialects.nn_onnx import is_operator
from ...dialects.nn_types import is_real, shape_of

# fmt: off
PRODUCTS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
"""Operators on an input, constant weights (operand 1) and a bias."""

SUMS = (
    *PRODUCTS, "Add", "Sub", "Mul", "AveragePool", "GlobalAveragePool", "ReduceMean",
    "BatchNormalization",
)
"""Operators whose result can be bounded before it is stored."""

MOVING = (
    "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "MaxPool", "GlobalMaxPool",
    "ReduceMax", "Pad", "Slice", "Split", "Gather", "Expand", "DepthToSpace", "SpaceToDepth",
    "Identity", "Dropout", "Tile", "Upsample",
)
"""Operators whose results are among their first inputs: both are stored by the same parameters."""

FUNCTIONS = (
    "Abs", "Ceil", "Celu", "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish",
    "LeakyRelu", "Log", "Mish", "Neg", "PRelu", "Reciprocal", "Relu", "Round", "Selu", "Sigmoid",
    "Sign", "Softplus", "Softsign", "Sqrt", "Tanh", "ThresholdedRelu", "Clip",
    "Add", "Sub", "Mul", "Div", "Pow", "Min", "Max",
)
"""Operators that compute each element from the elements in its place."""

BOUNDS = ("Relu", "Clip", "Min", "Max")

OTHERS = ("Concat", "Resize")
# fmt: on

COMPUTED = frozenset((*SUMS, *MOVING, *FUNCTIONS, *OTHERS))
"""Operators that machines compute on integers, where their inputs are as they must be."""


class Plan:
    """What is to be stored of the values of a network's `function`.

    Operators named in `host` stay there, in real numbers.
    """

    def __init__(self, function: FuncOp, host: Container[str] = ()) -> None:
        self._function = function
        self._leaves: dict[SSAValue, SSAValue] = {}
        self._bounded: set[SSAValue] = set()
        operations = [op for op in function.body.block.ops if isinstance(op, nn.OnnxOp)]
        self.computed = dict.fromkeys(
            op for op in operations if name_of(op) not in host and is_computed(op)
        )
        for op in operations:
            self._find_leaf(op)

    @property
    def stored(self) -> Sequence[SSAValue]:
        """The values to be stored, in the order in which they are made."""
        block = self._function.body.block
        made = [op.outputs for op in block.ops if isinstance(op, nn.OnnxOp)]
        values = [*block.args, *(value for values in made for value in values)]
        return [value for value in values if self._is_stored(value)]

    @property
    def with_ranges(self) -> Sequence[SSAValue]:
        """The stored values with parameters of their own, in the order in which they are made."""
        stored = dict.fromkeys(self.stored)
        return [value for value in stored if same_parameters(value) not in stored]

    def _find_leaf(self, op: nn.OnnxOp) -> None:
        """Find the one value that an elementwise operator is a function of; itself for others."""
        live = {value for value in op.inputs if not _is_scalar(value)}
        leaves = {self._leaf(value) for value in live}
        alone = op in self.computed and _is(op, FUNCTIONS) and len(leaves) == 1
        # A stored value and itself are added and multiplied as integers, like any two of them.
        alone = alone and not (_is(op, ("Add", "Mul")) and leaves.issuperset(op.inputs))
        if alone and _is(op, BOUNDS) and len(live) == 1 and self._can_bound(value := live.pop()):
            self._bounded.add(value)
            alone = False
        for value in op.outputs:
            self._leaves[value] = leaves.copy().pop() if alone else value

    def _leaf(self, value: SSAValue) -> SSAValue:
        return self._leaves.get(value, value)

    def _can_bound(self, value: SSAValue) -> bool:
        """Whether a value is the result of a sum that nothing but a bound reads."""
        owner = value.owner
        return (
            isinstance(owner, nn.OnnxOp)
            and owner in self.computed
            and _is(owner, SUMS)
            and self._leaf(value) is value
            and value.has_one_use()
        )

    def _is_stored(self, value: SSAValue) -> bool:
        if not is_real(value) or value in self._bounded:
            return False
        users = [use.operation for use in value.uses]
        if not any(user in self.computed for user in (*users, value.owner)):
            return False
        return self._leaf(value) is value or any(self.reads_stored(value, user) for user in users)

    def reads_stored(self, value: SSAValue, user: Operation) -> bool:
        """Whether `user` reads a value as it is stored, if it is: not inside a function of one."""
        leaf = self._leaf(value)
        if leaf is value or not isinstance(user, nn.OnnxOp):
            return True
        return {self._leaf(made) for made in user.outputs} != {leaf}


def is_computed(op: nn.OnnxOp) -> bool:
    """Whether machines may compute an operator on integers."""
    if not is_operator(op, *COMPUTED) or not all(map(is_real, op.outputs)):
        return False
    if not all(_is_constant(value) or _is_single(value) for value in (*op.inputs, *op.outputs)):
        return False
    if _is(op, PRODUCTS):
        return all(map(_is_constant, op.inputs[1:])) or _is_of_two(op)
    if _is(op, MOVING) or op.op_type in ("BatchNormalization", "Clip", "ReduceMean", "Resize"):
        return is_real(op.inputs[0]) and all(map(_is_constant, op.inputs[1:]))
    return all(map(is_real, op.inputs))


def _is_of_two(op: nn.OnnxOp) -> bool:
    """Whether an operator is a product of two activations, as machines compute it."""
    if op.op_type != "MatMul" or any(map(_is_constant, op.inputs)):
        return False
    left, right = (shape_of(value) for value in op.inputs)
    return len(left) == len(right) and left[:1] == right[:1] == (1,) and len(left) in (3, 4)


def same_parameters(value: SSAValue) -> SSAValue | None:
    """The value by whose parameters `value` is stored, where these are not its own."""
    owner = value.owner
    if isinstance(owner, nn.OnnxOp) and is_operator(owner, *MOVING):
        return owner.inputs[0]
    return None


def constants_to_store(op: nn.OnnxOp) -> Iterable[SSAValue]:
    """The constant tensors beside activations that an operator reads as stored values.

    Divisors are none: their reciprocals are weights.
    """
    if is_operator(op, "Add", "Sub", "Mul", "Concat"):
        yield from (value for value in op.inputs if _is_constant(value) and not _is_scalar(value))


def _is(op: nn.OnnxOp, op_types: Sequence[str]) -> bool:
    return is_operator(op, *op_types)


def _is_single(value: SSAValue) -> bool:
    """Whether a value's first dimension is a batch of 1, as machines take it."""
    return shape_of(value)[:1] in ((), (1,))


def _is_constant(value: SSAValue) -> bool:
    return isinstance(value.owner, nn.ConstantOp)


def _is_scalar(value: SSAValue) -> bool:
    """Whether a value is a constant of one element."""
    return _is_constant(value) and set(shape_of(value)) <= {1}
