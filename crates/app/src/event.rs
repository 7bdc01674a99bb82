//! Events of the app's work, for any front end: a terminal, a page, a test.
//!
//! Invariants: every start of a transfer is followed by its end, also where it fails; an observer
//! returns at once.

use std::time::Duration;

use harmonic_bench::BenchEvent;
use harmonic_fsutil::Skipped;
use harmonic_tune::{TuneEvent, TuneObserver};
use harmonic_types::{Bytes, BytesPerSecond, EnginePlan, Finding, Plan, TokensPerSecond};

/// One event.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// Something that the user should know, with its remedy.
    Warning(&'a Finding),
    /// One line that the user should read: which source is used, what a conversion changes.
    Note(&'a str),
    /// A model, or a part of one, is fetched or converted; `total` where its size is known.
    TransferStarted {
        /// What.
        label: &'a str,
        /// All bytes of it.
        total: Option<Bytes>,
    },
    /// So many bytes of it are done.
    TransferAdvanced {
        /// Those of an earlier attempt included.
        done: Bytes,
    },
    /// It has ended, well or not.
    TransferEnded,
    /// An engine is being started.
    EngineStarting {
        /// Which.
        engine: &'a EnginePlan,
        /// Its number, from 1.
        number: usize,
        /// Of how many.
        of: usize,
    },
    /// It is ready.
    EngineReady {
        /// Which.
        engine: &'a EnginePlan,
        /// Since it was being started.
        took: Duration,
    },
    /// A running server was found to be measured; none is started.
    ServerFound {
        /// Its base URL.
        url: &'a str,
    },
    /// Plan of the team that is started to be measured.
    TeamPlanned {
        /// Its plan.
        plan: &'a Plan,
    },
    /// No roof: the model behind the server is not known here.
    NoRoof,
    /// Measuring how fast this machine's memory is read.
    ProbeStarted,
    /// Result of the probe; `None` where too little memory is free.
    ProbeEnded {
        /// Bandwidth, and the threads that read.
        read: Option<(BytesPerSecond, u32)>,
    },
    /// Prefill rate of a model.
    PromptRate {
        /// The model's name.
        model: &'a str,
        /// In prompt tokens per second.
        rate: TokensPerSecond,
    },
    /// Progress of a benchmark.
    Bench(&'a BenchEvent<'a>),
    /// Progress of a comparison of settings.
    Tune(TuneEvent<'a>),
}

/// Receiver of events.
pub trait Observer: Send + Sync {
    /// Takes one event; returns at once.
    fn event(&self, event: Event<'_>);
}

/// Ignores all events.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _: Event<'_>) {}
}

/// Reports documents that count as absent because they cannot be read.
pub(crate) fn warn_skipped(observer: &dyn Observer, skipped: &[Skipped]) {
    for Skipped { path, reason } in skipped {
        observer.event(Event::Warning(&Finding::new(
            "document-skipped",
            format!("{} is skipped: {reason}", path.display()),
            "mend it, or move it out of the folder",
        )));
    }
}

/// The progress of the rooms below, as events of the app.
pub(crate) struct Forward<'a>(pub(crate) &'a dyn Observer);

impl harmonic_models::Progress for Forward<'_> {
    fn begin(&self, label: &str, total: Option<Bytes>) {
        self.0.event(Event::TransferStarted { label, total });
    }

    fn advance(&self, done: Bytes) {
        self.0.event(Event::TransferAdvanced { done });
    }

    fn end(&self) {
        self.0.event(Event::TransferEnded);
    }

    fn note(&self, line: &str) {
        self.0.event(Event::Note(line));
    }
}

impl harmonic_launcher::Progress for Forward<'_> {
    fn starting(&self, engine: &EnginePlan, number: usize, of: usize) {
        self.0.event(Event::EngineStarting { engine, number, of });
    }

    fn started(&self, engine: &EnginePlan, took: Duration) {
        self.0.event(Event::EngineReady { engine, took });
    }
}

impl harmonic_bench::Observer for Forward<'_> {
    fn event(&self, event: &BenchEvent<'_>) {
        self.0.event(Event::Bench(event));
    }
}

impl TuneObserver for Forward<'_> {
    fn event(&self, event: TuneEvent<'_>) {
        self.0.event(Event::Tune(event));
    }
}
