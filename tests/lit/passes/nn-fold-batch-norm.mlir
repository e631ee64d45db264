// RUN: tilefold-opt %s -p 'nn-fold-batch-norm,dce' | filecheck %s

// Scales and shifts become part of the product before them: w * 3 / sqrt(3 + 1) and b = (1 - 2) * 1.5 + 3.
builtin.module attributes {nn.network = "bn", nn.opsets = {"" = 17 : i64}} {
  func.func @main(%x: tensor<1x1x2x2xf32> {nn.name = "x"}) -> (tensor<1x2x2x2xf32> {nn.name = "y"}) {
    // CHECK-DAG: nn.constant dense<[1.500000e+00, -2.000000e+00]> : tensor<2xf32> -> tensor<2xf32>
    // CHECK-DAG: nn.constant dense<{{.*}}3.000000e+00{{.*}}8.000000e+00{{.*}}> : tensor<2x1x1x1xf32>
    %w = nn.constant dense<[[[[2.0]]], [[[4.0]]]]> : tensor<2x1x1x1xf32> -> tensor<2x1x1x1xf32>
    %b = nn.constant dense<[1.0, -1.0]> : tensor<2xf32> -> tensor<2xf32>
    %scale = nn.constant dense<[3.0, 4.0]> : tensor<2xf32> -> tensor<2xf32>
    %shift = nn.constant dense<[3.0, 0.0]> : tensor<2xf32> -> tensor<2xf32>
    %mean = nn.constant dense<[2.0, 0.0]> : tensor<2xf32> -> tensor<2xf32>
    %variance = nn.constant dense<[3.0, 3.0]> : tensor<2xf32> -> tensor<2xf32>
    %half = nn.constant dense<0.5> : tensor<f32> -> tensor<f32>
    %two = nn.constant dense<2.0> : tensor<f32> -> tensor<f32>
    // CHECK: %[[C:.*]] = nn.onnx "Conv"(%x, %{{.*}}, %{{.*}}) {}
    // CHECK-NEXT: func.return %[[C]]
    %c = nn.onnx "Conv"(%x, %w, %b) {} : (tensor<1x1x2x2xf32>, tensor<2x1x1x1xf32>, tensor<2xf32>) -> tensor<1x2x2x2xf32>
    %n = nn.onnx "BatchNormalization"(%c, %scale, %shift, %mean, %variance) {epsilon = 1.0 : f32} : (tensor<1x2x2x2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x2x2xf32>
    %m = nn.onnx "Mul"(%half, %n) {} : (tensor<f32>, tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
    %d = nn.onnx "Mul"(%m, %two) {} : (tensor<1x2x2x2xf32>, tensor<f32>) -> tensor<1x2x2x2xf32>
    func.return %d : tensor<1x2x2x2xf32>
  }
}
