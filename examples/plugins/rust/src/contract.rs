//! What a module exports; see docs/plugins.md.

use std::cell::RefCell;

use crate::json::{self, Value};

thread_local! {
    /// What passes between host and plugin. Both stay where they are until they are made anew.
    static ROOM: RefCell<Vec<u8>> = RefCell::new(Vec::new());
    static ANSWER: RefCell<Vec<u8>> = RefCell::new(Vec::new());
}

#[no_mangle]
pub extern "C" fn rivusio_abi() -> i32 {
    1
}

#[no_mangle]
pub extern "C" fn rivusio_alloc(size: u32) -> *const u8 {
    ROOM.with(|room| {
        let mut room = room.borrow_mut();
        *room = vec![0; size as usize];
        room.as_ptr()
    })
}

#[no_mangle]
pub extern "C" fn rivusio_describe() -> u64 {
    give(crate::ABOUT.as_bytes().to_vec())
}

#[no_mangle]
pub extern "C" fn rivusio_configure(_place: u32, size: u32) -> u64 {
    match given(size).and_then(|config| crate::configure(&config)) {
        Ok(()) => 0,
        Err(e) => give(failed(e)),
    }
}

#[no_mangle]
pub extern "C" fn rivusio_process(_place: u32, size: u32) -> u64 {
    match given(size).and_then(answer) {
        Ok(text) => give(text),
        Err(e) => give(failed(e)),
    }
}

/// The answer to a message: what it does not say, key, time and headers, is that of the message.
fn answer(message: Value) -> Result<Vec<u8>, String> {
    let value = message.take("value").ok_or("the message has no value")?;
    let mut text = b"{\"messages\":[".to_vec();
    for (i, value) in crate::process(value)?.iter().enumerate() {
        if i > 0 {
            text.push(b',');
        }
        text.extend_from_slice(b"{\"value\":");
        json::write(&mut text, value);
        text.push(b'}');
    }
    text.extend_from_slice(b"]}");
    Ok(text)
}

fn failed(error: String) -> Vec<u8> {
    let mut text = b"{\"error\":".to_vec();
    json::write(&mut text, &Value::Text(error));
    text.push(b'}');
    text
}

fn given(size: u32) -> Result<Value, String> {
    ROOM.with(|room| json::read(&room.borrow()[..size as usize]))
}

fn give(text: Vec<u8>) -> u64 {
    ANSWER.with(|answer| {
        let mut answer = answer.borrow_mut();
        *answer = text;
        (answer.as_ptr() as u64) << 32 | answer.len() as u64
    })
}
