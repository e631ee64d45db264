"""All dialects of Tilefold."""

from xdsl.ir import Dialect

from .fabric import Fabric
from .isa import Isa
from .nn import Nn
from .quant import Quant
from .schedule import Schedule

DIALECTS: tuple[Dialect, ...] = (Quant, Nn, Fabric, Schedule, Isa)
"""From the network down to instructions."""
