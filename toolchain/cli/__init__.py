"""What a user types and what is printed; no arithmetic. Imports nothing, so that `owlbit --help` stays light."""
