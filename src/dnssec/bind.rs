//! Key files as BIND writes them: `K<zone>.+<algorithm>+<tag>.key` with the DNSKEY record, and `.private` beside it.

use super::key::{Algorithm, Key, KeyError, Role};
use super::times::Times;
use crate::wire::Name;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use std::fmt;

/// Why two texts are no key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BindError {
    /// No DNSKEY record in the public file.
    NoRecord,
    /// It is of another algorithm than we speak.
    Algorithm(String),
    /// It is revoked, or no key of a zone.
    Flags(u16),
    /// The private file has no such line, or what stands there cannot be read.
    Private(&'static str),
    /// The halves do not fit.
    Key(KeyError),
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRecord => f.write_str("no DNSKEY record"),
            Self::Algorithm(what) => {
                write!(f, "algorithm {what} is not served: use ECDSAP256SHA256 (13) or ED25519 (15)")
            }
            Self::Flags(flags) => write!(f, "flags {flags}: a key that signs has 256 or 257"),
            Self::Private(line) => write!(f, "no `{line}:` line that can be read"),
            Self::Key(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BindError {}

/// The name of a key's two files without `.key` and `.private`.
#[must_use]
pub fn file_stem(zone: &Name, key: &Key) -> String {
    let zone = zone.to_lowercase().to_string().replace('/', "\\047");
    format!("K{zone}+{:03}+{:05}", key.algorithm().number(), key.tag())
}

/// The public file: one DNSKEY record.
#[must_use]
pub fn public_file(zone: &Name, key: &Key) -> String {
    let kind = if key.role() == Role::Entry { "key" } else { "zone" };
    let algorithm = key.algorithm().number();
    let public = BASE64_STANDARD.encode(&key.dnskey()[4..]);
    format!(
        "; This is a {kind}-signing key, keyid {}, for {zone}\n{zone} IN DNSKEY {} 3 {algorithm} {public}\n",
        key.tag(),
        key.role().flags(),
    )
}

/// The private file.
#[must_use]
pub fn private_file(key: &Key) -> String {
    let algorithm = key.algorithm();
    format!(
        "Private-key-format: v1.3\nAlgorithm: {} ({})\nPrivateKey: {}\n{}",
        algorithm.number(),
        algorithm.name(),
        BASE64_STANDARD.encode(key.secret()),
        key.times().lines(),
    )
}

/// Reads a key's two files; the zone that it is for comes with it.
///
/// # Errors
/// What is missing or does not fit.
pub fn read_pair(public: &str, private: &str) -> Result<(Name, Key), BindError> {
    let (zone, flags, number, octets) = public.lines().find_map(read_record).ok_or(BindError::NoRecord)?;
    let algorithm = Algorithm::numbered(number).ok_or_else(|| BindError::Algorithm(number.to_string()))?;
    let role = Role::of_flags(flags).ok_or(BindError::Flags(flags))?;
    let field = |name: &'static str| {
        let after = |line: &str| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim().to_owned());
        private.lines().find_map(after).ok_or(BindError::Private(name))
    };
    let written = field("Algorithm")?;
    if written.split_whitespace().next() != Some(&number.to_string()) {
        return Err(BindError::Key(KeyError::Unfit));
    }
    let secret = BASE64_STANDARD.decode(field("PrivateKey")?).map_err(|_| BindError::Private("PrivateKey"))?;
    let key = Key::new(algorithm, role, &octets, &secret).map_err(BindError::Key)?;
    Ok((zone, key.with_times(Times::read(private))))
}

/// Reads one line `NAME [TTL] [IN] DNSKEY FLAGS 3 ALGORITHM KEY…`.
fn read_record(line: &str) -> Option<(Name, u16, u8, Vec<u8>)> {
    let line = line.split(';').next()?;
    let mut words = line.split_whitespace();
    let zone = Name::parse(words.next()?).ok()?;
    words.by_ref().find(|word| word.eq_ignore_ascii_case("DNSKEY"))?;
    let flags = words.next()?.parse().ok()?;
    let (protocol, algorithm) = (words.next()?, words.next()?.parse().ok()?);
    let octets = BASE64_STANDARD.decode(words.collect::<String>()).ok()?;
    (protocol == "3").then_some((zone, flags, algorithm, octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_from_its_files() {
        let zone = Name::parse("Example.com").unwrap();
        for algorithm in Algorithm::ALL {
            for role in [Role::Zone, Role::Entry] {
                let key = Key::generate(algorithm, role).unwrap();
                let (name, read) = read_pair(&public_file(&zone, &key), &private_file(&key)).unwrap();
                assert_eq!((name, read.dnskey(), read.secret()), (zone.clone(), key.dnskey(), key.secret()));
                let stem = format!("Kexample.com.+{:03}+{:05}", algorithm.number(), key.tag());
                assert_eq!(file_stem(&zone, &key), stem);
            }
        }
    }

    /// The example key of RFC 6605 §6.1, as BIND writes its files.
    const PUBLIC: &str = "; This is a key-signing key, keyid 55648, for example.net.\n; Created: 20120412000000\n\
        example.net. 3600 IN DNSKEY 257 3 13 GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYb \
        cB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA==\n";
    const PRIVATE: &str = "Private-key-format: v1.2\nAlgorithm: 13 (ECDSAP256SHA256)\n\
        PrivateKey: GU6SnQ/Ou+xC5RumuIUIuJZteXT2z0O/ok1s38Et6mQ=\nCreated: 20120412000000\n";

    #[test]
    fn what_bind_writes_is_read_and_what_does_not_fit_is_refused() {
        let (zone, key) = read_pair(PUBLIC, PRIVATE).unwrap();
        assert_eq!((zone.to_string(), key.tag()), ("example.net.".to_owned(), 55648));
        let refused = |public: &str, private: &str| read_pair(public, private).unwrap_err().to_string();
        assert_eq!(refused("; nothing", PRIVATE), "no DNSKEY record");
        assert_eq!(refused(&PUBLIC.replace("257", "385"), PRIVATE), "flags 385: a key that signs has 256 or 257");
        assert!(refused(&PUBLIC.replace(" 13 ", " 8 "), PRIVATE).starts_with("algorithm 8 is not served"));
        assert_eq!(refused(PUBLIC, "Algorithm: 13"), "no `PrivateKey:` line that can be read");
        let other = private_file(&Key::generate(Algorithm::EcdsaP256Sha256, Role::Entry).unwrap());
        assert_eq!(refused(PUBLIC, &other), "the private key and the public key do not belong together");
        assert!(refused(PUBLIC, &PRIVATE.replace("13", "15")).starts_with("the private key"));
    }
}
