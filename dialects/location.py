"""Layer names as source locations: every operation carries the name of the ONNX node it is from."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import cast

from xdsl.dialects.builtin import (
    UNKNOWN_LOC,
    ArrayAttr,
    FusedLoc,
    LocationAttr,
    NameLoc,
    NoneAttr,
    StringAttr,
    UnknownLoc,
)
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter


def named(name: str) -> NameLoc:
    """The location of the layer `name`."""
    return NameLoc(StringAttr(name), UNKNOWN_LOC)


def set_name(op: Operation, name: str) -> None:
    """Give `op` the layer name `name` as its location."""
    op.location = named(name)


def names_of(location: Attribute) -> Iterator[str]:
    """All layer names in `location`, the most important one first."""
    if isinstance(location, NameLoc):
        yield location.desc.data
    elif isinstance(location, FusedLoc):
        for part in _parts(location):
            yield from names_of(part)


def name_of(op: Operation) -> str:
    """The layer name of `op`: the first in its location, or "" where it has none."""
    return next(names_of(op.location), "")


def fuse(locations: Iterable[LocationAttr]) -> LocationAttr:
    """One location for an operation made from several; the first gives the layer its name."""
    known = dict.fromkeys(part for location in locations for part in _parts(location))
    parts = tuple(part for part in known if not isinstance(part, UnknownLoc))
    if len(parts) > 1:
        return FusedLoc(parts, NoneAttr())
    return parts[0] if parts else UNKNOWN_LOC


def renamed(location: LocationAttr, rename: Callable[[str], str]) -> LocationAttr:
    """`location` with its layer names changed by `rename`."""
    if isinstance(location, NameLoc):
        return NameLoc(StringAttr(rename(location.desc.data)), location.location)
    if isinstance(location, FusedLoc):
        parts = tuple(renamed(part, rename) for part in _parts(location))
        return FusedLoc(parts, location.metadata)
    return location


def replace_with_location(
    rewriter: PatternRewriter,
    op: Operation,
    new_ops: Operation | Sequence[Operation],
    results: Sequence[SSAValue | None] | None = None,
    *,
    sources: Sequence[Operation] = (),
) -> None:
    """Replace `op` by `new_ops`, which take the place, and the location, of it and all `sources`.

    `sources` are the operations that the new ones do the work of, in program order (`op` alone
    where empty): the first gives the layer its name. Those of them that are left without a use
    are the caller's to erase. `results` replace those of `op`; by default, those of the last new
    operation do. New operations that have a location keep it.
    """
    location = fuse(source.location for source in sources or (op,))
    for new_op in [new_ops] if isinstance(new_ops, Operation) else new_ops:
        if isinstance(new_op.location, UnknownLoc):
            new_op.location = location
    rewriter.replace(op, new_ops, results)


def _parts(location: LocationAttr) -> Sequence[LocationAttr]:
    if not isinstance(location, FusedLoc):
        return (location,)
    return cast(ArrayAttr[LocationAttr], location.locations).data
