//! SMSC's LAN9118 Ethernet controller: frames go through its FIFOs word by word, and its interrupt says when.
//!
//! Register names and bits from its datasheet; see also QEMU's `hw/net/lan9118.c`, which this was run on.

use core::task::Waker;

use embassy_sync::waitqueue::AtomicWaker;
use smoltcp::wire::EthernetAddress;
use warmline_gate::door::HEAD;
use warmline_gate::frame::{Frame, LARGEST};
use warmline_gate::nic::{Nic, Taken};

use super::ETHERNET_AT;
use super::registers::Registers;

const RX_DATA_FIFO: usize = 0x00;
const TX_DATA_FIFO: usize = 0x20;
const RX_STATUS_FIFO: usize = 0x40;
const TX_STATUS_FIFO: usize = 0x48;
const IRQ_CFG: usize = 0x54;
const INT_STS: usize = 0x58;
const INT_EN: usize = 0x5C;
const BYTE_TEST: usize = 0x64;
const FIFO_INT: usize = 0x68;
const RX_CFG: usize = 0x6C;
const TX_CFG: usize = 0x70;
const HW_CFG: usize = 0x74;
const RX_FIFO_INF: usize = 0x7C;
const TX_FIFO_INF: usize = 0x80;
const PMT_CTRL: usize = 0x84;
const MAC_CSR_CMD: usize = 0xA4;
const MAC_CSR_DATA: usize = 0xA8;

/// Interrupt out: on, push-pull, active high.
const IRQ_ON: u32 = 1 << 8 | 1 << 4 | 1;
/// A frame has come.
const RSFL: u32 = 1 << 3;
/// The PHY has something to say.
const PHY: u32 = 1 << 18;
/// There is room to send again.
const TDFA: u32 = 1 << 23;
/// Room for the largest frame, in units of 64 bytes, at which [`TDFA`] comes.
const TDFA_LEVEL: u32 = 25 << 24;

/// The MAC's own registers, behind a door of their own.
mod mac {
    pub(super) const CR: u32 = 1;
    pub(super) const ADDRH: u32 = 2;
    pub(super) const ADDRL: u32 = 3;
    pub(super) const MII_ACC: u32 = 6;
    pub(super) const MII_DATA: u32 = 7;
    /// Transmitter and receiver on, full duplex.
    pub(super) const ON: u32 = 1 << 3 | 1 << 2 | 1 << 20;
}

/// The PHY's registers (IEEE 802.3 section 22.2.4), behind the MAC's.
mod phy {
    pub(super) const CONTROL: u32 = 0;
    pub(super) const STATUS: u32 = 1;
    pub(super) const INTERRUPT_SOURCE: u32 = 29;
    pub(super) const INTERRUPT_MASK: u32 = 30;
    /// Negotiate with the other end of the wire, now.
    pub(super) const NEGOTIATE: u32 = 1 << 12 | 1 << 9;
    pub(super) const LINK: u32 = 1 << 2;
    /// Energy on, negotiation done, link down.
    pub(super) const CHANGES: u32 = 1 << 7 | 1 << 6 | 1 << 4;
}

/// How often a busy bit is looked at before the controller is given up: far longer than any takes.
const PATIENCE: u32 = 1_000_000;

static WAKER: AtomicWaker = AtomicWaker::new();

/// The controller, started.
pub(crate) struct Lan9118 {
    registers: Registers,
    address: EthernetAddress,
    link: bool,
    /// Interrupts wanted beside those for frames and the link.
    also: u32,
}

impl Lan9118 {
    /// Resets and starts the controller.
    ///
    /// # Panics
    /// When there is no such controller, or it does not come up.
    pub(super) fn start(registers: Registers) -> Self {
        let mut this = Self { registers, address: EthernetAddress::default(), link: false, also: 0 };
        this.until("it wakes", |registers| {
            registers.set(BYTE_TEST, 0);
            registers.get(PMT_CTRL) & 1 != 0
        });
        assert!(registers.get(BYTE_TEST) == 0x8765_4321, "no LAN9118 at this address");
        registers.set(HW_CFG, 1);
        this.until("its reset is done", |registers| registers.get(HW_CFG) & 1 == 0);
        registers.set(HW_CFG, 5 << 16 | 1 << 20); // 5 KiB to send from; this bit must be one
        registers.set(INT_EN, 0);
        registers.set(INT_STS, u32::MAX);
        registers.set(FIFO_INT, TDFA_LEVEL);
        registers.set(IRQ_CFG, IRQ_ON);
        registers.set(RX_CFG, 0);
        registers.set(TX_CFG, 1 << 1);
        this.address = this.read_address();
        this.set_phy(phy::INTERRUPT_MASK, phy::CHANGES);
        this.set_phy(phy::CONTROL, phy::NEGOTIATE);
        this.link = this.read_link();
        this.set_mac(mac::CR, mac::ON);
        this
    }

    /// What the EEPROM, or the emulator, gave it.
    fn read_address(&mut self) -> EthernetAddress {
        let low = self.get_mac(mac::ADDRL).to_le_bytes();
        let high = self.get_mac(mac::ADDRH).to_le_bytes();
        let address = EthernetAddress([low[0], low[1], low[2], low[3], high[0], high[1]]);
        assert!(address.is_unicast() && address.0 != [0; 6], "the controller has no hardware address");
        address
    }

    /// The status holds a loss of the link until it is read: only a second look says how it is now.
    fn read_link(&mut self) -> bool {
        self.get_phy(phy::STATUS);
        self.get_phy(phy::STATUS) & phy::LINK != 0
    }

