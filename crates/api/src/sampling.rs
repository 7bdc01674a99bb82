//! Sampling fields shared by the bodies of all dialects: name, range and decoding, each written
//! once.
//!
//! A macro adds them to each body. `#[serde(flatten)]` is no alternative: it buffers the body
//! first, which loses the unread fields and the path of an invalid one.

use harmonic_types::SamplingOverrides;

use crate::checks::{self, within};
use crate::validation_error::ValidationError;

/// Sampling fields of a body; a body may lack some of them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SamplingFields {
    pub(crate) temperature: Option<f32>,
    pub(crate) top_p: Option<f32>,
    pub(crate) top_k: Option<i64>,
    pub(crate) min_p: Option<f32>,
    pub(crate) presence_penalty: Option<f32>,
    pub(crate) frequency_penalty: Option<f32>,
    pub(crate) repeat_penalty: Option<f32>,
}

impl SamplingFields {
    /// Decoded sampling. `within_field` is the path of the object that contains the fields, with a
    /// trailing dot; empty for the body itself.
    ///
    /// # Errors
    /// [`ValidationError::Value`] for a value out of range.
    pub(crate) fn decode(self, within_field: &str) -> Result<SamplingOverrides, ValidationError> {
        let named = |field| format!("{within_field}{field}");
        let range = |field, value, range| within(&named(field), value, range);
        Ok(SamplingOverrides {
            temperature: range("temperature", self.temperature, 0.0..=2.0)?,
            top_k: checks::top_k(&named("top_k"), self.top_k)?,
            top_p: range("top_p", self.top_p, 0.0..=1.0)?,
            min_p: range("min_p", self.min_p, 0.0..=1.0)?,
            repeat_penalty: checks::repeat_penalty(&named("repeat_penalty"), self.repeat_penalty)?,
            presence_penalty: range("presence_penalty", self.presence_penalty, -2.0..=2.0)?,
            frequency_penalty: range("frequency_penalty", self.frequency_penalty, -2.0..=2.0)?,
        })
    }

    /// Fields that decode to `sampling`.
    pub(crate) fn encode(sampling: &SamplingOverrides) -> Self {
        Self {
            temperature: sampling.temperature,
            top_p: sampling.top_p,
            top_k: sampling.top_k.map(i64::from),
            min_p: sampling.min_p,
            presence_penalty: sampling.presence_penalty,
            frequency_penalty: sampling.frequency_penalty,
            repeat_penalty: sampling.repeat_penalty,
        }
    }
}

/// Defines a body with its own fields and those of the named sampling groups (`nucleus`,
/// `candidates`, `penalties`), and the methods `sampling_fields` and `with_sampling`.
macro_rules! body {
    ($(#[$attribute:meta])* pub struct $name:ident with $($group:ident),+ { $($own:tt)* }) => {
        $crate::sampling::body! { @add [$($group)+] [$(#[$attribute])*] $name [] { $($own)* } }
    };
    (
        @add [nucleus $($more:ident)*] [$($attributes:tt)*]
        $name:ident [$($sampling:ident)*] { $($fields:tt)* }
    ) => {
        $crate::sampling::body! { @add [$($more)*] [$($attributes)*] $name [
            $($sampling)* temperature top_p
        ] {
            $($fields)*
            /// 0 to 2.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(range(min = 0, max = 2))]
            pub temperature: Option<f32>,
            /// 0 to 1.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(range(min = 0, max = 1))]
            pub top_p: Option<f32>,
        } }
    };
    (
        @add [candidates $($more:ident)*] [$($attributes:tt)*]
        $name:ident [$($sampling:ident)*] { $($fields:tt)* }
    ) => {
        $crate::sampling::body! { @add [$($more)*] [$($attributes)*] $name [$($sampling)* top_k] {
            $($fields)*
            /// Number of most likely tokens to sample from; 0 and −1 mean all.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(range(min = -1, max = 4_294_967_295_i64))]
            pub top_k: Option<i64>,
        } }
    };
    (
        @add [penalties $($more:ident)*] [$($attributes:tt)*]
        $name:ident [$($sampling:ident)*] { $($fields:tt)* }
    ) => {
        $crate::sampling::body! { @add [$($more)*] [$($attributes)*] $name [
            $($sampling)* min_p presence_penalty frequency_penalty repeat_penalty
        ] {
            $($fields)*
            /// 0 to 1.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(range(min = 0, max = 1))]
            pub min_p: Option<f32>,
            /// −2 to 2.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(range(min = -2, max = 2))]
            pub presence_penalty: Option<f32>,
            /// −2 to 2.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(range(min = -2, max = 2))]
            pub frequency_penalty: Option<f32>,
            /// Above 0 up to 10; 1 is off.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(range(max = 10), extend("exclusiveMinimum" = 0))]
            pub repeat_penalty: Option<f32>,
        } }
    };
    // All groups added.
    (@add [] [$($attributes:tt)*] $name:ident [$($sampling:ident)*] { $($fields:tt)* }) => {
        $($attributes)*
        pub struct $name { $($fields)* }
        impl $name {
            /// Sampling fields of the body.
            pub(crate) fn sampling_fields(&self) -> crate::sampling::SamplingFields {
                let mut fields = crate::sampling::SamplingFields::default();
                $(fields.$sampling = self.$sampling;)*
                fields
            }

            /// The body with `sampling`, as far as it has the fields.
            pub(crate) fn with_sampling(
                mut self,
                sampling: &harmonic_types::SamplingOverrides,
            ) -> Self {
                let fields = crate::sampling::SamplingFields::encode(sampling);
                $(self.$sampling = fields.$sampling;)*
                self
            }
        }
    };
}
pub(crate) use body;
