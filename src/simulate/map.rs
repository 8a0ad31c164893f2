//! The world before and after as a picture.
use super::Lane;
/// What is drawn.
pub struct Drawing<'a> { /// t
 pub title: &'a str, /// c
 pub change: &'a str, /// l
 pub lane: &'a Lane, /// c
 pub credit: Option<&'static str> }
/// svg
pub fn svg(d: &Drawing<'_>) -> String { d.title.to_owned() }
/// page
pub fn page(d: &Drawing<'_>) -> String { d.title.to_owned() }
