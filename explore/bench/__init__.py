"""What networks are and take on given machines, layer by layer, and what other machines give."""
