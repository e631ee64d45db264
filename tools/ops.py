"""`tilefold ops`: the ONNX operators that the front end converts."""

import json as json_module
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..frontend.catalogue import OPERATORS, markdown, records

JSON = Annotated[bool, typer.Option("--json", help="Print JSON.")]
MARKDOWN = Annotated[bool, typer.Option("--markdown", help="Print docs/operators.md.")]


def ops(json: JSON = False, markdown_page: MARKDOWN = False) -> None:
    """List the supported ONNX operators, what becomes of them and under which constraints."""
    if json:
        print(json_module.dumps(records(), indent=2))
    elif markdown_page:
        print(markdown(), end="")
    else:
        table = Table("operator", "becomes", "supported where")
        for operator in OPERATORS.values():
            sentences = " ".join(constraint.sentence for constraint in operator.constraints)
            table.add_row(operator.qualified_name, escape(operator.summary), escape(sentences))
        Console().print(table)
