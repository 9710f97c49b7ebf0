"""What lies in a run folder, and the weights in it."""
