//! WAV files of line audio: 8 kHz, mono.
//!
//! The writer keeps the header true while it writes (about once a second of audio), so that a recording
//! whose process dies is still a valid file. The reader takes PCM16, A-law and µ-law.
//!
//! ```
//! use std::io::Cursor;
//! use media::wav::{self, WavWriter};
//!
//! let mut writer = WavWriter::new(Cursor::new(Vec::new()))?;
//! writer.write(&[0, 1000, -1000])?;
//! let file = writer.finish()?.into_inner();
//! let audio = wav::read(&mut Cursor::new(file))?;
//! assert_eq!((audio.sample_rate, audio.samples.as_slice()), (8000, [0, 1000, -1000].as_slice()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::io::{self, Read, Seek, SeekFrom, Write};

use crate::SAMPLE_RATE;
use crate::g711::{self, Law};

/// Longest file the reader takes, in octets of samples: about two hours of 8 kHz PCM16.
pub const MAX_DATA: u64 = 128 << 20;

const HEADER: u64 = 44;
const MAX_CHUNK: u32 = u32::MAX - 64;

/// Writes 8 kHz mono 16 bit WAV.
#[derive(Debug)]
pub struct WavWriter<W: Write + Seek> {
    inner: W,
    data: u64,
    fixed: u64,
    buffer: Vec<u8>,
}

impl<W: Write + Seek> WavWriter<W> {
    /// Starts a file at the writer's present position, which must be its beginning.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn new(mut inner: W) -> io::Result<Self> {
        inner.write_all(&header(0))?;
        Ok(Self { inner, data: 0, fixed: 0, buffer: Vec::new() })
    }

    /// Appends samples. The header is made true again whenever a second of audio has been added.
    ///
    /// # Errors
    /// Those of the writer; `FileTooLarge` when 4 GiB (74 hours) are reached.
    pub fn write(&mut self, samples: &[i16]) -> io::Result<()> {
        self.buffer.clear();
        self.buffer.extend(samples.iter().flat_map(|s| s.to_le_bytes()));
        let data = self.data + self.buffer.len() as u64;
        if data > u64::from(MAX_CHUNK) {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        self.inner.write_all(&self.buffer)?;
        self.data = data;
        if self.data - self.fixed >= 2 * u64::from(SAMPLE_RATE) {
            self.fix()?;
        }
        Ok(())
    }

    /// Samples written so far.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.data / 2
    }

    /// Whether no sample has been written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.data == 0
    }

    /// Makes the header true and gives the writer back.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn finish(mut self) -> io::Result<W> {
        self.fix()?;
        Ok(self.inner)
    }

    fn fix(&mut self) -> io::Result<()> {
        self.inner.seek(SeekFrom::Start(0))?;
        self.inner.write_all(&header(self.data as u32))?;
        self.inner.seek(SeekFrom::Start(HEADER + self.data))?;
        self.inner.flush()?;
        self.fixed = self.data;
        Ok(())
    }
}

/// Audio of a WAV file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audio {
    /// Samples a second as the file says.
    pub sample_rate: u32,
    /// First channel.
    pub samples: Vec<i16>,
}

/// Why a file could not be read as WAV.
#[derive(Debug, thiserror::Error)]
pub enum WavError {
    /// Reading failed or the file ended inside a header.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file does not begin as a WAV file does.
    #[error("expected a RIFF WAVE header, found {found:02x?}")]
    NotWav {
        /// The first twelve octets.
        found: [u8; 12],
    },
    /// A format this reader does not take.
    #[error("format {format} with {bits} bits and {channels} channels: expected PCM16, A-law or mu-law")]
    Format {
        /// Format tag.
        format: u16,
        /// Bits per sample.
        bits: u16,
        /// Channels.
        channels: u16,
    },
    /// No data chunk, or data before the format chunk.
    #[error("expected a fmt chunk and then a data chunk")]
    NoData,
    /// More than [`MAX_DATA`] octets of samples.
    #[error("{len} octets of samples, limit {MAX_DATA}")]
    TooLong {
        /// What the file announces.
        len: u64,
    },
}

