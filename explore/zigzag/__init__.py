"""Readers of ZigZag's YAML files: hardware, mappings, workloads."""
