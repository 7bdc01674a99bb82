//! Weight formats that compete: as shipped, and what it can be converted to.

use std::sync::Arc;

use harmonic_models::{
    DIVERGENCE_BOUND, ModelError, StoredModel, WeightFormat, conversion_divergence, convert,
    converted_name, is_faithful,
};
use harmonic_planner::PlannedModel;
use harmonic_types::ModelFile;

use crate::engines::LlamaConverter;
use crate::failure::Failure;
use crate::progress::Shown;
use crate::setup::Desk;
use crate::setup::candidates::{Entry, entry};
use crate::setup::subject::Subject;

/// What a model is converted to: formats that some CPU or GPU has fast kernels for.
const FORMATS: [WeightFormat; 4] =
    [WeightFormat::F16, WeightFormat::BF16, WeightFormat::Q8_0, WeightFormat::Q4_0];

/// The conversions of one model, and which of them were made here.
#[derive(Debug)]
pub struct Formats<'a> {
    desk: Desk<'a>,
    model: String,
    /// Names of those that were not there before.
    made: Vec<String>,
    /// Format of each entry; `None` for the file as it came.
    entries: Vec<(Option<String>, Option<WeightFormat>)>,
}

impl<'a> Formats<'a> {
    /// None so far.
    pub fn of(subject: &Subject<'a>) -> Self {
        let (desk, model) = (subject.desk, subject.model.clone());
        Self { desk, model, made: Vec::new(), entries: Vec::new() }
    }

    /// The formats that can compete, converted, and the place of the one in use.
    ///
    /// # Errors
    /// When the model is not in the store, or the user stops it. What a conversion lacks is the
    /// reason of its entry.
    pub async fn entries(&mut self, subject: &Subject<'_>) -> anyhow::Result<(Vec<Entry>, usize)> {
        let stored = self.desk.settings.store.show(&self.model)?;
        let StoredModel { record, file } =
            stored.ok_or_else(|| ModelError::NotStored(self.model.clone()))?;
        let used = subject.planned()?;
        let settings = (subject.setup.kv_layout, subject.setup.threads);
        let shipped = planned(used, file);
        let mut entries = vec![entry(subject, shipped.clone(), None, settings)?];
        self.entries.push((digest(&entries[0]), None));
        for format in FORMATS.into_iter().filter(|format| format.name() != record.format) {
            let mut expected = shipped.clone();
            (expected.path, expected.digest) = (None, None);
            expected.shape.weights_bytes = format.weights(expected.shape.parameters);
            format.name().clone_into(&mut expected.shape.format);
            let room = entry(subject, expected, None, settings)?;
            let made = match room.plan {
                Some(_) => self.convert(subject, &record.name, format, room).await?,
                None => room,
            };
            self.entries.push((digest(&made), Some(format)));
            entries.push(made);
        }
        let is_used = |entry: &Entry| entry.model.digest == used.digest;
        let present = entries.iter().position(is_used).ok_or_else(|| {
            Failure::new(
                format!("{} runs as {}, which is not compared", self.model, used.shape.format),
                format!("use one of {}", FORMATS.map(WeightFormat::name).join(", ")),
            )
        })?;
        Ok((entries, present))
    }

    /// The entry of a conversion that has `room`.
    async fn convert(
        &mut self,
        subject: &Subject<'_>,
        name: &str,
        format: WeightFormat,
        mut room: Entry,
    ) -> anyhow::Result<Entry> {
        let Desk { settings, printer, stop, .. } = self.desk;
        let store = &settings.store;
        let target = converted_name(name, format);
        let was_here = store.show(&target).is_ok_and(|found| found.is_some());
        let converter = Arc::new(LlamaConverter { threads: subject.hardware.cpu_threads() });
        let shown = Shown::on(printer);
        let made = stop.or(convert(store, name, format, converter.clone(), &shown)).await?;
        if !was_here && made.is_ok() {
            self.made.push(target);
        }
        let file = match made {
            Ok(file) => file,
            Err(error) => {
                (room.plan, room.about.reason) = (None, Some(error.to_string()));
                return Ok(room);
            }
        };
        let divergence =
            stop.or(conversion_divergence(store, name, format, converter, &shown)).await??;
        drop(shown);
        let settings = (subject.setup.kv_layout, subject.setup.threads);
        let mut entry = entry(subject, planned(&room.model, file), Some(divergence), settings)?;
        if entry.about.reason.is_none() && !is_faithful(divergence) {
            entry.about.reason = Some(format!("KL divergence is not below {DIVERGENCE_BOUND}"));
        }
        Ok(entry)
    }

    /// From now on the model runs as `winner`. Name of the conversion; `None` for the file as it
    /// came.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn keep(&self, winner: &Entry) -> anyhow::Result<Option<String>> {
        let kept = self.entries.iter().find(|(known, _)| *known == digest(winner));
        let format = kept.and_then(|(_, format)| *format);
        let store = &self.desk.settings.store;
        store.run_as(&self.model, format)?;
        let stored = store.show(&self.model)?;
        Ok(stored.and_then(|model| model.record.runs_as))
    }

    /// Removes the conversions that were made here, but not `kept`.
    pub fn discard_losers(&self, kept: Option<&str>) {
        for name in self.made.iter().filter(|name| kept != Some(name.as_str())) {
            if let Err(error) = self.desk.settings.store.remove(name) {
                self.desk.printer.say(&format!("{name} stays in the store: {error}"));
            }
        }
    }
}

fn digest(entry: &Entry) -> Option<String> {
    entry.model.digest.clone()
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
