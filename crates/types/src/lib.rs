//! The shared types of Harmonic Stack: units, and the documents and requests that crates exchange.
//!
//! Owns: unit newtypes, the JSON documents (`Hardware`, `ModelShape`, `StackSpec`, `Plan`,
//! `Curve`, `TunedConfig`, `BenchRun`, `EvalVerdict`), `Request`/`Event`, the traits `EnergyMeter`, `LoadMeter` and
//! `Sensors`; the wording of counts and of durations.
//!
//! Invariants: a type is here only if two crates exchange it; absent is `None`, never zero; every
//! document carries its `schema`.
//!
//! Does not do: I/O, async, arithmetic beyond unit conversion (that is `perfmodel`).
#![forbid(unsafe_code)]

pub mod bench;
pub mod conversation;
pub mod counted;
pub mod curve;
pub mod duration_text;
pub mod embedding;
pub mod energy;
pub mod engine_plan;
pub mod eval_verdict;
pub mod finding;
pub mod format;
pub mod hardware;
pub mod larger_context;
mod load;
pub mod model;
pub mod plan;
pub mod provenance;
pub mod rejection;
pub mod request;
pub mod request_class;
pub mod run_budget;
pub mod run_figures;
pub mod run_record;
pub mod run_token;
pub mod sampling;
pub mod sensors;
pub mod stack;
pub mod suggestion;
pub mod system_turn;
pub mod task_graph;
pub mod thinking;
pub mod tool;
pub mod trade;
pub mod tuned;
pub mod units;

pub use bench::{
    BenchRun, Caveat, CaveatKind, Cliff, FittedLaw, FittedLine, Interval, LevelResult, Peak,
    Percentiles, PowerFigures, SensorFigures, Series, Slo, SweetSpot, TokensPerJoule, Trend,
    Verdict, WindowResult, Workload,
};
pub use conversation::{ContentPart, Media, Message, Prompt, Role, Tool, ToolCall, ToolChoice};
pub use counted::counted;
pub use curve::{Curve, CurveKey, CurvePoint};
pub use duration_text::duration_text;
pub use embedding::{EmbeddingInput, EmbeddingRequest};
pub use energy::{EnergyMeter, EnergyMethod, MeterError, PowerScope};
pub use engine_plan::{
    Attention, EngineChoice, EngineKind, EnginePlan, EngineProgram, EngineSpec, KvLayout,
    LlamaSpec, LocalSpec, ProcessChoice, ProcessSpec, RemoteChoice, RemoteDialect, RemoteSpec,
    RemoteUrl,
};
pub use eval_verdict::{EqualVerdict, Equality, EvalKey, EvalVerdict, Ruling};
pub use finding::Finding;
pub use format::Format;
pub use hardware::{Device, DeviceKind, Hardware, PowerSource};
pub use larger_context::{LargerContext, LargerContexts, Restart};
pub use load::{LoadCounters, LoadFigures, LoadMeter};
pub use model::{KvType, LayerKv, ModelFile, ModelShape, Pooling, RecurrentState, TiedEmbedding};
pub use plan::{
    AgentPlan, AgentStatus, BudgetRule, LedgerItem, LedgerLine, Plan, PlanCurve, PlanHardware,
    PlanTuned, Sharing,
};
pub use provenance::{Provenance, ProvenanceMap};
pub use rejection::Rejection;
pub use request::{
    ClientName, Event, FinishReason, Request, RequestId, TokenBytes, TokenLogprob, Usage,
};
pub use request_class::RequestClass;
pub use run_budget::{RunBudget, RunSpent};
pub use run_figures::{JoulesPerRun, RealTimeLimits, RealTimeRange, RunFigures, RunWorkload};
pub use run_record::{
    ChildRun, RunId, RunRecord, RunState, SpanKind, TaskRecord, TaskSpan, TaskState,
};
pub use run_token::RunToken;
pub use sampling::{Sampling, SamplingOverrides};
pub use sensors::{SensorReading, Sensors};
pub use stack::{AgentName, AgentSpec, StackSpec, Tier};
pub use suggestion::{closest, did_you_mean};
pub use system_turn::SystemTurn;
pub use task_graph::{Task, TaskGraph, TaskIndex, Work};
pub use thinking::{Effort, Thinking};
pub use tool::{ToolEffects, ToolOutput, ToolSpec};
pub use trade::Trade;
pub use tuned::{
    Divergence, QuantisedKv, Threads, TuneAxis, TuneCandidate, TuneComparison, TunedConfig,
};
pub use units::{Bytes, BytesPerSecond, FlopsPerSecond, Joules, Tokens, TokensPerSecond, Watts};
