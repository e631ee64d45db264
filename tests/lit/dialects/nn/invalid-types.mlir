// RUN: tilefold-opt %s --verify-diagnostics --parsing-diagnostics --split-input-file | filecheck %s

// CHECK: scale 0.0 is not a positive, finite float32 number
func.func private @f(!quant.uniform<u8:f32, 0.0>)

// -----

// CHECK: scale -1.0 is not a positive
func.func private @f(!quant.uniform<u8:f32, -1.0>)

// -----

// CHECK: scale inf is not a positive
func.func private @f(!quant.uniform<u8:f32, 1.0e39>)

// -----

// CHECK: zero point 256 is not within 0:255
func.func private @f(!quant.uniform<u8:f32, 1.0:256>)

// -----

// CHECK: zero point 1 is not within 0:0
func.func private @f(!quant.uniform<i32:f32, 1.0:1>)

// -----

// CHECK: storage 'f8' is none of i2 to i8, u2 to u8, i32
func.func private @f(!quant.uniform<f8:f32, 1.0>)

// -----

// CHECK: storage 'i0' is none of i2 to i8, u2 to u8, i32
func.func private @f(!quant.uniform<i0:f32, 1.0>)

// -----

// CHECK: storage of 9 bits; 2 to 8 or 32 are possible
func.func private @f(!quant.uniform<i9:f32, 1.0>)

// -----

// CHECK: axis -1 must not be negative
func.func private @f(!quant.uniform<i8:f32:-1, {1.0}>)

// -----

// CHECK: 32-bit storage must be signed: i32
func.func private @f(!quant.uniform<u32:f32, 1.0>)

// -----

// CHECK: storage range -200:127 is not within -128:127
func.func private @f(!quant.uniform<i8<-200:127>:f32, 1.0>)

// -----

// CHECK: storage range 5:5 is not within 0:255
func.func private @f(!quant.uniform<u8<5:5>:f32, 1.0>)

// -----

// CHECK: there must be one scale and one zero point per channel
func.func private @f(!quant.uniform<i8:f32:0, {}>)

// -----

// CHECK: stored scales need an axis
func.func private @f(!quant.uniform<i8:f32, stored "0123456789abcdef0123456789abcdef">)

// -----

// CHECK: "123" is not a digest of 32 hex digits
func.func private @f(!quant.uniform<i8:f32:0, stored "123">)
