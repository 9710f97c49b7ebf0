"""What is trained: the learned thermometer, binary layers, networks built from a layer table, and their recipes."""
