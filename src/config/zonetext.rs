//! Record data of RFC 1035 zone text, read by NLnet Labs' `domain`: the one file that knows it. Lines,
//! owners, TTLs and directives are `master`'s; here one record's data becomes wire form.

use crate::wire::Name;
use crate::wire::rdata::is_whole;
use domain::base::iana::Rtype;
use domain::base::rdata::ComposeRecordData;
use domain::zonefile::inplace::{Entry, Zonefile};
use std::str::FromStr;

/// Types that `domain` does not read by their own name, and one of the same layout that it does.
const SAME_LAYOUT: [(u16, &str); 6] = [(18, "MX"), (21, "MX"), (36, "MX"), (53, "TLSA"), (99, "TXT"), (32_769, "DS")];

/// Reads record data. It keeps one buffer for a whole file.
#[derive(Debug)]
pub(super) struct DataReader {
    zonefile: Zonefile,
    origin: Name,
    line: String,
}

/// Why record data cannot be read, and how many bytes into it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct DataError {
    pub(super) message: String,
    /// Bytes from the start of the data that were read until then.
    pub(super) at: usize,
    /// The type is known, and this reader has no text form of it.
    pub(super) no_text_form: bool,
}

impl DataReader {
    /// A reader whose relative names end with `origin`.
    pub(super) fn new(origin: &Name) -> Self {
        let mut reader = Self { zonefile: Zonefile::new(), origin: origin.clone(), line: String::new() };
        reader.restart();
        reader
    }

    /// Relative names end with `origin` from now on.
    pub(super) fn set_origin(&mut self, origin: &Name) {
        if self.origin != *origin {
            self.origin = origin.clone();
            self.restart();
        }
    }

    /// The number of a type's mnemonic, `TYPE123` included.
    pub(super) fn rtype(text: &str) -> Option<u16> {
        rtype(text)
    }

    /// The wire form of `text`, the data of one record, parentheses and comments included.
    ///
    /// # Errors
    /// What `domain` does not like about it, and where.
    pub(super) fn read(&mut self, rtype: u16, text: &str) -> Result<Box<[u8]>, DataError> {
        if text.is_ascii() {
            return self.read_ascii(rtype, text);
        }
        // The reader takes ASCII only; people write UTF-8 into TXT records.
        let escaped = text.bytes().fold(String::with_capacity(text.len() * 2), |mut escaped, byte| {
            if byte.is_ascii() {
                escaped.push(char::from(byte));
            } else {
                escaped.push_str(&format!("\\{byte:03}"));
            }
            escaped
        });
        self.read_ascii(rtype, &escaped).map_err(|error| {
            let mut left = error.at;
            let mut behind = |byte: &u8| {
                left = left.saturating_sub(if byte.is_ascii() { 1 } else { 4 });
                left > 0
            };
            DataError { at: text.as_bytes().iter().take_while(|byte| behind(byte)).count(), ..error }
        })
    }

    fn read_ascii(&mut self, rtype: u16, text: &str) -> Result<Box<[u8]>, DataError> {
        let (type_word, generic) = match SAME_LAYOUT.iter().find(|(number, _)| *number == rtype) {
            Some((_, word)) if !text.trim_start().starts_with("\\#") => ((*word).to_owned(), false),
            _ => (format!("TYPE{rtype}"), text.trim_start().starts_with("\\#")),
        };
        let head = format!(". 0 IN {type_word} ");
        self.line.clear();
        self.line.push_str(&head);
        self.line.push_str(text);
        self.line.push('\n');
        self.zonefile.extend_from_slice(self.line.as_bytes());
        let entry = self.zonefile.next_entry();
        let complaint = match entry {
            Ok(Some(Entry::Record(record))) => {
                let mut wire = Vec::with_capacity(16);
                let fits = record.data().compose_rdata(&mut wire).is_ok() && wire.len() <= usize::from(u16::MAX);
                if fits && is_whole(rtype, &wire) {
                    return Ok(wire.into());
                }
                match fits {
                    // Generic data (RFC 3597 §5) is any octets to the reader, but they must be data of their type.
                    true => "the octets are not of this type's form: something is missing or too much".to_owned(),
                    false => "the data is longer than 65,535 octets".to_owned(),
                }
            }
            Ok(_) => "there is no data".to_owned(),
            Err(error) => error.to_string(),
        };
        let complaint = self.locate(&complaint, text, head.len());
        self.restart();
        Err(DataError { no_text_form: !generic && complaint.message.contains("unknown"), ..complaint })
    }

