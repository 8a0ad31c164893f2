//! A stub to be replaced.
fn main() {}
