"""The best temporal mapping of a layer: orders of loops, and which memory holds which."""
