"""The one exception that is meant to be read by a person: one sentence saying what was expected, what came, and what to do."""


class OwlbitError(Exception):
    """Something the user gave cannot be used; the command line prints the message alone and exits with 2.

    No ValueError: those are Python's and numpy's, and one that nobody expected is a fault of owlbit, not of what the user gave.
    """
