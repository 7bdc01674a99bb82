//! What is shown of a run while it goes on.

use std::io;

use harmonic_api::RunNews;
use harmonic_api::runs::RunChange;
use harmonic_app::run_view::RunView;
use harmonic_orchestrator::RunEvent;
use harmonic_render::run_lanes::RunLanes;
use harmonic_render::run_lines::RunLines;
use harmonic_render::{Printer, runs};

use crate::answer::AnswerPrinter;
use crate::document::NewsDocument;

/// Form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For people: lanes on a terminal, else lines; and the answer.
    Text,
    /// A JSON document a line for each event.
    Events,
    /// Nothing but progress on stderr; the caller prints the record.
    Record,
}

/// Output of one run.
#[derive(Debug)]
pub(crate) struct Stage<'a> {
    printer: &'a Printer,
    form: Form,
    lanes: Option<RunLanes<'a>>,
    lines: RunLines,
    answer: Option<AnswerPrinter<'a>>,
}

impl<'a> Stage<'a> {
    pub(crate) fn new(printer: &'a Printer, form: Form) -> Self {
        let lanes = (form != Form::Events && printer.is_live()).then(|| RunLanes::new(printer));
        let answer = (form == Form::Text).then(|| AnswerPrinter::on(printer));
        Self { printer, form, lanes, lines: RunLines::default(), answer }
    }

    /// Whether lanes are drawn.
    pub(crate) fn is_live(&self) -> bool {
        self.lanes.is_some()
    }

    /// Lines of `news` where no lanes are drawn; `before` is the state without it.
    pub(crate) fn lines(&mut self, before: &RunView, news: &RunNews) -> Vec<String> {
        let answers = self.answer.as_ref().is_some_and(AnswerPrinter::has_begun);
        // Between the lines of an answer that a person reads, others would disturb.
        let is_hidden = self.is_live() || answers && self.printer.data_is_live();
        if self.form == Form::Events || is_hidden {
            return Vec::new();
        }
        self.lines.lines(before, news)
    }

    /// Shows `news`, after which the state is `view`, and its `lines`.
    pub(crate) fn news(
        &mut self,
        view: &RunView,
        news: &RunNews,
        lines: &[String],
        question: Option<&str>,
    ) -> io::Result<()> {
        if self.form == Form::Events {
            let document = serde_json::to_string(&NewsDocument::from(news))
                .map_err(|error| io::Error::other(format!("cannot write JSON: {error}")))?;
            return self.printer.data(&document);
        }
        if let Some((answer, call, text)) = self.answer.as_mut().and_then(|printer| match news {
            RunNews::Update(update) => match &update.change {
                RunChange::Text { call, text, answer: true, .. } => Some((printer, *call, text)),
                _ => None,
            },
            _ => None,
        }) {
            // On a terminal, the answer stands where the lanes were.
            if self.printer.data_is_live() {
                self.lanes = None;
            }
            answer.text(call, text)?;
        }
        if let Some(lanes) = &mut self.lanes {
            if let Some(line) = remarkable(news) {
                lanes.above(&line);
            }
            let is_text = matches!(news, RunNews::Update(update)
                if matches!(update.change, RunChange::Text { .. }));
            lanes.draw(view, question, !is_text);
        }
        for line in lines {
            self.printer.message(line);
        }
        Ok(())
    }

    /// Draws the lanes again.
    pub(crate) fn redraw(&mut self, view: &RunView, question: Option<&str>) {
        if let Some(lanes) = &mut self.lanes {
            lanes.draw(view, question, true);
        }
    }

    /// Prints a message beside what is drawn.
    pub(crate) fn message(&self, text: &str) {
        match &self.lanes {
            Some(lanes) => lanes.above(text),
            None => self.printer.message(text),
        }
    }

    /// Ends the output, with the answer of the run's record.
    pub(crate) fn end(self, answer: Option<&str>) -> io::Result<()> {
        drop(self.lanes);
        self.answer.map_or(Ok(()), |printer| printer.end(answer))
    }
}

/// What stays on the terminal when the lanes are gone.
fn remarkable(news: &RunNews) -> Option<String> {
    match news {
        RunNews::Snapshot(_) | RunNews::Lost(_) => None,
        RunNews::Update(update) => match &update.change {
            RunChange::Run(RunEvent::Note { text }) => Some(format!("note: {text}")),
            RunChange::Asked { approval } => Some(format!("approval {}", runs::question(approval))),
            _ => None,
        },
    }
}
