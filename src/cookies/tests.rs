//! Cookies by the sections of RFC 9018 and its vectors.

use super::*;
use std::net::IpAddr;

const SECRET: &str = "e5e973e5a6b2a43f48e7dc849e37bfcf";
const OLD: &str = "dd3bdf9344b678b185a6f5cb60fca715";
const NEW: &str = "445536bcd2513298075a5d379663c962";

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
}

fn secret(text: &str) -> Secret {
    hex(text).try_into().unwrap()
}

fn bits(text: &str) -> Bits {
    Bits::from(text.parse::<IpAddr>().unwrap())
}

/// What is shown at a time, and the reply in hex.
fn show(secrets: &[&str], now: u64, client: &str, data: &str) -> (Standing, String) {
    let secrets = secrets.iter().map(|text| secret(text)).collect::<Vec<_>>();
    let shown = Cookies::new(&secrets, false, now).show(&hex(data), &bits(client)).unwrap();
    (shown.standing, shown.reply.iter().map(|octet| format!("{octet:02x}")).collect())
}

#[test]
fn a1_a_client_learns_its_cookie() {
    let (standing, reply) = show(&[SECRET], 1_559_731_985, "198.51.100.100", "2464c4abcf10c957");
    assert_eq!(standing, Standing::New);
    assert_eq!(reply, "2464c4abcf10c957010000005cf79f111f8130c3eee29480");
}

#[test]
fn a2_the_same_client_gets_another_when_its_own_is_old() {
    let own = "2464c4abcf10c957010000005cf79f111f8130c3eee29480";
    let (standing, reply) = show(&[SECRET], 1_559_734_385, "198.51.100.100", own);
    assert_eq!(standing, Standing::Known);
    assert_eq!(reply, "2464c4abcf10c957010000005cf7a871d4a564a1442aca77");
}

#[test]
fn a3_reserved_octets_are_no_matter_but_for_the_hash() {
    let own = "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5";
    // When it was made.
    assert_eq!(show(&[SECRET], 1_559_727_985, "203.0.113.203", own), (Standing::Known, own.to_owned()));
    assert_eq!(show(&[SECRET], 1_559_727_985, "203.0.113.204", own).0, Standing::Unknown);
    // The example's reply comes when it has expired.
    let (standing, reply) = show(&[SECRET], 1_559_734_700, "203.0.113.203", own);
    assert_eq!(standing, Standing::Unknown);
    assert_eq!(reply, "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e");
}

#[test]
fn a4_a_cookie_of_the_secret_before_is_known_and_replaced() {
    let (client, own) = ("2001:db8:220:1:59de:d0f4:8769:82b8", "22681ab97d52c298010000005cf7c57926556bd0934c72f8");
    let (standing, reply) = show(&[NEW, OLD], 1_559_741_961, client, own);
    assert_eq!(standing, Standing::Known);
    assert_eq!(reply, "22681ab97d52c298010000005cf7c609a6bb79d16625507a");
    assert_eq!(show(&[NEW], 1_559_741_961, client, own).0, Standing::Unknown);
}

#[test]
fn s4_3_a_cookie_holds_for_an_hour_and_may_come_five_minutes_early() {
    let own = "2464c4abcf10c957010000005cf79f111f8130c3eee29480";
    let made = 1_559_731_985;
    let standing = |now| show(&[SECRET], now, "198.51.100.100", own).0;
    let fresh = |now| show(&[SECRET], now, "198.51.100.100", own).1 == own;
    for now in [made - 300, made, made + 1_800, made + 3_600] {
        assert_eq!(standing(now), Standing::Known, "{now}");
    }
    for now in [made - 301, made + 3_601, made + (1 << 31)] {
        assert_eq!(standing(now), Standing::Unknown, "{now}");
    }
    assert!(fresh(made) && fresh(made + 1_800) && !fresh(made + 1_801));
}

#[test]
fn s4_a_cookie_that_differs_in_any_octet_is_unknown() {
    let own = hex("2464c4abcf10c957010000005cf79f111f8130c3eee29480");
    let cookies = Cookies::new(&[secret(SECRET)], false, 1_559_731_985);
    let standing = |data: &[u8]| cookies.show(data, &bits("198.51.100.100")).map(|shown| shown.standing);
    for at in 0..own.len() {
        for bit in 0..8 {
            let mut other = own.clone();
            other[at] ^= 1 << bit;
            assert_eq!(standing(&other), Some(Standing::Unknown), "octet {at}, bit {bit}");
        }
    }
    for length in [16, 23, 25, 32, 40] {
        let mut other = own.clone();
        other.resize(length, 0);
        assert_eq!(standing(&other), Some(Standing::Unknown), "{length} octets");
    }
    assert_eq!(standing(&own[..8]), Some(Standing::New));
    assert_eq!(standing(&own[..7]), None);
}

#[test]
fn time_that_wraps_is_no_matter() {
    let cookies = Cookies::new(&[secret(SECRET)], false, u64::from(u32::MAX) - 10);
    let client = bits("192.0.2.1");
    let made = cookies.show(&[7; 8], &client).unwrap().reply;
    cookies.tick(u64::from(u32::MAX) + 100);
    assert_eq!(cookies.show(&made, &client).unwrap().standing, Standing::Known);
    cookies.tick(u64::from(u32::MAX) + 3_700);
    assert_eq!(cookies.show(&made, &client).unwrap().standing, Standing::Unknown);
}

#[test]
fn secrets_roll_while_copies_are_in_use() {
    let cookies = Cookies::new(&[secret(OLD)], false, 1_000_000);
    let (copy, client) = (cookies.under(true), bits("192.0.2.1"));
    let made = copy.show(&[7; 8], &client).unwrap().reply;
    cookies.set(&[secret(NEW), secret(OLD)]);
    assert_eq!(copy.secrets(), [secret(NEW), secret(OLD)]);
    let shown = copy.show(&made, &client).unwrap();
    assert!(shown.standing == Standing::Known && shown.reply != made);
    cookies.set(&[secret(NEW)]);
    assert_eq!(copy.show(&made, &client).unwrap().standing, Standing::Unknown);
    assert_eq!(Cookies::new(&[], false, 0).show(&[7; 8], &client), None);
}
