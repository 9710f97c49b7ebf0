"""Operations and weight bits of networks while they are still PyTorch, and the published ones they are compared with."""
