use core::fmt::{self, Write as _};
use core::hint::black_box;
use core::net::Ipv4Addr;

use warmline_core::clip::{ClipId, Clips};
use warmline_core::image::{self, Appliance, ImageError, Network, Shelf, Tables};

use super::{Values, see};

pub(super) fn read(bytes: &mut [u8]) {
    let mut tables = Tables::new();
    let tables = black_box(&mut tables);
    match image::read(bytes, tables) {
        Ok(appliance) => see(appliance),
        Err(error) => see(write!(Nowhere, "{error}")),
    }
    if let Ok(shelf) = Shelf::read(bytes, &tables.lend()) {
        see(shelf.audio(ClipId(Values(bytes).u32())));
        see(image::write_clips(shelf.clips().map(|(_, audio)| audio), black_box(&mut [0; 512])));
    }
    tables.set_address(Ipv4Addr::from(Values(bytes).array()));
    see(tables.lend());
}

pub(super) fn write(bytes: &mut [u8]) {
    let mut tables = Tables::new();
    let tables = black_box(&mut tables);
    let Ok(read) = image::read(bytes, tables) else { return };
    let mut values = Values(bytes);
    let network = if values.flag() { read.network } else { network(&mut values) };
    let appliance = Appliance { network, dns: read.dns, ntp: read.ntp, calls: values.u16() };
    see(image::write(&tables.lend(), &appliance, black_box(&mut [0; 512])));
}

pub(super) fn board(bytes: &mut [u8]) {
    let mut tables = Tables::new();
    let tables = black_box(&mut tables);
    see(image::read(bytes, tables));
    let name = core::str::from_utf8(bytes).unwrap_or_default();
    see(image::board(name).map_or(Err(ImageError::Missing), |b| b.check(&tables.lend(), black_box(1))));
    let network = network(&mut Values(bytes));
    see((network.check(), network.reaches(Ipv4Addr::from(Values(bytes).array()))));
}

/// A log.
struct Nowhere;

impl fmt::Write for Nowhere {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        see(text);
        Ok(())
    }
}

fn network(values: &mut Values<'_>) -> Network {
    let (address, gateway) = (Ipv4Addr::from(values.array()), Ipv4Addr::from(values.array()));
    Network::Static { address, prefix: values.u8(), gateway: Some(gateway) }
}
