"""Leaving the graph: nodes become layers of the integer Network. `lower_graph` walks, the others know one kind of node each."""
