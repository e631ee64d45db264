"""The back end: from the `isa` dialect to binaries and program files, and back."""
