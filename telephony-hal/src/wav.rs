//! RIFF WAVE files: 16-bit linear PCM at 8 kHz, the only form this crate reads or writes.

use std::io::{self, Read, Seek, SeekFrom, Write};

use crate::SAMPLE_RATE;

/// Longest file that is read, in samples over all channels (ten minutes mono).
pub const MAX_READ: usize = 600 * SAMPLE_RATE as usize;

/// Why a WAV file can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WavError {
    /// The file is no RIFF WAVE file, or a chunk in it is cut off.
    #[error("not a WAV file: expected {expected}")]
    Malformed {
        /// What was expected at the place where reading stopped.
        expected: &'static str,
    },
    /// The samples are not in the one form that is supported.
    #[error(
        "format {format}, {channels} channel(s), {bits} bits, {rate} Hz; expected format 1 (PCM), 1 channel, 16 bits, 8000 Hz"
    )]
    Format {
        /// Format tag; 1 is linear PCM.
        format: u16,
        /// Number of channels.
        channels: u16,
        /// Bits a sample.
        bits: u16,
        /// Samples a second.
        rate: u32,
    },
    /// More audio than [`MAX_READ`].
    #[error("{samples} samples, expected at most {MAX_READ}")]
    TooLong {
        /// Samples announced by the file.
        samples: usize,
    },
    /// Reading failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Reads a mono file to its end.
///
/// # Errors
/// See [`WavError`].
pub fn read<R: Read>(mut reader: R) -> Result<Vec<i16>, WavError> {
    let riff: [u8; 12] = array(&mut reader, "a RIFF header")?;
    if !riff.starts_with(b"RIFF") || !riff.ends_with(b"WAVE") {
        return Err(WavError::Malformed { expected: "\"RIFF\" and \"WAVE\" at its start" });
    }
    let mut format_seen = false;
    loop {
        let name: [u8; 4] = array(&mut reader, "a data chunk")?;
        let len = u32::from_le_bytes(array(&mut reader, "a chunk length")?) as usize;
        match &name {
            b"fmt " => {
                let format = u16::from_le_bytes(array(&mut reader, "a format tag")?);
                let channels = u16::from_le_bytes(array(&mut reader, "a channel count")?);
                let rate = u32::from_le_bytes(array(&mut reader, "a sample rate")?);
                let _: [u8; 6] = array(&mut reader, "byte rate and alignment")?;
                let bits = u16::from_le_bytes(array(&mut reader, "bits a sample")?);
                if (format, channels, bits, rate) != (1, 1, 16, SAMPLE_RATE) {
                    return Err(WavError::Format { format, channels, bits, rate });
                }
                skip(&mut reader, len.saturating_sub(16))?;
                format_seen = true;
            }
            b"data" if format_seen => {
                // The announced length is a promise of writers that could seek; pipes announce anything.
                let mut bytes = Vec::new();
                reader.take(len.min(2 * MAX_READ + 2) as u64).read_to_end(&mut bytes)?;
                if bytes.len() / 2 > MAX_READ {
                    return Err(WavError::TooLong { samples: len / 2 });
                }
                return Ok(bytes.as_chunks().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect());
            }
            b"data" => return Err(WavError::Malformed { expected: "the fmt chunk before the data chunk" }),
            // Chunks are padded to even length.
            _ => skip(&mut reader, len + len % 2)?,
        }
    }
}

/// Writes a WAV file as samples come.
///
/// The header is brought up to date every second of audio and by [`finish`](Self::finish), so a file that is still being
/// written can be read.
#[derive(Debug)]
pub struct WavWriter<W: Write + Seek> {
    writer: W,
    channels: u16,
    samples: u64,
    stale: u64,
}

impl<W: Write + Seek> WavWriter<W> {
    /// Starts a file of `channels` interleaved channels (at least 1).
    ///
    /// # Errors
    /// Whatever the writer says.
    pub fn new(writer: W, channels: u16) -> io::Result<Self> {
        let mut this = Self { writer, channels: channels.max(1), samples: 0, stale: 0 };
        this.writer.write_all(&this.header())?;
        Ok(this)
    }

    /// Appends samples, interleaved if there are several channels.
    ///
    /// # Errors
    /// Whatever the writer says.
    pub fn write(&mut self, samples: &[i16]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(samples.len() * 2);
        for sample in samples {
            bytes.extend_from_slice(&sample.to_le_bytes());
        }
        self.writer.write_all(&bytes)?;
        self.samples += samples.len() as u64;
        self.stale += samples.len() as u64;
        if self.stale >= u64::from(SAMPLE_RATE) {
            self.update()?;
        }
        Ok(())
    }

