"""Trains the embedded default on Fashion-MNIST and writes ``float.onnx``.

The ONNX graph is built by hand from the trained weights, BatchNorm folded, so that every node
has a readable name and nothing of an exporter is left in it.

Run by hand (never by make), as ``python -m tilefold.examples.fashion.train``; it needs Debian's
``dataset-fashion-mnist``. The result is the same for the same versions, threads and machine.
The file shipped here was written with Python 3.11, torch 2.13.0 (CPU), numpy 2.4.6, onnx 1.23.2
and onnxruntime 1.31.1, with this script's default options.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from . import dataset, float_model

OPSET = 17
IR_VERSION = 8
SEED = 2024


class ConvUnit(nn.Module):
    """Convolution, BatchNorm and an activation: ``relu``, ``relu6`` or none."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        *,
        stride: int = 1,
        groups: int = 1,
        activation: str | None = "relu",
    ) -> None:
        super().__init__()
        self.kernel, self.stride, self.groups = kernel, stride, groups
        self.activation = activation
        self.conv = nn.Conv2d(
            inputs, outputs, kernel, stride, padding=kernel // 2, groups=groups, bias=False
        )
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Computes the layer."""
        x = self.norm(self.conv(x))
        if self.activation == "relu":
            return functional.relu(x)
        if self.activation == "relu6":
            return functional.relu6(x)
        return x

    def folded(self) -> tuple[np.ndarray, np.ndarray]:
        """Weights and bias of the one convolution that does the work of both layers."""
        mean, variance = self.norm.running_mean, self.norm.running_var
        assert mean is not None and variance is not None
        scale = self.norm.weight.double() / torch.sqrt(variance.double() + self.norm.eps)
        weight = self.conv.weight.double() * scale[:, None, None, None]
        bias = self.norm.bias.double() - mean.double() * scale
        return (
            weight.detach().numpy().astype(np.float32),
            bias.detach().numpy().astype(np.float32),
        )


class Network(nn.Module):
    """A stem, two separable blocks, two residual blocks, two branches joined, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.units = nn.ModuleDict(
            {
                "stem/conv": ConvUnit(1, 16, 3),
                "block1/depthwise": ConvUnit(16, 16, 3, groups=16),
                "block1/pointwise": ConvUnit(16, 32, 1),
                "block2/expand": ConvUnit(32, 64, 1, activation="relu6"),
                "block2/depthwise": ConvUnit(64, 64, 3, groups=64, activation="relu6"),
                "block2/project": ConvUnit(64, 32, 1, activation=None),
                "block3/depthwise": ConvUnit(32, 32, 3, stride=2, groups=32),
                "block3/pointwise": ConvUnit(32, 64, 1),
                "block4/depthwise": ConvUnit(64, 64, 3, groups=64),
                "block4/pointwise": ConvUnit(64, 64, 1, activation=None),
                "branch/narrow": ConvUnit(64, 32, 1),
                "branch/wide": ConvUnit(64, 32, 3),
                "head/conv": ConvUnit(64, 128, 1),
            }
        )
        self.dropout = nn.Dropout(0.1)
        self.classifier = nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Computes the logits."""
        unit = self.units
        x = unit["stem/conv"](x)
        x = unit["block1/pointwise"](unit["block1/depthwise"](x))
        x = functional.max_pool2d(x, 2)
        x = x + unit["block2/project"](unit["block2/depthwise"](unit["block2/expand"](x)))
        x = unit["block3/pointwise"](unit["block3/depthwise"](x))
        x = functional.relu(x + unit["block4/pointwise"](unit["block4/depthwise"](x)))
        x = torch.cat([unit["branch/narrow"](x), unit["branch/wide"](x)], dim=1)
        x = unit["head/conv"](x).mean((2, 3))
        return self.classifier(self.dropout(x))


class GraphWriter:
    """Collects nodes and weights; each node's output is named after the node."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def weight(self, name: str, value: np.ndarray) -> str:
        """Adds an initializer and returns its name."""
        self.weights.append(numpy_helper.from_array(value, name))
        return name

    def node(
        self, kind: str, name: str, inputs: Sequence[str], output: str = "", **attributes: Any
    ) -> str:
        """Adds a node with one output and returns that output's name."""
        output = output or f"{name}:0"
        self.nodes.append(helper.make_node(kind, inputs, [output], name, **attributes))
        return output

    def unit(self, name: str, unit: nn.Module, x: str) -> str:
        """A convolution with its activation."""
        assert isinstance(unit, ConvUnit)
        weight, bias = unit.folded()
        x = self.node(
            "Conv",
            name,
            [x, self.weight(f"{name}/weight", weight), self.weight(f"{name}/bias", bias)],
            kernel_shape=[unit.kernel] * 2,
            strides=[unit.stride] * 2,
            pads=[unit.kernel // 2] * 4,
            dilations=[1, 1],
            group=unit.groups,
        )
        if unit.activation == "relu":
            return self.node("Relu", f"{name}/relu", [x])
        if unit.activation == "relu6":
            low = self.weight(f"{name}/relu6/low", np.array(0, np.float32))
            high = self.weight(f"{name}/relu6/high", np.array(6, np.float32))
            return self.node("Clip", f"{name}/relu6", [x, low, high])
        return x


def build_graph(network: Network) -> onnx.ModelProto:
    """The trained network as an ONNX model whose nodes are named after its parts."""
    write = GraphWriter()

    def units(x: str, *names: str) -> str:
        for name in names:
            x = write.unit(name, network.units[name], x)
        return x

    x = units("image", "stem/conv", "block1/depthwise", "block1/pointwise")
    x = write.node("MaxPool", "block1/pool", [x], kernel_shape=[2, 2], strides=[2, 2])
    inner = units(x, "block2/expand", "block2/depthwise", "block2/project")
    x = write.node("Add", "block2/add", [x, inner])
    x = units(x, "block3/depthwise", "block3/pointwise")
    inner = units(x, "block4/depthwise", "block4/pointwise")
    x = write.node("Add", "block4/add", [x, inner])
    x = write.node("Relu", "block4/relu", [x])
    branches = [units(x, "branch/narrow"), units(x, "branch/wide")]
    x = write.node("Concat", "branch/concat", branches, axis=1)
    x = write.node("GlobalAveragePool", "head/pool", [units(x, "head/conv")])
    x = write.node("Flatten", "head/flatten", [x], axis=1)
    linear = network.classifier
    weight = write.weight("head/classifier/weight", linear.weight.detach().numpy())
    bias = write.weight("head/classifier/bias", linear.bias.detach().numpy())
    write.node("Gemm", "head/classifier", [x, weight, bias], "logits", transB=1)

    graph = helper.make_graph(
        write.nodes,
        "tilefold-fashion",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 28, 28])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 10])],
        write.weights,
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="tilefold.examples.fashion.train",
    )
    model = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    onnx.checker.check_model(model, full_check=True)
    return model


def augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Each image shifted by up to two pixels either way, and mirrored half of the time."""
    count = len(images)
    padded = functional.pad(images, (2, 2, 2, 2))
    mirrored = torch.rand(count, generator=generator) < 0.5
    padded[mirrored] = padded[mirrored].flip(-1)
    row = torch.randint(0, 5, (count, 1), generator=generator) + torch.arange(28)
    column = torch.randint(0, 5, (count, 1), generator=generator) + torch.arange(28)
    index = torch.arange(count)[:, None, None]
    return padded[index, 0, row[:, :, None], column[:, None, :]][:, None]


def train(network: Network, images: Tensor, labels: Tensor, epochs: int, batch: int) -> None:
    """Trains with AdamW under a one-cycle schedule, all orders and shifts from one generator."""
    generator = torch.Generator().manual_seed(SEED)
    steps = len(images) // batch
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.01, total_steps=epochs * steps)
    network.train()
    for epoch in range(epochs):
        order = torch.randperm(len(images), generator=generator)
        total = 0.0
        for step in range(steps):
            chosen = order[step * batch : (step + 1) * batch]
            logits = network(augment(images[chosen], generator))
            loss = functional.cross_entropy(logits, labels[chosen], label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1:3d} of {epochs}: mean loss {total / steps:.4f}", flush=True)
    network.eval()


def accuracy(model: Path, images: np.ndarray, labels: np.ndarray) -> float:
    """The share of images that the ONNX model at this path classifies rightly."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    right = 0
    for start in range(0, len(images), 500):
        (logits,) = session.run(["logits"], {"image": images[start : start + 500]})
        right += int((np.asarray(logits).argmax(1) == labels[start : start + 500]).sum())
    return right / len(images)


def main() -> None:
    """Trains, writes the model and prints its accuracy."""
    parser = argparse.ArgumentParser(description="Trains the embedded default.")
    parser.add_argument("--data", type=Path, default=dataset.FOLDER, help="the dataset's folder")
    parser.add_argument("--output", type=Path, default=float_model(), help="the model to write")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()

    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(options.threads)

    pixels, labels = dataset.read("train", options.data)
    network = Network()
    train(
        network,
        torch.from_numpy(dataset.preprocess(pixels)),
        torch.from_numpy(labels.astype(np.int64)),
        options.epochs,
        options.batch,
    )
    onnx.save(build_graph(network), options.output)

    pixels, labels = dataset.read("t10k", options.data)
    images = dataset.preprocess(pixels)
    with torch.no_grad():
        logits = network(torch.from_numpy(images)).numpy()
    print(f"torch, before folding: {(logits.argmax(1) == labels).mean():.2%} of the test images")
    print(f"{options.output.name}: {accuracy(options.output, images, labels):.2%}")


if __name__ == "__main__":
    main()
