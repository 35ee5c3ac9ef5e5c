//! The history: one record of each webhook step, in memory.
//!
//! The path of a call only moves values into a record. They are masked, redacted and formatted in [`view`],
//! for the person who asks.

pub mod explanation;
pub mod view;
