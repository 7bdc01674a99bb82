//! Weight formats that compete: as shipped, and what it can be converted to.

use std::sync::Arc;

use harmonic_models::{
    DIVERGENCE_BOUND, ModelError, StoredModel, WeightFormat, conversion_divergence, convert,
    converted_name, is_faithful,
};
use harmonic_planner::PlannedModel;
use harmonic_types::ModelFile;

use crate::candidates::{PlannedCandidate, candidate};
use crate::error::TuneError;
use crate::target::{TuneInputs, TuneTarget};
use crate::trials::TuneEvent;

/// What a model is converted to: formats that some CPU or GPU has fast kernels for.
const FORMATS: [WeightFormat; 4] =
    [WeightFormat::F16, WeightFormat::BF16, WeightFormat::Q8_0, WeightFormat::Q4_0];

/// The conversions of one model, and which of them were made here.
#[derive(Debug)]
pub(crate) struct Formats<'a> {
    inputs: TuneInputs<'a>,
    model: String,
    /// Names of those that were not there before.
    made: Vec<String>,
    /// Digest and format of each candidate; `None` for the file as it came.
    competing: Vec<(Option<String>, Option<WeightFormat>)>,
}

impl<'a> Formats<'a> {
    /// None so far.
    pub(crate) fn of(target: &TuneTarget<'a>) -> Self {
        let (inputs, model) = (target.inputs, target.model.clone());
        Self { inputs, model, made: Vec::new(), competing: Vec::new() }
    }

    /// The formats that can compete, converted, and the place of the one in use.
    ///
    /// # Errors
    /// When the model is not in the store, or the user stops it. What a conversion lacks is the
    /// reason of its candidate.
    pub(crate) async fn candidates(
        &mut self,
        target: &TuneTarget<'_>,
    ) -> Result<(Vec<PlannedCandidate>, usize), TuneError> {
        let stored = self.inputs.store.show(&self.model)?;
        let StoredModel { record, file } =
            stored.ok_or_else(|| ModelError::NotStored(self.model.clone()))?;
        let used = target.planned()?;
        let settings = (target.config.kv_layout, target.config.threads);
        let shipped = planned(used, file);
        let mut candidates = vec![candidate(target, shipped.clone(), None, settings)?];
        self.competing.push((digest(&candidates[0]), None));
        for format in FORMATS.into_iter().filter(|format| format.name() != record.format) {
            let mut expected = shipped.clone();
            (expected.path, expected.digest) = (None, None);
            expected.shape.weights_bytes = format.weights(expected.shape.parameters);
            format.name().clone_into(&mut expected.shape.format);
            let room = candidate(target, expected, None, settings)?;
            let made = match room.plan {
                Some(_) => self.convert(target, &record.name, format, room).await?,
                None => room,
            };
            self.competing.push((digest(&made), Some(format)));
            candidates.push(made);
        }
        let is_used = |candidate: &PlannedCandidate| candidate.model.digest == used.digest;
        let present = candidates.iter().position(is_used).ok_or_else(|| {
            let compared = FORMATS.map(WeightFormat::name).join(", ");
            let (model, format) = (self.model.clone(), used.shape.format.clone());
            TuneError::FormatNotCompared { model, format, compared }
        })?;
        Ok((candidates, present))
    }

    /// The candidate of a conversion that has `room`.
    async fn convert(
        &mut self,
        target: &TuneTarget<'_>,
        name: &str,
        format: WeightFormat,
        mut room: PlannedCandidate,
    ) -> Result<PlannedCandidate, TuneError> {
        let TuneInputs { store, converter, observer, stop, .. } = self.inputs;
        let converted = converted_name(name, format);
        let was_here = store.show(&converted).is_ok_and(|found| found.is_some());
        let made = convert(store, name, format, Arc::clone(&converter.quantizer), observer);
        let made = stop.run_until_cancelled(made).await.ok_or(TuneError::Stopped)?;
        if !was_here && made.is_ok() {
            self.made.push(converted);
        }
        let file = match made {
            Ok(file) => file,
            Err(error) => {
                (room.plan, room.about.reason) = (None, Some(error.to_string()));
                return Ok(room);
            }
        };
        let meter = Arc::clone(&converter.meter);
        let divergence = conversion_divergence(store, name, format, meter, observer);
        let divergence = stop.run_until_cancelled(divergence).await.ok_or(TuneError::Stopped)??;
        let settings = (target.config.kv_layout, target.config.threads);
        let mut candidate =
            candidate(target, planned(&room.model, file), Some(divergence), settings)?;
        if candidate.about.reason.is_none() && !is_faithful(divergence) {
            candidate.about.reason = Some(format!("KL divergence is not below {DIVERGENCE_BOUND}"));
        }
        Ok(candidate)
    }

    /// From now on the model runs as `winner`. Name of the conversion; `None` for the file as it
    /// came.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub(crate) fn keep(&self, winner: &PlannedCandidate) -> Result<Option<String>, TuneError> {
        let kept = self.competing.iter().find(|(known, _)| *known == digest(winner));
        let format = kept.and_then(|(_, format)| *format);
        let store = self.inputs.store;
        store.run_as(&self.model, format)?;
        let stored = store.show(&self.model)?;
        Ok(stored.and_then(|model| model.record.runs_as))
    }

    /// Removes the conversions that were made here, but not `kept`.
    pub(crate) fn discard_losers(&self, kept: Option<&str>) {
        for name in self.made.iter().filter(|name| kept != Some(name.as_str())) {
            if let Err(error) = self.inputs.store.remove(name) {
                let reason = error.to_string();
                self.inputs.observer.event(TuneEvent::NotRemoved { name, reason: &reason });
            }
        }
    }
}

fn digest(candidate: &PlannedCandidate) -> Option<String> {
    candidate.model.digest.clone()
}

/// `file` under the name and with the paper's figures of the model in use.
fn planned(used: &PlannedModel, file: ModelFile) -> PlannedModel {
    PlannedModel {
        name: used.name.clone(),
        path: Some(file.path),
        digest: file.digest,
        shape: file.shape,
        paper: used.paper,
    }
}
