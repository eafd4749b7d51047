//! Rows in columns: owns their widths. Text that came from outside is made fit for a terminal here.

use owo_colors::OwoColorize;
use std::fmt::Write;

/// A table: its head, then its rows, each with as many cells.
#[derive(Clone, Debug, Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns.
    pub fn new<const COLUMNS: usize>(head: [&str; COLUMNS]) -> Table {
        Table { rows: vec![head.map(String::from).to_vec()] }
    }

    /// Adds a row.
    pub fn row<const COLUMNS: usize>(&mut self, cells: [String; COLUMNS]) {
        assert_eq!(COLUMNS, self.rows[0].len(), "a row has a cell for each column");
        self.rows.push(cells.iter().map(|cell| plain(cell)).collect());
    }

    /// All of it, each line ended; columns are two spaces apart, and the head is bold for those who see it.
    pub fn render(&self) -> String {
        let columns = self.rows[0].len();
        let width =
            |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for (index, row) in self.rows.iter().enumerate() {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                // Writing to a String cannot fail.
                let _ = write!(line, "{cell:<width$}  ");
            }
            let line = line.trim_end();
            let _ = match index {
                0 => writeln!(text, "{}", line.bold()),
                _ => writeln!(text, "{line}"),
            };
        }
        text
    }
}

/// What came from outside, as text that is no order to a terminal: control characters but tabs and ends of lines escaped.
pub fn plain(text: &str) -> String {
    let mut plain = String::new();
    for character in text.chars() {
        match character {
            '\n' | '\t' => plain.push(character),
            control if control.is_control() => plain.extend(control.escape_default()),
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(["JOB", "NAME"]);
        table.row(["1".into(), "words\x1b[31m".into()]);
        table.row(["1000".into(), "é".into()]);
        let text = anstream::adapter::strip_str(&table.render()).to_string();
        assert_eq!(text, "JOB   NAME\n1     words\\u{1b}[31m\n1000  é\n");
    }
}