    fn get_mac(&mut self, register: u32) -> u32 {
        self.registers.set(MAC_CSR_CMD, 1 << 31 | 1 << 30 | register);
        self.until("it reads", |registers| registers.get(MAC_CSR_CMD) >> 31 == 0);
        self.registers.get(MAC_CSR_DATA)
    }

    fn set_mac(&mut self, register: u32, value: u32) {
        self.registers.set(MAC_CSR_DATA, value);
        self.registers.set(MAC_CSR_CMD, 1 << 31 | register);
        self.until("it writes", |registers| registers.get(MAC_CSR_CMD) >> 31 == 0);
    }

    fn get_phy(&mut self, register: u32) -> u32 {
        self.ask_phy(register, 0);
        self.get_mac(mac::MII_DATA)
    }

    fn set_phy(&mut self, register: u32, value: u32) {
        self.set_mac(mac::MII_DATA, value);
        self.ask_phy(register, 1 << 1);
    }

    fn ask_phy(&mut self, register: u32, write: u32) {
        self.set_mac(mac::MII_ACC, 1 << 11 | register << 6 | write | 1);
        for _ in 0..PATIENCE {
            if self.get_mac(mac::MII_ACC) & 1 == 0 {
                return;
            }
        }
        panic!("the Ethernet controller's PHY does not answer");
    }

    fn until(&self, what: &str, done: impl Fn(Registers) -> bool) {
        assert!(
            (0..PATIENCE).any(|_| done(self.registers)),
            "waited in vain for the Ethernet controller until {}",
            what
        );
    }

    /// Whether a frame waits; if not, the next one interrupts.
    fn has_frame(&mut self) -> bool {
        let waits = |registers: Registers| registers.get(RX_FIFO_INF) >> 16 & 0xff != 0;
        if waits(self.registers) {
            return true;
        }
        self.registers.set(INT_STS, RSFL);
        self.registers.set(INT_EN, RSFL | PHY | self.also);
        // One that came between the question and the answer raised no interrupt.
        waits(self.registers)
    }

    /// Whether there is room to send a frame; if not, an interrupt comes when there is.
    fn has_room(&mut self) -> bool {
        while self.registers.get(TX_FIFO_INF) >> 16 & 0xff != 0 {
            self.registers.get(TX_STATUS_FIFO);
        }
        let fits = |registers: Registers| registers.get(TX_FIFO_INF) & 0xffff > LARGEST as u32 + 16;
        if fits(self.registers) {
            self.also = 0;
            return true;
        }
        self.also = TDFA;
        self.registers.set(INT_STS, TDFA);
        self.registers.set(INT_EN, RSFL | PHY | TDFA);
        fits(self.registers)
    }

    /// Throws away what is left of the current frame, so many words, by reading them: QEMU takes the skipping that the
    /// controller can do by itself (RX_DP_CTRL) for less than it is. It neither gives the room back nor ends the
    /// frame, so that the next one is read at the wrong place.
    fn skip(&mut self, words: usize) {
        for _ in 0..words {
            self.registers.get(RX_DATA_FIFO);
        }
    }
}

impl Nic for Lan9118 {
    fn hardware_address(&self) -> EthernetAddress {
        self.address
    }

    fn link_is_up(&mut self, waker: &Waker) -> bool {
        WAKER.register(waker);
        if self.registers.get(INT_STS) & PHY != 0 {
            self.get_phy(phy::INTERRUPT_SOURCE); // which clears it
            self.registers.set(INT_STS, PHY);
            self.link = self.read_link();
        }
        self.link
    }

    fn receive(&mut self, waker: &Waker, frame: &mut Frame, wanted: impl FnOnce(&[u8]) -> bool) -> Taken {
        WAKER.register(waker);
        if !self.has_frame() {
            return Taken::Nothing;
        }
        let status = self.registers.get(RX_STATUS_FIFO);
        let whole = (status >> 16 & 0x3fff) as usize; // with its check sequence
        let (words, len) = (whole.div_ceil(4), whole.saturating_sub(4));
        let damaged = status & 1 << 15 != 0;
        if damaged || len > LARGEST {
            self.skip(words);
            return Taken::Refused;
        }
        let head = words.min(HEAD / 4);
        for word in &mut frame.words()[..head] {
            *word = self.registers.get(RX_DATA_FIFO);
        }
        if !wanted(&frame.bytes()[..len.min(HEAD)]) {
            self.skip(words - head);
            return Taken::Refused;
        }
        for word in &mut frame.words()[head..words] {
            *word = self.registers.get(RX_DATA_FIFO);
        }
        Taken::Frame(len)
    }

    fn can_send(&mut self, waker: &Waker) -> bool {
        WAKER.register(waker);
        self.has_room()
    }

    fn send(&mut self, frame: &[u8]) -> bool {
        if !self.has_room() {
            return false;
        }
        let len = frame.len() as u32;
        self.registers.set(TX_DATA_FIFO, 1 << 13 | 1 << 12 | len); // first and last piece
        self.registers.set(TX_DATA_FIFO, len << 16 | len);
        let (words, rest) = frame.as_chunks::<4>();
        for word in words {
            self.registers.set(TX_DATA_FIFO, u32::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut last = [0; 4];
            last[..rest.len()].copy_from_slice(rest);
            self.registers.set(TX_DATA_FIFO, u32::from_le_bytes(last));
        }
        true
    }
}

/// What there is to do is done where it is asked for.
#[unsafe(no_mangle)]
extern "C" fn ETHERNET() {
    // SAFETY: with its interrupts off nobody's view of the controller changes; they are set anew when wanted.
    let registers = unsafe { Registers::new(ETHERNET_AT) };
    registers.set(INT_EN, 0);
    WAKER.wake();
}