    /// A fresh buffer: after an error the old one is in no defined state.
    fn restart(&mut self) {
        self.zonefile = Zonefile::new();
        self.zonefile.extend_from_slice(format!("$ORIGIN {}\n", self.origin).as_bytes());
    }

    /// Reads the record again alone, where line and column are known to count from its own start.
    fn locate(&self, complaint: &str, text: &str, head: usize) -> DataError {
        let mut alone = Zonefile::new();
        alone.extend_from_slice(format!("$ORIGIN {}\n", self.origin).as_bytes());
        alone.extend_from_slice(self.line.as_bytes());
        let said = match alone.next_entry() {
            Err(error) => error.to_string(),
            Ok(_) => complaint.to_owned(),
        };
        let mut parts = said.splitn(3, ':');
        let line = parts.next().and_then(|line| line.parse::<usize>().ok());
        let column = parts.next().and_then(|column| column.parse::<usize>().ok());
        let (Some(line), Some(column), Some(message)) = (line, column, parts.next()) else {
            return DataError { message: said, at: text.len(), no_text_form: false };
        };
        // The directive is line 1, the record's own first line is line 2.
        let lines: usize = text.split_inclusive('\n').take(line.saturating_sub(2)).map(str::len).sum();
        let at = if line <= 2 { column.saturating_sub(1 + head) } else { lines + column.saturating_sub(1) };
        DataError { message: message.trim().to_owned(), at: at.min(text.len()), no_text_form: false }
    }
}

/// The number of a type's mnemonic, `TYPE123` included.
pub(super) fn rtype(text: &str) -> Option<u16> {
    Rtype::from_str(text).ok().map(Rtype::to_int)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rtype: u16, text: &str) -> Result<Box<[u8]>, DataError> {
        DataReader::new(&Name::parse("example.com").unwrap()).read(rtype, text)
    }

    #[test]
    fn data_of_known_and_unknown_types_becomes_wire_form() {
        assert_eq!(&*read(1, "192.0.2.1").unwrap(), [192, 0, 2, 1]);
        assert_eq!(&*read(15, "10 Mail").unwrap(), b"\x00\x0a\x04Mail\x07example\x03com\x00");
        assert_eq!(&*read(39, "other.").unwrap(), b"\x05other\x00");
        assert_eq!(&*read(65_280, "\\# 3 0a0b0c").unwrap(), [10, 11, 12]);
        assert_eq!(&*read(1, "\\# 4 0a000001").unwrap(), [10, 0, 0, 1]);
        assert_eq!(&*read(5, "( \\# 3 016100 )").unwrap(), b"\x01a\x00");
        assert_eq!(&*read(18, "1 afs").unwrap(), b"\x00\x01\x03afs\x07example\x03com\x00");
        assert_eq!(&*read(16, "( \"a b\" ; comment\n c )").unwrap(), b"\x03a b\x01c");
    }

    #[test]
    fn a_reader_goes_on_after_an_error_and_says_where_it_was() {
        let mut reader = DataReader::new(&Name::root());
        assert_eq!(reader.read(1, "192.0.2.300").unwrap_err().at, 11);
        assert!((1..=3).contains(&reader.read(15, "ten mail").unwrap_err().at));
        assert_eq!(&*reader.read(1, "192.0.2.3").unwrap(), [192, 0, 2, 3]);
        assert!(reader.read(29, "52 22 23.000 N 4 53 32.000 E -2.00m").unwrap_err().no_text_form);
        assert!(reader.read(1, "192.0.2.3 4").is_err());
        assert!(reader.read(1, "").is_err());
        assert_eq!(reader.read(1, "\\# 3 010203").unwrap_err().at, 11);
        assert!(reader.read(5, "( \\# 2 c00c )").is_err());
        assert_eq!(&*reader.read(1, "192.0.2.3").unwrap(), [192, 0, 2, 3]);
    }
}
