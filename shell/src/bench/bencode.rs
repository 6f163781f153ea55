//! Bencode (BEP 3), which rtpengine's control protocol is written in.

use std::collections::BTreeMap;

/// How deep lists and dictionaries may lie in each other.
const DEEPEST: usize = 16;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(Vec<u8>),
    Number(i64),
    List(Vec<Self>),
    Dictionary(BTreeMap<Vec<u8>, Self>),
}

impl Value {
    /// A text.
    pub(super) fn text(text: &str) -> Self {
        Self::Text(text.as_bytes().to_vec())
    }

    /// A dictionary of these keys.
    pub(super) fn dictionary<const N: usize>(entries: [(&str, Self); N]) -> Self {
        Self::Dictionary(entries.map(|(key, value)| (key.as_bytes().to_vec(), value)).into())
    }

    /// The text under a key of a dictionary.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        let Self::Dictionary(entries) = self else { return None };
        match entries.get(key.as_bytes())? {
            Self::Text(text) => str::from_utf8(text).ok(),
            _ => None,
        }
    }

    /// Writes it behind what is there.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => write_text(text, out),
            Self::Number(number) => out.extend(format!("i{number}e").bytes()),
            Self::List(entries) => {
                out.push(b'l');
                entries.iter().for_each(|entry| entry.write(out));
                out.push(b'e');
            }
            Self::Dictionary(entries) => {
                out.push(b'd');
                for (key, value) in entries {
                    write_text(key, out);
                    value.write(out);
                }
                out.push(b'e');
            }
        }
    }

    /// Reads the one value that bytes are.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (value, rest) = value(bytes, DEEPEST)?;
        rest.is_empty().then_some(value)
    }
}

fn write_text(text: &[u8], out: &mut Vec<u8>) {
    out.extend(format!("{}:", text.len()).bytes());
    out.extend(text);
}

/// A value, and what is behind it.
fn value(bytes: &[u8], deep: usize) -> Option<(Value, &[u8])> {
    let deep = deep.checked_sub(1)?;
    match bytes.split_first()? {
        (b'i', rest) => {
            let (number, rest) = until(rest, b'e')?;
            Some((Value::Number(number.parse().ok()?), rest))
        }
        (b'l', mut rest) => {
            let mut entries = vec![];
            while rest.first() != Some(&b'e') {
                let entry;
                (entry, rest) = value(rest, deep)?;
                entries.push(entry);
            }
            Some((Value::List(entries), rest.get(1..)?))
        }
        (b'd', mut rest) => {
            let mut entries = BTreeMap::new();
            while rest.first() != Some(&b'e') {
                let (key, entry);
                (key, rest) = text(rest)?;
                (entry, rest) = value(rest, deep)?;
                entries.insert(key.to_vec(), entry);
            }
            Some((Value::Dictionary(entries), rest.get(1..)?))
        }
        _ => text(bytes).map(|(text, rest)| (Value::Text(text.to_vec()), rest)),
    }
}

fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = until(bytes, b':')?;
    rest.split_at_checked(len.parse().ok()?)
}

/// What stands before a byte, and what behind it.
fn until(bytes: &[u8], end: u8) -> Option<(&str, &[u8])> {
    let at = bytes.iter().position(|byte| *byte == end)?;
    Some((str::from_utf8(bytes.get(..at)?).ok()?, bytes.get(at + 1..)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_are_written_as_the_specification_shows() {
        let list = Value::List(vec![Value::text("spam"), Value::Number(-3)]);
        let value = Value::dictionary([("spam", list), ("cow", Value::text("moo"))]);
        let mut bytes = vec![];
        value.write(&mut bytes);
        assert_eq!(bytes, b"d3:cow3:moo4:spaml4:spami-3eee");
        assert_eq!(Value::read(&bytes), Some(value.clone()));
        assert_eq!((value.get("cow"), value.get("spam"), value.get("pig")), (Some("moo"), None, None));
    }

    #[test]
    fn what_is_none_is_not_read() {
        for bytes in [&b""[..], b"i3", b"ie", b"4:abc", b"-1:", b"l", b"d1:a", b"di3ei4ee", b"i3ei4e", b"e"] {
            assert_eq!(Value::read(bytes), None, "{bytes:?}");
        }
        assert_eq!(Value::read(&[b'l'; 1000]), None);
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![any::<Vec<u8>>().prop_map(Value::Text), any::<i64>().prop_map(Value::Number)];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
                proptest::collection::btree_map(any::<Vec<u8>>(), inner, 0..4).prop_map(Value::Dictionary),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(value in values()) {
            let mut bytes = vec![];
            value.write(&mut bytes);
            prop_assert_eq!(Value::read(&bytes), Some(value));
        }

        #[test]
        fn nothing_breaks_it(bytes: Vec<u8>) {
            let _ = Value::read(&bytes);
        }
    }
}
