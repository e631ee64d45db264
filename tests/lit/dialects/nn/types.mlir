// RUN: tilefold-opt %s | tilefold-opt | filecheck %s
// RUN: tilefold-opt %s --print-op-generic | tilefold-opt | filecheck %s

// CHECK: !quant.uniform<u8:f32, 0.02:128>
func.func private @type1(!quant.uniform<u8:f32, 0.02:128>)
// CHECK: !quant.uniform<i8<-127:127>:f32, 1.0>
func.func private @type2(!quant.uniform<i8<-127:127>:f32, 1>)
// A full range and a zero point of 0 are implied.
// CHECK: !quant.uniform<i2:f32, 0.5>
func.func private @type3(!quant.uniform<i2<-2:1>:f32, 5.0e-1:0>)
// CHECK: !quant.uniform<i8:f32:1, {0.1, 1.0e-30:-3}>
func.func private @type4(!quant.uniform<i8:f32:1, {0.1, 1.0e-30:-3}>)
// Scales are rounded to float32.
// CHECK: !quant.uniform<i32:f32, 0.1>
func.func private @type5(!quant.uniform<i32:f32, 0.1000000001>)
// CHECK: !quant.uniform<i8:f32:0, stored "0123456789abcdef0123456789abcdef">
func.func private @type6(!quant.uniform<i8:f32:0, stored "0123456789abcdef0123456789abcdef">)
// CHECK: !quant.uniform<u8:f32:0, stored "0123456789abcdef0123456789abcdef":"fedcba9876543210fedcba9876543210">
func.func private @type7(!quant.uniform<u8:f32:0, stored "0123456789abcdef0123456789abcdef":"fedcba9876543210fedcba9876543210">)
