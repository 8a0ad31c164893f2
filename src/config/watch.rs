//! `watch` of the server file: `true`, or a table.

use super::keys;
use super::walk::{Ctx, Node};
use crate::limits::{WATCH_DEBOUNCE_MAX_MS, WATCH_DEBOUNCE_MIN_MS, WATCH_DEBOUNCE_MS};

/// `[watch]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Watch {
    /// Files that change are read again by themselves.
    pub enabled: bool,
    /// They must be quiet for so long before, milliseconds.
    pub debounce_ms: u64,
}

impl Default for Watch {
    fn default() -> Self {
        Self { enabled: false, debounce_ms: WATCH_DEBOUNCE_MS }
    }
}

pub(super) fn read(ctx: &mut Ctx, node: Node<'_>) -> Watch {
    let mut watch = Watch { enabled: true, ..Watch::default() };
    if node.entries().is_none() {
        watch.enabled = ctx.boolean(node, "watch").unwrap_or(false);
        return watch;
    }
    let Some(fields) = ctx.fields(node, &keys::WATCH) else { return watch };
    if let Some(node) = fields.value("enabled") {
        watch.enabled = ctx.boolean(node, "watch.enabled").unwrap_or(false);
    }
    if let Some(node) = fields.value("debounce") {
        let range = WATCH_DEBOUNCE_MIN_MS..=WATCH_DEBOUNCE_MAX_MS;
        watch.debounce_ms = ctx.millis(node, "watch.debounce", range).unwrap_or(watch.debounce_ms);
    }
    watch
}

#[cfg(test)]
mod tests {
    use crate::config::load_server_text;

    #[test]
    fn it_is_off_unless_asked_for_and_on_in_either_form() {
        let watch = |text: &str| load_server_text("geosteer.toml", text).map(|(server, _)| server.watch);
        let of =
            |text: &str| watch(text).map(|watch| (watch.enabled, watch.debounce_ms)).map_err(|report| report.short());
        assert_eq!(of(""), Ok((false, 500)));
        assert_eq!(of("watch = true"), Ok((true, 500)));
        assert_eq!(of("[watch]\ndebounce = \"2s\""), Ok((true, 2_000)));
        assert_eq!(of("[watch]\nenabled = false"), Ok((false, 500)));
        assert!(of("watch = 3").unwrap_err().contains("1:9: error[E005]"), "{:?}", of("watch = 3"));
        assert!(of("[watch]\ndebounce = \"1ms\"").unwrap_err().contains("from 100 ms to 60 s"));
        assert!(of("[watch]\ndelay = \"1s\"").unwrap_err().contains("no key `delay`"));
    }
}
