"""How much each layer of a pipeline does at once: the search, the cost model behind it, and the plot of its cycles."""
