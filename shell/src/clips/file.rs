//! A WAV file of any rate and with any number of channels, as 8,000 mu-law samples a second of one.

use std::fs::File;
use std::io;
use std::path::Path;

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler};
use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;
use warmline_core::g711::Law;

/// Samples a second of a clip.
const RATE: usize = 8_000;

/// The largest file, in bytes, and the longest clip, in seconds.
const LARGEST: u64 = 512 << 20;
const LONGEST: usize = 3_600;

/// How many samples are resampled at a time.
const CHUNK: usize = 4_096;

/// Why a file cannot be played. Displays as what is wrong with it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unplayable {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Read(#[from] io::Error),
    /// It is larger than any music is.
    #[error("is larger than 512 MiB")]
    TooLarge,
    /// It is no WAV file, or one of a kind that we do not know.
    #[error("is no WAV file with PCM, float or G.711 in it ({0})")]
    Format(Error),
    /// It has no sound in it.
    #[error("has no sound in it")]
    Empty,
    /// It is longer than anyone waits.
    #[error("is longer than an hour")]
    TooLong,
    /// Its samples are no numbers, or its rate cannot be made ours.
    #[error("cannot be resampled to 8,000 samples a second: {0}")]
    Rate(String),
}

/// Reads a file: G.711 mu-law, 8,000 samples a second, one channel. Channels are mixed; what is above half our rate is
/// filtered out; what would be too loud is made less loud as a whole.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Unplayable> {
    let (samples, rate) = decode(path)?;
    if samples.is_empty() {
        return Err(Unplayable::Empty);
    }
    if samples.len() / rate.max(1) > LONGEST {
        return Err(Unplayable::TooLong);
    }
    let samples = if rate == RATE { samples } else { resample(&samples, rate)? };
    let peak = samples.iter().fold(1.0_f32, |peak, sample| peak.max(sample.abs()));
    // As it was decoded: 16-bit samples come back as they were.
    let scale = 32_768.0 / peak;
    #[expect(clippy::cast_possible_truncation, reason = "it saturates, at what 16 bits hold")]
    let encoded = samples.iter().map(|sample| Law::Mu.encode((sample * scale).round() as i16));
    Ok(encoded.collect())
}

/// The samples of a file, its channels mixed, and how many there are a second.
fn decode(path: &Path) -> Result<(Vec<f32>, usize), Unplayable> {
    let file = File::open(path)?;
    if file.metadata()?.len() > LARGEST {
        return Err(Unplayable::TooLarge);
    }
    let source = MediaSourceStream::new(Box::new(file), Default::default());
    let (formats, meta) = (FormatOptions::default(), MetadataOptions::default());
    let mut format = symphonia::default::get_probe()
        .probe(&Hint::new(), source, formats, meta)
        .map_err(Unplayable::Format)?;
    let unknown = || Unplayable::Format(Error::Unsupported("its coding is not known"));
    let track = format.default_track(TrackType::Audio).ok_or_else(unknown)?;
    let coding = track.codec_params.as_ref().and_then(|coding| coding.audio()).ok_or_else(unknown)?;
    let rate = coding.sample_rate.ok_or_else(unknown)?;
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(coding, &AudioDecoderOptions::default())
        .map_err(Unplayable::Format)?;
    let (id, mut mixed, mut frames) = (track.id, Vec::new(), Vec::<f32>::new());
    loop {
        let packet = match format.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => break,
            // A file that ends before it says it does has what is there.
            Err(Error::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(Unplayable::Format(error)),
        };
        if packet.track_id != id {
            continue;
        }
        let audio = decoder.decode(&packet).map_err(Unplayable::Format)?;
        let channels = audio.spec().channels().count().max(1);
        audio.copy_to_vec_interleaved(&mut frames);
        #[expect(clippy::cast_precision_loss, reason = "nobody has so many channels")]
        mixed.extend(frames.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() / channels as f32));
    }
    if !mixed.iter().all(|sample| sample.is_finite()) {
        return Err(Unplayable::Rate("some samples are no numbers".to_owned()));
    }
    Ok((mixed, usize::try_from(rate).unwrap_or(usize::MAX)))
}

fn resample(samples: &[f32], rate: usize) -> Result<Vec<f32>, Unplayable> {
    let said = |error: &dyn core::fmt::Display| Unplayable::Rate(error.to_string());
    let mut resampler =
        Fft::<f32>::new(rate, RATE, CHUNK, 1, FixedSync::Both).map_err(|error| said(&error))?;
    let input = InterleavedSlice::new(samples, 1, samples.len()).map_err(|error| said(&error))?;
    let output = resampler.process_all(&input, samples.len(), None).map_err(|error| said(&error))?;
    Ok(output.take_data())
}

#[cfg(test)]
mod tests;