    /// Samples written so far, over all channels.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// Completes the header and gives the writer back.
    ///
    /// # Errors
    /// Whatever the writer says.
    pub fn finish(mut self) -> io::Result<W> {
        self.update()?;
        Ok(self.writer)
    }

    fn update(&mut self) -> io::Result<()> {
        self.stale = 0;
        self.writer.seek(SeekFrom::Start(0))?;
        let header = self.header();
        self.writer.write_all(&header)?;
        self.writer.seek(SeekFrom::End(0))?;
        self.writer.flush()
    }

    fn header(&self) -> [u8; 44] {
        let data = u32::try_from(self.samples * 2).unwrap_or(u32::MAX - 36);
        let align = self.channels * 2;
        let mut header = [0; 44];
        let fields: [&[u8]; 13] = [
            b"RIFF",
            &(data + 36).to_le_bytes(),
            b"WAVE",
            b"fmt ",
            &16u32.to_le_bytes(),
            &1u16.to_le_bytes(),
            &self.channels.to_le_bytes(),
            &SAMPLE_RATE.to_le_bytes(),
            &(SAMPLE_RATE * u32::from(align)).to_le_bytes(),
            &align.to_le_bytes(),
            &16u16.to_le_bytes(),
            b"data",
            &data.to_le_bytes(),
        ];
        let octets = fields.iter().flat_map(|field| field.iter());
        for (place, octet) in header.iter_mut().zip(octets) {
            *place = *octet;
        }
        header
    }
}

fn array<const N: usize, R: Read>(reader: &mut R, expected: &'static str) -> Result<[u8; N], WavError> {
    let mut out = [0; N];
    match reader.read_exact(&mut out) {
        Ok(()) => Ok(out),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(WavError::Malformed { expected }),
        Err(error) => Err(error.into()),
    }
}

fn skip<R: Read>(reader: &mut R, len: usize) -> Result<(), WavError> {
    io::copy(&mut reader.take(len as u64), &mut io::sink())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_back(samples in proptest::collection::vec(any::<i16>(), 0..20_000)) {
            let mut writer = WavWriter::new(io::Cursor::new(Vec::new()), 1).unwrap();
            for block in samples.chunks(160) {
                writer.write(block).unwrap();
            }
            let file = writer.finish().unwrap().into_inner();
            prop_assert_eq!(file.len(), 44 + samples.len() * 2);
            prop_assert_eq!(read(&file[..]).unwrap(), samples);
        }

        #[test]
        fn any_octets_are_read_without_panic(
            octets in proptest::collection::vec(any::<u8>(), 0..100),
            cut in 0usize..80,
        ) {
            let _ = read(&octets[..]);
            let mut writer = WavWriter::new(io::Cursor::new(Vec::new()), 1).unwrap();
            writer.write(&[1; 20]).unwrap();
            let mut file = writer.finish().unwrap().into_inner();
            for (place, octet) in file.iter_mut().skip(cut).zip(octets.iter().take(3)) {
                *place = *octet;
            }
            let _ = read(&file[..]);
        }
    }

    #[test]
    fn the_length_of_a_pipe_is_not_believed() {
        let mut writer = WavWriter::new(io::Cursor::new(Vec::new()), 1).unwrap();
        writer.write(&[7; 100]).unwrap();
        let mut file = writer.finish().unwrap().into_inner();
        file[40..44].copy_from_slice(&[0xff; 4]);
        assert_eq!(read(&file[..]).unwrap(), [7; 100]);
        file.resize(44 + 2 * MAX_READ, 0);
        assert_eq!(read(&file[..]).unwrap().len(), MAX_READ);
        file.resize(44 + 2 * MAX_READ + 2, 0);
        assert!(matches!(read(&file[..]), Err(WavError::TooLong { .. })));
    }

    #[test]
    fn wrong_forms_are_named() {
        let mut file = WavWriter::new(io::Cursor::new(Vec::new()), 1).unwrap().finish().unwrap().into_inner();
        assert!(read(&b"RIFX"[..]).unwrap_err().to_string().contains("RIFF"));
        file[22] = 2;
        assert!(read(&file[..]).unwrap_err().to_string().contains("2 channel(s)"));
    }
}
