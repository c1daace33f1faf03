"""The one kind of error a user is meant to read."""


class InputError(ValueError):
    """Input that cannot be used: names the key, the value and what is allowed, in one line.

    Command lines print it without a traceback and exit with status 2.
    """


class StoppedError(InputError):
    """A run that cannot go on here and now; what its last checkpoint has is kept."""
