//! What the body of a response must say.

use crate::health::{JsonField, JsonValue};
use crate::limits::PROBE_NOTE_PART;
use crate::probe::short;
use serde_json::Value;

/// Looks the fields up in a JSON text.
///
/// # Errors
/// What is not as expected, in words.
pub(super) fn json(body: &[u8], whole: bool, fields: &[JsonField]) -> Result<(), String> {
    let document = document(body, whole)?;
    for field in fields {
        let name = field.path.join(".");
        match find(&document, &field.path) {
            None => return Err(format!("the body has no field {name}")),
            Some(found) if is(found, &field.value) => {}
            Some(found) => {
                let found = short(&found.to_string(), PROBE_NOTE_PART);
                return Err(format!("{name} is {found}, not {}", text(&field.value)));
            }
        }
    }
    Ok(())
}

/// The body as JSON.
///
/// # Errors
/// It is none, or too long; in words.
pub(super) fn document(body: &[u8], whole: bool) -> Result<Value, String> {
    if !whole {
        return Err("the body is longer than 64 KiB: too long for JSON".into());
    }
    serde_json::from_slice(body).map_err(|error| format!("the body is no JSON: {error}"))
}

/// A key of a table, or a place in an array.
pub(super) fn find<'a>(document: &'a Value, path: &[Box<str>]) -> Option<&'a Value> {
    path.iter().try_fold(document, |value, key| match value {
        Value::Object(fields) => fields.get(&**key),
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        _ => None,
    })
}

fn is(found: &Value, wanted: &JsonValue) -> bool {
    match wanted {
        JsonValue::Text(text) => found.as_str() == Some(text),
        JsonValue::Bool(truth) => found.as_bool() == Some(*truth),
        JsonValue::Number(bits) => found.as_f64() == Some(f64::from_bits(*bits)),
    }
}

fn text(value: &JsonValue) -> String {
    match value {
        JsonValue::Text(text) => format!("{text:?}"),
        JsonValue::Bool(truth) => truth.to_string(),
        JsonValue::Number(bits) => f64::from_bits(*bits).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(path: &str, value: JsonValue) -> JsonField {
        JsonField { path: path.split('.').map(Into::into).collect(), value }
    }

    #[test]
    fn fields_are_found_by_their_path_and_compared_by_value() {
        let body =
            br#"{"status": "ok", "db": {"primary": true, "lag": 3.0}, "parts": [{"n": 1}, {"n": 2}], "no": null}"#;
        let text = |text: &str| JsonValue::Text(text.into());
        let number = |number: f64| JsonValue::Number(number.to_bits());
        for (path, value, said) in [
            ("status", text("ok"), None),
            ("db.primary", JsonValue::Bool(true), None),
            ("db.lag", number(3.0), None),
            ("parts.1.n", number(2.0), None),
            ("status", text("up"), Some("status is \"ok\", not \"up\"")),
            ("db.lag", text("3"), Some("db.lag is 3.0, not \"3\"")),
            ("parts.2.n", number(2.0), Some("the body has no field parts.2.n")),
            ("no", text("x"), Some("no is null, not \"x\"")),
            ("status.x", text("x"), Some("the body has no field status.x")),
        ] {
            assert_eq!(json(body, true, &[field(path, value)]).err().as_deref(), said);
        }
        assert!(json(b"<html>", true, &[]).unwrap_err().starts_with("the body is no JSON"));
        assert!(json(b"{}", false, &[]).unwrap_err().contains("64 KiB"));
        let deep = "[".repeat(60_000);
        assert!(json(deep.as_bytes(), true, &[]).is_err(), "and no overflow of the stack");
    }
}
