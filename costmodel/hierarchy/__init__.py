"""Cost of mappings on hierarchies of memories: accesses, energy and cycles of whole batches."""
