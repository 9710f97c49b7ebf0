"""The page of `owlbit sense` and the web server behind it."""
