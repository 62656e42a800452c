"""What learners write: for each exercise WRONG, pairs of (words of its own message, source), and RIGHT, sources in several styles."""


def edits_of(base):
    """A function that gives `base` with some of its text replaced, each edit an (old, new)."""

    def but(*edits):
        source = base
        for old, new in edits:
            assert old in source, old
            source = source.replace(old, new)
        return source

    return but
