"""What the passes share that quantise networks of real numbers."""
