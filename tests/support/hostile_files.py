"""Broken and hostile files around a model: data beside it, samples, widths of layers, shapes.

A case writes files into a folder and gives the command line that must refuse them.
"""

import io
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from onnx import ModelProto, TensorProto, helper
from tilefold.tests.support import hostile_models as models

Prepare = Callable[[Path], list[str]]
COMPILE = ["compile", "m.onnx", "--machine", "tiny", "-o", "out/net.tfp"]
QUANTIZE = ["quantize", "m.onnx", "--calibrate", "samples.npz", "-o", "out/net.onnx"]


@dataclass(frozen=True)
class Case:
    """Files, a command line, and a part of what it must say."""

    name: str
    prepare: Prepare
    text: str


CASES: dict[str, Case] = {}


def case(text: str) -> Callable[[Prepare], Prepare]:
    def register(prepare: Prepare) -> Prepare:
        name = prepare.__name__
        assert name not in CASES
        CASES[name] = Case(name, prepare, text)
        return prepare

    return register


def write_model(folder: Path, model: ModelProto) -> None:
    (folder / "m.onnx").write_bytes(model.SerializeToString())


# ---- the model's file


@case("no such file")
def no_file(folder: Path) -> list[str]:
    return COMPILE


@case("no such file")
def folder_for_a_model(folder: Path) -> list[str]:
    (folder / "m.onnx").mkdir()
    return COMPILE


@case("no such file")
def pipe_for_a_model(folder: Path) -> list[str]:
    os.mkfifo(folder / "m.onnx")
    return COMPILE


@case("2 GiB")
def model_of_three_gigabytes(folder: Path) -> list[str]:
    with (folder / "m.onnx").open("wb") as file:
        file.truncate(3 << 30)
    return COMPILE


# ---- external data


def external(model: ModelProto, tensor: TensorProto, **where: object) -> None:
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in where.items():
        tensor.external_data.add(key=key, value=str(value))


def with_external(folder: Path, **where: object) -> list[str]:
    model = models.quantised()
    external(model, models.tensor_of(model, "conv:w"), **where)
    write_model(folder, model)
    return COMPILE


@case("outside the model's folder")
def absolute_path(folder: Path) -> list[str]:
    return with_external(folder, location="/etc/passwd")


@case("outside the model's folder")
def path_upwards(folder: Path) -> list[str]:
    return with_external(folder, location="out/../../secret")


@case("outside the model's folder")
def link_out_of_the_folder(folder: Path) -> list[str]:
    (folder / "weights").symlink_to("/etc/passwd")
    return with_external(folder, location="weights")


@case("outside the model's folder")
def folder_that_is_a_link(folder: Path) -> list[str]:
    (folder / "etc").symlink_to("/etc", target_is_directory=True)
    return with_external(folder, location="etc/passwd")


@case("outside the model's folder")
def no_location(folder: Path) -> list[str]:
    return with_external(folder, length=216)


@case("no such file")
def data_not_there(folder: Path) -> list[str]:
    return with_external(folder, location="weights")


@case("no such file")
def data_in_a_pipe(folder: Path) -> list[str]:
    os.mkfifo(folder / "weights")
    return with_external(folder, location="weights")


@case("not a file name")
def location_with_a_nul(folder: Path) -> list[str]:
    return with_external(folder, location="wei\0ghts")


@case("not a file name")
def endless_location(folder: Path) -> list[str]:
    return with_external(folder, location="w" * 5000)


@case("beyond the end")
def data_too_short(folder: Path) -> list[str]:
    (folder / "weights").write_bytes(bytes(100))
    return with_external(folder, location="weights", length=216)


@case("beyond the end")
def data_before_the_beginning(folder: Path) -> list[str]:
    (folder / "weights").write_bytes(bytes(500))
    return with_external(folder, location="weights", offset=-100, length=216)


