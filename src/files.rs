//! Reads the files that an administrator names, up to a longest length and without byte order marks.
//!
//! A daemon reads only regular files: a pipe may have no writer, and a device may have no end. A byte order
//! mark would be sent as part of a secret, or would hide a certificate.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// Reads a regular file of at most `longest` bytes. Links are followed.
///
/// # Errors
/// Returns an error if the file is not regular, too long, or in UTF-16.
pub(crate) fn read_regular(path: &Path, longest: usize) -> io::Result<Vec<u8>> {
    // opening a pipe would wait for its other end
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file"));
    }
    read_any(path, longest)
}

/// Reads at most `longest` bytes from a file of any type, also from a pipe.
///
/// # Errors
/// Returns an error if the file is too long, or in UTF-16.
pub(crate) fn read_any(path: &Path, longest: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let one_more = u64::try_from(longest).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path)?.take(one_more).read_to_end(&mut bytes)?;
    match bytes.len() <= longest {
        true => without_byte_order_marks(bytes),
        false => {
            Err(io::Error::new(ErrorKind::FileTooLarge, format!("it has more than {}", size_text(longest))))
        }
    }
}

/// Returns a text without the byte order marks of UTF-8. Editors write one at the beginning of a file, and
/// files that were joined can hold one at the beginning of a later line.
///
/// # Errors
/// Returns an error if the text is in UTF-16: it begins with the mark of UTF-16, or has a NUL in its first
/// character.
pub(crate) fn without_byte_order_marks(bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    if matches!(bytes.as_slice(), [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 1..=255, ..] | [1..=255, 0, ..]) {
        return Err(io::Error::new(ErrorKind::InvalidData, "it is in UTF-16"));
    }
    if !bytes.windows(MARK.len()).any(|window| window == MARK) {
        return Ok(bytes);
    }
    let lines = bytes.split(|byte| *byte == b'\n').map(|line| line.strip_prefix(MARK).unwrap_or(line));
    Ok(lines.collect::<Vec<_>>().join(&b'\n'))
}

/// U+FEFF in UTF-8.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// Returns the kind of file that is required, if the error is about the kind of file and not about access to
/// it.
pub(crate) fn required_file(error: &io::Error, longest: usize) -> Option<String> {
    match error.kind() {
        ErrorKind::InvalidInput | ErrorKind::FileTooLarge => {
            Some(format!("a regular file of at most {}", size_text(longest)))
        }
        ErrorKind::InvalidData => Some("a file in UTF-8".to_owned()),
        _ => None,
    }
}

/// Returns a size in the largest unit that divides it.
pub(crate) fn size_text(bytes: usize) -> String {
    match bytes {
        whole if whole >= MIB && whole % MIB == 0 => format!("{}MiB", whole / MIB),
        whole if whole >= KIB && whole % KIB == 0 => format!("{}KiB", whole / KIB),
        bytes => bytes.to_string(),
    }
}

/// Bytes in a KiB.
pub(crate) const KIB: usize = 1024;
/// Bytes in a MiB.
pub(crate) const MIB: usize = 1024 * KIB;

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_file_longer_than_the_limit_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        std::os::unix::fs::symlink(&file, &link).unwrap();
        for (length, right) in [(0, true), (2047, true), (2048, true), (2049, false)] {
            fs::write(&file, vec![b'x'; length]).unwrap();
            for path in [&file, &link] {
                match read_regular(path, 2048) {
                    Ok(bytes) => assert!(right && bytes.len() == length),
                    Err(error) => assert!(!right && error.to_string() == "it has more than 2KiB"),
                }
            }
        }
    }

    #[test]
    fn a_pipe_a_device_or_a_folder_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [&pipe, Path::new("/dev/zero"), folder.path()] {
            let error = read_regular(path, 2048).unwrap_err();
            assert!(required_file(&error, 2048).is_some() && error.to_string() == "it is not a regular file");
        }
        let endless = read_any(Path::new("/dev/zero"), 2048).unwrap_err();
        assert_eq!(endless.to_string(), "it has more than 2KiB");
        assert_eq!(required_file(&read_regular(Path::new("/nonexistent"), 2048).unwrap_err(), 2048), None);
    }

    #[test]
    fn byte_order_marks_are_removed() {
        for (written, meant) in [
            ("\u{feff}geheim\n", "geheim\n"),
            ("\u{feff}a\r\n\u{feff}b", "a\r\nb"),
            ("a\u{feff}b", "a\u{feff}b"),
            ("\u{feff}", ""),
            ("", ""),
            ("x", "x"),
            ("\n\n", "\n\n"),
        ] {
            assert_eq!(without_byte_order_marks(written.into()).unwrap(), meant.as_bytes(), "{written:?}");
        }
        assert_eq!(without_byte_order_marks(b"caf\xe9".to_vec()).unwrap(), b"caf\xe9");
    }

    #[test]
    fn a_file_in_utf_16_is_an_error_with_a_remedy() {
        for bytes in [&b"\xff\xfea\0"[..], b"\xfe\xff\0a", b"a\0b\0", b"\0a\0b", b"\xff\xfe"] {
            let error = without_byte_order_marks(bytes.to_vec()).unwrap_err();
            assert_eq!(error.to_string(), "it is in UTF-16");
            assert_eq!(required_file(&error, 2048).unwrap(), "a file in UTF-8");
        }
    }
}
