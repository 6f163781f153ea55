//! What there is in a board's program.

use std::collections::BTreeMap;
use std::path::Path;

use object::read::elf::ElfFile32;
use object::{Object, ObjectSection, ObjectSymbol, SectionKind};
use warmline_core::image::{self, Board};

use crate::Result;

/// A board's program, measured in bytes.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) board: &'static Board,
    /// Code.
    pub(crate) code: u64,
    /// Constants, with the vectors and what statics begin as.
    pub(crate) constants: u64,
    /// Memory that statics take, with what is lost between them.
    pub(crate) memory: u64,
    /// What is left for the stack.
    pub(crate) stack: u64,
    pub(crate) statics: Vec<Static>,
}

/// A static in RAM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Static {
    /// Its path.
    pub(crate) name: String,
    pub(crate) size: u64,
    /// Whether it begins as something else than zeroes, and so is in flash as well.
    pub(crate) is_in_flash: bool,
}

impl Program {
    /// Reads the ELF file of the board whose name it has.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let board = image::board(name).ok_or_else(|| format!("no board is called {name}"))?;
        let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::measure(board, &ElfFile32::parse(&*bytes)?)
            .map_err(|error| format!("{}: {error}", path.display()).into())
    }

    fn measure(board: &'static Board, elf: &ElfFile32<'_>) -> Result<Self> {
        let (mut code, mut constants, mut memory) = (0, 0, 0);
        for section in elf.sections() {
            let size = section.size();
            match section.kind() {
                SectionKind::Text => code += size,
                SectionKind::ReadOnlyData | SectionKind::ReadOnlyString => constants += size,
                SectionKind::Data => {
                    constants += size;
                    memory += size;
                }
                SectionKind::UninitializedData => memory += size,
                _ => {}
            }
        }
        let stack = address(elf, "_stack_start")?.saturating_sub(address(elf, "_stack_end")?);
        Ok(Self { board, code, constants, memory, stack, statics: statics(elf)? })
    }

    /// Everything that is flashed.
    pub(crate) fn flash(&self) -> u64 {
        self.code + self.constants
    }
}

fn address(elf: &ElfFile32<'_>, name: &str) -> Result<u64> {
    let symbol = elf.symbol_by_name(name).ok_or_else(|| format!("it has no symbol {name}"))?;
    Ok(symbol.address())
}

/// What stands in RAM under a name. What stands there under several is one.
fn statics(elf: &ElfFile32<'_>) -> Result<Vec<Static>> {
    let mut found = BTreeMap::new();
    for symbol in elf.symbols() {
        let Some(section) = symbol.section_index().filter(|_| symbol.size() > 0) else { continue };
        let kind = elf.section_by_index(section)?.kind();
        let is_in_flash = kind == SectionKind::Data;
        if !is_in_flash && kind != SectionKind::UninitializedData {
            continue;
        }
        let name = format!("{:#}", rustc_demangle::demangle(symbol.name()?));
        found.insert(symbol.address(), Static { name, size: symbol.size(), is_in_flash });
    }
    Ok(found.into_values().collect())
}
