use super::*;

#[test]
fn tables_are_small() {
    let size = size_of::<Tables>();
    std::println!("Tables: {size} bytes");
    assert!(size <= 12 * 1024, "{size}");
}
