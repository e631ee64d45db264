"""Frames: several images in one program, each with layers and ports of its own.

What is made for frame 0 keeps its name, its copy for frame 2 is called `name@2`.
"""

from typing import Final

from xdsl.dialects.builtin import IntegerAttr, ModuleOp

FRAMES: Final = "nn.frames"
"""The attribute of a module that says how many frames its network takes; one without it."""

_MARK: Final = "@"


def frames_of(module: ModuleOp) -> int:
    """How many frames the network or program in `module` takes."""
    count = module.attributes.get(FRAMES)
    return count.value.data if isinstance(count, IntegerAttr) else 1


def in_frame(name: str, frame: int) -> str:
    """What `name` is called in a frame."""
    return f"{name}{_MARK}{frame}" if frame else name


def split_frame(name: str, frames: int) -> tuple[str, int]:
    """The name in frame 0 of what is called `name` in one of so many frames, and that frame."""
    base, mark, number = name.rpartition(_MARK)
    if mark and number.isdecimal() and number.isascii():
        frame = int(number)
        if 0 < frame < frames and number == str(frame):
            return base, frame
    return name, 0
