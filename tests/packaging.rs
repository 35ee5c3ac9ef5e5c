//! What a package brings besides the program: manual pages, completions, a configuration; and the package itself.

/// The configuration that the package installs, key by key.
mod configuration;
/// Manual pages and completions: what is checked in is what the program and its reference would make.
mod generated;
/// The README's way from the package to a routed call.
mod newcomer;
/// The package, unpacked and installed into a folder.
mod package;
/// Markdown to roff, as far as our pages need it.
mod roff;
