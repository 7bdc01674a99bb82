//! Names of the fields that require optional engine features, for errors in the client's terms.

use crate::media::MAX_FILES;
use crate::validation_error::ValidationError;

/// Field names as the dialect defines them or, where it has several, as the client wrote them.
/// Fields absent from the body keep their usual name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureFields {
    /// Field for log-probabilities.
    pub logprobs: &'static str,
    /// Field for the output format.
    pub format: &'static str,
    /// Field for tools.
    pub tools: &'static str,
    /// Field for generating past the model's end of turn.
    pub ignore_eos: &'static str,
    /// Field for a per-request context.
    pub context: &'static str,
    /// Path of the first image in a message; `None` if there is none.
    pub image: Option<String>,
    /// Path of the first recording in a message; `None` if there is none.
    pub audio: Option<String>,
    /// Number of images and recordings so far.
    media: u32,
}

impl Default for FeatureFields {
    fn default() -> Self {
        Self {
            logprobs: "logprobs",
            format: "response_format",
            tools: "tools",
            ignore_eos: "ignore_eos",
            context: "options.num_ctx",
            image: None,
            audio: None,
            media: 0,
        }
    }
}

impl FeatureFields {
    /// Records the image at `path`.
    ///
    /// # Errors
    /// When there are too many images and recordings.
    pub(crate) fn note_image(&mut self, path: &str) -> Result<(), ValidationError> {
        self.image.get_or_insert_with(|| path.to_owned());
        self.count(path)
    }

    /// Records the recording at `path`.
    pub(crate) fn note_audio(&mut self, path: &str) -> Result<(), ValidationError> {
        self.audio.get_or_insert_with(|| path.to_owned());
        self.count(path)
    }

    fn count(&mut self, path: &str) -> Result<(), ValidationError> {
        self.media += 1;
        if self.media > MAX_FILES {
            let reason = format!("exceeds the limit of {MAX_FILES} images and recordings per body");
            return Err(ValidationError::value(path, reason));
        }
        Ok(())
    }
}
