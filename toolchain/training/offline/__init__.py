"""Training on a machine without network: what it needs is packed into folders here, and its runs are taken back in here.

`pack` lays out images, recipes, owlbit and what owlbit imports; `there` is the script that runs on the other machine; `adopt` makes
a run of what comes back.
"""
