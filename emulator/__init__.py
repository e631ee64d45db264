"""The emulator: runs program files, counts and checks them."""

from .report import Report
from .run import Result, emulate

__all__ = ["Report", "Result", "emulate"]
