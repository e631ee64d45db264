"""The one exception that users see: a message of one or two lines, never a traceback."""


class TilefoldError(Exception):
    """Something is wrong with what the user gave; the message names it and the remedy."""
