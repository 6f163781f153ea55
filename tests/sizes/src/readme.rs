//! The table in the README, and how far from it a build may be.

use crate::Result;

const FROM: &str = "<!-- sizes: written by SIZES=write tests/run --only sizes -->\n";
const TO: &str = "<!-- /sizes -->";

/// How far a number may be from the README's: the compilers that a board can be built with differ in the code they
/// make. In percent of it, and at least so many bytes.
const PERCENT: u64 = 3;
const BYTES: u64 = 128;

/// The table in the README.
pub(crate) fn find(text: &str) -> Result<&str> {
    let (_, rest) = text.split_once(FROM).ok_or_else(|| format!("the README has no line {FROM}"))?;
    let (table, _) = rest.split_once(TO).ok_or_else(|| format!("the README has no {TO}"))?;
    Ok(table)
}

/// The README with this table.
pub(crate) fn replace(text: &str, table: &str) -> Result<String> {
    let old = find(text)?;
    Ok(text.replacen(&format!("{FROM}{old}{TO}"), &format!("{FROM}{table}{TO}"), 1))
}

/// In what the README's table is not what was measured.
pub(crate) fn differences(readme: &str, measured: &str) -> Vec<String> {
    let (old, new) = (rows(readme), rows(measured));
    let title = |row: &Vec<&str>| row.first().copied().unwrap_or_default().to_owned();
    if old.iter().map(title).ne(new.iter().map(title)) || old.first() != new.first() {
        return vec![format!("the README's table has other rows or columns; {HOW}")];
    }
    let mut differences = Vec::new();
    for (old, new) in old.iter().zip(&new) {
        for (&old_cell, &new_cell) in old.iter().zip(new).skip(1) {
            if !is_near(old_cell, new_cell) {
                differences.push(format!("{}: {new_cell}, and {old_cell} in the README; {HOW}", title(new)));
            }
        }
    }
    differences
}

const HOW: &str = "SIZES=write tests/run --only sizes writes it";

fn rows(table: &str) -> Vec<Vec<&str>> {
    let lines = table.lines().filter(|line| line.starts_with('|'));
    lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

fn is_near(one: &str, other: &str) -> bool {
    let number = |cell: &str| cell.replace(',', "").parse::<u64>();
    match (number(one), number(other)) {
        (Ok(one), Ok(other)) => one.abs_diff(other) <= BYTES.max(one * PERCENT / 100),
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readme(table: &str) -> String {
        format!("# Sizes\n{FROM}{table}{TO}\nThe end, {TO}\n")
    }

    #[test]
    fn the_table_is_found_and_replaced() {
        let text = readme("| old |\n");
        assert_eq!(find(&text).expect("it is there"), "| old |\n");
        assert_eq!(replace(&text, "| new |\n").expect("it is there"), readme("| new |\n"));
        assert!(find("nothing").is_err() && find(FROM).is_err());
    }

    #[test]
    fn small_differences_pass() {
        let table = |flash: &str, ram: &str| {
            format!("| bytes | a |\n|---|---|\n| flash | {flash} |\n| ram | {ram} |\n")
        };
        let old = table("100,000", "1,000");
        for (flash, ram, wanted) in [
            ("100,000", "1,000", 0),
            ("103,000", "1,128", 0),
            ("97,000", "872", 0),
            ("103,001", "1,000", 1),
            ("96,999", "871", 2),
            ("many", "1,000", 1),
        ] {
            let found = differences(&old, &table(flash, ram));
            assert_eq!(found.len(), wanted, "{found:?}");
        }
    }

    #[test]
    fn other_rows_and_columns_do_not() {
        let old = "| bytes | a |\n| flash | 1 |\n";
        for new in ["| bytes | b |\n| flash | 1 |\n", "| bytes | a |\n| ram | 1 |\n", "| bytes | a |\n"] {
            assert_eq!(differences(old, new).len(), 1, "{new}");
        }
    }
}
