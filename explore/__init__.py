"""Exploration: which machine to build, and how to map networks on it."""
