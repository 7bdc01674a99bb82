//! One call of a tool, from its intent to its result.

use std::sync::Arc;
use std::time::Duration;

use harmonic_api::runs::RunChange;
use harmonic_orchestrator::{Input, ToolCallResult, ToolCallSpec, ToolFailure};
use harmonic_types::{SpanKind, TaskSpan, ToolOutput};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::runs::clock::RunClock;
use crate::runs::tools::{RunTools, ToolRequest};
use crate::runs::updates::Updates;

/// Time that a tool has to end after its own time, and after it was cancelled.
const GRACE: Duration = Duration::from_secs(1);

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
        self.updates.send(RunChange::CallEnded { task, call, error, is_cut: false });
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
        let ToolCallSpec { max_ms, max_bytes, .. } = self.spec;
        let time = Duration::from_millis(max_ms);
        let calling = self.tools.call(ToolRequest {
            tool: self.spec.tool.clone(),
            arguments: self.spec.arguments.clone(),
            time,
            bytes: max_bytes,
            cancel: self.cancel.clone(),
        });
        let cancelled = async {
            self.cancel.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        // A tool ends by itself when its time is over or it is cancelled. One that does not holds
        // nothing up.
        let message = tokio::select! {
            output = calling => return output.map(|output| within(output, max_bytes)),
            () = tokio::time::sleep(time + GRACE) => format!("it did not end within {max_ms} ms"),
            () = cancelled => "it was cancelled while it ran".to_owned(),
        };
        Err(ToolFailure::Unknown { message })
    }
}

/// `output` with the first `most` bytes of its text.
fn within(mut output: ToolOutput, most: u64) -> ToolOutput {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    if output.text.len() > most {
        let kept = output.text.floor_char_boundary(most);
        output.bytes_cut = output.bytes_cut.saturating_add((output.text.len() - kept) as u64);
        output.text.truncate(kept);
        output.text.shrink_to_fit();
    }
    output
}
