//! The answer of a run on stdout, as it is written.
//!
//! Invariant: what stands on stdout in the end is the answer of the record, whole. One that was not
//! streamed, or was streamed in part, is printed then.

use std::io;

use harmonic_orchestrator::CallId;
use harmonic_render::{Flow, Printer, Width};

/// Printer of an answer.
#[derive(Debug)]
pub(crate) struct AnswerPrinter<'a> {
    printer: &'a Printer,
    flow: Flow,
    /// The call that writes it; another one begins anew.
    call: Option<CallId>,
    text: String,
}

impl<'a> AnswerPrinter<'a> {
    pub(crate) fn on(printer: &'a Printer) -> Self {
        Self { printer, flow: flow(printer), call: None, text: String::new() }
    }

    /// Whether any of it was printed.
    pub(crate) fn has_begun(&self) -> bool {
        self.call.is_some()
    }

    /// Prints more text of `call`.
    pub(crate) fn text(&mut self, call: CallId, text: &str) -> io::Result<()> {
        if self.call.replace(call).is_some_and(|before| before != call) {
            self.end_line()?;
            self.printer.message("(the answer is written anew)");
            self.text.clear();
        }
        self.text.push_str(text);
        self.printer.chunk(&self.flow.push(text))
    }

    /// Prints what is missing of `answer`.
    pub(crate) fn end(mut self, answer: Option<&str>) -> io::Result<()> {
        let Some(answer) = answer else { return self.end_line() };
        if let Some(rest) = answer.strip_prefix(self.text.as_str()) {
            self.text.push_str(rest);
            let rest = self.flow.push(rest);
            self.printer.chunk(&rest)?;
            return self.end_line();
        }
        // Models end answers with blanks, which the record does not keep.
        if self.text.trim() == answer.trim() {
            return self.end_line();
        }
        self.end_line()?;
        self.printer.message("(the answer, whole)");
        answer.clone_into(&mut self.text);
        let whole = self.flow.push(answer);
        self.printer.chunk(&whole)?;
        self.end_line()
    }

    fn end_line(&mut self) -> io::Result<()> {
        let rest = self.flow.end();
        self.printer.chunk(&rest)?;
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.printer.chunk("\n")?;
        }
        self.flow = flow(self.printer);
        Ok(())
    }
}

/// Flow of text: what is not shown to a person stays as it came.
fn flow(printer: &Printer) -> Flow {
    Flow::new(if printer.data_is_live() { printer.width() } else { Width::UNLIMITED })
}
