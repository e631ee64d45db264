"""`tilefold-opt`: run passes over the IR, as `mlir-opt` does."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from xdsl.dialects.builtin import Builtin, ModuleOp
from xdsl.dialects.func import Func
from xdsl.passes import ModulePass, PassPipeline
from xdsl.transforms.canonicalize import CanonicalizePass
from xdsl.transforms.common_subexpression_elimination import CommonSubexpressionElimination
from xdsl.transforms.dead_code_elimination import DeadCodeElimination
from xdsl.utils.exceptions import (
    ArgSpecParseError,
    DiagnosticException,
    ParseError,
    UnregisteredConstructException,
    VerifyException,
)
from xdsl.xdsl_opt_main import xDSLOptMain

from ..dialects import isa
from ..dialects.registry import DIALECTS
from ..dialects.store import Store, StoreContext
from ..errors import TilefoldError
from ..passes.registry import PASSES
from ..passes.verify_semantics import EXECUTORS
from .semantics import run_isa

STOCK_PASSES: tuple[type[ModulePass], ...] = (
    CanonicalizePass,
    CommonSubexpressionElimination,
    DeadCodeElimination,
)
"""Passes of xDSL that work on every dialect."""


EXECUTORS[isa.ProgramOp.name] = run_isa


class OptMain(xDSLOptMain):
    """xDSL's driver with Tilefold's dialects, passes and side store."""

    def register_all_dialects(self) -> None:
        self.ctx = StoreContext()
        for dialect in (Builtin, Func, *DIALECTS):
            self.ctx.register_dialect(dialect.name, _constant(dialect))

    def register_all_passes(self) -> None:
        for kind in (*STOCK_PASSES, *PASSES):
            self.register_pass(kind.name, _constant(kind))

    def register_all_arguments(self, arg_parser: argparse.ArgumentParser) -> None:
        super().register_all_arguments(arg_parser)
        arg_parser.add_argument(
            "--store", type=Path, help="directory of the side store that the module refers to"
        )
        arg_parser.add_argument(
            "--store-out", type=Path, help="directory to write the side store to, after the passes"
        )

    def apply_passes(self, prog: ModuleOp) -> None:
        assert isinstance(self.ctx, StoreContext)
        if self.args.store:
            self.ctx.store = Store.load(self.args.store)
        try:
            super().apply_passes(prog)
        except TilefoldError as error:
            if not self.args.verify_diagnostics:
                raise
            raise DiagnosticException(str(error)) from None
        if self.args.store_out:
            self.ctx.store.save(self.args.store_out)


def _constant(value: Any) -> Callable[[], Any]:
    return lambda: value


def main(arguments: list[str] | None = None) -> None:
    """Run `tilefold-opt`; errors are one or two lines on stderr and exit code 1."""
    try:
        OptMain("Run passes over Tilefold's IR.", arguments).run()
    except ParseError as error:
        _fail(f"{error.span.get_location()}: {error.msg}")
    except ArgSpecParseError as error:
        _fail(f"the pass pipeline is malformed (quote strings and paths): {error}")
    except (
        TilefoldError,
        VerifyException,
        DiagnosticException,
        UnregisteredConstructException,
        OSError,
        ValueError,
    ) as error:
        _fail(str(error).strip() or type(error).__name__)


def _fail(message: str) -> None:
    lines = message.strip().splitlines()
    print(
        "error: " + "\n".join(lines[:1] + lines[-1:] if len(lines) > 2 else lines), file=sys.stderr
    )
    sys.exit(1)


__all__ = ["OptMain", "PassPipeline", "main"]
