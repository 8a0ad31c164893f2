//! What is to be said of the certificate that a server file names, before a server shows it.

use crate::certificate::{self, Certificate};
use crate::config::Tls;
use crate::limits::CERTIFICATE_DAYS;
use std::fs::File;
use std::io;

/// The certificate, as far as who asks may see it.
pub(super) enum Found {
    /// A server can show it; with what is probably not meant.
    Good(Box<Certificate>, Vec<String>),
    /// No server can.
    Bad(String),
    /// Who asks may not read it.
    Unseen(String),
}

/// Looks at the files, if they are named.
pub(super) fn look(tls: &Tls) -> Option<Found> {
    let (chain, key) = tls.files()?;
    for path in [chain, key] {
        if let Err(error) = File::open(path)
            && error.kind() == io::ErrorKind::PermissionDenied
        {
            return Some(Found::Unseen(format!("{}: only its owner can read it", path.display())));
        }
    }
    Some(match certificate::read(chain, key) {
        Ok((certificate, mut warnings)) => {
            let days = certificate.days_left().filter(|days| (0..CERTIFICATE_DAYS).contains(days));
            warnings.extend(days.map(|days| format!("{}: it expires in {days} days", chain.display())));
            Found::Good(Box::new(certificate), warnings)
        }
        Err(why) => Found::Bad(why),
    })
}

/// For whom it is, for how long, and that its key fits.
pub(super) fn words(certificate: &Certificate) -> String {
    let names = match &certificate.names[..] {
        [] => "no names".to_owned(),
        names => names.join(", "),
    };
    let days = certificate.days_left().map_or("its end cannot be seen".into(), |days| format!("{days} days left"));
    format!("for {names}; {days}; its key fits")
}
