"""The module of a network whose operations have been made."""

from collections.abc import Sequence

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Region, SSAValue
from xdsl.utils.exceptions import VerifyException

from ..dialects.location import set_name
from ..dialects.nn_network import set_names
from ..errors import TilefoldError
from .graph import Graph


def module_of(graph: Graph, block: Block, results: Sequence[SSAValue]) -> ModuleOp:
    """The module whose `@main` is `block`, with the names of `graph`; `results` go out of it.

    Raises TilefoldError where the operations do not fit together.
    """
    block.add_op(ReturnOp(*results))
    kinds = [[value.type for value in values] for values in (block.args, results)]
    main = FuncOp("main", (kinds[0], kinds[1]), Region(block))
    module = ModuleOp([main])
    names = ([port.name for port in ports] for ports in (graph.inputs, graph.outputs))
    set_names(module, graph.name, *names)
    for op in (main, block.last_op):
        if op is not None:
            set_name(op, graph.name)
    try:
        module.verify()
    except VerifyException as error:
        raise TilefoldError(f"the network cannot be expressed: {error}") from error
    return module
