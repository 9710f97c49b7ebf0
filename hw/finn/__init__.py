"""AMD parts by FINN's dataflow flow: a network becomes a graph of streaming layers, exact after every step."""