/// Reads a whole WAV file: PCM16, A-law or µ-law; of several channels the first.
///
/// A data chunk that announces more than the file holds (a recording that was cut) gives what is there.
///
/// # Errors
/// [`WavError`].
pub fn read<R: Read>(reader: &mut R) -> Result<Audio, WavError> {
    let mut riff = [0u8; 12];
    reader.read_exact(&mut riff)?;
    if !(riff.starts_with(b"RIFF") && riff.ends_with(b"WAVE")) {
        return Err(WavError::NotWav { found: riff });
    }
    let mut format = None;
    loop {
        let mut head = [0u8; 8];
        match reader.read_exact(&mut head) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Err(WavError::NoData),
            other => other?,
        }
        let [a, b, c, d, l0, l1, l2, l3] = head;
        let len = u64::from(u32::from_le_bytes([l0, l1, l2, l3]));
        match &[a, b, c, d] {
            b"fmt " if len >= 16 => {
                let mut body = [0u8; 16];
                reader.read_exact(&mut body)?;
                skip(reader, len - 16 + (len & 1))?;
                format = Some(Format::parse(body)?);
            }
            b"data" => {
                let Some(format) = format else { return Err(WavError::NoData) };
                if len > MAX_DATA {
                    return Err(WavError::TooLong { len });
                }
                let mut octets = Vec::new();
                reader.take(len).read_to_end(&mut octets)?;
                return Ok(Audio { sample_rate: format.rate, samples: format.samples(&octets) });
            }
            _ => skip(reader, len + (len & 1))?,
        }
    }
}

struct Format {
    law: Option<Law>,
    channels: usize,
    rate: u32,
}

impl Format {
    fn parse(body: [u8; 16]) -> Result<Self, WavError> {
        let [f0, f1, c0, c1, r0, r1, r2, r3, _, _, _, _, _, _, b0, b1] = body;
        let format = u16::from_le_bytes([f0, f1]);
        let channels = u16::from_le_bytes([c0, c1]);
        let bits = u16::from_le_bytes([b0, b1]);
        let law = match (format, bits) {
            (1, 16) => None,
            (6, 8) => Some(Law::A),
            (7, 8) => Some(Law::Mu),
            _ => return Err(WavError::Format { format, bits, channels }),
        };
        if !(1..=64).contains(&channels) {
            return Err(WavError::Format { format, bits, channels });
        }
        Ok(Self { law, channels: channels.into(), rate: u32::from_le_bytes([r0, r1, r2, r3]) })
    }

    fn samples(&self, octets: &[u8]) -> Vec<i16> {
        match self.law {
            None => octets
                .chunks_exact(2 * self.channels)
                .filter_map(|frame| frame.first_chunk().map(|pair| i16::from_le_bytes(*pair)))
                .collect(),
            Some(law) => octets.iter().step_by(self.channels).map(|&o| g711::decode_sample(law, o)).collect(),
        }
    }
}

fn skip<R: Read>(reader: &mut R, len: u64) -> Result<(), WavError> {
    let copied = io::copy(&mut reader.take(len), &mut io::sink())?;
    if copied < len { Err(WavError::NoData) } else { Ok(()) }
}

fn header(data: u32) -> Vec<u8> {
    let mut h = Vec::with_capacity(HEADER as usize);
    h.extend(b"RIFF");
    h.extend((data + 36).to_le_bytes());
    h.extend(b"WAVEfmt ");
    h.extend(16u32.to_le_bytes());
    h.extend(1u16.to_le_bytes());
    h.extend(1u16.to_le_bytes());
    h.extend(SAMPLE_RATE.to_le_bytes());
    h.extend((SAMPLE_RATE * 2).to_le_bytes());
    h.extend(2u16.to_le_bytes());
    h.extend(16u16.to_le_bytes());
    h.extend(b"data");
    h.extend(data.to_le_bytes());
    h
}

#[cfg(test)]
mod tests;
