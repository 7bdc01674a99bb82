//! Composition of the rooms as functions: inspect, plan, launch, serve, measure, tune.
//!
//! Owns: what each of them needs of the rooms below ([`inspect`], [`plan`], [`models`], [`serve`],
//! [`measure`], [`tune`]), the kinds of engine of this build ([`engines`]), the API keys
//! ([`keyring`]), and the teams that run on this machine ([`instances`], [`background`]).
//!
//! Invariants: functions return values and emit [`Event`]s; dropping a future leaves nothing
//! running, and where a partial result is worth having a token ends the work instead.
//!
//! Does not do: print, ask the user, read the environment or the arguments, or decide how anything
//! looks.
#![forbid(unsafe_code)]

pub mod background;
mod cards;
mod descriptors;
pub mod engines;
pub mod error;
mod event;
pub mod fanout;
mod http_threads;
pub mod inspect;
pub mod instances;
pub mod keyring;
pub mod listen;
pub mod measure;
pub mod models;
pub mod plan;
mod power_samples;
mod puller;
pub mod serve;
mod settings;
pub mod tune;
pub mod watch;
mod watched_keys;
mod what_if;

pub use error::{AppError, Result, hint, is_unexpected};
pub use event::{Event, Observer, Silent};
pub use puller::PullPolicy;
pub use settings::Settings;
pub use what_if::WhatIf;

pub use harmonic_bench::Levels;
pub use harmonic_doctor::VARIABLES;
pub use harmonic_engine::constraint::{FormTrial, run_trial};
pub use harmonic_export::ExportKind;
pub use harmonic_hardware::Sysroot;
pub use harmonic_launcher::{Run, Runs};
pub use harmonic_models::{CacheRoots, PullOptions, Source, Store, WeightFormat, default_root};
