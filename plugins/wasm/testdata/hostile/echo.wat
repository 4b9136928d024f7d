(module
  (memory (export "memory") 8)
  (data (i32.const 16) "{\"name\":\"echo\",\"doc\":\"Misbehaves.\",\"config\":{}}")
  (func (export "rivusio_abi") (result i32) (i32.const 1))
  (func (export "rivusio_alloc") (param i32) (result i32) (i32.const 65536))
  (func (export "rivusio_describe") (result i64) (i64.const 68719476783))
  (func (export "rivusio_configure") (param i32 i32) (result i64) (i64.const 0))
  (func (export "rivusio_process") (param $at i32) (param $size i32) (result i64) (i32.store8 (i32.add (local.get $at) (local.get $size)) (i32.const 125)) (i32.store8 (i32.add (local.get $at) (i32.add (local.get $size) (i32.const 1))) (i32.const 93)) (i32.store8 (i32.add (local.get $at) (i32.add (local.get $size) (i32.const 2))) (i32.const 125)) (i64.or (i64.const 281380487430144) (i64.extend_i32_u (i32.add (local.get $size) (i32.const 25)))))
  (data (i32.const 65514) "{\"messages\":[{\"value\":"))
