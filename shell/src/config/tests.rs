#[test]
fn embedded() {
    if let Err(e) = super::parse("default.toml", super::EMBEDDED) {
        panic!("{e}")
    }
}
