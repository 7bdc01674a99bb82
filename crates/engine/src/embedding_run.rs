//! Computation of the embeddings of one request.

use tokio::sync::oneshot;

use crate::generation::{Admitted, Cancel};

/// One vector per input, in order, as the model pools them: not normalised.
pub type Vectors = Vec<Vec<f32>>;

/// A running computation. Dropping it cancels the request.
#[derive(Debug)]
pub struct EmbeddingRun {
    admitted: Admitted,
    vectors: oneshot::Receiver<Result<Vectors, String>>,
    _cancel: Cancel,
}

impl EmbeddingRun {
    /// A computation that ends with what `vectors` receives.
    pub fn new(
        admitted: Admitted,
        vectors: oneshot::Receiver<Result<Vectors, String>>,
        cancel: Cancel,
    ) -> Self {
        Self { admitted, vectors, _cancel: cancel }
    }

    /// Facts known at admission; `prompt_tokens` is the sum over the inputs.
    pub fn admitted(&self) -> Admitted {
        self.admitted
    }

    /// Waits for the vectors.
    ///
    /// # Errors
    /// The cause, if the engine failed; `None` if the deployment was drained.
    pub async fn vectors(mut self) -> Result<Vectors, Option<String>> {
        match (&mut self.vectors).await {
            Ok(result) => result.map_err(Some),
            Err(_) => Err(None),
        }
    }
}
