"""A run or a file becomes a network, a flash image, scores and a verdict: export, build, simulate, verify."""
