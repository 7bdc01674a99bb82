//! Composition of the crates as functions: inspect, plan, launch, serve, measure, tune.
//!
//! Owns: the calls of the crates below for each of them ([`inspect`], [`plan`], [`models`],
//! [`serve`], [`measure`], [`tune`]), the engine kinds of this build ([`engines`]), the API keys
//! ([`keyring`]), imports of other programs' settings ([`mod@import`]), evaluations ([`mod@eval`]), the running teams of this machine ([`instances`],
//! [`background`]), and the tools of
//! runs: those that a server is configured with ([`tool_sets`]), and those that this process offers
//! ([`tool_offer`]).
//!
//! Invariants: functions return values and emit [`Event`]s; dropping a future leaves nothing
//! running; work with a useful partial result is ended by a token instead.
//!
//! Does not do: printing, questions to the user, reading environment or arguments, layout.
#![forbid(unsafe_code)]

mod agent_info;
pub mod answer_timing;
pub mod background;
pub mod conversation;
pub mod demo_run;
pub mod downloads;
pub mod engines;
pub mod error;
pub mod eval;
mod event;
pub mod fanout;
mod file_descriptors;
pub mod followed_run;
mod http_threads;
pub mod import;
pub mod inspect;
pub mod instances;
pub mod keyring;
mod larger_contexts;
pub mod listen;
pub mod measure;
pub mod models;
pub mod needed_models;
pub mod plan;
mod power_samples;
mod puller;
pub mod quantity;
pub mod run_budget;
pub mod run_choice;
pub mod run_request;
pub mod run_view;
pub mod runs;
pub mod serve;
pub mod server_choice;
mod settings;
pub mod team_log;
mod team_request;
pub mod tool_offer;
mod tool_processes;
pub mod tool_sets;
pub mod tune;
pub mod watch;
mod watched_keys;
mod what_if;

pub use engines::EngineProcesses;
pub use error::{AppError, Result, hint, is_unexpected};
pub use event::{Event, NoObserver, Observer};
pub use puller::PullPolicy;
pub use server_choice::ServerChoice;
pub use settings::Settings;
pub use team_request::{SlotRequest, TeamRequest, check_local};
pub use tool_processes::ToolProcesses;
pub use what_if::WhatIf;

pub use harmonic_bench::Levels;
pub use harmonic_doctor::VARIABLES;
pub use harmonic_engine::constraint::{FormTrial, run_trial};
pub use harmonic_export::ExportKind;
pub use harmonic_guard::{GuardCommand, run as run_guard};
pub use harmonic_hardware::Sysroot;
pub use harmonic_launcher::{Instance, InstanceRegistry, ProcessId};
pub use harmonic_models::{
    CacheRoots, DiskSpace, MeasuredRate, PullOptions, Source, Store, WeightFormat, default_root,
};
pub use harmonic_tools::{Helper, run_helper};
