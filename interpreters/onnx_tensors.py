"""Tensors anywhere in an ONNX message: in graphs, in the graphs of attributes, in functions."""

from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message
from onnx import TensorProto


def external_tensors(message: Message) -> Iterator[TensorProto]:
    """The tensors of `message`, however deep in it, whose data lies in other files."""
    if isinstance(message, TensorProto):
        if message.data_location == TensorProto.EXTERNAL:
            yield message
        return
    inner: list[Any] = [value for field, value in message.ListFields() if field.message_type]
    for value in inner:
        for part in [value] if isinstance(value, Message) else value:
            yield from external_tensors(part)
