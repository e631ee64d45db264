"""The analytical evaluator: cycles, energy and area of many machines at once, without compiling."""
