//! The end of a certificate's validity and its names, read from its DER form (X.509, RFC 5280 §4.1).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// subjectAltName, 2.5.29.17 (RFC 5280 §4.2.1.6).
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1D, 0x11];

/// Seconds since 1970 at which the certificate expires; none if the bytes are not a certificate.
pub(crate) fn not_after(der: &[u8]) -> Option<i64> {
    let (_, validity, _) = element(from_validity(der)?)?;
    let (_, _, rest) = element(validity)?;
    let (tag, text, _) = element(rest)?;
    time(tag, text)
}

/// The DNS names and addresses that the certificate is for; names that cannot be printed are left out.
pub(crate) fn names(der: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = alternative_names(der).unwrap_or_default();
    while let Some((tag, content, after)) = element(rest) {
        names.extend(match tag {
            // dNSName
            0x82 if content.iter().all(u8::is_ascii_graphic) => String::from_utf8(content.to_vec()).ok(),
            // iPAddress
            0x87 => address(content).map(|address| address.to_string()),
            _ => None,
        });
        rest = after;
    }
    names
}

/// What stands in subjectAltName.
fn alternative_names(der: &[u8]) -> Option<&[u8]> {
    // Validity, subject, key, identifiers; the extensions are [3].
    let mut rest = from_validity(der)?;
    let all = loop {
        let (tag, content, after) = element(rest)?;
        if tag == 0xA3 {
            break content;
        }
        rest = after;
    };
    let (_, mut extensions, _) = element(all)?;
    loop {
        let (_, extension, after) = element(extensions)?;
        let (_, kind, mut value) = element(extension)?;
        if kind == ALTERNATIVE_NAMES {
            // Whether it is critical may be said.
            if element(value)?.0 == 0x01 {
                value = element(value)?.2;
            }
            return Some(element(element(value)?.1)?.1);
        }
        extensions = after;
    }
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).map(|octets| Ipv4Addr::from(octets).into());
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(|octets| Ipv6Addr::from(octets).into())).ok()
}

/// The fields of a certificate from its validity on.
fn from_validity(der: &[u8]) -> Option<&[u8]> {
    let (_, certificate, _) = element(der)?;
    let (_, mut rest, _) = element(certificate)?;
    // version [0] is optional; then serialNumber, signature, issuer.
    if element(rest)?.0 == 0xA0 {
        rest = element(rest)?.2;
    }
    for _ in 0..3 {
        rest = element(rest)?.2;
    }
    Some(rest)
}

/// One element of DER: its tag, its content, what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first >= 0x80 {
        let count = usize::from(first & 0x7F);
        let (octets, after) = rest.split_at_checked(count).filter(|_| (1..=4).contains(&count))?;
        length = octets.iter().fold(0, |length, &octet| length << 8 | usize::from(octet));
        rest = after;
    }
    let (content, after) = rest.split_at_checked(length)?;
    Some((tag, content, after))
}

/// UTCTime `YYMMDDHHMMSSZ` (years 1950 to 2049) or GeneralizedTime `YYYYMMDDHHMMSSZ`.
fn time(tag: u8, text: &[u8]) -> Option<i64> {
    let number = |digits: &[u8]| -> Option<i64> { std::str::from_utf8(digits).ok()?.parse().ok() };
    let (year, rest) = match tag {
        0x17 => {
            let (digits, rest) = text.split_at_checked(2)?;
            let short = number(digits)?;
            (if short < 50 { 2000 + short } else { 1900 + short }, rest)
        }
        0x18 => {
            let (digits, rest) = text.split_at_checked(4)?;
            (number(digits)?, rest)
        }
        _ => return None,
    };
    if rest.len() != 11 {
        return None;
    }
    let part = |index: usize| number(&rest[2 * index..2 * index + 2]);
    let days = days_since_1970(year, part(0)?, part(1)?);
    Some(((days * 24 + part(2)?) * 60 + part(3)?) * 60 + part(4)?)
}

/// Days from 1970-01-01 in the Gregorian calendar: years are counted from March, so that a leap day is the last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let years = if month > 2 { year } else { year - 1 };
    let months = (month + 9) % 12;
    365 * years + years.div_euclid(4) - years.div_euclid(100) + years.div_euclid(400) + (153 * months + 2) / 5 + day
        - 719_469
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_rfc_5280_writes_them() {
        assert_eq!(time(0x17, b"700101000000Z"), Some(0));
        assert_eq!(time(0x17, b"491231235959Z"), Some(2_524_607_999));
        assert_eq!(time(0x18, b"20240229120000Z"), Some(1_709_208_000));
        assert_eq!(time(0x18, b"20240301000000Z"), Some(1_709_251_200));
        assert_eq!(time(0x17, b"7001010000Z"), None);
    }

    #[test]
    fn the_end_and_the_names_of_a_real_certificate_are_found() {
        let all = ["example.com", "*.example.com", "192.0.2.1", "2001:db8::1"];
        let mut params = rcgen::CertificateParams::new(all.map(str::to_owned)).expect("names");
        params.not_after = rcgen::date_time_ymd(2033, 5, 18);
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        assert_eq!(not_after(certificate.der()), Some(1_999_987_200));
        assert_eq!(names(certificate.der()), all);
        for end in 0..certificate.der().len() {
            let _ = not_after(&certificate.der()[..end]);
            assert!(names(&certificate.der()[..end]).len() <= all.len());
        }
    }
}
