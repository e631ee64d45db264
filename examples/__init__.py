"""Networks that ship with Tilefold."""