@case("beyond the end")
def offset_that_is_no_number(folder: Path) -> list[str]:
    (folder / "weights").write_bytes(bytes(500))
    return with_external(folder, location="weights", offset="0x10")


@case("'conv:w'")
def data_of_another_length(folder: Path) -> list[str]:
    (folder / "weights").write_bytes(bytes(500))
    return with_external(folder, location="weights")


@case("2 GiB")
def data_of_three_gigabytes(folder: Path) -> list[str]:
    with (folder / "weights").open("wb") as file:
        file.truncate(3 << 30)
    return with_external(folder, location="weights")


@case("outside the model's folder")
def external_data_in_a_branch(folder: Path) -> list[str]:
    """A graph in a node's attribute: the host would read the file."""
    model = models.quantised()
    tensor = TensorProto(name="secret", data_type=TensorProto.UINT8, dims=[64])
    external(model, tensor, location="/etc/passwd", length=64)
    result = helper.make_tensor_value_info("secret", TensorProto.UINT8, [64])
    branch = helper.make_graph([], "branch", [], [result], [tensor])
    yes = models.constant(model, np.array(True), "yes")
    models.beside(model, "If", yes, rank=1, then_branch=branch, else_branch=branch)
    write_model(folder, model)
    return COMPILE


@case("outside the model's folder")
def external_data_in_a_function(folder: Path) -> list[str]:
    model = models.quantised()
    tensor = TensorProto(name="secret", data_type=TensorProto.UINT8, dims=[64])
    external(model, tensor, location="../secret", length=64)
    body = [helper.make_node("Constant", [], ["b"], "inner", value=tensor)]
    opsets = [helper.make_opsetid("", 17)]
    model.functions.append(helper.make_function("own", "Own", [], ["b"], body, opsets))
    model.opset_import.append(helper.make_opsetid("own", 1))
    models.beside(model, "Own", rank=1, domain="own")
    write_model(folder, model)
    return COMPILE


# ---- shapes


def with_shape(folder: Path, *shapes: str) -> list[str]:
    model = models.quantised()
    models.dims(model, "batch", 4, "height", "width")
    write_model(folder, model)
    return [*COMPILE, *(word for shape in shapes for word in ("--shape", shape))]


@case("--shape x=1x4xHEIGHTxWIDTH")
def no_shape(folder: Path) -> list[str]:
    return with_shape(folder)


@case("the inputs are x")
def shape_of_another_input(folder: Path) -> list[str]:
    return with_shape(folder, "image=1x4x8x8")


@case("--shape x=1x4x0x8: give")
def shape_with_a_zero(folder: Path) -> list[str]:
    return with_shape(folder, "x=1x4x0x8")


@case("4 dimensions: 1x4x8 does not fit")
def shape_of_three_dimensions(folder: Path) -> list[str]:
    return with_shape(folder, "x=1x4x8")


@case("dimension 1 is 4")
def shape_of_other_channels(folder: Path) -> list[str]:
    return with_shape(folder, "x=1x5x8x8")


@case("elements; up to")
def enormous_shape(folder: Path) -> list[str]:
    return with_shape(folder, "x=1x4x99999999x99999999")


@case("has been given a shape before")
def two_shapes(folder: Path) -> list[str]:
    return with_shape(folder, "x=1x4x8x8", "x=1x4x8x8")


# ---- samples


def with_samples(folder: Path, content: bytes) -> list[str]:
    write_model(folder, models.real())
    (folder / "samples.npz").write_bytes(content)
    return [*COMPILE, "--calibrate", "samples.npz"]


def npz(compressed: bool = False, **arrays: object) -> bytes:
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **arrays)
    return file.getvalue()


def good_samples() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(4, *models.SHAPE[1:])).astype(np.float32)


