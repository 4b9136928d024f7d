(module
  (memory (export "memory") 1)
  (data (i32.const 16) "{\"name\":\"table\",\"doc\":\"Misbehaves.\",\"config\":{}}")
  (func (export "rivusio_abi") (result i32) (i32.const 1))
  (func (export "rivusio_alloc") (param i32) (result i32) (i32.const 4096))
  (func (export "rivusio_describe") (result i64) (i64.const 68719476784))
  (func (export "rivusio_configure") (param i32 i32) (result i64) (i64.const 0))
  (func (export "rivusio_process") (param $at i32) (param $size i32) (result i64) (loop $l (br_if $l (i32.ne (table.grow 0 (ref.null func) (i32.const 100000)) (i32.const -1)))) (unreachable))
  (table 1 funcref))
