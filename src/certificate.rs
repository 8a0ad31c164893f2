//! The certificate of the encrypted transports: read whole from two files and checked, shown to every client from then
//! on, and put in the place of the one before while connections go on.

mod met;

pub use met::shown_at;

use crate::clock;
use crate::limits::PEM_MAX;
use crate::probe::cert;
use crate::publish::Published;
use crate::rights::read_secret;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

/// A certificate that can be shown: with its chain and a key that fits it.
#[derive(Debug)]
pub struct Certificate {
    shown: Arc<CertifiedKey>,
    /// When it expires, seconds since 1970; none if it does not say so that we understand it.
    pub expires: Option<i64>,
    /// The names and addresses that it is for.
    pub names: Vec<String>,
}

impl Certificate {
    /// The certificate itself, without its chain (DER).
    #[must_use]
    pub fn own(&self) -> &[u8] {
        self.shown.cert.first().map(AsRef::as_ref).unwrap_or_default()
    }

    /// Whether a client that asks for this name takes it, as far as names go.
    #[must_use]
    pub fn is_for(&self, name: &str) -> bool {
        let name = name.strip_suffix('.').unwrap_or(name);
        let below = name.split_once('.').map(|(_, below)| below);
        self.names.iter().any(|own| match own.strip_prefix("*.") {
            Some(own) => below.is_some_and(|below| below.eq_ignore_ascii_case(own)),
            None => own.eq_ignore_ascii_case(name),
        })
    }

    /// Whole days until it expires; negative if it has.
    #[must_use]
    pub fn days_left(&self) -> Option<i64> {
        let now = i64::try_from(clock::unix_seconds()).unwrap_or(i64::MAX);
        Some((self.expires? - now).div_euclid(86_400))
    }
}

/// Reads a certificate with its chain, and its key, in PEM form. The second value is what is probably not meant.
///
/// # Errors
/// A file cannot be read or holds something else, the key does not fit, or everybody may write it; in words, with the path.
pub fn read(chain: &Path, key: &Path) -> Result<(Certificate, Vec<String>), String> {
    let of = |path: &Path, why: &dyn fmt::Display| format!("{}: {why}", path.display());
    let chain_pem = whole(chain).map_err(|error| of(chain, &error))?;
    let (key_pem, warning) =
        read_secret(key, "the private key", PEM_MAX as usize).map_err(|error| error.to_string())?;
    let certificates = CertificateDer::pem_slice_iter(&chain_pem).collect::<Result<Vec<_>, _>>();
    let certificates =
        certificates.map_err(|error| of(chain, &format_args!("no certificates in PEM form: {error}")))?;
    let Some(own) = certificates.first() else { return Err(of(chain, &"no certificate in PEM form")) };
    let (expires, names) = (cert::not_after(own), cert::names(own));
    let private = PrivateKeyDer::from_pem_slice(&key_pem);
    let private = private.map_err(|error| of(key, &format_args!("no private key in PEM form: {error}")))?;
    let shown = CertifiedKey::from_der(certificates, private, &aws_lc_rs::default_provider());
    let shown = shown.map_err(|error| of(key, &format_args!("the key does not fit {}: {error}", chain.display())))?;
    let mut warnings: Vec<_> = warning.into_iter().collect();
    let now = i64::try_from(clock::unix_seconds()).unwrap_or(i64::MAX);
    match expires {
        Some(at) if at <= now => warnings.push(of(chain, &"the certificate has expired: clients will not take it")),
        Some(_) => {}
        None => warnings.push(of(chain, &"it cannot be seen when the certificate expires")),
    }
    Ok((Certificate { shown: Arc::new(shown), expires, names }, warnings))
}

