//! A relay that moves no media, but keeps account of what it is told.

use std::collections::HashMap;

use warmline_core::relay::{Control, Report, Side, StreamId};

/// What a relay would hold.
#[derive(Debug, Default)]
pub(crate) struct Media {
    open: HashMap<StreamId, ([u16; 2], [bool; 2])>,
    ports: HashMap<u16, StreamId>,
    /// How many streams were opened.
    pub(crate) opened: u64,
    /// How many of them had both sides pointed when they were closed.
    pub(crate) bridged: u64,
    /// Whether every stream fails to open.
    pub(crate) broken: bool,
    /// Whether nothing is ever answered.
    pub(crate) mute: bool,
}

impl Media {
    /// How many streams are open.
    pub(crate) fn streams(&self) -> usize {
        self.open.len()
    }

    pub(crate) fn control(&mut self, control: Control) -> Result<Option<Report>, String> {
        let report = match control {
            Control::Open { stream, .. } if self.broken => Some(Report::Failed { stream }),
            Control::Open { stream, ports } => {
                for port in ports {
                    if !port.is_multiple_of(2) {
                        return Err(format!("port {port} is odd"));
                    }
                    if let Some(other) = self.ports.insert(port, stream) {
                        return Err(format!("port {port} is given to {stream:?} and {other:?}"));
                    }
                }
                if self.open.insert(stream, (ports, [false; 2])).is_some() {
                    return Err(format!("{stream:?} is opened twice"));
                }
                self.opened += 1;
                Some(Report::Opened { stream })
            }
            Control::Point { stream, side, peer } => {
                let Some((_, pointed)) = self.open.get_mut(&stream) else {
                    return Err(format!("{stream:?} is pointed but not open"));
                };
                let network = match side {
                    Side::A => "198.51.100.",
                    Side::B => "203.0.113.",
                };
                if !peer.rtp.ip().to_string().starts_with(network) {
                    return Err(format!("{side:?} is pointed to {}", peer.rtp));
                }
                pointed[side.index()] = true;
                None
            }
            Control::Close { stream } => match self.open.remove(&stream) {
                None if self.broken => None,
                None => return Err(format!("{stream:?} is closed but not open")),
                Some((ports, pointed)) => {
                    for port in ports {
                        self.ports.remove(&port);
                    }
                    self.bridged += u64::from(pointed == [true; 2]);
                    Some(Report::Closed { stream, sides: Default::default() })
                }
            },
        };
        Ok(report.filter(|_| !self.mute))
    }
}
