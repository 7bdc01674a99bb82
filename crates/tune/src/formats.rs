//! Candidate weight formats: the file as shipped, and its conversions.

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

/// Formats to convert to: those with fast kernels on some CPU or GPU.
const FORMATS: [WeightFormat; 4] =
    [WeightFormat::F16, WeightFormat::BF16, WeightFormat::Q8_0, WeightFormat::Q4_0];

/// Conversions of one model, and those made for this comparison.
#[derive(Debug)]
pub(crate) struct Formats<'a> {
    inputs: TuneInputs<'a>,
    model: String,
    /// Names of conversions that did not exist before.
    created: Vec<String>,
    /// Digest and format of each candidate; the format is `None` for the file as shipped.
    compared: Vec<(Option<String>, Option<WeightFormat>)>,
}

impl<'a> Formats<'a> {
    /// Formats of `target`, none converted yet.
    pub(crate) fn of(target: &TuneTarget<'a>) -> Self {
        let (inputs, model) = (target.inputs, target.model.clone());
        Self { inputs, model, created: Vec::new(), compared: Vec::new() }
    }

    /// Candidates of all formats, converted where they fit, and the index of the one in use.
    ///
    /// # Errors
    /// When the model is not in the store, or the user stops the comparison. A failed conversion is
    /// not an error but the reason of its candidate.
    pub(crate) async fn candidates(
        &mut self,
        target: &TuneTarget<'_>,
    ) -> Result<(Vec<PlannedCandidate>, usize), TuneError> {
        let stored = self.inputs.store.show(&self.model)?;
        let StoredModel { record, file } =
            stored.ok_or_else(|| ModelError::NotStored(self.model.clone()))?;
        let used = target.planned()?;
        let settings = target.settings();
        let shipped = planned(used, file);
        let mut candidates = vec![candidate(target, shipped.clone(), None, settings)?];
        self.compared.push((digest(&candidates[0]), None));
        for format in FORMATS.into_iter().filter(|format| format.name() != record.format) {
            let mut expected = shipped.clone();
            (expected.path, expected.digest) = (None, None);
            expected.shape.weights_bytes = format.weights(expected.shape.parameters);
            format.name().clone_into(&mut expected.shape.format);
            let estimated = candidate(target, expected, None, settings)?;
            let converted = match estimated.plan {
                Some(_) => self.convert(target, &record.name, format, estimated).await?,
                None => estimated,
            };
            self.compared.push((digest(&converted), Some(format)));
            candidates.push(converted);
        }
        let is_used = |candidate: &PlannedCandidate| candidate.model.digest == used.digest;
        let present = candidates.iter().position(is_used).ok_or_else(|| {
            let compared = FORMATS.map(WeightFormat::name).join(", ");
            let (model, format) = (self.model.clone(), used.shape.format.clone());
            TuneError::FormatNotCompared { model, format, compared }
        })?;
        Ok((candidates, present))
    }

    /// Converts a candidate that is `estimated` to fit.
    async fn convert(
        &mut self,
        target: &TuneTarget<'_>,
        name: &str,
        format: WeightFormat,
        mut estimated: PlannedCandidate,
    ) -> Result<PlannedCandidate, TuneError> {
        let TuneInputs { store, converter, observer, stop, .. } = self.inputs;
        let converted = converted_name(name, format);
        let existed = store.show(&converted).is_ok_and(|found| found.is_some());
        let file = convert(store, name, format, Arc::clone(&converter.quantizer), observer);
        let file = stop.run_until_cancelled(file).await.ok_or(TuneError::Stopped)?;
        if !existed && file.is_ok() {
            self.created.push(converted);
        }
        let file = match file {
            Ok(file) => file,
            Err(error) => {
                (estimated.plan, estimated.entry.reason) = (None, Some(error.to_string()));
                return Ok(estimated);
            }
        };
        let meter = Arc::clone(&converter.meter);
        let divergence = conversion_divergence(store, name, format, meter, observer);
        let divergence = stop.run_until_cancelled(divergence).await.ok_or(TuneError::Stopped)??;
        let settings = target.settings();
        let mut candidate =
            candidate(target, planned(&estimated.model, file), Some(divergence), settings)?;
        if candidate.entry.reason.is_none() && !is_faithful(divergence) {
            candidate.entry.reason = Some(format!("KL divergence is not below {DIVERGENCE_BOUND}"));
        }
        Ok(candidate)
    }

    /// Makes the model run as `winner`; returns the name of the conversion, `None` for the file as
    /// shipped.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub(crate) fn keep(&self, winner: &PlannedCandidate) -> Result<Option<String>, TuneError> {
        let kept = self.compared.iter().find(|(known, _)| *known == digest(winner));
        let format = kept.and_then(|(_, format)| *format);
        let store = self.inputs.store;
        store.run_as(&self.model, format)?;
        let stored = store.show(&self.model)?;
        Ok(stored.and_then(|model| model.record.runs_as))
    }

    /// Removes the conversions created for this comparison, except `kept`.
    pub(crate) fn remove_created(&self, kept: Option<&str>) {
        for name in self.created.iter().filter(|name| kept != Some(name.as_str())) {
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

/// `file` as a planned model, with the name and the paper's figures of the model in use.
fn planned(used: &PlannedModel, file: ModelFile) -> PlannedModel {
    PlannedModel {
        name: used.name.clone(),
        path: Some(file.path),
        digest: file.digest,
        shape: file.shape,
        paper: used.paper,
    }
}
