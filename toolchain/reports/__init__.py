"""One HTML page about one run."""
