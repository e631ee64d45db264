// RUN: tilefold-opt %s --parsing-diagnostics --split-input-file | filecheck %s

// An array and its parts are checked where it ends, before the machine around it.

// CHECK: fabric.array @conv: [9, 8] bits: widths are from 2 to 8
fabric.machine @m {hz = 1, src = "x"} {
  fabric.array @conv {axes = {y = 4, x = 4}, precisions = [[8, 8, 1], [9, 8, 1]], feed = "skew", src = "x"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "x"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "x"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "x"}
  }
}

// -----

// CHECK: fabric.array @conv: [8, 8] bits are given twice
fabric.machine @m {hz = 1, src = "x"} {
  fabric.array @conv {axes = {y = 4, x = 4}, precisions = [[8, 8, 1], [8, 8, 2]], feed = "skew", src = "x"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "x"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "x"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "x"}
  }
}

// -----

// CHECK: fabric.array @conv: with feed = "broadcast" nothing steps through the grid
fabric.machine @m {hz = 1, src = "x"} {
  fabric.array @conv {axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "broadcast", span = "used", src = "x"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "x"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "x"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "x"}
  }
}

// -----

// CHECK: fabric.array @conv: needs exactly one fabric.accumulator, it has 0
fabric.machine @m {hz = 1, src = "x"} {
  fabric.array @conv {axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "x"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "x"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "x"}
  }
}

// -----

// CHECK: fabric.array @conv: needs exactly one fabric.accumulator, it has 2
fabric.machine @m {hz = 1, src = "x"} {
  fabric.array @conv {axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "x"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "x"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "x"}
    fabric.accumulator @other {lines = 16, planes = 2, src = "x"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "x"}
  }
}

// -----

// CHECK: fabric.array @conv: needs at least one fabric.local
fabric.machine @m {hz = 1, src = "x"} {
  fabric.array @conv {axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "x"} {
    fabric.accumulator @acc {lines = 16, planes = 2, src = "x"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "x"}
  }
}

// -----

// CHECK: fabric.array @conv: needs at least one fabric.mode
fabric.machine @m {hz = 1, src = "x"} {
  fabric.array @conv {axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "x"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "x"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "x"}
  }
}

// -----

// CHECK: fabric.local @wreg: @conv has no axis z, only y, x
fabric.machine @m {hz = 1, src = "x"} {
  fabric.array @conv {axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "x"} {
    fabric.local @wreg {operand = "W", axis = "z", planes = 2, rows_per_cycle = 1, src = "x"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "x"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "x"}
  }
}

// -----

// CHECK: fabric.mode @dense: @conv has no axis z, only y, x
fabric.machine @m {hz = 1, src = "x"} {
  fabric.array @conv {axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "x"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "x"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "x"}
    fabric.mode @dense {spatial = {z = ["C"], x = ["K"]}, src = "x"}
  }
}

// -----

// CHECK: fabric.mode @still: no fabric.local keeps the operand "O"
fabric.machine @m {hz = 1, src = "x"} {
  fabric.array @conv {axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "x"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "x"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "x"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "x"}
    fabric.mode @still {spatial = {y = ["OX"], x = ["K"]}, stays = "O", src = "x"}
  }
}

// -----

// CHECK: fabric.local @wreg: operand "W" is kept twice
fabric.machine @m {hz = 1, src = "x"} {
  fabric.array @conv {axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "x"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "x"}
    fabric.local @again {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "x"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "x"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "x"}
  }
}

// -----

// CHECK: fabric.local @sums: no mode has stays = "O"
fabric.machine @m {hz = 1, src = "x"} {
  fabric.array @conv {axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "x"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "x"}
    fabric.local @sums {operand = "O", axis = "y", planes = 1, rows_per_cycle = 1, src = "x"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "x"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "x"}
  }
}

// -----

// CHECK: fabric.local @sums: with feed = "broadcast" all sums of a tile are complete at once
fabric.machine @m {hz = 1, src = "x"} {
  fabric.array @conv {axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "broadcast", src = "x"} {
    fabric.local @sums {operand = "O", axis = "y", planes = 1, rows_per_cycle = 1, unload = "row", src = "x"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "x"}
    fabric.mode @still {spatial = {y = ["OX"], x = ["K"]}, stays = "O", src = "x"}
  }
}

// -----

