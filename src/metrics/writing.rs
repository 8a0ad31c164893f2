//! Prometheus' text format, version 0.0.4.

use super::Buckets;
use super::text::Metric;
use std::fmt::{Display, Write as _};

/// A text in the making.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) text: String,
}

/// One label and its value.
pub(super) type Pair<'a> = (&'static str, &'a str);

impl Page {
    /// Begins a metric; its samples come next.
    pub(super) fn begin(&mut self, metric: &Metric) {
        let Metric { name, kind, help, .. } = metric;
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// One sample.
    pub(super) fn sample(&mut self, metric: &Metric, labels: &[Pair<'_>], value: impl Display) {
        debug_assert!(labels.iter().map(|label| label.0).eq(metric.labels.iter().copied()), "{}", metric.name);
        self.line(metric.name, "", labels, value);
    }

    /// A metric of one sample without labels.
    pub(super) fn only(&mut self, metric: &Metric, value: impl Display) {
        self.begin(metric);
        self.sample(metric, &[], value);
    }

    /// The same if there is a value.
    pub(super) fn only_if(&mut self, metric: &Metric, value: Option<impl Display>) {
        if let Some(value) = value {
            self.only(metric, value);
        }
    }

    /// One histogram: its buckets, its sum and its count. `range`: see [`Buckets::up_to`].
    pub(super) fn histogram(
        &mut self,
        metric: &Metric,
        label: Pair<'_>,
        buckets: &Buckets,
        (from_ns, to_ns, parts): (u64, u64, usize),
    ) {
        for (bound, below) in buckets.up_to(from_ns, to_ns, parts) {
            self.line(metric.name, "_bucket", &[label, ("le", &bound.to_string())], below);
        }
        self.line(metric.name, "_bucket", &[label, ("le", "+Inf")], buckets.count());
        self.line(metric.name, "_sum", &[label], buckets.seconds());
        self.line(metric.name, "_count", &[label], buckets.count());
    }

    fn line(&mut self, name: &str, suffix: &str, labels: &[Pair<'_>], value: impl Display) {
        self.text.push_str(name);
        self.text.push_str(suffix);
        for (at, (label, value)) in labels.iter().enumerate() {
            self.text.push(if at == 0 { '{' } else { ',' });
            self.text.push_str(label);
            self.text.push_str("=\"");
            escape(value, &mut self.text);
            self.text.push('"');
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }
}

/// A label's value as the format wants it: backslash, quote and newline are escaped.
fn escape(value: &str, out: &mut String) {
    let mut rest = value;
    while let Some(at) = rest.find(['\\', '"', '\n']) {
        out.push_str(&rest[..at]);
        out.push('\\');
        out.push(if rest.as_bytes()[at] == b'\n' { 'n' } else { char::from(rest.as_bytes()[at]) });
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_label_is_escaped() {
        let mut out = String::new();
        escape("a\\b\"c\nd\"", &mut out);
        assert_eq!(out, "a\\\\b\\\"c\\nd\\\"");
    }
}
