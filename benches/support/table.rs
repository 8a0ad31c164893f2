//! Figures as an aligned table, or as JSON with `--json`.

/// A table with a title; every row has as many cells as there are columns.
#[derive(Debug)]
pub(crate) struct Table {
    title: String,
    columns: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub(crate) fn new(title: impl Into<String>, columns: &[&'static str]) -> Self {
        Self { title: title.into(), columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        assert_eq!(cells.len(), self.columns.len(), "a cell for every column");
        self.rows.push(cells);
    }

    /// Prints the table; the first column is text, the others are figures.
    pub(crate) fn print(&self) {
        if super::flag("--json") { self.print_json() } else { self.print_text() }
    }

    fn print_text(&self) {
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| row[column].chars().count());
            cells.chain([self.columns[column].len()]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        println!("\n{}", self.title);
        let header: Vec<String> = self.columns.iter().map(|&column| column.to_owned()).collect();
        for row in [&header].into_iter().chain(&self.rows) {
            let cells: Vec<String> = row.iter().zip(&widths).enumerate().map(pad).collect();
            println!("  {}", cells.join("  ").trim_end());
        }
    }

    fn print_json(&self) {
        for row in &self.rows {
            let mut object = serde_json::Map::new();
            object.insert("table".to_owned(), self.title.clone().into());
            for (&column, cell) in self.columns.iter().zip(row) {
                let value = cell.parse::<f64>().map_or_else(|_| cell.clone().into(), serde_json::Value::from);
                object.insert(column.to_owned(), value);
            }
            println!("{}", serde_json::Value::from(object));
        }
    }
}

fn pad((column, (cell, &width)): (usize, (&String, &usize))) -> String {
    if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
}
