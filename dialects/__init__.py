"""The dialects: what the IR can say at each level."""
