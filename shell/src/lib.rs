//! Warmline's shell: sockets, files and the command line around `warmline_core`.

pub mod config;
