//! As much of JSON as the plugin needs. Numbers stay as they are written.

pub enum Value {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Value>),
    Map(Vec<(String, Value)>),
}

impl Value {
    pub fn members(&self) -> Option<&[(String, Value)]> {
        match self {
            Value::Map(members) => Some(members),
            _ => None,
        }
    }

    pub fn take(self, name: &str) -> Option<Value> {
        match self {
            Value::Map(members) => members.into_iter().find(|(n, _)| n == name).map(|(_, v)| v),
            _ => None,
        }
    }
}

pub fn read(text: &[u8]) -> Result<Value, String> {
    let mut r = Reader { text, at: 0 };
    let value = r.value(1000).ok_or("it is no JSON")?;
    r.space();
    if r.at < text.len() {
        return Err("something follows the JSON value".to_string());
    }
    Ok(value)
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Skips white space and returns the byte behind it.
    fn space(&mut self) -> Option<u8> {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    fn skip(&mut self, c: u8) -> bool {
        let there = self.space() == Some(c);
        if there {
            self.at += 1;
        }
        there
    }

    fn word(&mut self, word: &str, value: Value) -> Option<Value> {
        if !self.text[self.at..].starts_with(word.as_bytes()) {
            return None;
        }
        self.at += word.len();
        Some(value)
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        match self.space()? {
            b'"' => self.string().map(Value::Text),
            b'{' if depth > 0 => self.map(depth - 1),
            b'[' if depth > 0 => self.list(depth - 1),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'n' => self.word("null", Value::Null),
            b'-' | b'0'..=b'9' => {
                let start = self.at;
                while matches!(self.text.get(self.at), Some(b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')) {
                    self.at += 1;
                }
                String::from_utf8(self.text[start..self.at].to_vec()).ok().map(Value::Number)
            }
            _ => None,
        }
    }

    fn list(&mut self, depth: usize) -> Option<Value> {
        self.at += 1;
        let mut items = Vec::new();
        while !self.skip(b']') {
            if !items.is_empty() && !self.skip(b',') {
                return None;
            }
            items.push(self.value(depth)?);
        }
        Some(Value::List(items))
    }

    fn map(&mut self, depth: usize) -> Option<Value> {
        self.at += 1;
        let mut members = Vec::new();
        while !self.skip(b'}') {
            if !members.is_empty() && !self.skip(b',') || self.space() != Some(b'"') {
                return None;
            }
            let name = self.string()?;
            if !self.skip(b':') {
                return None;
            }
            members.push((name, self.value(depth)?));
        }
        Some(Value::Map(members))
    }

    fn string(&mut self) -> Option<String> {
        self.at += 1;
        let mut s = Vec::new();
        loop {
            let c = *self.text.get(self.at)?;
            self.at += 1;
            match c {
                b'"' => return String::from_utf8(s).ok(),
                b'\\' => {
                    let mut buffer = [0; 4];
                    s.extend_from_slice(self.escape()?.encode_utf8(&mut buffer).as_bytes());
                }
                c => s.push(c),
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        let c = *self.text.get(self.at)?;
        self.at += 1;
        Some(match c {
            b'"' | b'\\' | b'/' => c as char,
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let high = self.unit()?;
                if !(0xd800..0xdc00).contains(&high) {
                    return char::from_u32(high);
                }
                if self.text.get(self.at..self.at + 2) != Some(b"\\u") {
                    return None;
                }
                self.at += 2;
                let low = self.unit()?.checked_sub(0xdc00)?;
                return char::from_u32(0x10000 + ((high - 0xd800) << 10) + low);
            }
            _ => return None,
        })
    }

    fn unit(&mut self) -> Option<u32> {
        let digits = std::str::from_utf8(self.text.get(self.at..self.at + 4)?).ok()?;
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }
}

pub fn write(text: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => text.extend_from_slice(b"null"),
        Value::Bool(b) => text.extend_from_slice(if *b { b"true" } else { b"false" }),
        Value::Number(n) => text.extend_from_slice(n.as_bytes()),
        Value::Text(s) => write_text(text, s),
        Value::List(items) => {
            text.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    text.push(b',');
                }
                write(text, item);
            }
            text.push(b']');
        }
        Value::Map(members) => {
            text.push(b'{');
            for (i, (name, value)) in members.iter().enumerate() {
                if i > 0 {
                    text.push(b',');
                }
                write_text(text, name);
                text.push(b':');
                write(text, value);
            }
            text.push(b'}');
        }
    }
}

fn write_text(text: &mut Vec<u8>, s: &str) {
    text.push(b'"');
    for c in s.bytes() {
        match c {
            b'"' | b'\\' => text.extend_from_slice(&[b'\\', c]),
            0..=0x1f => text.extend_from_slice(format!("\\u{:04x}", c).as_bytes()),
            _ => text.push(c),
        }
    }
    text.push(b'"');
}
