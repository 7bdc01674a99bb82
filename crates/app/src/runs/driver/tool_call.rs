//! One call of a tool, from its intent to its result.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use harmonic_api::runs::RunChange;
use harmonic_orchestrator::{Input, ToolCallResult, ToolCallSpec, ToolFailure};
use harmonic_types::{SpanKind, TaskSpan, ToolOutput};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::runs::clock::RunClock;
use crate::runs::tools::RunTools;
use crate::runs::updates::Updates;

/// A call of a tool whose intent is written.
pub(super) struct ToolCall {
    pub(super) spec: ToolCallSpec,
    pub(super) tools: Arc<dyn RunTools>,
    pub(super) clock: RunClock,
    pub(super) updates: Arc<Updates>,
    pub(super) inputs: mpsc::Sender<Input>,
    pub(super) cancel: CancellationToken,
}

impl ToolCall {
    /// Makes the call, and reports what came of it.
    pub(super) async fn run(self) {
        let ToolCallSpec { call, task, .. } = self.spec;
        self.updates.send(RunChange::ToolCalled {
            task,
            call,
            tool: self.spec.tool.clone(),
            arguments: self.spec.arguments.clone(),
        });
        let from_ms = self.clock.now_ms();
        let result = self.call().await;
        let error = match &result {
            Ok(_) => None,
            Err(ToolFailure::Refused { message } | ToolFailure::Unknown { message }) => {
                Some(message.clone())
            }
            Err(ToolFailure::Cancelled) => Some("it was cancelled".to_owned()),
        };
        self.updates.send(RunChange::CallEnded { task, call, error });
        let input = match result {
            Ok(output) => {
                let to_ms = self.clock.now_ms();
                let span = TaskSpan { kind: SpanKind::Tool, from_ms, to_ms, slot: None };
                let result = ToolCallResult { output, tokens: None, spans: vec![span] };
                Input::ToolReturned { call, result }
            }
            Err(failure) => Input::ToolFailed { call, failure },
        };
        // The driver has ended.
        let _ = self.inputs.send(input).await;
    }

    async fn call(&self) -> Result<ToolOutput, ToolFailure> {
        if self.cancel.is_cancelled() {
            return Err(ToolFailure::Cancelled);
        }
        let time = Duration::from_millis(self.spec.max_ms);
        let calling = self.tools.call(
            self.spec.tool.clone(),
            self.spec.arguments.clone(),
            time,
            self.spec.max_bytes,
            self.cancel.clone(),
        );
        // A tool's panic is a failure of that call, of which nobody knows what it did.
        let calling = std::panic::AssertUnwindSafe(calling).catch_unwind();
        calling.await.unwrap_or_else(|_| {
            let message = "the tool's code failed".to_owned();
            Err(ToolFailure::Unknown { message })
        })
    }
}
