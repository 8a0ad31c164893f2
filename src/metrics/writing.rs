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

    /// A metric with a sample for each set of labels that has a value.
    pub(super) fn column(&mut self, metric: &Metric, labels: &Labels, values: impl Iterator<Item = Option<f64>>) {
        debug_assert_eq!(labels.names, metric.labels, "{}", metric.name);
        self.begin(metric);
        for (labels, value) in labels.iter().zip(values) {
            let Some(value) = value else { continue };
            self.text.push_str(metric.name);
            self.text.push_str(labels);
            self.text.push(' ');
            self.number(value);
            self.text.push('\n');
        }
    }

    /// A number as `Display` writes it, by the shortest way: most are whole.
    fn number(&mut self, value: f64) {
        // Up to here every whole number is exact.
        const WHOLE: f64 = (1_u64 << 53) as f64;
        let _ = if value.is_sign_positive() && value <= WHOLE && value.fract() == 0.0 {
            write!(self.text, "{}", value as u64)
        } else {
            write!(self.text, "{value}")
        };
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
        braced(labels, &mut self.text);
        let _ = writeln!(self.text, " {value}");
    }
}

/// Sets of labels as they are written: once for all metrics that have them.
#[derive(Debug)]
pub(super) struct Labels {
    names: &'static [&'static str],
    text: String,
    ends: Vec<usize>,
}

impl Labels {
    /// The sets of the metrics that have the labels of `metric`.
    pub(super) fn new<'a, const N: usize>(metric: &Metric, sets: impl Iterator<Item = [Pair<'a>; N]>) -> Self {
        let mut labels = Self { names: metric.labels, text: String::new(), ends: Vec::new() };
        for set in sets {
            debug_assert!(set.iter().map(|label| label.0).eq(metric.labels.iter().copied()), "{}", metric.name);
            braced(&set, &mut labels.text);
            labels.ends.push(labels.text.len());
        }
        labels
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.text[start..end])
    }
}

/// Labels in braces; nothing if there are none.
fn braced(labels: &[Pair<'_>], out: &mut String) {
    for (at, (label, value)) in labels.iter().enumerate() {
        out.push(if at == 0 { '{' } else { ',' });
        out.push_str(label);
        out.push_str("=\"");
        escape(value, out);
        out.push('"');
    }
    if !labels.is_empty() {
        out.push('}');
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
    fn numbers_are_written_as_display_writes_them() {
        for value in [0.0, 1.0, 0.25, 1e15, 1_764_122_400.123, 1e21, -3.0, -0.0, f64::NAN, f64::INFINITY] {
            let mut page = Page::default();
            page.number(value);
            assert_eq!(page.text, value.to_string());
        }
    }

    #[test]
    fn what_would_end_a_label_is_escaped() {
        let mut out = String::new();
        escape("a\\b\"c\nd\"", &mut out);
        assert_eq!(out, "a\\\\b\\\"c\\nd\\\"");
    }
}
