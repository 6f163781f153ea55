use core::hint::black_box;
use core::net::Ipv4Addr;

use crate::record::with_a_config;
use crc::{CRC_32_ISO_HDLC, Crc};
use warmline_core::config::Config;
use warmline_core::image::{
    self as core_image, Appliance, BOARDS, HEADER, ImageError, MAGIC, Network, Shelf, Tables, VERSION,
};

/// The largest that is made here.
const MOST: usize = 16 * 1024;

/// Writes the body of a sound image, so that what is changed in it is soon understood; how long it is.
fn sound(body: &mut [u8; MOST]) -> usize {
    let network = Network::Static { address: Ipv4Addr::new(192, 0, 2, 1), prefix: 24, gateway: None };
    let appliance = Appliance { network, dns: Default::default(), ntp: None, calls: 4 };
    let mut image = [0; MOST];
    let len = with_a_config(|config| core_image::write(config, &appliance, &mut image));
    let len = len.expect("the sound one is sound") - HEADER;
    body[..len].copy_from_slice(&image[HEADER..][..len]);
    len
}

/// Reads bytes as an image; then as the body of one whose checksum is right; then as changes to a sound one's body.
pub fn image(data: &[u8]) {
    let mut tables = Tables::new();
    if let Ok(appliance) = read(data, &mut tables) {
        write_again(&lent(data, &tables), &appliance);
    }
    with_a_config(|config| clips(data, config));
    sealed(data, &mut tables).ok();
    let mut body = [0; MOST];
    let len = sound(&mut body);
    let body = &mut body[..len];
    assert!(sealed(body, &mut tables).is_ok(), "the sound one is sound");
    for change in data.chunks_exact(2) {
        let place = usize::from(change[0]) % len;
        if let Some(byte) = body.get_mut(place) {
            *byte = change[1];
        }
        sealed(body, &mut tables).ok();
    }
}

fn sealed(body: &[u8], tables: &mut Tables) -> Result<(), ImageError> {
    let mut image = [0; MOST];
    let Some(room) = image.get_mut(HEADER..HEADER + body.len()) else { return Err(ImageError::NoRoom) };
    room.copy_from_slice(body);
    image[..4].copy_from_slice(&MAGIC);
    image[4..6].copy_from_slice(&VERSION.to_le_bytes());
    image[6..10].copy_from_slice(&(body.len() as u32).to_le_bytes());
    let crc = Crc::<u32>::new(&CRC_32_ISO_HDLC).checksum(body);
    image[10..HEADER].copy_from_slice(&crc.to_le_bytes());
    let appliance = read(&image, tables)?;
    write_again(&lent(&image, tables), &appliance);
    tables.set_address(Ipv4Addr::new(192, 0, 2, 77));
    for interface in tables.lend().interfaces {
        assert!(!interface.address.is_unspecified() && !interface.advertise.is_unspecified());
    }
    Ok(())
}

/// The configuration as a board lends it: its tables, and what stays in flash.
fn lent<'l>(image: &'l [u8], tables: &'l Tables) -> Config<'l> {
    Config { instants: core_image::instants(image).unwrap_or_default(), ..tables.lend() }
}

fn read(image: &[u8], tables: &mut Tables) -> Result<Appliance, ImageError> {
    let read = core_image::read(image, tables);
    if read.is_err() {
        assert_eq!(tables.lend(), Tables::new().lend(), "what is refused leaves nothing behind");
    }
    read
}

/// The same bytes as clips behind a sound image: those that are found can be written, and found again.
fn clips(data: &[u8], config: &Config<'_>) {
    let mut body = [0; MOST];
    let len = HEADER + sound(&mut body);
    let network = Network::Static { address: Ipv4Addr::new(192, 0, 2, 1), prefix: 24, gateway: None };
    let appliance = Appliance { network, dns: Default::default(), ntp: None, calls: 4 };
    let mut image = [0; MOST];
    core_image::write(config, &appliance, &mut image).expect("the sound one is sound");
    let behind = data.len().min(MOST - len);
    image[len..][..behind].copy_from_slice(&data[..behind]);
    let shelf = Shelf::read(&image, config).expect("its lines play nothing");
    let mut again = [0; MOST];
    again[..len].copy_from_slice(&image[..len]);
    let written = core_image::write_clips(shelf.clips().map(|(_, audio)| audio), &mut again[len..]);
    assert!(written.is_ok(), "they had room before");
    let found = Shelf::read(&again, config).expect("as before");
    assert!(found.clips().map(|(_, audio)| audio).eq(shelf.clips().map(|(_, audio)| audio)));
}

/// What is let in holds together, and comes back when it is written.
fn write_again(config: &Config<'_>, appliance: &Appliance) {
    for line in config.lines {
        assert_eq!(config.dials(line).len(), usize::from(line.dial.len));
        assert!(config.callers(line).iter().all(|&trunk| config.trunk(trunk).is_some()));
        assert!(config.rings(line).iter().all(|ring| config.target(ring.target).is_some()));
    }
    for target in config.targets {
        assert_eq!(config.text(target.host).len(), target.host.len as usize);
        assert!(config.trunk(target.trunk).and_then(|trunk| config.listener(trunk.listener)).is_some());
    }
    for board in BOARDS {
        black_box(board.check(config, appliance.calls).is_ok());
    }
    let mut image = [0; MOST];
    let len = core_image::write(config, appliance, &mut image).expect("what was read can be written");
    let mut tables = Tables::new();
    let read = core_image::read(&image[..len], &mut tables).expect("what was written can be read");
    assert_eq!((&read, &lent(&image, &tables)), (appliance, config));
}
