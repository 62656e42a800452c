"""One kind of error for everything that the user can mend: its text is one line that says what is wrong and what to do."""


class MinbertError(Exception):
    """A mistake in input, files or set-up. Shown as one line; anything else is a bug and keeps its traceback."""
