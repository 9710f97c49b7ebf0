"""The best network for a chip: a space of recipes, searched by Optuna; candidates that do not fit are never trained."""
