//! Records: what outlives a restart, as bytes.
//!
//! A record begins with its version (1 byte) and its length (2 bytes, all of it) and ends with the CRC-32 of all
//! before (ISO-HDLC, 4 bytes). Half of one, or memory that faded, is so told from a whole one, and what follows a
//! record does not matter. Numbers are little-endian. What stands between, everyone writes and reads for themselves.

use core::net::{IpAddr, SocketAddr};

use crc::{CRC_32_ISO_HDLC, Crc, NoTable};

/// The version of a call's record: the one that is written, and the only one that is read.
pub const VERSION: u8 = 5;

/// Bytes of the version and the length.
const HEAD: usize = 3;

/// Bytes of the checksum.
const TAIL: usize = 4;

/// Without a table: a record is written a few times in a call, and the table would take 1 KiB of a board's flash.
const CRC: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);

/// Why there is no record in some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// They are no record, or not all of one, or not what was written.
    Damaged,
    /// It is one of this version.
    Version(u8),
}

/// Writes a record. What does not fit is remembered and said at the end.
pub(crate) struct Writer<'b> {
    out: &'b mut [u8],
    len: usize,
    full: bool,
}

impl<'b> Writer<'b> {
    /// Writes from the start of `out`.
    pub(crate) fn new(out: &'b mut [u8]) -> Self {
        let mut writer = Self { out, len: 0, full: false };
        writer.u8(VERSION).u16(0);
        writer
    }

    /// Puts length and checksum in their places; how long the record is. None when it does not fit.
    pub(crate) fn seal(mut self) -> Option<usize> {
        let len = self.len.checked_add(TAIL)?;
        let number = u16::try_from(len).ok()?;
        let place = self.out.get_mut(1..HEAD)?;
        place.iter_mut().zip(number.to_le_bytes()).for_each(|(place, byte)| *place = byte);
        let sum = CRC.checksum(self.out.get(..self.len)?);
        self.u32(sum);
        (!self.full).then_some(len)
    }

    pub(crate) fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes(&[value])
    }

    pub(crate) fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    pub(crate) fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    pub(crate) fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    /// At most 255 bytes and how many they are; more make the record one that does not fit.
    pub(crate) fn short(&mut self, bytes: &[u8]) -> &mut Self {
        match u8::try_from(bytes.len()) {
            Ok(len) => self.u8(len).bytes(bytes),
            Err(_) => {
                self.full = true;
                self
            }
        }
    }

    pub(crate) fn ip(&mut self, ip: IpAddr) -> &mut Self {
        match ip {
            IpAddr::V4(ip) => self.u8(4).bytes(&ip.octets()),
            IpAddr::V6(ip) => self.u8(6).bytes(&ip.octets()),
        }
    }

    pub(crate) fn socket(&mut self, socket: SocketAddr) -> &mut Self {
        self.ip(socket.ip()).u16(socket.port())
    }

    /// Bytes whose number the reader knows.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        let end = self.len.saturating_add(bytes.len());
        match self.out.get_mut(self.len..end) {
            Some(room) if !self.full => {
                room.iter_mut().zip(bytes).for_each(|(room, &byte)| *room = byte);
                self.len = end;
            }
            _ => self.full = true,
        }
        self
    }
}

/// Reads what a [`Writer`] wrote. None means that it ends too soon, or says what cannot be.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    /// What stands in the record that `bytes` begin with.
    pub(crate) fn open(bytes: &'b [u8]) -> Result<Self, Unreadable> {
        let mut head = Self(bytes);
        let (version, len) = head.u8().zip(head.u16()).ok_or(Unreadable::Damaged)?;
        let (record, sum) = bytes
            .get(..usize::from(len))
            .and_then(<[u8]>::split_last_chunk::<TAIL>)
            .ok_or(Unreadable::Damaged)?;
        let body = record.get(HEAD..).ok_or(Unreadable::Damaged)?;
        match CRC.checksum(record) == u32::from_le_bytes(*sum) {
            false => Err(Unreadable::Damaged),
            true if version != VERSION => Err(Unreadable::Version(version)),
            true => Ok(Self(body)),
        }
    }

    /// Whether everything was read.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn short(&mut self) -> Option<&'b [u8]> {
        let len = self.u8()?;
        self.bytes(len.into())
    }

    pub(crate) fn ip(&mut self) -> Option<IpAddr> {
        match self.u8()? {
            4 => self.array::<4>().map(IpAddr::from),
            6 => self.array::<16>().map(IpAddr::from),
            _ => None,
        }
    }

    pub(crate) fn socket(&mut self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.ip()?, self.u16()?))
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Option<&'b [u8]> {
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }
}

