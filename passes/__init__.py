"""The passes: one transformation a file."""
