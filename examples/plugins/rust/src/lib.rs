//! The mask plugin replaces the digits in the texts of a value, but for the last few. Build it with
//!
//! ```sh
//! cargo build --release --target wasm32-unknown-unknown
//! ```

mod contract;
mod json;

use std::sync::atomic::{AtomicUsize, Ordering};

use json::Value;

/// How many digits at the end of each text stay.
static KEEP: AtomicUsize = AtomicUsize::new(4);

fn configure(config: &Value) -> Result<(), String> {
    for (name, value) in config.members().ok_or("the configuration is no map")? {
        match (name.as_str(), value) {
            ("keep", Value::Number(n)) => {
                let keep = n.parse().map_err(|_| "keep is no whole number from 0".to_string())?;
                KEEP.store(keep, Ordering::Relaxed);
            }
            ("keep", _) => return Err("keep is no number".to_string()),
            _ => return Err(format!("unknown key {}", name)),
        }
    }
    Ok(())
}

fn process(value: Value) -> Result<Vec<Value>, String> {
    Ok(vec![mask(value, KEEP.load(Ordering::Relaxed))])
}

fn mask(value: Value, keep: usize) -> Value {
    match value {
        Value::Text(text) => Value::Text(mask_text(&text, keep)),
        Value::List(items) => Value::List(items.into_iter().map(|v| mask(v, keep)).collect()),
        Value::Map(members) => Value::Map(members.into_iter().map(|(k, v)| (k, mask(v, keep))).collect()),
        other => other,
    }
}

fn mask_text(text: &str, keep: usize) -> String {
    let digits = text.chars().filter(|c| c.is_ascii_digit()).count();
    let mut hide = digits.saturating_sub(keep);
    text.chars()
        .map(|c| {
            if c.is_ascii_digit() && hide > 0 {
                hide -= 1;
                '*'
            } else {
                c
            }
        })
        .collect()
}

const ABOUT: &str = r#"{
  "name": "mask",
  "doc": "Replaces the digits in all texts of the value by stars, but for the last few of each.",
  "config": {"type": "object", "additionalProperties": false, "properties": {
    "keep": {"type": "integer", "minimum": 0, "default": 4, "description": "how many digits at the end of a text stay"}}}
}"#;
