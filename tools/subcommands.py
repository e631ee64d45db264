"""Groups of commands that have a command of their own where none of them is named."""

from typing import Any, Final

from typer.core import TyperGroup

DEFAULT: Final = "search"
"""The command that runs where none is named."""


class DefaultGroup(TyperGroup):
    """A group that is its command `DEFAULT`, unless the first word names another one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the name of the command before `args` where it is left out."""
        named = args and (args[0] in self.commands or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if named else [DEFAULT, *args])

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The help of the command `DEFAULT`, whose end is about the others."""
        self.commands[DEFAULT].format_help(ctx, formatter)
