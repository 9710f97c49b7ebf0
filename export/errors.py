"""The one exception that is meant to be read by a person: one sentence saying what was expected, what came, and what to do."""


class OwlbitError(ValueError):
    """Something the user gave cannot be used; the command line prints the message alone and exits with 2."""
