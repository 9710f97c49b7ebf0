"""The UP5K's engine on an ECP5: the same RTL and the same compiler, another memory; a network stays data in the flash."""
