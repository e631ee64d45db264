"""The interpreters: what the IR means, in plain numpy."""
