//! Images on real bytes: what comes back, and what is refused.

mod clips;
mod laws;
mod refusals;
mod sample;

use core::net::{IpAddr, Ipv4Addr};

use super::*;
use sample::Owned;

/// Writes an image and reads it.
fn there_and_back(owned: &Owned) -> (std::vec::Vec<u8>, Tables, Appliance) {
    let image = owned.image();
    let mut tables = Tables::new();
    let appliance = read(&image, &mut tables).unwrap();
    (image, tables, appliance)
}

/// The configuration as a board lends it: its tables, and what stays in flash.
fn lent<'l>(image: &'l [u8], tables: &'l Tables) -> Config<'l> {
    Config { instants: instants(image).unwrap(), ..tables.lend() }
}

#[test]
fn tables_are_small() {
    let size = size_of::<Tables>();
    std::println!("Tables: {size} bytes");
    assert!(size <= 15 * 1024, "{size}");
}

/// Boards that were configured once keep their images: where this fails, [`VERSION`] must be another one.
#[test]
fn the_format_is_what_it_was() {
    let (image, ..) = there_and_back(&Owned::plain());
    let hex: std::string::String = image.iter().map(|byte| std::format!("{byte:02x}")).collect();
    assert_eq!(hex, GOLDEN);
}

const GOLDEN: &str = "\
    574c43460700dc0100008e98d12e0c6afd86c06afe3c006d0cdec001c000020a1801c000020101c000020101c000027b\
    108e01626f61726438327362632e6578616d706c652e636f6d6c616e61697a656e6465736b7a656e6465736b2d737570\
    706f72747369703a737570706f72744061636d652e7369702e7477696c696f2e636f6d737570706f7274323031706278\
    206f6e653437313120c3a4582d43616c6c65722b38323235353530313030582d53657373696f6e2c446976657273696f\
    6e000505020201013c050201070f01160300c000020a00c000020aa09c019f9d01020000c4270000ce27021902010000\
    01010110ffffffff0fffffffff0fffffffff0fffffffff0fffffffff0fffffffff0f0157035a076107016808700b0270\
    0b7b130100311f0001000100011e1b07000101000100000008ffffffff0fffffffff0fffffffff0f0701010000000000\
    00000000000000000000030080f8b0b5f3ff3f83f8b0b5f3ff3f010080848080fcff3f8f848080fcff3f020080c8cdb1\
    fcff3fffc9cdb1fcff3f000100a856800012904ee0d40301220f01311f3d1301c42701140150070001000100010001f8\
    acd191010000000101ac02000102000001000000015007030001000100b0ea0100000157036107010102015007000301\
    000100010200010b0400";

#[test]
fn what_lies_behind_an_image_does_not_count() {
    let owned = Owned::plain();
    let mut image = owned.image();
    image.resize(16 * 1024, 0xff);
    let mut tables = Tables::new();
    assert_eq!(read(&image, &mut tables), Ok(owned.appliance.clone()));
    assert_eq!(lent(&image, &tables), owned.lend());
}

#[test]
fn a_lease_fills_in_what_the_image_has_not() {
    let mut owned = Owned::plain();
    owned.appliance.network = Network::Dhcp;
    owned.appliance.dns.clear();
    owned.interfaces[0].address = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    for told in [Ipv4Addr::UNSPECIFIED, Ipv4Addr::new(203, 0, 113, 10)] {
        owned.interfaces[0].advertise = IpAddr::V4(told);
        let (image, mut tables, _) = there_and_back(&owned);
        assert_eq!(lent(&image, &tables), owned.lend());
        // The second lease is another one.
        for leased in [Ipv4Addr::new(192, 0, 2, 77), Ipv4Addr::new(192, 0, 2, 78)] {
            tables.set_address(leased);
            let interface = tables.lend().interfaces[0];
            assert_eq!(interface.address, IpAddr::V4(leased));
            let expected = if told.is_unspecified() { leased } else { told };
            assert_eq!(interface.advertise, IpAddr::V4(expected));
        }
        read(&image, &mut tables).unwrap();
        assert_eq!(lent(&image, &tables), owned.lend());
    }
}

