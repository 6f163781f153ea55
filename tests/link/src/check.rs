//! Reads the linked image and names what in it can panic.
//!
//! The linker has dropped what no door reaches, and kept every relocation: each is an edge from one function (or
//! table) to another. Every edge that leads from ordinary code to one of core's panicking functions is a finding. It
//! is printed with its source line through all that was inlined there, and with the door it is reached through.

use core::error::Error;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::process::ExitCode;

use addr2line::gimli::{Dwarf, EndianSlice, LittleEndian, SectionId};
use object::read::elf::ElfFile32;
use object::{Object, ObjectSection, ObjectSymbol, RelocationTarget, SectionKind, SymbolKind};

use crate::allowed::Allowed;

type Result<T> = core::result::Result<T, Box<dyn Error>>;

/// What the canary of `doors.rs` is found as.
const CANARY: &str = "tests/link/src/doors.rs: canary -> core::panicking::panic_bounds_check";

pub(crate) fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [image, allowed] = arguments.as_slice() else {
        eprintln!("usage: warmline-link IMAGE ALLOWED");
        return ExitCode::FAILURE;
    };
    match check(Path::new(image), Path::new(allowed)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("warmline-link: {image}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints what was found; whether that is no more and no less than is allowed.
fn check(image: &Path, allowed: &Path) -> Result<bool> {
    let bytes = std::fs::read(image)?;
    let elf = ElfFile32::parse(&*bytes)?;
    let graph = Graph::read(&elf)?;
    let mut findings = graph.panics(&source(&elf)?)?;
    let canary = findings.remove(CANARY);

    let mut allowed = Allowed::read(allowed)?;
    let mut refused = 0;
    for (key, places) in &findings {
        let verdict = if allowed.take(key) { "allowed" } else { "PANIC" };
        refused += usize::from(verdict == "PANIC");
        println!("{verdict}: {key}");
        for place in places {
            println!("    {place}");
        }
    }
    let stale = allowed.left();
    for key in &stale {
        println!("NO LONGER NEEDED in allowed.txt: {key}");
    }
    println!(
        "{} functions and tables, {} references; {} panics, {refused} of them not allowed",
        graph.names.len(),
        graph.edges.len(),
        findings.len()
    );
    match &canary {
        Some(places) => {
            println!("the canary was found: {}", Vec::from_iter(places.iter().cloned()).join("; "))
        }
        None => println!("BLIND: the canary, which does panic, was not found"),
    }
    Ok(refused == 0 && stale.is_empty() && canary.is_some())
}

/// Who refers to whom in the image.
struct Graph {
    /// Address and size of each function or table, and its name without the compiler's decoration.
    names: BTreeMap<u64, (u64, String)>,
    edges: Vec<Edge>,
}

/// A reference: where it stands, in what, and to what.
struct Edge {
    at: u64,
    from: u64,
    to: u64,
}

impl Graph {
    fn read(elf: &ElfFile32<'_>) -> Result<Self> {
        let mut names = BTreeMap::new();
        for symbol in elf.symbols() {
            if matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Data) && symbol.size() > 0 {
                names.insert(thumbless(symbol.address()), (symbol.size(), plain(symbol.name()?)));
            }
        }
        let mut graph = Self { names, edges: Vec::new() };
        for section in elf.sections() {
            if !matches!(section.kind(), SectionKind::Text | SectionKind::ReadOnlyData | SectionKind::Data) {
                continue;
            }
            for (at, relocation) in section.relocations() {
                let RelocationTarget::Symbol(target) = relocation.target() else { continue };
                let to = thumbless(elf.symbol_by_index(target)?.address());
                if let (Some(from), Some(to)) = (graph.holder(at), graph.holder(to))
                    && from != to
                {
                    graph.edges.push(Edge { at, from, to });
                }
            }
        }
        Ok(graph)
    }

    /// The start of the function or table that `address` lies in.
    fn holder(&self, address: u64) -> Option<u64> {
        let (start, (size, _)) = self.names.range(..=address).next_back()?;
        (address - start < *size).then_some(*start)
    }

    fn name(&self, start: u64) -> &str {
        self.names.get(&start).map_or("?", |(_, name)| name)
    }

    /// "file: function -> panic", and the places where that happens.
    fn panics(&self, source: &Source<'_>) -> Result<BTreeMap<String, BTreeSet<String>>> {
        let mut findings: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for edge in &self.edges {
            let (from, to) = (self.name(edge.from), self.name(edge.to));
            if !panics(to) || panics(from) {
                continue;
            }
            let frames = frames(source, edge.at)?;
            // Our own code is to blame, not what was inlined from elsewhere.
            let key = match frames.iter().find(|frame| frame.ours) {
                Some(frame) => format!("{}: {} -> {to}", frame.file, frame.function),
                None => format!("{from} -> {to}"),
            };
            let places = findings.entry(key).or_default();
            let door = self.door(edge.from).unwrap_or("none found");
            places.insert(format!("{}  (door: {door})", chain(&frames)));
            if !frames.iter().any(|frame| frame.ours) {
                let callers = self.callers(edge.from, source)?;
                places.extend(callers.into_iter().map(|caller| format!("  called from {caller}")));
            }
        }
        Ok(findings)
    }

    /// The places in our own code that lead to `start` through the code of others.
    fn callers(&self, start: u64, source: &Source<'_>) -> Result<BTreeSet<String>> {
        let mut callers = BTreeSet::new();
        let mut seen = BTreeSet::from([start]);
        let mut queue = VecDeque::from([start]);
        while let Some(at) = queue.pop_front() {
            for edge in self.edges.iter().filter(|edge| edge.to == at) {
                let frames = frames(source, edge.at)?;
                if frames.iter().any(|frame| frame.ours) {
                    callers.insert(chain(&frames));
                } else if seen.insert(edge.from) {
                    queue.push_back(edge.from);
                }
            }
        }
        Ok(callers)
    }

    /// The nearest door that leads to `start`.
    fn door(&self, start: u64) -> Option<&str> {
        let mut seen = BTreeSet::from([start]);
        let mut queue = VecDeque::from([start]);
        while let Some(at) = queue.pop_front() {
            if let Some(door) = self.name(at).strip_prefix("warmline_link::doors::") {
                return Some(door);
            }
            let callers = self.edges.iter().filter(|edge| edge.to == at).map(|edge| edge.from);
            queue.extend(callers.filter(|caller| seen.insert(*caller)));
        }
        None
    }
}

/// The image's line tables.
type Source<'a> = addr2line::Context<EndianSlice<'a, LittleEndian>>;

/// The line tables as they are: the linker has applied the relocations that it kept.
fn source<'a>(elf: &ElfFile32<'a>) -> Result<Source<'a>> {
    let section = |id: SectionId| -> Result<_> {
        let data = elf.section_by_name(id.name()).map(|section| section.data()).transpose()?;
        Ok(EndianSlice::new(data.unwrap_or_default(), LittleEndian))
    };
    Ok(addr2line::Context::from_dwarf(Dwarf::load(section)?)?)
}