def zipped(compression: int = zipfile.ZIP_STORED, **entries: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in entries.items():
            archive.writestr(f"{name}.npy", data)
    return file.getvalue()


def header(text: str, version: bytes = b"\x01\x00") -> bytes:
    """A .npy file that begins with a header of one's own."""
    body = text.encode() + b"\n"
    return b"\x93NUMPY" + version + len(body).to_bytes(2, "little") + body


NO_ARRAYS = "not arrays of numbers"


@case("No such file")
def no_samples(folder: Path) -> list[str]:
    write_model(folder, models.real())
    return [*COMPILE, "--calibrate", "samples.npz"]


@case(NO_ARRAYS)
def samples_of_nothing(folder: Path) -> list[str]:
    return with_samples(folder, b"")


@case("'x' is missing")
def samples_without_arrays(folder: Path) -> list[str]:
    return with_samples(folder, npz())


@case("'x' is missing")
def samples_of_other_names(folder: Path) -> list[str]:
    return with_samples(folder, npz(image=good_samples(), label=np.zeros(4)))


@case("but must be float32")
def samples_of_another_shape(folder: Path) -> list[str]:
    return with_samples(folder, npz(x=good_samples()[:, :, :7]))


@case("but must be float32")
def samples_of_another_type(folder: Path) -> list[str]:
    return with_samples(folder, npz(x=good_samples().astype(np.int32)))


@case("but must be float32")
def samples_without_a_batch(folder: Path) -> list[str]:
    return with_samples(folder, npz(x=np.float32(1)))


@case("but must be float32")
def no_sample_at_all(folder: Path) -> list[str]:
    return with_samples(folder, npz(x=good_samples()[:0]))


@case("NaN or infinity")
def samples_of_no_number(folder: Path) -> list[str]:
    samples = good_samples()
    samples[2, 1, 0, 0] = np.nan
    return with_samples(folder, npz(x=samples))


@case("NaN or infinity")
def infinite_samples(folder: Path) -> list[str]:
    return with_samples(folder, npz(x=np.full_like(good_samples(), np.inf)))


@case(NO_ARRAYS)
def samples_of_objects(folder: Path) -> list[str]:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, ("out/pickled",)

    return with_samples(folder, npz(x=np.array([Trap()], object)))


@case("but must be float32")
def samples_of_records(folder: Path) -> list[str]:
    return with_samples(folder, npz(x=np.zeros(4, [("a", np.float32), ("b", np.int8)])))


@case("but must be float32")
def samples_of_text(folder: Path) -> list[str]:
    return with_samples(folder, npz(x=np.array(["one", "two"])))


@case("give an .npz file")
def samples_in_one_array(folder: Path) -> list[str]:
    file = io.BytesIO()
    np.save(file, good_samples())
    return with_samples(folder, file.getvalue())


@case(NO_ARRAYS)
def samples_cut_short(folder: Path) -> list[str]:
    return with_samples(folder, npz(x=good_samples())[:-40])


@case(NO_ARRAYS)
def samples_with_a_flipped_bit(folder: Path) -> list[str]:
    data = bytearray(npz(x=good_samples()))
    data[1000] ^= 1
    return with_samples(folder, bytes(data))


@case("times its size")
def samples_that_are_a_bomb(folder: Path) -> list[str]:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        shape = (100 << 10, *models.SHAPE[1:])
        text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"
        with archive.open("x.npy", "w", force_zip64=True) as entry:
            entry.write(header(text))
            for _ in range(100):
                entry.write(bytes(1 << 20))
    return with_samples(folder, file.getvalue())


@case(NO_ARRAYS)
def header_of_an_enormous_array(folder: Path) -> list[str]:
    text = "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 4, 8, 8), }"
    return with_samples(folder, zipped(x=header(text)))


@case(NO_ARRAYS)
def header_of_an_overflowing_array(folder: Path) -> list[str]:
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({2**62}, 4, 8, 8), }}"
    return with_samples(folder, zipped(x=header(text)))


@case(NO_ARRAYS)
def header_that_is_code(folder: Path) -> list[str]:
    return with_samples(folder, zipped(x=header("__import__('os').mkdir('out/evaluated')")))


