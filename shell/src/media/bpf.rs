//! What is asked of the kernel by bpf(2): tables, a program, and its place. Each lives as long as its file is open, and no
//! longer than the process.
#![allow(unsafe_code)]

use core::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

/// The numbers of linux/bpf.h.
const MAP_CREATE: libc::c_int = 0;
const MAP_UPDATE_ELEM: libc::c_int = 2;
const PROG_LOAD: libc::c_int = 5;
const LINK_CREATE: libc::c_int = 28;
const PROG_TYPE_SK_LOOKUP: u32 = 30;
const ATTACH_SK_LOOKUP: u32 = 36;

/// The kernel knows helpers that only programs under the GPL may call. We call none of them.
const LICENCE: &CStr = c"MIT OR Apache-2.0";

/// What a table keeps under each number from 0 on: four bytes, or a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Kind {
    Array = 2,
    Sockets = 15,
}

/// A table that programs read.
#[derive(Debug)]
pub(super) struct Table(OwnedFd);

/// A program that is in its place as long as this lives.
#[derive(Debug)]
pub(super) struct Attached {
    _link: OwnedFd,
}

impl Table {
    pub(super) fn new(kind: Kind, entries: u32) -> io::Result<Self> {
        #[repr(C)]
        struct Create {
            kind: u32,
            key_size: u32,
            value_size: u32,
            entries: u32,
        }
        let create = Create { kind: kind as u32, key_size: 4, value_size: 4, entries };
        // SAFETY: the command's attributes begin so, and what is not there is zero. They name no memory.
        unsafe { file(MAP_CREATE, &create) }.map(Self)
    }

    /// Writes what is under a number: for [`Kind::Sockets`] the number of a socket's file.
    pub(super) fn write(&self, key: u32, value: u32) -> io::Result<()> {
        #[repr(C)]
        struct Update {
            table: u32,
            nothing: u32,
            key: u64,
            value: u64,
            flags: u64,
        }
        let table = self.number();
        let update = Update { table, nothing: 0, key: address(&key), value: address(&value), flags: 0 };
        // SAFETY: the command's attributes are so. Key and value are four bytes each, as the table was made.
        unsafe { bpf(MAP_UPDATE_ELEM, &update) }.map(|_| ())
    }

    /// As programs name it.
    pub(super) fn number(&self) -> u32 {
        self.0.as_raw_fd().cast_unsigned()
    }
}

impl Attached {
    /// Has the kernel check a program that says whose each new datagram is, and ask it from here on, in this network
    /// namespace.
    pub(super) fn new(program: &[u64]) -> io::Result<Self> {
        #[repr(C)]
        struct Load {
            kind: u32,
            count: u32,
            instructions: u64,
            licence: u64,
            log: [u64; 2],
            version: u32,
            flags: u32,
            name: [u8; 16],
            interface: u32,
            expected: u32,
        }
        #[repr(C)]
        struct Link {
            program: u32,
            namespace: u32,
            place: u32,
            flags: u32,
        }
        let load = Load {
            kind: PROG_TYPE_SK_LOOKUP,
            count: u32::try_from(program.len()).unwrap_or(u32::MAX),
            instructions: address(program),
            licence: address(LICENCE),
            log: [0; 2],
            version: 0,
            flags: 0,
            name: *b"warmline_media\0\0",
            interface: 0,
            expected: ATTACH_SK_LOOKUP,
        };
        // SAFETY: the command's attributes begin so; the instructions are as many as is said, and the licence ends with a
        // zero.
        let loaded = unsafe { file(PROG_LOAD, &load) }?;
        let namespace = std::fs::File::open("/proc/thread-self/ns/net")?;
        let number = |file: &dyn AsFd| file.as_fd().as_raw_fd().cast_unsigned();
        let link = Link {
            program: number(&loaded),
            namespace: number(&namespace),
            place: ATTACH_SK_LOOKUP,
            flags: 0,
        };
        // SAFETY: the command's attributes begin so, and name no memory.
        unsafe { file(LINK_CREATE, &link) }.map(|link| Self { _link: link })
    }
}

/// Has the system say beside each datagram where it was sent to.
pub(super) fn tell_destination(socket: &impl AsFd, ipv6: bool) -> io::Result<()> {
    let (level, option) = match ipv6 {
        true => (libc::SOL_IPV6, libc::IPV6_RECVORIGDSTADDR),
        false => (libc::SOL_IP, libc::IP_RECVORIGDSTADDR),
    };
    let yes: libc::c_int = 1;
    let file = socket.as_fd().as_raw_fd();
    // SAFETY: the option is of the size and at the place that are said.
    let result = unsafe {
        libc::setsockopt(file, level, option, (&raw const yes).cast(), size_of_val(&yes) as libc::socklen_t)
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// As the kernel is told where something is, on machines of any width.
fn address<T: ?Sized>(of: &T) -> u64 {
    core::ptr::from_ref(of).cast::<u8>().expose_provenance() as u64
}

/// What a command opens.
///
/// # Safety
/// As for [`bpf`]; the command is one that gives a file.
unsafe fn file<T>(command: libc::c_int, attributes: &T) -> io::Result<OwnedFd> {
    // SAFETY: the caller's promise.
    let number = unsafe { bpf(command, attributes) }?;
    // SAFETY: the kernel has just opened it for us.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// # Safety
/// The attributes are those of the command, up to where all that follow are zero, and what they name lives.
unsafe fn bpf<T>(command: libc::c_int, attributes: &T) -> io::Result<libc::c_int> {
    // SAFETY: the caller's promise. The kernel reads as many bytes as there are.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, &raw const *attributes, size_of::<T>()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as libc::c_int) }
}
