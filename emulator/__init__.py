"""The emulator: runs program files, counts and checks them."""

from .package import PackageResult, emulate
from .package_report import PackageReport
from .recorder import Recording
from .report import Report
from .run import Result

__all__ = ["PackageReport", "PackageResult", "Recording", "Report", "Result", "emulate"]
