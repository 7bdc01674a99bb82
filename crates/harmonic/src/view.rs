//! Documents of the binary as text for a person.

pub mod answers;
pub mod keys;
pub mod runs;
