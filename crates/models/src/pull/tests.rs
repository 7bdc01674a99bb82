//! Pulling against a hub, a pip and a disk that the tests control.

mod disk;
mod hub;
mod path;
mod resume;
mod scene;
mod sources;
mod starter;
mod wheel;
