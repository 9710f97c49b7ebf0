"""How much each layer of a FINN pipeline does at once: the choices, their check, the search for a folding, estimates and parts."""