/// Makes a record whole again that was changed by hand.
#[cfg(test)]
pub(crate) fn reseal(record: &mut [u8]) {
    let Some((record, sum)) = record.split_last_chunk_mut::<TAIL>() else { return };
    *sum = CRC.checksum(record).to_le_bytes();
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut out = [0xff; 64];
        let mut w = Writer::new(&mut out);
        let sockets: [SocketAddr; 2] =
            ["192.0.2.1:5060".parse().unwrap(), "[2001:db8::1]:9".parse().unwrap()];
        w.u8(7).u16(1000).u32(70_000).u64(u64::MAX).short(b"abc").socket(sockets[0]).socket(sockets[1]);
        let len = w.seal().unwrap();
        assert_eq!(len, 3 + 1 + 2 + 4 + 8 + 4 + 7 + 19 + 4);
        assert_eq!(out[..3], [VERSION, len as u8, 0]);
        // What follows it does not matter.
        let mut r = Reader::open(&out).unwrap();
        assert_eq!((r.u8(), r.u16(), r.u32(), r.u64()), (Some(7), Some(1000), Some(70_000), Some(u64::MAX)));
        assert_eq!(r.short(), Some(&b"abc"[..]));
        assert_eq!((r.socket(), r.socket()), (Some(sockets[0]), Some(sockets[1])));
        assert!(r.is_empty() && r.u8().is_none());
    }

    /// Worked out apart from this: CRC-32/ISO-HDLC of `05 0a 00 01 02 03`.
    #[test]
    fn a_record_is_the_same_everywhere() {
        let mut out = [0; 10];
        let mut w = Writer::new(&mut out);
        w.bytes(&[1, 2, 3]);
        assert_eq!(w.seal(), Some(10));
        assert_eq!(out, [5, 10, 0, 1, 2, 3, 0xbe, 0x71, 0x42, 0x01]);
    }

    #[test]
    fn what_does_not_fit_is_no_record() {
        for room in 0..12 {
            let mut out = vec![0; room];
            let mut w = Writer::new(&mut out);
            w.u32(1).u8(2);
            assert_eq!(w.seal(), None, "{room}");
        }
        let mut out = [0; 12];
        let mut w = Writer::new(&mut out);
        w.u32(1).u8(2);
        assert_eq!(w.seal(), Some(12));
        let mut out = [0; 600];
        let mut w = Writer::new(&mut out);
        w.short(&[0; 256]);
        assert_eq!(w.seal(), None);
    }

    #[test]
    fn what_was_changed_or_cut_is_refused() {
        let mut out = [0; 12];
        let mut w = Writer::new(&mut out);
        w.u32(1).u8(2);
        w.seal().unwrap();
        for len in 0..12 {
            assert_eq!(Reader::open(&out[..len]).err(), Some(Unreadable::Damaged), "{len}");
        }
        for bit in 0..96 {
            let mut flipped = out;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Reader::open(&flipped).err(), Some(Unreadable::Damaged), "{bit}");
        }
        assert_eq!(Reader::open(&[0; 12]).err(), Some(Unreadable::Damaged));
        out[0] = 9;
        let sum = CRC.checksum(&out[..8]).to_le_bytes();
        out[8..].copy_from_slice(&sum);
        assert_eq!(Reader::open(&out).err(), Some(Unreadable::Version(9)));
    }
}
