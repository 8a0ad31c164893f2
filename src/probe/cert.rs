//! The end of a certificate's validity, read from its DER form (X.509, RFC 5280 §4.1).

/// Seconds since 1970 at which the certificate expires; none if the bytes are not a certificate.
pub(crate) fn not_after(der: &[u8]) -> Option<i64> {
    let (_, certificate, _) = element(der)?;
    let (_, mut rest, _) = element(certificate)?;
    // version [0] is optional; then serialNumber, signature, issuer, validity.
    if element(rest)?.0 == 0xA0 {
        rest = element(rest)?.2;
    }
    for _ in 0..3 {
        rest = element(rest)?.2;
    }
    let (_, validity, _) = element(rest)?;
    let (_, _, rest) = element(validity)?;
    let (tag, text, _) = element(rest)?;
    time(tag, text)
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
    fn the_end_of_a_real_certificate_is_found() {
        let mut params = rcgen::CertificateParams::new(["example.com".to_owned()]).expect("a name");
        params.not_after = rcgen::date_time_ymd(2033, 5, 18);
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        assert_eq!(not_after(certificate.der()), Some(1_999_987_200));
        for end in 0..certificate.der().len() {
            let _ = not_after(&certificate.der()[..end]);
        }
    }
}
