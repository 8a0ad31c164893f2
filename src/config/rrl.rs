//! `[rrl]`: how many replies a block of addresses gets.

use super::Code;
use super::diagnostic::Diagnostic;
use super::keys;
use super::settings::networks;
use super::walk::{Ctx, Fields, Node};
use crate::limits::{RRL_MAX, RRL_SLIP_MAX, RRL_TABLE_MAX, RRL_TABLE_MIN};
use crate::rrl::{Class, Rules};

/// The keys of the limits, in the order of [`Class`].
const LIMITS: [&str; Class::ALL.len()] = [
    "responses_per_second",
    "referrals_per_second",
    "nodata_per_second",
    "nxdomains_per_second",
    "errors_per_second",
    "all_per_second",
];

/// Reads the table; `None` if it says that it is off.
pub(super) fn read(ctx: &mut Ctx, node: Node<'_>) -> Option<Rules> {
    let fields = ctx.fields(node, &keys::RRL)?;
    let is_on = fields.value("enabled").and_then(|node| ctx.boolean(node, "rrl.enabled")).unwrap_or(true);
    let mut rules = Rules { per_second: limits(ctx, &fields), ..Rules::default() };
    let mut number = |key: &'static str, range| fields.value(key).and_then(|node| ctx.integer(node, key, range));
    rules.slip = number("slip", 0..=RRL_SLIP_MAX).unwrap_or(rules.slip);
    rules.ipv4_prefix = number("ipv4_prefix_length", 8..=32).unwrap_or(rules.ipv4_prefix);
    rules.ipv6_prefix = number("ipv6_prefix_length", 16..=64).unwrap_or(rules.ipv6_prefix);
    if let Some(node) = fields.value("table_size") {
        let range = RRL_TABLE_MIN as u64..=RRL_TABLE_MAX as u64;
        rules.table_size = ctx.integer(node, "table_size", range).map_or(rules.table_size, |size| size as usize);
    }
    if let Some(node) = fields.value("exempt") {
        rules.exempt = networks(ctx, node, "an exempt network").into();
    }
    if let Some(node) = fields.value("log_only") {
        rules.log_only = ctx.boolean(node, "rrl.log_only").unwrap_or(false);
    }
    is_on.then_some(rules)
}

/// The limits. What is not set is no more lenient than the limit of answers, and the one for all no stricter than any.
fn limits(ctx: &mut Ctx, fields: &Fields<'_>) -> [u32; Class::ALL.len()] {
    let usual = Rules::default().per_second;
    let set = LIMITS.map(|key| fields.value(key).and_then(|node| ctx.integer(node, key, 0..=RRL_MAX)));
    let mut limits = std::array::from_fn(|at| set[at].unwrap_or(usual[at]));
    let (responses, all) = (limits[Class::Response as usize], Class::All as usize);
    for at in (0..all).filter(|&at| set[at].is_none() && responses > 0) {
        limits[at] = limits[at].min(responses);
    }
    let largest = limits[..all].iter().copied().max().unwrap_or(0);
    if set[all].is_none() {
        limits[all] = limits[all].max(largest);
    } else if limits[all] > 0
        && limits[all] < largest
        && let Some(node) = fields.value(LIMITS[all])
    {
        let what = format!("all_per_second is below another limit, {largest}");
        let found = Diagnostic::new(Code::OutOfRange, node.span, what);
        ctx.push(
            found.label("too low").help("it bounds what a block gets of every class, zone and client subnet together"),
        );
    }
    limits
}

#[cfg(test)]
mod tests {
    use super::super::load_server_text;
    use super::*;

    fn rules(text: &str) -> Option<Rules> {
        load_server_text("geosteer.toml", text).unwrap().0.rrl
    }

    #[test]
    fn it_is_off_unless_the_table_is_there() {
        assert_eq!(rules(""), None);
        assert_eq!(rules("[rrl]"), Some(Rules::default()));
        assert_eq!(rules("[rrl]\nenabled = false\nslip = 1"), None);
    }

    #[test]
    fn the_whole_table_is_read() {
        let text = "[rrl]\nresponses_per_second = 50\nnxdomains_per_second = 5\nslip = 3\nipv4_prefix_length = 32\n\
                    ipv6_prefix_length = 48\nexempt = [\"192.0.2.0/24\", \"2001:db8::1\"]\nlog_only = true\ntable_size = 4096";
        let rules = rules(text).unwrap();
        assert_eq!(rules.per_second, [50, 50, 50, 5, 20, 10_000]);
        assert_eq!((rules.slip, rules.ipv4_prefix, rules.ipv6_prefix), (3, 32, 48));
        assert_eq!((rules.exempt.len(), rules.log_only, rules.table_size), (2, true, 4_096));
    }

    #[test]
    fn the_limit_for_all_is_no_stricter_than_any() {
        assert_eq!(rules("[rrl]\nresponses_per_second = 20000").unwrap().per_second[Class::All as usize], 20_000);
        assert_eq!(rules("[rrl]\nresponses_per_second = 0").unwrap().per_second, [0, 100, 100, 50, 20, 10_000]);
    }

    #[test]
    fn mistakes_are_shown_with_their_places() {
        let text = "[rrl]\nrate-limit = 5\nall_per_second = 10\nslip = 11\nipv6_prefix_length = 128\nexempt = \"x\"\n\
                    table_size = 1\nnodata_per_second = -1\n";
        let short = load_server_text("geosteer.toml", text).unwrap_err().short();
        assert_eq!(
            short,
            "geosteer.toml:2:1: error[E003]: [rrl] has no key `rate-limit`\n\
             geosteer.toml:3:18: error[E007]: all_per_second is below another limit, 200\n\
             geosteer.toml:4:8: error[E007]: slip must be from 0 to 10\n\
             geosteer.toml:5:22: error[E007]: ipv6_prefix_length must be from 16 to 64\n\
             geosteer.toml:6:10: error[E024]: \"x\" is no network\n\
             geosteer.toml:7:14: error[E007]: table_size must be from 1024 to 16777216\n\
             geosteer.toml:8:21: error[E007]: nodata_per_second must be from 0 to 1000000\n"
        );
    }
}
