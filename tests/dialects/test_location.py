"""Layer names in source locations."""

from tilefold.dialects.location import fuse, name_of, named, names_of, set_name
from tilefold.passes.location import unlocated
from xdsl.dialects import test
from xdsl.dialects.builtin import UNKNOWN_LOC, FileLineColLoc, IntAttr, ModuleOp, StringAttr

LINE = FileLineColLoc(StringAttr("f.mlir"), IntAttr(1), IntAttr(2))


def test_names() -> None:
    op = test.TestOp()
    assert name_of(op) == ""
    set_name(op, "/conv")
    assert name_of(op) == "/conv"


def test_fused_locations_keep_their_order_and_no_doubles() -> None:
    fused = fuse([UNKNOWN_LOC, named("a"), fuse([LINE, named("b"), named("a")]), named("c")])
    assert list(names_of(fused)) == ["a", "b", "c"]
    assert fuse([named("a"), named("a"), UNKNOWN_LOC]) == named("a")
    assert fuse([UNKNOWN_LOC]) == UNKNOWN_LOC == fuse([])


def test_unlocated() -> None:
    located, missing = test.TestOp(), test.TestOp()
    set_name(located, "layer")
    assert unlocated(ModuleOp([located, missing])) == (missing,)
