// RUN: python -c "import numpy; numpy.savez('%t.npz', x=numpy.ones((2, 2), 'float32')); numpy.savez('%t-nan.npz', x=numpy.full((2, 2), numpy.nan, 'float32')); numpy.savez('%t-wide.npz', x=numpy.ones((2, 3), 'float32')); numpy.savez('%t-two.npz', z=numpy.ones((2, 2)), y=numpy.ones(2))"
// RUN: python -c "open('%t.json', 'w').write('nothing'); open('%t-list.json', 'w').write('[1]'); open('%t-odd.json', 'w').write('{\"gemm\": {\"weights\": 9}}'); open('%t-no.json', 'w').write('{\"no\": {}}'); open('%t-large.json', 'w').write(' ' * (17 << 20))"
// RUN: tilefold-opt %s -p 'nn-quantize' --verify-diagnostics --split-input-file | filecheck %s
// RUN: tilefold-opt %s -p 'nn-quantize{method="best"}' --verify-diagnostics --split-input-file | filecheck %s --check-prefix METHOD
// RUN: tilefold-opt %s -p 'nn-quantize{bits=9}' --verify-diagnostics --split-input-file | filecheck %s --check-prefix BITS
// RUN: tilefold-opt %s -p 'nn-quantize{layers="%t.json"}' --verify-diagnostics --split-input-file | filecheck %s --check-prefix JSON
// RUN: tilefold-opt %s -p 'nn-quantize{layers="%t-list.json"}' --verify-diagnostics --split-input-file | filecheck %s --check-prefix LIST
// RUN: tilefold-opt %s -p 'nn-quantize{layers="%t-odd.json"}' --verify-diagnostics --split-input-file | filecheck %s --check-prefix ODD
// RUN: tilefold-opt %s -p 'nn-quantize{layers="%t-no.json"}' --verify-diagnostics --split-input-file | filecheck %s --check-prefix NONE
// RUN: tilefold-opt %s -p 'nn-quantize{layers="%t-large.json"}' --verify-diagnostics --split-input-file | filecheck %s --check-prefix LARGE
// RUN: tilefold-opt %s -p 'nn-quantize-weights{rounding="up"}' --verify-diagnostics --split-input-file | filecheck %s --check-prefix UP
// RUN: tilefold-opt %s -p 'nn-quantize-weights{rounding="corrected"}' --verify-diagnostics --split-input-file | filecheck %s --check-prefix TAKES
// RUN: tilefold-opt %s -p 'nn-calibrate{samples="%t-nan.npz"}' --verify-diagnostics --split-input-file | filecheck %s --check-prefix NAN
// RUN: tilefold-opt %s -p 'nn-calibrate{samples="%t-wide.npz"}' --verify-diagnostics --split-input-file | filecheck %s --check-prefix WIDE
// RUN: tilefold-opt %s -p 'nn-calibrate{samples="%t-two.npz"}' --verify-diagnostics --split-input-file | filecheck %s --check-prefix TWO

// METHOD: no method "best" to find ranges by; there are auto, minmax, percentile, mse
// BITS: 9 bits: widths are from 2 to 8
// JSON: .json: not readable as JSON: Expecting value
// LIST: -list.json: must be an object with an entry for each layer
// ODD: -odd.json: "gemm" may have weights and activations, of 2 to 8 bits
// NONE: the network has no layer "no"
// LARGE: -large.json: too large for a list of layers
// UP: nn-quantize-weights: rounding "up" is none of nearest, corrected, reconstructed
// TAKES: nn-quantize-weights: rounding "corrected" takes samples
// NAN: samples: 'x' holds NaN or infinity
// WIDE: samples: 'x' is float32[2, 3], but must be float32['n', 2]
// TWO: samples: input 'x' is missing; there are z, y

// CHECK: x: its range is not known; run nn-calibrate before
builtin.module attributes {nn.network = "net", nn.opsets = {"" = 17 : i64}} {
  func.func @main(%x: tensor<1x2xf32> {nn.name = "x"}) -> (tensor<1x2xf32> {nn.name = "y"}) {
    %y = nn.onnx "Relu"(%x) {} : (tensor<1x2xf32>) -> tensor<1x2xf32>
    func.return %y : tensor<1x2xf32>
  }
}

// -----

// CHECK: b: a constant that is not finite
builtin.module attributes {nn.network = "net", nn.opsets = {"" = 17 : i64}} {
  func.func @main(%x: tensor<1x2xf32> {nn.name = "x", nn.observed = array<f32: 0.0, 1.0>}) -> (tensor<1x2xf32> {nn.name = "y"}) {
    %b = nn.constant dense<"0x000000000000807F"> : tensor<2xf32> -> tensor<2xf32> loc("b")
    %y = nn.onnx "Add"(%x, %b) {} {observed = [array<f32: 0.0, 1.0>]} : (tensor<1x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
    func.return %y : tensor<1x2xf32>
  }
}