#[test]
fn an_address_of_ones_own_stays() {
    let owned = Owned::plain();
    let (image, mut tables, _) = there_and_back(&owned);
    tables.set_address(Ipv4Addr::new(192, 0, 2, 77));
    assert_eq!(lent(&image, &tables), owned.lend());
}

#[test]
fn boards_are_found_by_their_names() {
    const BOARD: Option<&Board> = board("mps2-an386");
    assert_eq!(BOARD.map(|board| board.config_address), Some(0x0030_0000));
    for known in BOARDS {
        assert_eq!(board(known.name), Some(known));
    }
    for unknown in ["", "mps2", "mps2-an386x", "MPS2-AN386"] {
        assert_eq!(board(unknown), None);
    }
}

/// Every table full, with the longest entries.
#[test]
fn the_largest_image_leaves_every_board_room_for_clips() {
    let image = Owned::largest().image();
    std::println!("the largest image: {} bytes", image.len());
    for board in BOARDS {
        assert!(image.len() <= board.config_len / 32, "{} has {} bytes", board.name, board.config_len);
    }
}

#[test]
fn a_board_takes_what_it_has_memory_for() {
    let board = board("mps2-an386").unwrap();
    let mut owned = Owned::plain();
    assert_eq!(board.check(&owned.lend(), 16), Ok(()));
    let excess =
        |what, found, most| Err(ImageError::TooMany(Excess { who: "mps2-an386", what, found, most }));
    assert_eq!(board.check(&owned.lend(), 17), excess("calls at once", 17, 16));
    owned.node.new_calls.per_second = 3;
    assert_eq!(board.check(&owned.lend(), 16), excess("new calls a second", 3, 2));
    owned.node.new_calls.per_second = 2;
    owned.interfaces[0].media = (20_000, 20_129);
    assert_eq!(board.check(&owned.lend(), 16), excess("pairs of media ports", 65, 64));
    owned.interfaces[0].media = (20_000, 20_127);
    assert_eq!(board.check(&owned.lend(), 16), Ok(()));
}

#[test]
fn networks() {
    let network = |address: [u8; 4], prefix, gateway: Option<[u8; 4]>| Network::Static {
        address: address.into(),
        prefix,
        gateway: gateway.map(Ipv4Addr::from),
    };
    for sound in [
        network([192, 0, 2, 10], 24, Some([192, 0, 2, 1])),
        network([192, 0, 2, 10], 24, None),
        network([192, 0, 2, 0], 31, Some([192, 0, 2, 1])),
        network([192, 0, 2, 1], 32, None),
        network([10, 0, 0, 255], 8, Some([10, 255, 255, 254])),
        Network::Dhcp,
    ] {
        assert_eq!(sound.check(), Ok(()), "{sound:?}");
    }
    for (network, error) in [
        (network([192, 0, 2, 10], 0, None), NetworkError::Prefix),
        (network([192, 0, 2, 10], 33, None), NetworkError::Prefix),
        (network([192, 0, 2, 0], 24, None), NetworkError::Address),
        (network([192, 0, 2, 255], 24, None), NetworkError::Address),
        (network([0, 0, 0, 0], 32, None), NetworkError::Address),
        (network([127, 0, 0, 1], 8, None), NetworkError::Address),
        (network([224, 0, 0, 1], 24, None), NetworkError::Address),
        (network([192, 0, 2, 10], 24, Some([192, 0, 3, 1])), NetworkError::Gateway),
        (network([192, 0, 2, 10], 24, Some([192, 0, 2, 10])), NetworkError::Gateway),
        (network([192, 0, 2, 10], 24, Some([192, 0, 2, 255])), NetworkError::Gateway),
        (network([192, 0, 2, 1], 32, Some([192, 0, 2, 1])), NetworkError::Gateway),
    ] {
        assert_eq!(network.check(), Err(error), "{network:?}");
    }
}
