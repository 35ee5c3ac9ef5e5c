//! Texts in files that an administrator names, read whole: no longer than makes sense, and what a daemon reads is a regular
//! file. Anything else may never begin, as a pipe that nobody writes to, or never end.
//!
//! The one reader of files: it takes byte order marks away, so that none is sent with a secret or hides a certificate.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// All of a regular file; links are followed.
pub(crate) fn read_regular(path: &Path, longest: usize) -> io::Result<Vec<u8>> {
    // before it is opened: that would wait for the other end of a pipe
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file"));
    }
    read_any(path, longest)
}

/// All that can be read there, also through a pipe.
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

/// The bytes of a text without the byte order marks of UTF-8, which editors write at the beginning of a file, and which
/// joined files hold at the beginning of a later line.
///
/// # Errors
/// When the text is in UTF-16: with its mark, or with a NUL in its first character.
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

/// The file that would be right, where the file itself is of no use, whoever may read it.
pub(crate) fn required_file(error: &io::Error, longest: usize) -> Option<String> {
    match error.kind() {
        ErrorKind::InvalidInput | ErrorKind::FileTooLarge => {
            Some(format!("a regular file of at longest {}", size_text(longest)))
        }
        ErrorKind::InvalidData => Some("a file in UTF-8".to_owned()),
        _ => None,
    }
}

/// A size as one writes it.
pub(crate) fn size_text(bytes: usize) -> String {
    match bytes {
        whole if whole >= MIB && whole % MIB == 0 => format!("{}MiB", whole / MIB),
        whole if whole >= KIB && whole % KIB == 0 => format!("{}KiB", whole / KIB),
        bytes => bytes.to_string(),
    }
}

/// Bytes.
pub(crate) const KIB: usize = 1024;
/// Bytes.
pub(crate) const MIB: usize = 1024 * KIB;

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_file_may_be_as_long_as_it_may_be_and_no_longer() {
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
    fn what_may_never_begin_or_never_end_is_not_opened() {
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
    fn a_byte_order_mark_is_no_part_of_a_text() {
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
    fn utf_16_is_named_and_what_would_be_right() {
        for bytes in [&b"\xff\xfea\0"[..], b"\xfe\xff\0a", b"a\0b\0", b"\0a\0b", b"\xff\xfe"] {
            let error = without_byte_order_marks(bytes.to_vec()).unwrap_err();
            assert_eq!(error.to_string(), "it is in UTF-16");
            assert_eq!(required_file(&error, 2048).unwrap(), "a file in UTF-8");
        }
    }
}