// CHECK: fabric.accumulator @acc: a tile has up to 4 sums a column
fabric.machine @m {hz = 1, src = "x"} {
  fabric.array @conv {axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "x"} {
    fabric.local @sums {operand = "O", axis = "y", planes = 1, rows_per_cycle = 1, src = "x"}
    fabric.accumulator @acc {lines = 3, planes = 2, src = "x"}
    fabric.mode @still {spatial = {y = ["OX"], x = ["K"]}, stays = "O", src = "x"}
  }
}

// -----

// CHECK: fabric.local @sums: sums that leave row by row (unload = "row") need one plane
fabric.machine @m {hz = 1, src = "x"} {
  fabric.array @conv {axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "x"} {
    fabric.local @sums {operand = "O", axis = "y", planes = 2, rows_per_cycle = 1, unload = "row", src = "x"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "x"}
    fabric.mode @still {spatial = {y = ["OX"], x = ["K"]}, stays = "O", src = "x"}
  }
}

// -----

// CHECK: fabric.local @sums: with unload = "row" only the rows in use leave
fabric.machine @m {hz = 1, src = "x"} {
  fabric.array @conv {axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "x"} {
    fabric.local @sums {operand = "O", axis = "y", planes = 1, rows_per_cycle = 1, rows = "all", unload = "row", src = "x"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "x"}
    fabric.mode @still {spatial = {y = ["OX"], x = ["K"]}, stays = "O", src = "x"}
  }
}

// -----

// CHECK: fabric.local @wreg: only sums leave; "W" does not
fabric.machine @m {hz = 1, src = "x"} {
  fabric.array @conv {axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "x"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 1, rows_per_cycle = 1, unload = "row", src = "x"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "x"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, src = "x"}
  }
}

// -----

// CHECK: fabric.mode @still: with stays = "O" a sum stays in one place; C is summed
fabric.machine @m {hz = 1, src = "x"} {
  fabric.array @conv {axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "x"} {
    fabric.local @sums {operand = "O", axis = "y", planes = 1, rows_per_cycle = 1, src = "x"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "x"}
    fabric.mode @still {spatial = {y = ["C"], x = ["K"]}, stays = "O", src = "x"}
  }
}

// -----

// CHECK: fabric.mode @dense: the loops along y are not all of C, FY, FX or all of OY, OX
fabric.machine @m {hz = 1, src = "x"} {
  fabric.array @conv {axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "x"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "x"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "x"}
    fabric.mode @dense {spatial = {y = ["C", "OX"], x = ["K"]}, flat = true, src = "x"}
  }
}

// -----

// CHECK: fabric.mode @dense: C runs along two axes
fabric.machine @m {hz = 1, src = "x"} {
  fabric.array @conv {axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "x"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "x"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "x"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["C"]}, flat = true, src = "x"}
  }
}

// -----

// CHECK: field `spatial` must be a dictionary of 1 to 8 entries, each a list of 1 to 7 different items, each "G" or "K"
fabric.machine @m {hz = 1, src = "x"} {
  fabric.array @conv {axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "x"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "x"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "x"}
    fabric.mode @dense {spatial = {y = ["B"], x = ["K"]}, src = "x"}
  }
}

// -----

// CHECK: fabric.mode @dense: no axis has the loop OX
fabric.machine @m {hz = 1, src = "x"} {
  fabric.array @conv {axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "x"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "x"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "x"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, limit = {OX = 2}, src = "x"}
  }
}

// -----

// CHECK: fabric.mode @dense: FX is cut as one long loop with others, it has no limit
fabric.machine @m {hz = 1, src = "x"} {
  fabric.array @conv {axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "x"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "x"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "x"}
    fabric.mode @dense {spatial = {y = ["FY", "FX"], x = ["K"]}, flat = true, limit = {FX = 2}, src = "x"}
  }
}

// -----

// CHECK: field `limit` must be a dictionary of 1 to 7 entries, each an integer from 1 to 4096, not {K = 0}
fabric.machine @m {hz = 1, src = "x"} {
  fabric.array @conv {axes = {y = 4, x = 4}, precisions = [[8, 8, 1]], feed = "skew", src = "x"} {
    fabric.local @wreg {operand = "W", axis = "y", planes = 2, rows_per_cycle = 1, src = "x"}
    fabric.accumulator @acc {lines = 16, planes = 2, src = "x"}
    fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, limit = {K = 0}, src = "x"}
  }
}
