// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"}' | filecheck %s
// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"},attach-machine{machine="tiny"}' | filecheck %s
// RUN: tilefold-opt %s -p 'attach-machine{machine="%S/../../../machines/tiny.mlir"}' | filecheck %s
// RUN: tilefold-opt %s -p 'attach-machine{machine="tiny"},attach-machine{machine="tpu_like"}' --verify-diagnostics | filecheck %s --check-prefix=OTHER
// RUN: tilefold-opt %s -p 'attach-machine{machine="tinny"}' --verify-diagnostics | filecheck %s --check-prefix=UNKNOWN
// RUN: tilefold-opt %s -p 'attach-machine{machine="nowhere.mlir"}' --verify-diagnostics | filecheck %s --check-prefix=MISSING

// The machine stands before the network, once.
// CHECK: builtin.module {
// CHECK-NEXT: fabric.machine @tiny {hz = 100000000, src = "assumed"} {
// CHECK: fabric.memory @data {bytes = 4096,
// CHECK-NOT: fabric.machine
// CHECK: func.func @main
// OTHER: the module is already for machine tiny
// UNKNOWN: no machine is named 'tinny'; did you mean tiny?
// MISSING: nowhere.mlir: cannot be read: No such file or directory
func.func @main() {
  func.return
}
