"""One file a system: its numbers with their sources, its data, its model, and the table of its figures."""
