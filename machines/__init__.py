"""The machines: files, and what is read from them."""
