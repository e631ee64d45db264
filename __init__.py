"""Tilefold: an open compiler toolchain for reconfigurable neural-network accelerators."""
