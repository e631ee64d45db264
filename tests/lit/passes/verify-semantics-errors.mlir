// RUN: tilefold-opt %s -p 'verify-semantics' --split-input-file --verify-diagnostics | filecheck %s

!x = tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>

// A pass between changed the network: the digest is that of another sum.
// CHECK: verify-semantics: output y is not what it was at the last verify-semantics; a pass in between changed its bits
builtin.module attributes {tilefold.semantics = {y = "0123456789abcdef"}} {
  func.func @main(%x: !x {nn.name = "x"}) -> (!x {nn.name = "y"}) {
    %y = nn.add %x, %x : (!x, !x) -> !x
    func.return %y : !x
  }
}

// -----

// CHECK: verify-semantics: the module holds nothing that can be run
builtin.module {}

// -----

// CHECK: the module has no func.func @main: it is not a network
func.func @other() {
  func.return
}

// -----

// CHECK: @main must have one block
func.func private @main()

// -----

// CHECK: input names a, a are not unique
func.func @main(%x: tensor<4xf32> {nn.name = "a"}, %y: tensor<4xf32> {nn.name = "a"}) {
  func.return
}

// -----

// CHECK: f32 is not a tensor
func.func @main(%x: f32) -> f32 {
  func.return %x : f32
}

// -----

!x = tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>

// CHECK: the store has no array 0123456789abcdef0123456789abcdef; pass the store it came with
func.func @main(%x: !x) -> !x {
  %w = nn.constant #nn.stored<"0123456789abcdef0123456789abcdef"> -> !x loc("weights")
  %y = nn.add %x, %w : (!x, !x) -> !x loc("sum")
  func.return %y : !x
}

// -----

!x = tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>

// CHECK: nn.network must be a string
builtin.module attributes {nn.network = 1 : i64} {
  func.func @main(%x: !x) -> !x {
    func.return %x : !x
  }
}