@case(NO_ARRAYS)
def header_that_is_no_python(folder: Path) -> list[str]:
    return with_samples(folder, zipped(x=header("{'descr': '<f4', (((((")))


@case(NO_ARRAYS)
def header_of_brackets(folder: Path) -> list[str]:
    return with_samples(folder, zipped(x=header("(" * 5000)))


@case(NO_ARRAYS)
def samples_of_an_unknown_compression(folder: Path) -> list[str]:
    data = bytearray(npz(True, x=good_samples()))
    for signature, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        place = data.index(signature) + offset
        data[place : place + 2] = (97).to_bytes(2, "little")
    return with_samples(folder, bytes(data))


@case(NO_ARRAYS)
def encrypted_samples(folder: Path) -> list[str]:
    data = bytearray(npz(x=good_samples()))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    return with_samples(folder, bytes(data))


@case("test.npz")
def samples_to_compare_on_that_are_none(folder: Path) -> list[str]:
    """The model could be written before these are looked at, and must not be."""
    with_samples(folder, npz(x=good_samples()))
    (folder / "test.npz").write_bytes(b"PK\x03\x04 nothing")
    return [*QUANTIZE, "--test", "test.npz"]


# ---- widths of layers


def with_widths(folder: Path, content: bytes) -> list[str]:
    with_samples(folder, npz(x=good_samples()))
    (folder / "widths.json").write_bytes(content)
    return [*QUANTIZE, "--layers", "widths.json"]


@case("No such file")
def no_widths(folder: Path) -> list[str]:
    with_samples(folder, npz(x=good_samples()))
    return [*QUANTIZE, "--layers", "widths.json"]


@case("not readable as JSON")
def widths_cut_short(folder: Path) -> list[str]:
    return with_widths(folder, b'{"conv": {"weights": 8')


@case("not readable as JSON")
def widths_in_another_encoding(folder: Path) -> list[str]:
    return with_widths(folder, '{"conv": {}}'.encode("utf-16"))


@case("not readable as JSON")
def widths_in_brackets(folder: Path) -> list[str]:
    return with_widths(folder, b"[" * 100_000)


@case("must be an object")
def widths_in_a_list(folder: Path) -> list[str]:
    return with_widths(folder, b'["conv"]')


@case('"conv" may have weights')
def widths_that_are_text(folder: Path) -> list[str]:
    return with_widths(folder, b'{"conv": "8"}')


@case('"conv" may have weights')
def widths_of_something_else(folder: Path) -> list[str]:
    return with_widths(folder, b'{"conv": {"weights": 8, "bias": 8}}')


@case('"conv" may have weights')
def widths_of_nine_bits(folder: Path) -> list[str]:
    return with_widths(folder, b'{"conv": {"weights": 9}}')


@case('"conv" may have weights')
def widths_of_no_number(folder: Path) -> list[str]:
    return with_widths(folder, b'{"conv": {"weights": NaN}}')


@case('"conv" may have weights')
def widths_of_truth(folder: Path) -> list[str]:
    return with_widths(folder, b'{"conv": {"weights": true}}')


@case('"conv" is there twice')
def widths_given_twice(folder: Path) -> list[str]:
    return with_widths(folder, b'{"conv": {"weights": 4}, "conv": {"weights": 8}}')


@case('no layer "convolution"')
def widths_of_another_layer(folder: Path) -> list[str]:
    return with_widths(folder, b'{"convolution": {"weights": 8}}')


# ---- outputs


@case("out/none/net.tfp")
def folder_that_is_not_there(folder: Path) -> list[str]:
    write_model(folder, models.quantised())
    return ["compile", "m.onnx", "--machine", "tiny", "-o", "out/none/net.tfp"]


@case("out")
def output_that_is_a_folder(folder: Path) -> list[str]:
    write_model(folder, models.quantised())
    return ["compile", "m.onnx", "--machine", "tiny", "-o", "out"]
