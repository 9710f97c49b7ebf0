"""What a person touches: the command line, recipes, data sets, training, reports."""
