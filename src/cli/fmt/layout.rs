//! How a document is laid out: one blank line at most, one before a table; `=` in one column within a block; a space
//! behind commas and inside of braces; arrays over several lines indented by two.

use toml_edit::{Array, Decor, DocumentMut, InlineTable, Item, RawString, Table, Value};

/// Columns that what stands in an array is indented.
const INDENT: usize = 2;

/// Lays a document out; keys, values and comments stay.
pub(super) fn lay_out(document: &mut DocumentMut) {
    let trailing = above(text(Some(document.trailing())), !document.iter().any(|_| true));
    document.set_trailing(trailing);
    let root = document.as_table_mut();
    let has_leaves = !root.get_values().is_empty();
    let first = if has_leaves { None } else { tables(root).into_iter().min() };
    leaves(root, true);
    headers(root, first);
}

/// The positions of tables that have a header.
fn tables(table: &Table) -> Vec<isize> {
    let mut found = Vec::new();
    for (_, item) in table.iter() {
        let below: Vec<&Table> = match item {
            Item::Table(table) => vec![table],
            Item::ArrayOfTables(all) => all.iter().collect(),
            Item::Value(_) | Item::None => continue,
        };
        for table in below {
            found.extend(table.position().filter(|_| !table.is_implicit() && !table.is_dotted()));
            found.extend(tables(table));
        }
    }
    found
}

/// Lays out the tables below one that have a header; `first` is the position of the one that opens the file.
fn headers(table: &mut Table, first: Option<isize>) {
    for (_, item) in table.iter_mut() {
        match item {
            Item::Table(table) => header(table, first),
            Item::ArrayOfTables(all) => all.iter_mut().for_each(|table| header(table, first)),
            Item::Value(_) | Item::None => {}
        }
    }
}

fn header(table: &mut Table, first: Option<isize>) {
    if !table.is_dotted() {
        let opens = first.is_some() && table.position() == first;
        let decor = table.decor_mut();
        let lines = above(text(decor.prefix()), true);
        decor.set_prefix(if opens { lines } else { format!("\n{lines}") });
        decor.set_suffix(beside(text(decor.suffix())));
        leaves(table, true);
    }
    headers(table, first);
}

/// One entry of a table: its key as written, and what can be moved of it.
struct Leaf<'a> {
    width: usize,
    key: toml_edit::KeyMut<'a>,
    value: &'a mut Value,
}

/// Lays out the entries of a table, those with dotted keys too.
fn leaves(table: &mut Table, mut is_first: bool) {
    let mut found = Vec::new();
    collect(table, 0, &mut found);
    let mut blocks: Vec<Vec<Leaf<'_>>> = Vec::new();
    let mut is_open = false;
    for mut leaf in found {
        let decor = leaf.key.leaf_decor_mut();
        let prefix = above(text(decor.prefix()), is_first);
        let continues = is_open && prefix.is_empty();
        decor.set_prefix(prefix);
        is_first = false;
        let suffix = beside(text(leaf.value.decor().suffix()));
        value(leaf.value, 0);
        *leaf.value.decor_mut() = Decor::new(" ", suffix);
        is_open = !leaf.value.to_string().trim_end().contains('\n');
        match blocks.last_mut().filter(|_| continues) {
            Some(block) => block.push(leaf),
            None => blocks.push(vec![leaf]),
        }
    }
    for block in &mut blocks {
        let widest = block.iter().map(|leaf| leaf.width).max().unwrap_or(0);
        for leaf in block {
            let pad = " ".repeat(widest - leaf.width + 1);
            leaf.key.leaf_decor_mut().set_suffix(pad);
        }
    }
}

fn collect<'a>(table: &'a mut Table, before: usize, found: &mut Vec<Leaf<'a>>) {
    for (key, item) in table.iter_mut() {
        let width = before + key.display_repr().chars().count();
        match item {
            Item::Value(value) => found.push(Leaf { width, key, value }),
            Item::Table(table) if table.is_dotted() => collect(table, width + 1, found),
            Item::Table(_) | Item::ArrayOfTables(_) | Item::None => {}
        }
    }
}

/// Lays out what is inside of a value that starts on a line indented by so much.
fn value(value: &mut Value, indent: usize) {
    match value {
        Value::Array(all) if is_open(all) => open_array(all, indent),
        Value::Array(all) => closed_array(all, indent),
        Value::InlineTable(table) => inline(table, indent),
        Value::String(_) | Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {}
    }
}

