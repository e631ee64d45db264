// RUN: python -c "import numpy; numpy.savez('%t.npz', x=numpy.linspace(0.5, 1, 8, dtype='float32').reshape(8, 1, 1, 1))"
// RUN: tilefold-opt %s -p 'nn-equalize{samples="%t.npz"},dce' | filecheck %s

// The channels of %a reach 1 and 16 and meet weights of 1. With alpha = 3/4 the least noise is predicted:
// they are divided by 8^(-1/2) and 8^(1/2). A Relu keeps proportions, a Sigmoid does not: %c stays.
builtin.module attributes {nn.network = "two", nn.opsets = {"" = 17 : i64}} {
  func.func @main(%x: tensor<1x1x1x1xf32> {nn.name = "x"}) -> (tensor<1x1x1x1xf32> {nn.name = "y"}) {
    // CHECK-DAG: nn.constant dense<{{.*}}2.828427{{.*}}5.656854{{.*}}> : tensor<2x1x1x1xf32>
    // CHECK-DAG: nn.constant dense<{{.*}}0.353553{{.*}}2.828427{{.*}}> : tensor<1x2x1x1xf32>
    // CHECK-DAG: nn.constant dense<{{.*}}7.000000e+00{{.*}}> : tensor<1x1x1x1xf32>
    %w = nn.constant dense<[[[[1.0]]], [[[16.0]]]]> : tensor<2x1x1x1xf32> -> tensor<2x1x1x1xf32>
    %v = nn.constant dense<1.0> : tensor<1x2x1x1xf32> -> tensor<1x2x1x1xf32>
    %u = nn.constant dense<7.0> : tensor<1x1x1x1xf32> -> tensor<1x1x1x1xf32>
    %a = nn.onnx "Conv"(%x, %w) {} : (tensor<1x1x1x1xf32>, tensor<2x1x1x1xf32>) -> tensor<1x2x1x1xf32>
    %b = nn.onnx "Relu"(%a) {} : (tensor<1x2x1x1xf32>) -> tensor<1x2x1x1xf32>
    %c = nn.onnx "Conv"(%b, %v) {} : (tensor<1x2x1x1xf32>, tensor<1x2x1x1xf32>) -> tensor<1x1x1x1xf32>
    %d = nn.onnx "Sigmoid"(%c) {} : (tensor<1x1x1x1xf32>) -> tensor<1x1x1x1xf32>
    %e = nn.onnx "Conv"(%d, %u) {} : (tensor<1x1x1x1xf32>, tensor<1x1x1x1xf32>) -> tensor<1x1x1x1xf32>
    func.return %e : tensor<1x1x1x1xf32>
  }
}
