//! The style sheet, the script and the icon, which the program carries.

/// A file that pages name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asset {
    pub path: &'static str,
    pub content_type: &'static str,
    pub body: &'static str,
    /// The value of `ETag`, which changes with the body.
    etag: u64,
}

/// All assets.
pub static ASSETS: [Asset; 3] = [
    Asset::new("/assets/style.css", "text/css; charset=utf-8", include_str!("../assets/style.css")),
    Asset::new("/assets/page.js", "text/javascript; charset=utf-8", include_str!("../assets/page.js")),
    Asset::new("/assets/icon.svg", "image/svg+xml", include_str!("../assets/icon.svg")),
];

impl Asset {
    const fn new(path: &'static str, content_type: &'static str, body: &'static str) -> Self {
        Self { path, content_type, body, etag: hash(body.as_bytes()) }
    }

    /// Returns the header `ETag`.
    #[must_use]
    pub fn etag(&self) -> String {
        format!("\"{:016x}\"", self.etag)
    }
}

/// FNV-1a, which is enough to tell one version of a file from the next.
const fn hash(mut bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    while let Some((byte, rest)) = bytes.split_first() {
        hash = (hash ^ *byte as u64).wrapping_mul(0x100_0000_01b3);
        bytes = rest;
    }
    hash
}
