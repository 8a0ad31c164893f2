//! A client certificate and its key: PEM files, read when the zone is.

use super::super::Code;
use super::super::diagnostic::Diagnostic;
use super::super::source::Span;
use super::Reader;
use crate::health::{Identity, PrivateKey};
use crate::limits::PEM_MAX;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use std::sync::Arc;

impl Reader<'_, '_, '_> {
    /// `client_certificate` and `client_key`.
    pub(super) fn identity(&mut self) -> Option<Arc<Identity>> {
        let (certificate, key) = match (self.fields.entry("client_certificate"), self.fields.entry("client_key")) {
            (None, None) => return None,
            (Some(certificate), Some(key)) => (certificate.1, key.1),
            (Some((span, _)), None) => return self.alone(span, "`client_certificate` needs its `client_key`"),
            (None, Some((span, _))) => return self.alone(span, "`client_key` needs its `client_certificate`"),
        };
        let (chain_pem, key_pem) = (self.pem("client_certificate"), self.pem("client_key"));
        let (chain_pem, key_pem) = (chain_pem?, key_pem?);
        let chain = CertificateDer::pem_slice_iter(&chain_pem).collect::<Result<Vec<_>, _>>();
        let private = PrivateKeyDer::from_pem_slice(&key_pem);
        let (chain, private) = match (chain, private) {
            (Ok(chain), Ok(private)) if !chain.is_empty() => (chain, private),
            (chain, private) => {
                match chain {
                    Ok(chain) if !chain.is_empty() => {}
                    Ok(_) => self.bad(certificate.span, "the file has no certificate in PEM form", ""),
                    Err(error) => {
                        self.bad(certificate.span, "the file has no certificate in PEM form", &error.to_string())
                    }
                }
                if let Err(error) = private {
                    self.bad(key.span, "the file has no private key in PEM form", &error.to_string());
                }
                return None;
            }
        };
        let identity = Identity {
            chain: chain.iter().map(|der| der.as_ref().into()).collect(),
            key: match &private {
                PrivateKeyDer::Pkcs1(der) => PrivateKey::Pkcs1(der.secret_pkcs1_der().into()),
                PrivateKeyDer::Sec1(der) => PrivateKey::Sec1(der.secret_sec1_der().into()),
                other => PrivateKey::Pkcs8(other.secret_der().into()),
            },
        };
        match CertifiedKey::from_der(chain, private, &aws_lc_rs::default_provider()) {
            Ok(_) => Some(Arc::new(identity)),
            Err(error) => {
                self.bad(key.span, "the key does not fit the certificate", &error.to_string());
                None
            }
        }
    }

    fn alone(&mut self, span: Span, message: &str) -> Option<Arc<Identity>> {
        self.zone.ctx.error(Code::MissingKey, span, message, "alone");
        None
    }

    fn bad(&mut self, span: Span, message: &str, note: &str) {
        let found = Diagnostic::new(Code::BadValue, span, message).label("this file");
        self.zone.ctx.push(if note.is_empty() { found } else { found.note(note) });
    }

    /// The bytes of the file that a key names.
    fn pem(&mut self, key: &str) -> Option<Vec<u8>> {
        let node = self.fields.value(key)?;
        let path = self.zone.ctx.string(node, key)?;
        let read = self.zone.files.bytes_beside(self.zone.ctx, node.span.file, path, PEM_MAX);
        if key == "client_key" && read.is_ok() {
            self.zone.files.last_is_secret();
        }
        read.map_err(|why| self.zone.ctx.error(Code::Unreadable, node.span, why, "this file")).ok()
    }
}
