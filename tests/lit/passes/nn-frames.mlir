// RUN: tilefold-opt %s -p 'nn-frames{count=3}' --print-debuginfo | filecheck %s
// RUN: tilefold-opt %s -p 'nn-frames{count=3 order="layer"}' --print-debuginfo | filecheck %s --check-prefix=LAYER

!x = tensor<1x2x4x4x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<2x2x1x1x!quant.uniform<i8:f32, 0.25>>

// Three images take three copies of each layer, of which a location tells the frame; weights are shared.
// CHECK: builtin.module attributes {nn.frames = 3 : i64}
// CHECK: @main(%image: {{.*}} {nn.name = "image"}{{.*}} {nn.name = "image@1"}{{.*}} {nn.name = "image@2"}
// CHECK-SAME: {nn.name = "sum"}{{.*}} {nn.name = "sum@1"}{{.*}} {nn.name = "sum@2"}
// CHECK-NEXT: %w = nn.constant {{.*}} loc("w"
// CHECK-NEXT: %a = nn.conv %image, %w {{.*}} loc("a"
// CHECK-NEXT: %b = nn.add %a, %image {{.*}} loc(fused["b", "b/relu"])
// CHECK-NEXT: %[[A1:.*]] = nn.conv %{{.*}}, %w {{.*}} loc("a@1"
// CHECK-NEXT: %[[B1:.*]] = nn.add %[[A1]], {{.*}} loc(fused["b@1", "b/relu@1"])
// CHECK-NEXT: %[[A2:.*]] = nn.conv %{{.*}}, %w {{.*}} loc("a@2"
// CHECK-NEXT: %[[B2:.*]] = nn.add %[[A2]]
// CHECK-NEXT: return %b, %[[B1]], %[[B2]]

// Layer by layer.
// LAYER: %a = {{.*}} loc("a"
// LAYER-NEXT: {{.*}} loc("a@1"
// LAYER-NEXT: {{.*}} loc("a@2"
// LAYER-NEXT: {{.*}} loc(fused["b"
// LAYER-NEXT: {{.*}} loc(fused["b@1"
// LAYER-NEXT: {{.*}} loc(fused["b@2"
// LAYER-NEXT: return
func.func @main(%image: !x {nn.name = "image"}) -> (!x {nn.name = "sum"}) {
  %w = nn.constant dense<3> : tensor<2x2x1x1xi8> -> !w loc("w")
  %a = nn.conv %image, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!x, !w) -> !x loc("a")
  %b = nn.add %a, %image : (!x, !x) -> !x loc(fused["b", "b/relu"])
  func.return %b : !x
}
