# To be sourced: finds what builds for a board, and says so.
#
# board_toolchain sets
#   board_cargo      the command: "${board_cargo[@]}" build -p ...
#   board_says       one line: which toolchain, and how it comes by core
# or returns 1 with board_says telling what is missing. It looks at cargo as found in PATH first (rustup's: with the
# rust-src component, else with the target installed), then at Debian's (rustc-web, cargo-web, rust-web-src, lld).

board_target=thumbv7em-none-eabihf

board_toolchain() {
    local cargo rustc sysroot host linker tried=
    for cargo in "$(command -v cargo)" /usr/bin/cargo; do
        rustc=${cargo%cargo}rustc
        [ -n "$cargo" ] && [ -x "$cargo" ] && [ -x "$rustc" ] || continue
        sysroot=$("$rustc" --print sysroot) || continue
        host=$("$rustc" -vV | sed -n 's/^host: //p')
        if ! linker=$(board_linker "$sysroot/lib/rustlib/$host/bin"); then
            tried+=" $("$rustc" --version): no lld;"
        elif [ -e "$sysroot/lib/rustlib/src/rust/library/core/Cargo.toml" ]; then
            # build-std is not stable yet; RUSTC_BOOTSTRAP lets a stable compiler do it.
            board_cargo=(env "RUSTC=$rustc" RUSTC_BOOTSTRAP=1 "$linker" "$cargo" -Zbuild-std=core)
            board_says="$("$rustc" --version | cut -d'(' -f1)($rustc), core built from source, nothing but core to link"
            return 0
        elif [ -d "$sysroot/lib/rustlib/$board_target/lib" ]; then
            board_cargo=(env "RUSTC=$rustc" "$linker" "$cargo")
            board_says="$("$rustc" --version | cut -d'(' -f1)($rustc), ready-made target: an alloc shows when linked"
            return 0
        else
            tried+=" $("$rustc" --version): no $board_target and no library source;"
        fi
    done
    board_says="no toolchain for $board_target (${tried:- no cargo;}) install: rustup target add $board_target,"
    board_says+=" or on Debian: apt-get install rustc-web cargo-web rust-web-src lld"
    return 1
}

# The environment's word for the linker: rustc's own where it ships one, else the system's.
board_linker() {
    local name variable=CARGO_TARGET_THUMBV7EM_NONE_EABIHF_LINKER
    for name in "$1/rust-lld" ld.lld; do
        command -v "$name" >/dev/null && { echo "$variable=$name"; return 0; }
    done
    return 1
}
