//! The load that a response tells: a field of its JSON body, or a load-report header in one of the text forms of ORCA
//! (`TEXT name=value,…`, `JSON {…}`) or as a bare number.

use super::exchange::Answer;
use super::expect;
use crate::health::{Load, LoadPlace, LoadSource};
use crate::limits::PROBE_NOTE_PART;
use crate::probe::short;
use serde_json::Value;

/// What a report is asked for that names no metric: the application's utilisation, else the processor's.
const UTILISATION: [&str; 2] = ["application_utilization", "cpu_utilization"];
/// Where a report keeps the metrics of the endpoint's own.
const NAMED: &str = "named_metrics";

/// Reads it.
///
/// # Errors
/// There is none to believe; in words.
pub(super) fn read(source: &LoadSource, answer: &Answer) -> Result<Load, String> {
    let (what, number) = match &source.place {
        LoadPlace::Body(path) => {
            let document = expect::document(&answer.body, answer.whole)?;
            let name = path.join(".");
            let found = expect::find(&document, path).ok_or_else(|| format!("the body has no field {name}"))?;
            let number =
                found.as_f64().ok_or_else(|| format!("{name} is {}, no number", quoted(&found.to_string())))?;
            (name, number)
        }
        LoadPlace::Header { name, metric } => {
            let value = answer.trailer(name).ok_or_else(|| format!("there is no header {name}"))?;
            let number = report(value, metric.as_deref()).map_err(|why| format!("the header {name} {why}"))?;
            (metric.as_deref().unwrap_or(name).to_owned(), number)
        }
    };
    let load = Load::new(number).ok_or_else(|| format!("{what} is {number}, no load"))?;
    if load > source.max { Err(format!("{what} is {load}, more than max, {}", source.max)) } else { Ok(load) }
}

/// The number that a load report has for a metric.
fn report(value: &str, metric: Option<&str>) -> Result<f64, String> {
    let value = value.trim();
    let wanted = metric.map_or(&UTILISATION[..], |_| &[]).iter().copied().chain(metric);
    if let Some(json) = value.strip_prefix("JSON ") {
        let document: Value = serde_json::from_str(json).map_err(|error| format!("is no JSON: {error}"))?;
        let found = wanted.clone().find_map(|metric| of_document(&document, metric)).and_then(Value::as_f64);
        return found.ok_or_else(|| missing(wanted));
    }
    if let Some(text) = value.strip_prefix("TEXT ") {
        let found = wanted.clone().find_map(|metric| of_text(text, metric));
        return found.ok_or_else(|| missing(wanted))?.parse().map_err(|_| "has no number there".to_owned());
    }
    let bare = value.parse().ok().filter(|_| metric.is_none());
    bare.ok_or_else(|| format!("is neither \"TEXT …\" nor \"JSON …\": {}", quoted(value)))
}

fn missing<'a>(wanted: impl Iterator<Item = &'a str>) -> String {
    format!("has no metric {}", wanted.collect::<Vec<_>>().join(" or "))
}

fn of_document<'a>(document: &'a Value, metric: &str) -> Option<&'a Value> {
    // Protocol buffers as JSON write their names in either way.
    let named = || document.get(NAMED).or_else(|| document.get(camel(NAMED)))?.get(metric);
    let path: Vec<Box<str>> = metric.split('.').map(Into::into).collect();
    document.get(camel(metric)).or_else(|| expect::find(document, &path)).or_else(named)
}

fn of_text<'a>(text: &'a str, metric: &str) -> Option<&'a str> {
    let pairs = || text.split(',').filter_map(|pair| pair.split_once('='));
    let is =
        |name: &str| name == metric || name.strip_prefix(NAMED).and_then(|rest| rest.strip_prefix('.')) == Some(metric);
    pairs().find(|(name, _)| is(name.trim())).map(|(_, value)| value.trim())
}

/// `cpu_utilization` as `cpuUtilization`.
fn camel(name: &str) -> String {
    let mut parts = name.split('_');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |out, part| {
        let mut signs = part.chars();
        let head = signs.next().map(|sign| sign.to_ascii_uppercase());
        out + &head.into_iter().chain(signs).collect::<String>()
    })
}

fn quoted(text: &str) -> String {
    short(text, PROBE_NOTE_PART)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_in_both_of_its_text_forms() {
        let text = "TEXT cpu_utilization=0.3, mem_utilization=0.8, rps_fractional=1200, named_metrics.conns=17";
        let json = r#"JSON {"cpu_utilization": 0.3, "mem_utilization": 0.8, "rps_fractional": 1200, "named_metrics": {"conns": 17, "a.b": 2}}"#;
        let camel = r#"JSON {"cpuUtilization": 0.3, "memUtilization": 0.8, "rpsFractional": 1200, "namedMetrics": {"conns": 17}}"#;
        for form in [text, json, camel] {
            for (metric, number) in
                [(None, 0.3), (Some("mem_utilization"), 0.8), (Some("rps_fractional"), 1200.0), (Some("conns"), 17.0)]
            {
                assert_eq!(report(form, metric), Ok(number), "{form} {metric:?}");
            }
        }
        assert_eq!(report(text, Some("named_metrics.conns")), Ok(17.0));
        assert_eq!(report(json, Some("named_metrics.conns")), Ok(17.0));
        assert_eq!(report(json, Some("a.b")), Ok(2.0));
        assert_eq!(report("TEXT cpu_utilization=0.3,application_utilization=0.9", None), Ok(0.9));
        assert_eq!(report(" 12.5 ", None), Ok(12.5));
    }

    #[test]
    fn what_is_no_report_is_said_in_words() {
        for (value, metric, said) in [
            ("TEXT mem_utilization=0.8", None, "has no metric application_utilization or cpu_utilization"),
            ("TEXT cpu_utilization=high", None, "has no number there"),
            ("TEXT", None, "is neither"),
            ("JSON {", None, "is no JSON"),
            ("JSON {\"cpu_utilization\": \"0.3\"}", None, "has no metric"),
            ("JSON []", Some("x"), "has no metric x"),
            ("BIN CQAAAAAAAOA/", None, "is neither"),
            ("12", Some("conns"), "is neither"),
            ("", None, "is neither"),
        ] {
            let why = report(value, metric).unwrap_err();
            assert!(why.contains(said), "{value}: {why}");
        }
    }
}
