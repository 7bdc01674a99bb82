//! Pulling against a hub, a pip and a disk that the tests control.

mod data;
mod disk;
mod fixture;
mod hostile;
mod hub;
mod path;
mod preview;
mod resume;
mod sources;
mod split;
mod starter;
mod wheel;
