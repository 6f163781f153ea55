//! Tables for people: columns as wide as what is in them.

use core::fmt::Write;

/// Titles and rows, aligned, two spaces between columns; a line for each.
pub(super) fn columns<const N: usize>(titles: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = titles.map(|title| title.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut table = String::new();
    for row in core::iter::once(&titles.map(str::to_owned)).chain(rows) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            // Writing to a string does not fail.
            let _ = write!(line, "{cell:width$}  ");
        }
        table.push_str(line.trim_end());
        table.push('\n');
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_the_widest() {
        let rows = [["1", "전화"], ["1000", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(columns(["N", "WHAT"], &rows), "N     WHAT\n1     전화\n1000\n");
    }
}
