#![allow(clippy::unwrap_used)]
use std::cell::RefCell;
use std::io::Cursor;
use std::rc::Rc;

use proptest::prelude::*;

use super::*;

/// A file that outlives its writer, as a disk outlives a process.
#[derive(Clone, Default)]
struct Disk(Rc<RefCell<Cursor<Vec<u8>>>>);

impl Write for Disk {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(buf)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Disk {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.borrow_mut().seek(to)
    }
}

#[test]
fn a_recording_whose_process_died_is_a_valid_file_up_to_its_last_second() {
    let disk = Disk::default();
    let mut writer = WavWriter::new(disk.clone()).unwrap();
    for i in 0..130i16 {
        writer.write(&[i; 160]).unwrap();
    }
    std::mem::forget(writer);
    let bytes = disk.0.borrow().get_ref().clone();
    let audio = read(&mut Cursor::new(bytes)).unwrap();
    assert!(audio.samples.len() >= 130 * 160 - 8000, "{}", audio.samples.len());
    assert_eq!(audio.samples[160], 1);
}

#[test]
fn mulaw_in_two_channels_gives_the_first() {
    let mut file = header(4);
    file[20] = 7;
    file[22] = 2;
    file[34] = 8;
    file.extend([0xFF, 0x00, 0x00, 0xFF]);
    let audio = read(&mut Cursor::new(file)).unwrap();
    assert_eq!(audio.samples, [0, -32124]);
}

#[test]
fn unknown_chunks_are_skipped_with_their_padding() {
    let plain = header(2);
    let mut file = plain[..36].to_vec();
    file.extend(b"LIST\x03\0\0\0abc\0");
    file.extend(&plain[36..]);
    file.extend([0x34, 0x12]);
    assert_eq!(read(&mut Cursor::new(file)).unwrap().samples, [0x1234]);
}

#[test]
fn what_is_no_wav_is_refused_by_name() {
    let error = read(&mut Cursor::new(b"RIFX....WAVEfmt ".to_vec())).unwrap_err();
    assert!(error.to_string().starts_with("expected a RIFF WAVE header"));
    let mut float = header(0);
    float[20] = 3;
    float[34] = 32;
    let error = read(&mut Cursor::new(float)).unwrap_err();
    assert!(matches!(error, WavError::Format { format: 3, bits: 32, channels: 1 }));
}

proptest! {
    #[test]
    fn reading_gives_what_was_written(parts in prop::collection::vec(prop::collection::vec(any::<i16>(), 0..300), 0..8)) {
        let mut writer = WavWriter::new(Cursor::new(Vec::new())).unwrap();
        for part in &parts {
            writer.write(part).unwrap();
        }
        let file = writer.finish().unwrap().into_inner();
        prop_assert_eq!(read(&mut Cursor::new(file)).unwrap().samples, parts.concat());
    }

    #[test]
    fn any_octets_are_read_or_refused(mut tail in prop::collection::vec(any::<u8>(), 0..200), keep in 0usize..44) {
        let mut file = header(1000);
        file.truncate(keep);
        file.append(&mut tail);
        let _ = read(&mut Cursor::new(file));
    }
}
