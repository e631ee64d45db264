"""The configurations of a machine, their price for every layer, and the choice among them."""
