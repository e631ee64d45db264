"""How lit runs the tests of the IR: `lit tests/lit` runs them all, `lit FILE` one."""

import os
import sys
from pathlib import Path
from typing import Any

import lit.formats

config: Any = globals()["config"]  # set by lit

here = Path(__file__).parent
config.name = "tilefold"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".s", ".test"]
config.test_source_root = str(here)
config.test_exec_root = str(here.parents[1] / ".cache" / "lit")
config.environment["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
# The generic form prints everything that a custom form could lose.
config.substitutions.append(
    ("%roundtrip", "tilefold-opt %s --print-op-generic | tilefold-opt | tilefold-opt")
)
config.recursiveExpansionLimit = 3
