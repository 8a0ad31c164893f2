//! Signatures that others made: ours are the same, or theirs verify over what we would sign (RFC 6605 §6, RFC 8080 §6).

use super::{Algorithm, Key, Role, RrSet, Window, rrsig};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey};
use base64::prelude::{BASE64_STANDARD, Engine as _};

fn decode(text: &str) -> Vec<u8> {
    BASE64_STANDARD.decode(text).unwrap()
}

fn key(algorithm: Algorithm, public: &str, secret: &str) -> Key {
    Key::new(algorithm, Role::Entry, &decode(public), &decode(secret)).unwrap()
}

const RFC_6605: [&str; 2] = [
    "GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA==",
    "GU6SnQ/Ou+xC5RumuIUIuJZteXT2z0O/ok1s38Et6mQ=",
];

/// Checks an RRSIG record's data with the library, over the fixed part, the signer and the canonical records.
fn verifies(key: &Key, rrset: &RrSet, rdata: &[u8], signer: &[u8]) -> bool {
    let (head, signature) = rdata.split_at(18 + signer.len());
    let signed = [head, rrset.records()].concat();
    let public = &key.dnskey()[4..];
    match key.algorithm() {
        Algorithm::EcdsaP256Sha256 => {
            let point = [&[4], public].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(&signed, signature).is_ok()
        }
        Algorithm::Ed25519 => UnparsedPublicKey::new(&ED25519, public).verify(&signed, signature).is_ok(),
    }
}

#[test]
fn the_signatures_of_rfc_8080_are_ours_to_the_octet() {
    let apex = b"\x07example\x03com\x00";
    let mx = b"\x00\x0a\x04MAIL\x07Example\x03com\x00";
    let rrset = RrSet::new(b"\x07Example\x03com\x00", 15, 3600, std::iter::once(&mx[..]));
    let window = Window { inception: 1_438_207_200, expiration: 1_440_021_600 };
    for (public, secret, signature) in [
        (
            "l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=",
            "ODIyNjAzODQ2MjgwODAxMjI2NDUxOTAyMDQxNDIyNjI=",
            "oL9krJun7xfBOIWcGHi7mag5/hdZrKWw15jPGrHpjQeRAvTdszaPD+QLs3fx8A4M3e23mRZ9VrbpMngwcrqNAg==",
        ),
        (
            "zPnZ/QwEe7S8C5SPz2OfS5RR40ATk2/rYnE9xHIEijs=",
            "DSSF3o0s0f+ElWzj9E/Osxw8hLpk55chkmx0LYN5WiY=",
            "zXQ0bkYgQTEFyfLyi9QoiY6D8ZdYo4wyUhVioYZXFdT410QPRITQSqJSnzQoSm5poJ7gD7AQR0O7KuI5k2pcBg==",
        ),
    ] {
        let key = key(Algorithm::Ed25519, public, secret);
        let rdata = rrsig(&rrset, apex, &key, window).unwrap();
        let head = [&[0, 15, 15, 2, 0, 0, 0x0e, 0x10][..], &rdata[8..16], &key.tag().to_be_bytes(), apex].concat();
        assert_eq!(rdata[..head.len()], head);
        assert_eq!(BASE64_STANDARD.encode(&rdata[head.len()..]), signature);
    }
}

#[test]
fn the_signature_of_rfc_6605_verifies_over_what_we_sign() {
    let apex = b"\x07example\x03net\x00";
    let key = key(Algorithm::EcdsaP256Sha256, RFC_6605[0], RFC_6605[1]);
    let rrset = RrSet::new(b"\x03www\x07example\x03net\x00", 1, 3600, std::iter::once(&[192, 0, 2, 1][..]));
    let window = Window { inception: 1_281_607_479, expiration: 1_284_026_679 };
    let ours = rrsig(&rrset, apex, &key, window).unwrap();
    let theirs = "qx6wLYqmh+l9oCKTN6qIc+bw6ya+KJ8oMz0YP107epXAyGmt+3SNruPFKG7tZoLBLlUzGGus7ZwmwWep666VCw==";
    let theirs = [&ours[..18 + apex.len()], &decode(theirs)].concat();
    assert!(verifies(&key, &rrset, &ours, apex));
    assert!(verifies(&key, &rrset, &theirs, apex));
    let other = RrSet::new(b"\x03www\x07example\x03net\x00", 1, 3600, std::iter::once(&[192, 0, 2, 2][..]));
    assert!(!verifies(&key, &other, &theirs, apex));
}

#[test]
fn records_are_signed_in_canonical_order_and_once_each() {
    let owner = b"\x01*\x01A\x07example\x00";
    let [one, two, three] = [&b"\x01b"[..], b"\x01a", b"\x02a\x00"];
    let rrset = RrSet::new(owner, 16, 5, [one, three, two, one].into_iter());
    let record = |rdata: &[u8]| {
        [&b"\x01*\x01a\x07example\x00\x00\x10\x00\x01\x00\x00\x00\x05\x00"[..], &[rdata.len() as u8], rdata].concat()
    };
    assert_eq!(rrset.records(), [record(two), record(one), record(three)].concat());
    let key = Key::generate(Algorithm::Ed25519, Role::Zone).unwrap();
    let rdata = rrsig(&rrset, b"\x07example\x00", &key, Window { inception: 1, expiration: 2 }).unwrap();
    // Labels without the root and without the `*`.
    assert_eq!(rdata[3], 2);
    let nothing = RrSet::new(owner, 16, 5, std::iter::empty());
    assert!(rrsig(&nothing, b"\x07example\x00", &key, Window { inception: 1, expiration: 2 }).is_err());
}
