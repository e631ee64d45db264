// RUN: tilefold-opt %s --print-debuginfo | tilefold-opt --print-debuginfo | filecheck %s

!x = tensor<1x24x!quant.uniform<u8:f32, 0.5>>

func.func @layer(%x: !x) -> !x {
  // CHECK: nn.add %x, %x : ({{.*}}) -> tensor<1x24x!quant.uniform<u8:f32, 0.5>> loc("/block.1/add")
  %y = nn.add %x, %x : (!x, !x) -> !x loc("/block.1/add")
  func.return %y : !x
}
