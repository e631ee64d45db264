"""Tilefold: an open compiler toolchain for reconfigurable neural-network accelerators.

```python
import tilefold

program = tilefold.compile("network.onnx", machine="dna_a600")
result = tilefold.emulate(program, {"image": image})
```
"""

from .backend.package import Package, load
from .backend.program import Program
from .compiler import compile
from .emulator import PackageReport, PackageResult, Report, Result, emulate
from .errors import TilefoldError
from .machines import load_machine
from .machines.model import Machine

__all__ = [
    "Machine",
    "Package",
    "PackageReport",
    "PackageResult",
    "Program",
    "Report",
    "Result",
    "TilefoldError",
    "compile",
    "emulate",
    "load",
    "load_machine",
]
