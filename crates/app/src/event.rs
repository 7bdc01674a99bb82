//! Progress events of the app, for any front end: terminal, web page, test.
//!
//! Invariants: every start of a transfer is followed by its end, also after a failure; observers do
//! not block.

use std::time::Duration;

use harmonic_bench::BenchEvent;
use harmonic_fsutil::Skipped;
use harmonic_tune::{TuneEvent, TuneObserver};
use harmonic_types::{Bytes, BytesPerSecond, EnginePlan, Finding, Plan, TokensPerSecond};

use crate::eval::EvalProgress;

/// One progress event.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A warning for the user, with its remedy.
    Warning(&'a Finding),
    /// One line of information for the user, such as the source of a model.
    Note(&'a str),
    /// Fetch or conversion of a model, or of a part of one, started.
    TransferStarted {
        /// Label of the transfer.
        label: &'a str,
        /// Bytes in total; `None` where unknown.
        total: Option<Bytes>,
    },
    /// The transfer advanced.
    TransferAdvanced {
        /// Bytes done, those of an earlier attempt included.
        done: Bytes,
    },
    /// The transfer ended, with success or failure.
    TransferEnded,
    /// Start of an engine began.
    EngineStarting {
        /// The engine's plan.
        engine: &'a EnginePlan,
        /// Its number, from 1.
        number: usize,
        /// Number of engines.
        of: usize,
    },
    /// An engine is ready.
    EngineReady {
        /// The engine's plan.
        engine: &'a EnginePlan,
        /// Duration of its start.
        took: Duration,
    },
    /// A running server was found; it is measured, and none is started.
    ServerFound {
        /// Its base URL.
        url: &'a str,
    },
    /// A team was planned that is started for the measurement.
    TeamPlanned {
        /// Its plan.
        plan: &'a Plan,
    },
    /// No roof can be computed: the server's model is unknown.
    NoRoof,
    /// The probe of the memory's read bandwidth started.
    ProbeStarted,
    /// Result of the probe; `None` where too little memory is free.
    ProbeEnded {
        /// Bandwidth, and the number of reading threads.
        read: Option<(BytesPerSecond, u32)>,
    },
    /// Prefill rate of a model, as measured.
    PromptRate {
        /// Base model.
        model: &'a str,
        /// In prompt tokens per second.
        rate: TokensPerSecond,
    },
    /// Progress of a benchmark.
    Bench(&'a BenchEvent<'a>),
    /// Progress of a comparison of settings.
    Tune(TuneEvent<'a>),
    /// Progress of an evaluation.
    Eval(EvalProgress<'a>),
}

/// Receiver of events.
pub trait Observer: Send + Sync {
    /// Takes one event; returns at once.
    fn event(&self, event: Event<'_>);
}

/// Observer that ignores all events.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn event(&self, _: Event<'_>) {}
}

/// Warns of documents that were skipped because they cannot be read.
pub(crate) fn warn_skipped(observer: &dyn Observer, skipped: &[Skipped]) {
    for Skipped { path, reason } in skipped {
        observer.event(Event::Warning(&Finding::new(
            "document-skipped",
            format!("{} is skipped: {reason}", path.display()),
            "repair it, or move it out of the folder",
        )));
    }
}

/// Adapter from the observers of the crates below to events of the app.
pub(crate) struct EventAdapter<'a>(pub(crate) &'a dyn Observer);

impl harmonic_models::Progress for EventAdapter<'_> {
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

impl harmonic_launcher::Progress for EventAdapter<'_> {
    fn starting(&self, engine: &EnginePlan, number: usize, of: usize) {
        self.0.event(Event::EngineStarting { engine, number, of });
    }

    fn started(&self, engine: &EnginePlan, took: Duration) {
        self.0.event(Event::EngineReady { engine, took });
    }
}

impl harmonic_bench::Observer for EventAdapter<'_> {
    fn event(&self, event: &BenchEvent<'_>) {
        self.0.event(Event::Bench(event));
    }
}

impl TuneObserver for EventAdapter<'_> {
    fn event(&self, event: TuneEvent<'_>) {
        self.0.event(Event::Tune(event));
    }
}
