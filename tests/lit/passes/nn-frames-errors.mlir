// RUN: tilefold-opt %s -p 'nn-frames{count=0}' --split-input-file --verify-diagnostics | filecheck %s --check-prefix=COUNT
// RUN: tilefold-opt %s -p 'nn-frames{order="image"}' --split-input-file --verify-diagnostics | filecheck %s --check-prefix=ORDER
// RUN: tilefold-opt %s -p 'nn-frames,nn-frames' --split-input-file --verify-diagnostics | filecheck %s --check-prefix=TWICE

!x = tensor<1x2x2x2x!quant.uniform<u8:f32, 0.5:3>>

// COUNT: nn-frames: 0 frames are not from 1 to 64
// ORDER: nn-frames: order is "image", but must be frame or layer
// TWICE: nn-frames: the network takes 2 frames already
func.func @main(%x: !x) -> !x {
  %a = nn.add %x, %x : (!x, !x) -> !x loc("a")
  func.return %a : !x
}

// -----

!x = tensor<1x2x2x2x!quant.uniform<u8:f32, 0.5:3>>

// TWICE: nn-frames: "a@1" is what a copy is called: rename it
func.func @main(%x: !x) -> !x {
  %a = nn.add %x, %x : (!x, !x) -> !x loc("a@1")
  func.return %a : !x
}
