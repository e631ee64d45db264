"""The cost model: cycles of every unit, vectorised."""
