//! Documents as text for a person. Pure functions from a document to a string; lines have no
//! trailing spaces and fit 100 columns.

pub mod against;
pub mod answers;
pub mod doctor;
pub mod endpoint;
pub mod findings;
pub mod hardware;
pub mod keys;
pub mod lines;
pub mod models;
pub mod plan;
pub mod runs;
pub mod table;
pub mod tuned;
