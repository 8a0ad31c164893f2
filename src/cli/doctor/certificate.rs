//! The certificate of DNS over TLS, HTTPS and QUIC: can it be shown, for how long, for whom, and is it the one that the
//! running server shows?

use super::ask::{reachable, words};
use super::delegation::{Names, own};
use super::{Finding, Verdict};
use crate::certificate::{Certificate, shown_at};
use crate::cli::certificate::{self, Found};
use crate::config::{Encrypted, Server};
use crate::limits::DOCTOR_MS;
use crate::snapshot::Spec;
use std::net::SocketAddr;
use std::time::Duration;

/// Looks at the files, and at each address where they are shown.
pub(super) fn look(server: &Server, spec: &Spec) -> Vec<Finding> {
    let Some(found) = certificate::look(&server.tls) else { return Vec::new() };
    let path = server.tls.certificate.as_deref().unwrap_or_else(|| "".as_ref());
    let check = format!("certificate {}", path.display());
    let certificate = match found {
        Found::Bad(why) => {
            let help = "a server that runs shows the one from before, and would not start again";
            return vec![Finding::new(check, Verdict::Fail, why).help(help)];
        }
        Found::Unseen(why) => return vec![Finding::new(check, Verdict::CannotTell, why)],
        Found::Good(certificate, warnings) => (certificate, warnings),
    };
    let (certificate, warnings) = certificate;
    let ns: Names = spec.zones.iter().flat_map(own).collect();
    let mut findings = vec![judge(check, &certificate, &warnings, &ns)];
    let Encrypted { tls, https, .. } = &server.dns.encrypted;
    let shows = |(kind, protocol): (&str, &[u8]), listens: &[SocketAddr]| {
        let each = listens.iter().map(|&listens| shown(kind, protocol, listens, &certificate));
        each.collect::<Vec<_>>()
    };
    findings.extend(shows(("TLS", b"dot"), tls));
    findings.extend(shows(("HTTPS", b"h2"), https));
    findings
}

/// What the files hold.
fn judge(check: String, certificate: &Certificate, warnings: &[String], ns: &Names) -> Finding {
    let says = certificate::words(certificate);
    if let Some(warning) = warnings.first() {
        let verdict = if certificate.days_left().is_some_and(|days| days < 0) { Verdict::Fail } else { Verdict::Warn };
        return Finding::new(check, verdict, format!("{says}; {warning}")).help("renew it, then `geosteer reload`");
    }
    if !ns.is_empty() && !ns.iter().any(|name| certificate.is_for(name)) {
        return Finding::new(check, Verdict::Warn, format!("{says}; it is for none of the zones' name servers"))
            .help("clients that know the server by its NS name will not take it");
    }
    Finding::new(check, Verdict::Ok, says)
}

/// What the running server shows at one address.
fn shown(kind: &str, protocol: &[u8], listens: SocketAddr, files: &Certificate) -> Finding {
    let check = format!("{kind} at {listens}");
    match shown_at(reachable(listens), &[protocol], Duration::from_millis(DOCTOR_MS)) {
        Ok(shown) if shown == files.own() => Finding::new(check, Verdict::Ok, "shows the certificate of the files"),
        Ok(_) => Finding::new(check, Verdict::Warn, "shows another certificate than the files hold")
            .help("`geosteer reload`, or the log says why the server did not take it"),
        Err(error) => Finding::new(check, Verdict::Warn, format!("no certificate was seen: {}", words(&error)))
            .help("`geosteer run` shows one; if it should run: its log says why it does not"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Tls, load_text_alone};
    use crate::daemon::{self, Options, ServerSource};
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    const ZONE: &str = "zone = \"example.com\"\nns = [\"ns1.example.net\"]\nrecords.text = \"static A 192.0.2.1\"\n";

    /// A certificate in the place of the one that is there.
    fn write(folder: &Path, name: &str, year: i32) {
        let mut params = rcgen::CertificateParams::new([name.to_owned()]).expect("a name");
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = rcgen::KeyPair::generate().expect("a key");
        fs::write(folder.join("chain.pem"), params.self_signed(&key).expect("a certificate").pem()).expect("written");
        fs::write(folder.join("key.pem"), key.serialize_pem()).expect("written");
        fs::set_permissions(folder.join("key.pem"), Permissions::from_mode(0o600)).expect("it is ours");
    }

    fn settings(folder: &Path, listens: SocketAddr) -> Server {
        let mut server = Server::default();
        server.dns.encrypted = Encrypted { tls: vec![listens], https: vec![listens], ..Encrypted::default() };
        server.tls = Tls { certificate: Some(folder.join("chain.pem")), key: Some(folder.join("key.pem")) };
        server
    }

    fn verdicts(server: &Server, spec: &Spec) -> Vec<(Verdict, String)> {
        look(server, spec).into_iter().map(|found| (found.verdict, found.says)).collect()
    }

    #[test]
    fn what_the_files_hold_is_compared_with_what_the_server_shows() {
        let folder = tempfile::tempdir().expect("a folder");
        let spec = load_text_alone("zone.toml", ZONE, &crate::config::Options::default()).expect("a zone").spec;
        write(folder.path(), "ns1.example.net", 2090);
        let mut options = Options::for_text("zone.toml", ZONE);
        let mut file = settings(folder.path(), ([127, 0, 0, 1], 0).into());
        file.dns.encrypted.https = Vec::new();
        options.sources.server = ServerSource::Given(Box::new(file));
        let running = daemon::Server::start(options).expect("it starts");
        let mut server = settings(folder.path(), running.listening()[0].address);
        let found = verdicts(&server, &spec);
        assert_eq!(found[0].0, Verdict::Ok, "{found:?}");
        assert!(found[0].1.starts_with("for ns1.example.net; ") && found[0].1.ends_with("its key fits"), "{found:?}");
        assert_eq!((found[1].0, &*found[1].1), (Verdict::Ok, "shows the certificate of the files"));
        // It speaks no HTTP there.
        assert_eq!(found[2].0, Verdict::Warn, "{found:?}");

        write(folder.path(), "other.example.net", 2090);
        let found = verdicts(&server, &spec);
        assert!(found[0].0 == Verdict::Warn && found[0].1.ends_with("none of the zones' name servers"), "{found:?}");
        assert_eq!((found[1].0, &*found[1].1), (Verdict::Warn, "shows another certificate than the files hold"));

        write(folder.path(), "ns1.example.net", 2020);
        assert_eq!(verdicts(&server, &spec)[0].0, Verdict::Fail, "it has expired");
        fs::write(folder.path().join("key.pem"), "none").expect("written");
        assert_eq!(verdicts(&server, &spec).len(), 1);
        assert_eq!(verdicts(&server, &spec)[0].0, Verdict::Fail);
        server.tls = Tls { certificate: None, key: None };
        assert_eq!(look(&server, &spec), Vec::new());
    }
}
