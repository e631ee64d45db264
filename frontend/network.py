"""The module of a network whose operations have been made."""

from collections.abc import Sequence

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, SSAValue
from xdsl.utils.exceptions import VerifyException

from ..dialects.nn_network import module_of
from ..errors import TilefoldError
from .graph import Graph


def module_from(graph: Graph, block: Block, results: Sequence[SSAValue]) -> ModuleOp:
    """The module whose `@main` is `block`, with the names of `graph`; `results` go out of it.

    Raises TilefoldError where the operations do not fit together.
    """
    names = ([port.name for port in ports] for ports in (graph.inputs, graph.outputs))
    module = module_of(block, results, graph.name, *names)
    try:
        module.verify()
    except VerifyException as error:
        raise TilefoldError(f"the network cannot be expressed: {error}") from error
    return module
