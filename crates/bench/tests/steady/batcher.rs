//! In-memory engine that runs either the prefill of a new sequence or a step of all sequences, so
//! that a prefill stalls every stream.

use std::time::Duration;

use futures::StreamExt;
use futures::channel::mpsc;
use harmonic_bench::{
    ReportedUsage, RequestSpec, ResponseStream, StreamEvent, Target, TargetError,
};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// The stream of one sequence and its remaining tokens.
struct Sequence {
    out: mpsc::UnboundedSender<Result<StreamEvent, TargetError>>,
    left: u32,
    asked: u32,
}

impl Sequence {
    /// Sends a token; returns whether the sequence continues.
    fn token(&mut self) -> bool {
        self.left -= 1;
        if self.out.unbounded_send(Ok(StreamEvent::Output)).is_err() {
            return false;
        }
        if self.left == 0 {
            let usage = ReportedUsage {
                prompt_tokens: 100,
                completion_tokens: self.asked,
                cached_tokens: None,
            };
            let _ = self.out.unbounded_send(Ok(StreamEvent::Finished(usage)));
        }
        self.left > 0
    }
}

pub struct Batcher {
    queue: mpsc::UnboundedSender<Sequence>,
    _engine: JoinSet<()>,
}

impl Batcher {
    /// A prefill takes `prefill`; a step takes `step`, and `slope` more for each sequence in it.
    pub fn new(prefill: Duration, step: Duration, slope: Duration) -> Self {
        let (queue, mut waiting) = mpsc::unbounded::<Sequence>();
        let mut engine = JoinSet::new();
        engine.spawn(async move {
            let mut running: Vec<Sequence> = Vec::new();
            loop {
                let next =
                    if running.is_empty() { waiting.next().await } else { waiting.try_recv().ok() };
                if let Some(mut sequence) = next {
                    sleep(prefill).await;
                    if sequence.token() {
                        running.push(sequence);
                    }
                } else if running.is_empty() {
                    return;
                } else {
                    sleep(step + slope * u32::try_from(running.len()).unwrap()).await;
                    running.retain_mut(Sequence::token);
                }
            }
        });
        Self { queue, _engine: engine }
    }
}

impl Target for Batcher {
    fn name(&self) -> String {
        "batcher".to_owned()
    }

    async fn send(&self, request: RequestSpec) -> Result<ResponseStream, TargetError> {
        let (out, answer) = mpsc::unbounded();
        let asked = request.output_tokens;
        self.queue.unbounded_send(Sequence { out, left: asked, asked }).unwrap();
        Ok(answer.boxed())
    }
}
