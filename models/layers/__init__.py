"""The layers that networks are made of: encodings of the input, binary convolutions and linear layers, and their fused forms."""
