//! What is known of the certificate of the encrypted transports.

use std::sync::{Mutex, PoisonError};

/// Keeps what is known; any thread may say it.
#[derive(Debug, Default)]
pub struct Certificate(Mutex<Option<CertificateFacts>>);

/// What is known of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CertificateFacts {
    /// When the one that is shown expires, seconds since 1970.
    pub expires: Option<i64>,
    /// The files hold another one that cannot be used.
    pub is_refused: bool,
}

impl Certificate {
    /// One is shown from now on.
    pub fn shown(&self, expires: Option<i64>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(CertificateFacts { expires, is_refused: false });
    }

    /// The files hold one that cannot be used. True if that is new.
    pub fn refused(&self) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.unwrap_or_default();
        *known = Some(CertificateFacts { is_refused: true, ..before });
        !before.is_refused
    }

    /// What is known; nothing without encrypted transports.
    #[must_use]
    pub fn known(&self) -> Option<CertificateFacts> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