struct Frame {
    function: String,
    file: String,
    line: u32,
    /// Whether it stands in this repository.
    ours: bool,
}

/// The source of the instruction at `address`, from the innermost inlined function outward.
fn frames(source: &Source<'_>, address: u64) -> Result<Vec<Frame>> {
    let here = format!("{}/", std::env::current_dir()?.display());
    let mut iterator = source.find_frames(address).skip_all_loads()?;
    let mut frames = Vec::new();
    while let Some(frame) = iterator.next()? {
        let (Some(function), Some(location)) = (&frame.function, &frame.location) else { continue };
        let path = location.file.unwrap_or("?");
        frames.push(Frame {
            function: plain(&function.raw_name()?),
            file: relative(path, &here),
            line: location.line.unwrap_or_default(),
            ours: path.starts_with(&here),
        });
    }
    Ok(frames)
}

/// Where that is: the innermost line, and below it the lines of our own that it was inlined into.
fn chain(frames: &[Frame]) -> String {
    let shown = frames.iter().enumerate().filter(|(depth, frame)| *depth == 0 || frame.ours);
    let lines: Vec<_> = shown.map(|(_, frame)| format!("{}:{}", frame.file, frame.line)).collect();
    lines.join(" < ")
}

/// A source file's path without what is this machine's: below the repository, the standard library's source
/// (`library/...`), or the folder of packages (`NAME-VERSION/...`).
fn relative(file: &str, here: &str) -> String {
    if let Some(ours) = file.strip_prefix(here) {
        return ours.to_owned();
    }
    if let Some((_, library)) = file.split_once("/library/") {
        return format!("library/{library}");
    }
    let package = file.split_once("/registry/src/").and_then(|(_, rest)| rest.split_once('/'));
    package.map_or(file, |(_, path)| path).to_owned()
}

/// A name as written in the source: demangled, without hash or the optimiser's endings.
fn plain(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}

/// Whether a function does nothing but panic: those of `core::panicking`, and the cold ends of the library's checks.
fn panics(name: &str) -> bool {
    name.contains("core::panicking::")
        || name.contains("rust_begin_unwind")
        || is_standard(name)
            && name.split("::").any(|part| part.contains("_fail") || part.starts_with("panic_"))
}

fn is_standard(function: &str) -> bool {
    let bare = function.trim_start_matches(['<', '&', '[', '*']);
    ["core::", "alloc::", "std::", "compiler_builtins::"].iter().any(|library| bare.starts_with(library))
}

/// An address without the bit that says "Thumb".
const fn thumbless(address: u64) -> u64 {
    address & !1
}