fn whole(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(PEM_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > PEM_MAX {
        return Err(io::Error::other("larger than any certificate that is read"));
    }
    Ok(bytes)
}

/// Where clients see the certificate of the moment; copies share it.
#[derive(Clone, Debug)]
pub struct Shown(Arc<Published<Certificate>>);

impl Shown {
    /// Shows a certificate.
    #[must_use]
    pub fn new(certificate: Certificate) -> Self {
        Self(Arc::new(Published::new(certificate)))
    }

    /// Shows this one from now on. False if it is the same as before.
    pub fn replace(&self, certificate: Certificate) -> bool {
        let chain = certificate.shown.cert.clone();
        let before = self.0.store(certificate);
        before.shown.cert != chain
    }

    /// When it expires, seconds since 1970.
    #[must_use]
    pub fn expires(&self) -> Option<i64> {
        self.0.load().expires
    }

    /// How TLS is spoken with it, for these protocols (ALPN).
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn config(&self, protocols: &[&[u8]]) -> Result<ServerConfig, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(self.clone()));
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        // Who comes back needs no signature of ours, and we keep nothing for it.
        config.ticketer = aws_lc_rs::Ticketer::new()?;
        Ok(config)
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.load().shown))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::PathBuf;

    /// A certificate and its key, written to a folder under these names.
    fn write(folder: &Path, names: [&str; 2], year: i32) -> [PathBuf; 2] {
        let mut params = rcgen::CertificateParams::new(["ns1.example.net".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let pair = rcgen::KeyPair::generate().unwrap();
        let certificate = params.self_signed(&pair).unwrap();
        let paths = names.map(|name| folder.join(name));
        fs::write(&paths[0], certificate.pem()).unwrap();
        fs::write(&paths[1], pair.serialize_pem()).unwrap();
        fs::set_permissions(&paths[1], fs::Permissions::from_mode(0o600)).unwrap();
        paths
    }

    fn said(paths: &[PathBuf; 2]) -> String {
        match read(&paths[0], &paths[1]) {
            Ok((_, warnings)) => warnings.join("\n"),
            Err(why) => format!("error: {why}"),
        }
    }

    #[test]
    fn a_pair_that_fits_is_taken_and_an_expired_one_is_taken_with_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        let good = write(folder.path(), ["a.pem", "a.key"], 2090);
        assert_eq!(said(&good), "");
        assert_eq!(read(&good[0], &good[1]).unwrap().0.expires, Some(3_786_912_000));
        assert!(
            said(&write(folder.path(), ["b.pem", "b.key"], 2020))
                .ends_with("b.pem: the certificate has expired: clients will not take it")
        );
    }

    #[test]
    fn a_certificate_is_for_its_names_and_a_wildcard_stands_for_one_label() {
        let folder = tempfile::tempdir().unwrap();
        let paths = write(folder.path(), ["a.pem", "a.key"], 2090);
        let (mut certificate, _) = read(&paths[0], &paths[1]).unwrap();
        assert_eq!(certificate.names, ["ns1.example.net"]);
        assert!(certificate.days_left().unwrap() > 10_000);
        certificate.names.push("*.example.com".into());
        for (name, is_for) in [
            ("NS1.example.net.", true),
            ("ns1.example.net", true),
            ("ns2.example.net.", false),
            ("ns.example.com.", true),
            ("a.ns.example.com.", false),
            ("example.com.", false),
        ] {
            assert_eq!(certificate.is_for(name), is_for, "{name}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_its_path_and_why() {
        let folder = tempfile::tempdir().unwrap();
        let [chain, key] = write(folder.path(), ["a.pem", "a.key"], 2090);
        let [_, other] = write(folder.path(), ["b.pem", "b.key"], 2090);
        let empty = folder.path().join("empty");
        fs::write(&empty, "").unwrap();
        fs::set_permissions(&empty, fs::Permissions::from_mode(0o600)).unwrap();
        let big = folder.path().join("big");
        fs::write(&big, vec![b'x'; PEM_MAX as usize + 1]).unwrap();
        for (pair, words) in [
            ([&chain, &other], "b.key: the key does not fit"),
            ([&key, &key], "a.key: no certificate in PEM form"),
            ([&chain, &empty], "empty: no private key in PEM form"),
            ([&empty, &key], "empty: no certificate in PEM form"),
            ([&big, &key], "big: larger than any certificate"),
            ([&folder.path().join("none"), &key], "none: No such file"),
        ] {
            let said = said(&pair.map(PathBuf::clone));
            assert!(said.starts_with("error: ") && said.contains(words), "{said}");
        }
    }

    #[test]
    fn a_key_that_others_may_read_is_told_of_and_one_that_everybody_may_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let paths = write(folder.path(), ["a.pem", "a.key"], 2090);
        for (mode, words) in [(0o640, "others may read the private key"), (0o602, "error: ")] {
            fs::set_permissions(&paths[1], fs::Permissions::from_mode(mode)).unwrap();
            assert!(said(&paths).contains(words), "{mode:o}: {}", said(&paths));
        }
    }

    #[test]
    fn another_certificate_is_shown_from_the_moment_that_it_is_put_in_place() {
        let folder = tempfile::tempdir().unwrap();
        let [first, second] = [("a.pem", "a.key", 2090), ("b.pem", "b.key", 2091)].map(|(chain, key, year)| {
            let paths = write(folder.path(), [chain, key], year);
            read(&paths[0], &paths[1]).unwrap().0
        });
        let shown = Shown::new(first);
        let copy = shown.clone();
        assert_eq!(copy.expires(), Some(3_786_912_000));
        assert!(shown.replace(second));
        assert_eq!(copy.expires(), Some(3_818_448_000));
    }
}
