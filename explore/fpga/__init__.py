"""Designs for FPGA boards: a pipeline, a generic unit, both, and a reconfigurable group of
units."""
