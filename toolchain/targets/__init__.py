"""The targets of `owlbit build`: one table of their names, their builders and the options that each takes."""
