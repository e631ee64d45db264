"""The exceptions that users see: a message of one or two lines, never a traceback."""

from collections.abc import Mapping


class TilefoldError(Exception):
    """Something is wrong with what the user gave; the message names it and the remedy."""


class LayerError(TilefoldError):
    """A machine cannot run some layers, though it has their operators: `refused` says why."""

    def __init__(self, refused: Mapping[str, str]) -> None:
        first, reason = next(iter(refused.items()))
        super().__init__(f"{first}: {reason}")
        self.refused = dict(refused)
