// RUN: tilefold-opt %s -p 'verify-semantics,nn-to-isa{machine="tiny"},verify-semantics' --print-debuginfo | filecheck %s
// RUN: tilefold-opt %s -p 'nn-to-isa{machine="tinny"}' --verify-diagnostics | filecheck %s --check-prefix=UNKNOWN
// RUN: tilefold-opt %s -p 'nn-to-isa{machine="tiny" schedule="layer-serial"}' | filecheck %s --check-prefix=SERIAL
// RUN: tilefold-opt %s -p 'verify-semantics,nn-to-isa{machine="tiny" groups=true},verify-semantics' | filecheck %s --check-prefix=SERIAL
// RUN: tilefold-opt %s -p 'nn-to-isa{machine="tiny" schedule="fast"}' --verify-diagnostics | filecheck %s --check-prefix=FAST
// RUN: not tilefold-opt %s -p 'nn-to-isa' 2>&1 | filecheck %s --check-prefix=NONE

// All of the compiler: the requantisation and its clamp are the product's, the addition its
// epilogue; every instruction says which layer it is for; the program means what the network does.
// CHECK: builtin.module attributes {{.*}}tilefold.semantics
// CHECK: fabric.machine @tiny
// CHECK: schedule.tensor {kind = "input", label = "x", {{.*}}host_float = true, address = 0 : i64} : !schedule.tensor<1x1x4xu8> loc("x"
// CHECK: schedule.tensor {kind = "output", label = "y", {{.*}} loc("y"
// CHECK: schedule.tensor {kind = "constant", label = "product", {{.*}} loc(fused["product", "round"])
// CHECK: isa.program "net" on "tiny"
// CHECK: isa.configure @conv.0, units=1, {{.*}} loc(fused["product", "round"])
// CHECK: isa.load @wload, {{.*}} loc(fused["product", "round"])
// CHECK: isa.conv @conv.0, {{.*}} dst_zero=3, lo=3, hi=255, reduce={} loc(fused["product", "round"])
// CHECK: isa.vadd @act, {{.*}} ra=1.0, rb=1.0, fix=-3.0, lo=0, hi=255 loc(
// CHECK: isa.store @store, {{.*}} loc(fused["product", "round"])
// CHECK: isa.halt
// UNKNOWN: no machine is named 'tinny'; did you mean tiny?
// SERIAL: isa.halt
// FAST: nn-to-isa: schedule is "fast", but must be overlapped or layer-serial
// NONE: nn-to-isa requires argument "machine"

!f = tensor<1x4xf32>
!x = tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<4x4x!quant.uniform<i8:f32, 0.25>>
!a = tensor<1x4x!quant.uniform<i32:f32, 0.125>>

builtin.module attributes {nn.network = "net"} {
  func.func @main(%f: !f {nn.name = "x"}) -> (!f {nn.name = "y"}) {
    %x = nn.quantize %f : (!f) -> !x loc("quantise")
    %w = nn.constant dense<[[1, -2, 3, 4], [5, 6, 7, -8], [9, 1, 2, 3], [4, 5, 6, 7]]> : tensor<4x4xi8> -> !w loc("weights")
    %a = nn.matmul %x, %w : (!x, !w) -> !a loc("product")
    %r = nn.requantize %a {clamp = [3, 255]} : (!a) -> !x loc("round")
    %s = nn.add %r, %x : (!x, !x) -> !x loc("sum")
    %y = nn.dequantize %s : (!x) -> !f loc("dequantise")
    func.return %y : !f
  }
}