fn has(raw: Option<&RawString>, what: char) -> bool {
    text(raw).contains(what)
}

/// It goes over several lines.
fn is_open(array: &Array) -> bool {
    let breaks = |value: &Value| has(value.decor().prefix(), '\n') || has(value.decor().suffix(), '\n');
    has(Some(array.trailing()), '\n') || array.iter().any(breaks)
}

fn closed_array(array: &mut Array, indent: usize) {
    for (index, one) in array.iter_mut().enumerate() {
        value(one, indent);
        *one.decor_mut() = Decor::new(if index == 0 { "" } else { " " }, "");
    }
    array.set_trailing("");
    array.set_trailing_comma(false);
}

fn open_array(array: &mut Array, indent: usize) {
    // A comment between a value and its comma would have to move: rare, and left as it is.
    if array.iter().any(|one| has(one.decor().suffix(), '#')) {
        return;
    }
    let inner = indent + INDENT;
    for (index, one) in array.iter_mut().enumerate() {
        value(one, inner);
        let prefix = between(text(one.decor().prefix()), inner, index == 0);
        *one.decor_mut() = Decor::new(prefix, "");
    }
    let trailing = between(text(Some(array.trailing())), indent, array.is_empty());
    array.set_trailing_comma(!array.is_empty());
    array.set_trailing(if trailing.contains('\n') { trailing } else { format!("\n{}", " ".repeat(indent)) });
}

fn inline(table: &mut InlineTable, indent: usize) {
    // Over several lines (TOML 1.1), with comments or dotted keys: left as it is.
    let is_plain = |value: &Value| !value.as_inline_table().is_some_and(InlineTable::is_dotted);
    let outer = table.get_values().iter().all(|(keys, value)| {
        let decors = keys.iter().map(|key| key.leaf_decor()).chain([value.decor()]);
        let mut raws = decors.flat_map(|decor| [decor.prefix(), decor.suffix()]);
        raws.all(|raw| !has(raw, '\n') && !has(raw, '#')) && is_plain(value)
    });
    if !outer || table.iter().any(|(_, value)| !is_plain(value)) || has(Some(table.trailing()), '\n') {
        return;
    }
    let last = table.len().saturating_sub(1);
    for (index, (mut key, one)) in table.iter_mut().enumerate() {
        *key.leaf_decor_mut() = Decor::new(" ", " ");
        value(one, indent);
        *one.decor_mut() = Decor::new(" ", if index == last { " " } else { "" });
    }
    table.set_trailing("");
    table.set_trailing_comma(false);
}

fn text(raw: Option<&RawString>) -> String {
    raw.and_then(RawString::as_str).unwrap_or_default().to_owned()
}

/// What stands on the lines above an entry: comments, and at most one blank line in a row; none at the start of a table.
fn above(raw: String, is_first: bool) -> String {
    let mut out = String::new();
    let mut blank = is_first;
    let mut lines: Vec<&str> = raw.split('\n').map(str::trim).collect();
    // The last one is the indentation of the entry itself, or a comment that ends the file without a line feed.
    if lines.last().is_some_and(|last| last.is_empty()) {
        lines.pop();
    }
    for line in lines {
        if !line.is_empty() {
            out.push_str(line);
        } else if blank {
            continue;
        }
        out.push('\n');
        blank = line.is_empty();
    }
    out
}

/// A comment behind an entry, as far away as it was.
fn beside(raw: String) -> String {
    let comment = raw.trim();
    let space = raw.len() - raw.trim_start().len();
    match comment.is_empty() {
        true => String::new(),
        false if raw.starts_with('\t') => format!(" {comment}"),
        false => format!("{}{comment}", " ".repeat(space.max(1))),
    }
}

/// What stands between two values of an array that goes over several lines: comments behind the comma and on lines of
/// their own. Values that share a line go on sharing it.
fn between(raw: String, indent: usize, is_first: bool) -> String {
    let mut parts = raw.split('\n');
    let mut out = beside(parts.next().unwrap_or_default().to_owned());
    let lines: Vec<&str> = parts.map(str::trim).collect();
    let Some((_, above)) = lines.split_last() else {
        return if out.is_empty() && !is_first { " ".to_owned() } else { out };
    };
    let mut blank = is_first;
    for line in above {
        if !line.is_empty() {
            out.push_str(&format!("\n{}{line}", " ".repeat(indent)));
        } else if !blank {
            out.push('\n');
        }
        blank = line.is_empty();
    }
    out + "\n" + &" ".repeat(indent)
}
