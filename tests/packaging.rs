//! Owner: packaging. The files of the package: manual pages, completions, the configuration, and the package
//! itself.

/// The configuration that the package installs, key by key.
mod configuration;
/// The manual pages and completions in the repository are those that the program would make now.
mod generated;
/// The way of the README from the installed package to the first routed call.
mod newcomer;
/// The package, unpacked and installed into a folder.
mod package;
/// Markdown to roff for our pages.
mod roff;
