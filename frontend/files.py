"""Reading ONNX files: bounded sizes, external data only from the model's own folder."""

from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx import ModelProto, TensorProto

from ..errors import TilefoldError
from ..interpreters.onnx_tensors import external_tensors

SIZE_LIMIT = 2 * 1024**3
"""Bytes of a model with its external data: protobuf's own limit."""


def read_model(path: Path, *, external: bool = True) -> ModelProto:
    """The model in the file `path`, its external data included where that is wanted.

    Raises TilefoldError when the file is missing, larger than 2 GiB, no ONNX model, or names
    external data outside its own folder.
    """
    if not path.is_file():
        raise TilefoldError(f"{path}: no such file")
    size = path.stat().st_size
    if size > SIZE_LIMIT:
        raise TilefoldError(f"{path}: {size} bytes; models of up to 2 GiB can be read")
    try:
        model = onnx.load(str(path), format="protobuf", load_external_data=False)
    except (DecodeError, OSError) as error:
        raise TilefoldError(f"{path}: not an ONNX model ({_short(error)})") from error
    if not model.HasField("graph"):
        raise TilefoldError(f"{path}: not an ONNX model (it holds no graph)")
    for tensor in external_tensors(model) if external else ():
        size += _load_external(tensor, path, SIZE_LIMIT - size)
    return model


def _load_external(tensor: TensorProto, model: Path, room: int) -> int:
    """Read `tensor`'s data from beside `model`; the bytes read, refused when over `room`."""
    where = {entry.key: entry.value for entry in tensor.external_data}
    location = where.get("location", "")
    folder = model.parent.resolve()
    try:
        file = (folder / location).resolve()
        available = file.stat().st_size if file.is_file() else None
    except (OSError, ValueError) as error:
        raise TilefoldError(
            f"{model}: tensor '{tensor.name}' has its data in {location[:40]!r}, not a file name"
        ) from error
    if not location or not file.is_relative_to(folder):
        raise TilefoldError(
            f"{model}: tensor '{tensor.name}' has its data in '{location}', outside the model's "
            "folder; put it beside the model"
        )
    if available is None:
        raise TilefoldError(
            f"{model}: tensor '{tensor.name}' has its data in '{file}': no such file"
        )
    try:
        offset = int(where.get("offset", "0"))
        length = int(where.get("length", str(available - offset)))
    except ValueError:
        offset = length = -1
    if not (offset >= 0 and 0 <= length <= available - offset):
        raise TilefoldError(f"{model}: tensor '{tensor.name}' reaches beyond the end of '{file}'")
    if length > room:
        raise TilefoldError(f"{model}: external data makes it larger than 2 GiB")
    with file.open("rb") as stream:
        stream.seek(offset)
        tensor.raw_data = stream.read(length)
    tensor.data_location = TensorProto.DEFAULT
    del tensor.external_data[:]
    return length


def _short(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
