"""The most memory that this process ever held."""

import resource
from pathlib import Path

STATUS = Path("/proc/self/status")


def peak() -> int:
    """In kB. On Linux getrusage counts what the parent held when it started the process, too."""
    if STATUS.exists():
        fields = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
        return int(fields["VmHWM"].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
