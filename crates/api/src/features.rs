//! The fields by which a body asks for what not every engine can do, so that a server that refuses
//! them does so in the client's words.

use crate::invalid::Invalid;
use crate::media::MOST;

/// Names of those fields, as the dialect or, where it has several names, the client writes them. A
/// field that the body does not have keeps its usual name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureFields {
    /// Log-probabilities of tokens.
    pub logprobs: &'static str,
    /// The form of the answer.
    pub format: &'static str,
    /// Tools that the answer may call.
    pub tools: &'static str,
    /// Going on past the model's end of turn.
    pub ignore_eos: &'static str,
    /// A context of the request's own.
    pub context: &'static str,
    /// The first image in a message, by its place in the body; `None` where there is none.
    pub image: Option<String>,
    /// The first recording in a message, by its place in the body; `None` where there is none.
    pub audio: Option<String>,
    /// Images and recordings so far.
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
    /// Notes the image at `path`.
    ///
    /// # Errors
    /// When there are too many.
    pub(crate) fn note_image(&mut self, path: &str) -> Result<(), Invalid> {
        self.image.get_or_insert_with(|| path.to_owned());
        self.count(path)
    }

    /// The same of a recording.
    pub(crate) fn note_audio(&mut self, path: &str) -> Result<(), Invalid> {
        self.audio.get_or_insert_with(|| path.to_owned());
        self.count(path)
    }

    fn count(&mut self, path: &str) -> Result<(), Invalid> {
        self.media += 1;
        if self.media > MOST {
            let reason = format!("is one image or recording too many: a body may have {MOST}");
            return Err(Invalid::value(path, reason));
        }
        Ok(())
    }
}
