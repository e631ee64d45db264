"""A module seen as a network: its function, its name and those of its inputs and outputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, IntegerAttr, ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, Region, SSAValue

from ..errors import TilefoldError
from .location import set_name
from .nn_syntax import integer

MAIN = "main"
NAME = "nn.name"
NETWORK = "nn.network"
OPSETS = "nn.opsets"


@dataclass(frozen=True)
class Network:
    """A module's `@main` with the names of its arguments and results."""

    name: str
    function: FuncOp
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]

    @property
    def inputs(self) -> tuple[SSAValue, ...]:
        """The values that come in, in the order of `input_names`."""
        return tuple(self.function.body.block.args)

    @property
    def outputs(self) -> tuple[SSAValue, ...]:
        """The values that go out, in the order of `output_names`."""
        terminator = self.function.body.block.last_op
        return tuple(terminator.operands) if isinstance(terminator, ReturnOp) else ()


def name_attributes(names: Sequence[str]) -> ArrayAttr[DictionaryAttr]:
    """The `arg_attrs` or `res_attrs` of a function whose arguments or results have `names`."""
    return ArrayAttr(DictionaryAttr({NAME: StringAttr(name)}) for name in names)


def module_of(
    block: Block,
    results: Sequence[SSAValue],
    name: str,
    input_names: Sequence[str],
    output_names: Sequence[str],
) -> ModuleOp:
    """The module of a network called `name` whose `@main` is `block`; `results` go out of it."""
    end = ReturnOp(*results)
    block.add_op(end)
    kinds = [[value.type for value in values] for values in (block.args, results)]
    main = FuncOp(MAIN, (kinds[0], kinds[1]), Region(block))
    for op in (main, end):
        set_name(op, name)
    module = ModuleOp([main])
    set_names(module, name, input_names, output_names)
    return module


def set_names(
    module: ModuleOp, name: str, input_names: Sequence[str], output_names: Sequence[str]
) -> None:
    """Name the network of `module`, its inputs and its outputs."""
    function = _main(module)
    module.attributes[NETWORK] = StringAttr(name)
    function.arg_attrs = name_attributes(input_names)
    function.res_attrs = name_attributes(output_names)


def set_opsets(module: ModuleOp, versions: Mapping[str, int]) -> None:
    """Say which versions of ONNX's operator sets, by domain, the network's operators are of."""
    module.attributes[OPSETS] = DictionaryAttr(
        {domain: integer(version) for domain, version in versions.items()}
    )


def opsets_of(module: ModuleOp) -> Mapping[str, int]:
    """The versions of ONNX's operator sets by domain, "" for its own; TilefoldError without."""
    given = module.attributes.get(OPSETS)
    entries = (given if isinstance(given, DictionaryAttr) else DictionaryAttr({})).data
    versions = {
        domain: entry.value.data
        for domain, entry in entries.items()
        if isinstance(entry, IntegerAttr)
    }
    if "" not in versions or len(versions) < len(entries):
        raise TilefoldError(f"the module does not say in {OPSETS} which operator sets it uses")
    return versions


def network_of(module: ModuleOp) -> Network:
    """The network in `module`; TilefoldError where it is none.

    Inputs and outputs without names are called `input0`, ... and `output0`, ...
    """
    function = _main(module)
    name = module.attributes.get(NETWORK, StringAttr(""))
    if not isinstance(name, StringAttr):
        raise TilefoldError(f"{NETWORK} must be a string")
    kind = function.function_type
    return Network(
        name.data,
        function,
        _names(function.arg_attrs, len(kind.inputs), "input"),
        _names(function.res_attrs, len(kind.outputs), "output"),
    )


def _main(module: ModuleOp) -> FuncOp:
    for op in module.ops:
        if isinstance(op, FuncOp) and op.sym_name.data == MAIN:
            if len(op.body.blocks) != 1:
                raise TilefoldError(f"@{MAIN} must have one block")
            return op
    raise TilefoldError(f"the module has no func.func @{MAIN}: it is not a network")


def _names(attributes: ArrayAttr[DictionaryAttr] | None, count: int, word: str) -> tuple[str, ...]:
    entries = attributes.data if attributes is not None else (DictionaryAttr({}),) * count
    names = tuple(
        _name(entry.data.get(NAME), f"{word}{index}") for index, entry in enumerate(entries)
    )
    if len(set(names)) != len(names):
        raise TilefoldError(f"{word} names {', '.join(names)} are not unique")
    return names


def _name(attribute: Attribute | None, default: str) -> str:
    return attribute.data if isinstance(attribute, StringAttr) else default
