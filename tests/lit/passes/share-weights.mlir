// RUN: tilefold-opt %s -p 'nn-frames{count=2 order="layer"},share-weights' --split-input-file | filecheck %s
// RUN: tilefold-opt %s -p 'share-weights' --split-input-file | filecheck %s --check-prefix=ALONE
// RUN: tilefold-opt %s -p 'nn-to-isa{machine="tiny" frames=2 order="layer"}' --split-input-file | filecheck %s --check-prefix=ISA

!x = tensor<1x2x4x4x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<2x2x3x3x!quant.uniform<i8:f32, 0.25>>
!v = tensor<2x2x1x1x!quant.uniform<i8:f32, 0.25>>

// The two copies of a layer have one number, whatever is added to their results.
// CHECK-LABEL: @main
// CHECK: %a = nn.conv {{.*}}, shared = 0 : i64}
// CHECK-NEXT: nn.conv {{.*}}, shared = 0 : i64}
// CHECK: %b = nn.conv {{.*}}, shared = 1 : i64}
// CHECK-NEXT: nn.conv {{.*}}, shared = 1 : i64}
// CHECK-NEXT: nn.add
// CHECK-NEXT: nn.add

// They are one nest, in which weights are loaded once: from here on for both copies of %a, then of %b.
// ISA: isa.load @wload
// ISA-NOT: @wload, src
// ISA: isa.loop count=2
// ISA-COUNT-2: isa.conv @conv.0
// ISA: isa.load @wload
// ISA-NOT: @wload, src
// ISA: isa.loop count=2
// ISA: isa.conv @conv.0
// ISA: isa.store @store
// ISA: isa.conv @conv.0
// ISA: isa.store @store
// ISA-NOT: @wload, src
// ISA: isa.halt
func.func @main(%x: !x) -> !x {
  %w = nn.constant dense<3> : tensor<2x2x3x3xi8> -> !w
  %v = nn.constant dense<-2> : tensor<2x2x1x1xi8> -> !v
  %a = nn.conv %x, %w {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1} : (!x, !w) -> !x loc("a")
  %b = nn.conv %a, %v {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!x, !v) -> !x loc("b")
  %c = nn.add %a, %b : (!x, !x) -> !x loc("c")
  func.return %c : !x
}

// -----

!x = tensor<1x2x4x4x!quant.uniform<u8:f32, 0.5:3>>
!v = tensor<2x2x1x1x!quant.uniform<i8:f32, 0.25>>

// Not if one reads the other's result, or they are bounded otherwise.
// ALONE-NOT: shared
func.func @main(%x: !x, %y: !x) -> (!x, !x) {
  %v = nn.constant dense<-2> : tensor<2x2x1x1xi8> -> !v
  %a = nn.conv %x, %v {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!x, !v) -> !x loc("a")
  %b = nn.conv %a, %v {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1} : (!x, !v) -> !x loc("b")
  %c = nn.conv %y, %v {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1, clamp = [3, 9]} : (!x, !v) -> !x loc("c")
  func.return %b, %c : !x, !x
}
