"""From an integer Network to the engine's flash image: legality, passes, memory layout, stages, and the cycle cost model."""
