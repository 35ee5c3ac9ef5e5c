//! Files that an administrator names, read whole: no longer than makes sense, and what a daemon reads is a regular file.
//! Anything else may never begin, as a pipe that nobody writes to, or never end.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// All of a regular file; links are followed.
pub(crate) fn regular(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    // before it is opened: that would wait for the other end of a pipe
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file"));
    }
    anything(path, most)
}

/// All that can be read there, also through a pipe.
pub(crate) fn anything(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let one_more = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path)?.take(one_more).read_to_end(&mut bytes)?;
    match bytes.len() <= most {
        true => Ok(bytes),
        false => {
            Err(io::Error::new(ErrorKind::FileTooLarge, format!("it has more than {}", in_kib_or_mib(most))))
        }
    }
}

/// Whether the file itself is of no use, whoever may read it.
pub(crate) fn is_useless(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::FileTooLarge)
}

/// A size as one writes it.
pub(crate) fn in_kib_or_mib(bytes: usize) -> String {
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
                match regular(path, 2048) {
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
            let error = regular(path, 2048).unwrap_err();
            assert!(is_useless(&error) && error.to_string() == "it is not a regular file");
        }
        let endless = anything(Path::new("/dev/zero"), 2048).unwrap_err();
        assert_eq!(endless.to_string(), "it has more than 2KiB");
        assert!(!is_useless(&regular(Path::new("/nonexistent"), 2048).unwrap_err()));
    }
}
