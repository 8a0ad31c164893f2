//! Numbers and addresses as text, without the machinery of formatting: most of a line is made of them.

use super::put;
use std::net::IpAddr;

/// Writes a number.
pub(super) fn number(out: &mut String, mut number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.push_str(std::str::from_utf8(&digits[at..]).unwrap_or_default());
}

/// Writes an address.
pub(super) fn address(out: &mut String, address: IpAddr) {
    let IpAddr::V4(v4) = address else {
        return put(out, format_args!("{address}"));
    };
    for (at, octet) in v4.octets().into_iter().enumerate() {
        if at > 0 {
            out.push('.');
        }
        number(out, octet.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_written_as_everywhere_else() {
        for value in [0, 9, 10, 255, 65_535, u64::MAX] {
            let mut out = String::new();
            number(&mut out, value);
            assert_eq!(out, value.to_string());
        }
        for text in ["0.0.0.0", "192.0.2.255", "2001:db8::1", "::ffff:192.0.2.1"] {
            let mut out = String::new();
            address(&mut out, text.parse().unwrap());
            assert_eq!(out, text);
        }
    }
}
