#[path = "asterisk/rig.rs"]
mod rig;
