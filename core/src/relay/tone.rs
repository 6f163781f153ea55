//! The tones that a telephone network lets its callers hear, as each country has them (ITU-T E.180, supplement 2).
//!
//! A tone is made sample by sample from how far it has come, in integers: every host and every board makes the same
//! bytes.

use crate::g711::Law;

/// What a tone means to who hears it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Tone {
    /// Somebody is being rung.
    Ringback,
    /// Who was called is busy.
    Busy,
    /// There is no way to who was called.
    Congestion,
}

/// Whose tones are heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[expect(missing_docs, reason = "each is a country")]
pub enum Country {
    /// What ITU-T E.180 recommends, and most of Europe has.
    Itu,
    Australia,
    China,
    France,
    India,
    Italy,
    Japan,
    Korea,
    NorthAmerica,
    Spain,
    Sweden,
    Taiwan,
    UnitedKingdom,
}

/// Two frequencies at once in Hz, the same one twice where it is one; and for how many milliseconds they are heard and
/// not heard, in turn and over again.
struct Plan {
    frequencies: [u16; 2],
    cadence: &'static [[u16; 2]],
}

impl Country {
    /// The country whose code this is, digits only: that of [`Node::country`](crate::config::Node::country).
    pub const fn of(code: &[u8]) -> Self {
        match code {
            b"1" => Self::NorthAmerica,
            b"33" => Self::France,
            b"34" => Self::Spain,
            b"39" => Self::Italy,
            b"44" => Self::UnitedKingdom,
            b"46" => Self::Sweden,
            b"61" => Self::Australia,
            b"81" => Self::Japan,
            b"82" => Self::Korea,
            b"86" => Self::China,
            b"886" => Self::Taiwan,
            b"91" => Self::India,
            _ => Self::Itu,
        }
    }

    const fn plan(self, tone: Tone) -> Plan {
        use Country::{
            Australia, China, France, India, Italy, Itu, Japan, Korea, NorthAmerica, Spain, Sweden, Taiwan,
            UnitedKingdom,
        };
        use Tone::{Busy, Congestion, Ringback};

        let (frequencies, cadence): ([u16; 2], &[[u16; 2]]) = match (self, tone) {
            (Itu | Italy, Ringback) => ([425, 425], &[[1000, 4000]]),
            (Itu | Italy, Busy) => ([425, 425], &[[500, 500]]),
            (Itu | Spain, Congestion) => ([425, 425], &[[250, 250]]),
            (Italy, Congestion) => ([425, 425], &[[200, 200]]),
            // 400 Hz modulated by 17 Hz, and so both beside it.
            (Australia, Ringback) => ([383, 417], &[[400, 200], [400, 2000]]),
            (Australia, Busy | Congestion) => ([425, 425], &[[375, 375]]),
            (China, Ringback) => ([450, 450], &[[1000, 4000]]),
            (China, Busy) => ([450, 450], &[[350, 350]]),
            (China, Congestion) => ([450, 450], &[[700, 700]]),
            (France, Ringback) => ([440, 440], &[[1500, 3500]]),
            (France, Busy) => ([440, 440], &[[500, 500]]),
            (France, Congestion) => ([440, 440], &[[250, 250]]),
            // By 25 Hz.
            (India, Ringback) => ([375, 425], &[[400, 200], [400, 2000]]),
            (India, Busy) => ([400, 400], &[[750, 750]]),
            (India, Congestion) => ([400, 400], &[[250, 250]]),
            // By 16 Hz.
            (Japan, Ringback) => ([384, 416], &[[1000, 2000]]),
            (Japan, Busy | Congestion) => ([400, 400], &[[500, 500]]),
            (Korea | Taiwan, Ringback) => ([440, 480], &[[1000, 2000]]),
            (Korea | NorthAmerica | Taiwan, Busy) => ([480, 620], &[[500, 500]]),
            (Korea, Congestion) => ([480, 620], &[[300, 200]]),
            (NorthAmerica, Ringback) => ([440, 480], &[[2000, 4000]]),
            (NorthAmerica | Taiwan, Congestion) => ([480, 620], &[[250, 250]]),
            (Spain, Ringback) => ([425, 425], &[[1500, 3000]]),
            (Spain, Busy) => ([425, 425], &[[200, 200]]),
            (Sweden, Ringback) => ([425, 425], &[[1000, 5000]]),
            (Sweden, Busy) => ([425, 425], &[[250, 250]]),
            (Sweden, Congestion) => ([425, 425], &[[250, 750]]),
            (UnitedKingdom, Ringback) => ([400, 450], &[[400, 200], [400, 2000]]),
            (UnitedKingdom, Busy) => ([400, 400], &[[375, 375]]),
            (UnitedKingdom, Congestion) => ([400, 400], &[[400, 350], [225, 525]]),
        };
        Plan { frequencies, cadence }
    }
}

/// Samples in a millisecond, and in a second.
const MILLI: u32 = 8;
const SECOND: u32 = 8_000;

/// How loud each of the two frequencies is, at its peak: together -13 dBm0, as loud as a voice.
const PEAK: i32 = 3_534;

/// Writes the part of a tone that begins `at` samples after its start, and says where the next part begins: at most as
/// far as the tone's pattern is long.
pub(super) fn write(tone: Tone, country: Country, at: u32, law: Law, out: &mut [u8]) -> u32 {
    let plan = country.plan(tone);
    let samples = |pair: &[u16; 2]| pair.map(|millis| MILLI.saturating_mul(millis.into()));
    let period = plan.cadence.iter().map(samples).fold(0u32, |sum, [on, off]| sum.saturating_add(on + off));
    let mut at = at;
    for code in out {
        at = if at < period { at } else { 0 };
        *code = law.encode(plan.sample(at, samples));
        at = at.saturating_add(1);
    }
    at
}

impl Plan {
    fn sample(&self, mut at: u32, samples: impl Fn(&[u16; 2]) -> [u32; 2]) -> i16 {
        for [on, off] in self.cadence.iter().map(samples) {
            if at < on {
                let sum: i32 = self.frequencies.iter().map(|hertz| sine((*hertz).into(), at)).sum();
                return i16::try_from(sum).unwrap_or(i16::MAX);
            }
            match at.checked_sub(on.saturating_add(off)) {
                Some(later) => at = later,
                None => return 0,
            }
        }
        0
    }
}

/// The sample of a frequency so many samples after its start, by Bhaskara's formula: within 0.2 %, a fifth of what
/// G.711 rounds by.
fn sine(hertz: u32, at: u32) -> i32 {
    const HALF: u32 = SECOND / 2;
    // In parts of which a cycle has 8,000. A part of a tone is shorter than 10 s, so nothing overflows.
    let angle = hertz.wrapping_mul(at) % SECOND;
    let (angle, sign) = if angle < HALF { (angle, 1) } else { (angle - HALF, -1) };
    let product = (angle * (HALF - angle)) >> 10;
    let (product, whole) = (product as i32, ((5 * HALF * HALF / 4) >> 10) as i32);
    sign * (PEAK * 4 * product).checked_div(whole - product).unwrap_or(0)
}
