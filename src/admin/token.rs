//! The token that writes need: read from a file, kept as its digest, compared in constant time.

use crate::limits::{ADMIN_TOKEN_MAX, ADMIN_TOKEN_MIN};
use crate::rights::read_secret;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use std::fmt;
use std::io;
use std::path::Path;

/// The token, as its SHA-256: what is compared has one length, and the token itself is in no memory for long.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; 32]);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

impl Token {
    /// A token.
    #[must_use]
    pub fn new(text: &[u8]) -> Self {
        let mut sum = [0; 32];
        sum.copy_from_slice(digest(&SHA256, text).as_ref());
        Self(sum)
    }

    /// A token that nobody knows yet: 256 random bits as hexadecimal digits, to be shown to whoever may use it.
    ///
    /// # Errors
    /// The system gives no random bits.
    pub fn random() -> io::Result<String> {
        let mut octets = [0; 32];
        rand::fill(&mut octets).map_err(|_| io::Error::other("the system gives no random bits"))?;
        Ok(octets.iter().map(|octet| format!("{octet:02x}")).collect())
    }

    /// Reads it from a file, as [`read_token`] does. The second value is a warning.
    ///
    /// # Errors
    /// As [`read_token`].
    pub fn read(path: &Path) -> io::Result<(Self, Option<String>)> {
        let (text, warning) = read_token(path)?;
        Ok((Self::new(text.as_bytes()), warning))
    }

    /// True if this is the token; in a time that does not depend on where they differ.
    #[must_use]
    pub fn is(&self, text: &[u8]) -> bool {
        verify_slices_are_equal(&self.0, &Self::new(text).0).is_ok()
    }
}

/// Reads a token: the file's content without spaces and newlines around it. The second value is a warning: others than
/// the file's owner may read it.
///
/// # Errors
/// It cannot be read, or is too short or too long to be a token; the path is named.
pub fn read_token(path: &Path) -> io::Result<(String, Option<String>)> {
    let cannot = |why: &dyn fmt::Display| io::Error::other(format!("{}: {why}", path.display()));
    let (content, warning) = read_secret(path, "the token", ADMIN_TOKEN_MAX)?;
    let content = String::from_utf8(content).map_err(|_| cannot(&"a token is one word of ASCII characters"))?;
    let text = content.trim_ascii();
    if text.len() < ADMIN_TOKEN_MIN {
        return Err(cannot(&format_args!(
            "a token has at least {ADMIN_TOKEN_MIN} characters; `openssl rand -hex 32` writes one"
        )));
    }
    if !text.bytes().all(|octet| octet.is_ascii_graphic()) {
        return Err(cannot(&"a token is one word of ASCII characters"));
    }
    Ok((text.to_owned(), warning))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_random_token_is_long_enough_and_another_each_time() {
        let (one, other) = (Token::random().unwrap(), Token::random().unwrap());
        assert_eq!((one.len(), one.chars().all(|digit| digit.is_ascii_hexdigit())), (64, true));
        assert_ne!(one, other);
    }

    #[test]
    fn a_token_is_a_long_word_and_others_should_not_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let read = |text: &str, mode| {
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            Token::read(&file)
        };
        let (token, warning) = read(" 0123456789abcdef\n", 0o600).unwrap();
        assert!(token.is(b"0123456789abcdef") && !token.is(b"0123456789abcdeg") && !token.is(b""));
        assert_eq!(warning, None);
        assert!(read("0123456789abcdef", 0o640).unwrap().1.is_some_and(|warning| warning.contains("chmod 600")));
        for wrong in ["short", "", "0123456789 abcdef", &"x".repeat(ADMIN_TOKEN_MAX + 1)] {
            assert!(read(wrong, 0o600).is_err(), "{wrong}");
        }
        assert!(!format!("{token:?}").contains("0123"));
    }
}
