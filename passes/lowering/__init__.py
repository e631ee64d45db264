"""How each `nn` operation becomes steps in tile loops: one family of operations a file."""
