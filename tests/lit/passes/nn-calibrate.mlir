// RUN: python -c "import numpy; numpy.savez('%t.npz', x=numpy.arange(8, dtype='float32').reshape(4, 2) - 4)"
// RUN: tilefold-opt %s -p 'nn-calibrate{samples="%t.npz"}' | filecheck %s
// RUN: tilefold-opt %s -p 'nn-calibrate{samples="%t.npz"},nn-quantize{method="minmax"}' | filecheck %s --check-prefix TYPES

// Histograms are in the store; from four samples, -4 to 3, a range for each value follows.
builtin.module attributes {nn.network = "relu", nn.opsets = {"" = 17 : i64}} {
  // CHECK: func.func @main(%x: tensor<1x2xf32> {nn.name = "x", nn.observed = #nn.stored<"{{.*}}">})
  func.func @main(%x: tensor<1x2xf32> {nn.name = "x"}) -> (tensor<1x2xf32> {nn.name = "y"}) {
    // CHECK: nn.onnx "Relu"(%x) {} {observed = [#nn.stored<"{{.*}}">]} :
    // TYPES: nn.quantize %x : {{.*}}!quant.uniform<u8:f32, 0.02745098:146>>
    // TYPES: nn.onnx "Relu"
    // TYPES: nn.quantize {{.*}}!quant.uniform<u8:f32, 0.011764706>>
    %y = nn.onnx "Relu"(%x) {} : (tensor<1x2xf32>) -> tensor<1x2xf32>
    func.return %y : tensor<1x2xf32>
  }
}
