//! Domain names in wire form (RFC 1035 §3.1): length-prefixed labels, ended by the root's zero.

use crate::limits::{LABEL_MAX, NAME_MAX};
use std::fmt;

/// An absolute domain name, uncompressed, in the case in which it was written. Equality, order and
/// hash look at the bytes: call [`Name::to_lowercase`] first where case must not matter (RFC 4343).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Box<[u8]>);

/// Why a text is no domain name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NameError {
    /// A label is empty.
    EmptyLabel,
    /// A label has more than 63 octets.
    LongLabel,
    /// The name has more than 255 octets.
    LongName,
    /// A backslash stands before something that is no escape.
    BadEscape,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EmptyLabel => "a label is empty",
            Self::LongLabel => "a label is longer than 63 octets",
            Self::LongName => "the name is longer than 255 octets",
            Self::BadEscape => "a backslash must be followed by a character or three digits",
        })
    }
}

impl std::error::Error for NameError {}

impl Name {
    /// The root.
    #[must_use]
    pub fn root() -> Self {
        Self(Box::new([0]))
    }

    /// Reads a name in master-file form; it is taken as absolute with or without the final dot.
    ///
    /// # Errors
    /// Empty or long labels, a long name, or a broken escape.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let bytes = text.as_bytes();
        if bytes == b"." {
            return Ok(Self::root());
        }
        let mut wire = Vec::with_capacity(bytes.len() + 2);
        let mut start = 0;
        wire.push(0);
        let mut at = 0;
        while at < bytes.len() {
            match bytes[at] {
                b'.' => {
                    close_label(&mut wire, start)?;
                    at += 1;
                    start = wire.len();
                    wire.push(0);
                    continue;
                }
                b'\\' => at += escape(&bytes[at + 1..], &mut wire)?,
                byte => wire.push(byte),
            }
            at += 1;
        }
        if wire.len() > start + 1 {
            close_label(&mut wire, start)?;
            wire.push(0);
        } else if start == 0 {
            return Err(NameError::EmptyLabel);
        }
        if wire.len() > NAME_MAX {
            return Err(NameError::LongName);
        }
        Ok(Self(wire.into()))
    }

    /// Takes wire form that is already known to be one uncompressed name.
    ///
    /// # Errors
    /// Labels that do not add up to exactly one name of at most 255 octets.
    pub fn from_wire(wire: &[u8]) -> Result<Self, NameError> {
        let mut at = 0;
        loop {
            let Some(&length) = wire.get(at) else {
                return Err(NameError::EmptyLabel);
            };
            if usize::from(length) > LABEL_MAX {
                return Err(NameError::LongLabel);
            }
            at += 1 + usize::from(length);
            if length == 0 {
                break;
            }
        }
        if at != wire.len() || at > NAME_MAX {
            return Err(NameError::LongName);
        }
        Ok(Self(wire.into()))
    }

    /// The wire form.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.0
    }

    /// The same name in lower case (ASCII only, RFC 4343).
    #[must_use]
    pub fn to_lowercase(&self) -> Self {
        // Length octets are at most 63, below 'A', so the whole buffer can be folded.
        Self(self.0.to_ascii_lowercase().into())
    }

    /// The labels from the left, without the root.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.0[..];
        std::iter::from_fn(move || {
            let length = usize::from(rest[0]);
            if length == 0 {
                return None;
            }
            let label = &rest[1..=length];
            rest = &rest[1 + length..];
            Some(label)
        })
    }

    /// True if `self` is `ancestor` or stands below it, whatever the case.
    #[must_use]
    pub fn is_within(&self, ancestor: &Self) -> bool {
        let mut rest = &self.0[..];
        loop {
            if rest.len() == ancestor.0.len() {
                return rest.eq_ignore_ascii_case(&ancestor.0);
            }
            if rest.len() < ancestor.0.len() || rest[0] == 0 {
                return false;
            }
            rest = &rest[1 + usize::from(rest[0])..];
        }
    }

    /// `self` with `suffix` put behind its labels in place of the root.
    ///
    /// # Errors
    /// The result is longer than 255 octets.
    pub fn join(&self, suffix: &Self) -> Result<Self, NameError> {
        let mut wire = self.0[..self.0.len() - 1].to_vec();
        wire.extend_from_slice(&suffix.0);
        if wire.len() > NAME_MAX {
            return Err(NameError::LongName);
        }
        Ok(Self(wire.into()))
    }
}

/// Writes the length of the label that began at `start`.
fn close_label(wire: &mut [u8], start: usize) -> Result<(), NameError> {
    match wire.len() - start - 1 {
        0 => Err(NameError::EmptyLabel),
        length if length > LABEL_MAX => Err(NameError::LongLabel),
        length => {
            wire[start] = length as u8;
            Ok(())
        }
    }
}

/// Reads what stands behind a backslash (RFC 1035 §5.1); gives the octets taken.
fn escape(rest: &[u8], wire: &mut Vec<u8>) -> Result<usize, NameError> {
    match *rest {
        [a, b, c, ..] if a.is_ascii_digit() && b.is_ascii_digit() && c.is_ascii_digit() => {
            let value = u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0');
            wire.push(u8::try_from(value).map_err(|_| NameError::BadEscape)?);
            Ok(3)
        }
        [byte, ..] if !byte.is_ascii_digit() => {
            wire.push(byte);
            Ok(1)
        }
        _ => Err(NameError::BadEscape),
    }
}

impl fmt::Display for Name {
    /// Master-file form with the final dot, special octets escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() == 1 {
            return f.write_str(".");
        }
        for label in self.labels() {
            for &byte in label {
                match byte {
                    b'.' | b'\\' | b'"' | b';' | b'(' | b')' | b'@' | b'$' => write!(f, "\\{}", byte as char)?,
                    0x21..=0x7e => write!(f, "{}", byte as char)?,
                    _ => write!(f, "\\{byte:03}")?,
                }
            }
            f.write_str(".")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_and_written_back() {
        for text in ["www.example.com.", ".", "a\\.b.example.", "\\000x.", "*.img.example."] {
            assert_eq!(Name::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Name::parse("www.example.com").unwrap().wire(), b"\x03www\x07example\x03com\x00");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        assert_eq!(Name::parse(""), Err(NameError::EmptyLabel));
        assert_eq!(Name::parse("a..b"), Err(NameError::EmptyLabel));
        assert_eq!(Name::parse(&"a".repeat(64)), Err(NameError::LongLabel));
        assert_eq!(Name::parse(&"a.".repeat(128)), Err(NameError::LongName));
        assert_eq!(Name::parse("a\\25"), Err(NameError::BadEscape));
        assert_eq!(Name::parse("a\\256"), Err(NameError::BadEscape));
    }

    #[test]
    fn ancestry_looks_at_whole_labels_and_not_at_case() {
        let zone = Name::parse("Example.com").unwrap();
        assert!(Name::parse("www.EXAMPLE.com").unwrap().is_within(&zone));
        assert!(zone.is_within(&zone));
        assert!(!Name::parse("wwwexample.com").unwrap().is_within(&zone));
        assert!(!Name::parse("com").unwrap().is_within(&zone));
    }
}
