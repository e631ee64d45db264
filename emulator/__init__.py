"""The emulator: runs program files, counts and checks them."""

from .recorder import Recording
from .report import Report
from .run import Result, emulate

__all__ = ["Recording", "Report", "Result", "emulate"]
