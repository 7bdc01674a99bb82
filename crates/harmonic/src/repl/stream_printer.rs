//! One answer as it comes: the text on stdout, what accompanies it beside.

use std::time::Duration;

use futures::StreamExt;
use harmonic_api::openai::ChatRequest;
use harmonic_api::{ChatEvent, Client};
use harmonic_render::{Printer, Spinner, spinner};
use harmonic_types::Event;

/// An answer that begins within this needs no word about waiting.
const AT_ONCE: Duration = Duration::from_millis(300);

/// One answer.
#[derive(Debug)]
pub struct StreamPrinter<'a> {
    printer: &'a Printer,
    said: String,
    thinks: bool,
    cut: bool,
    waiting: Option<Spinner>,
}

impl<'a> StreamPrinter<'a> {
    /// Nothing is said yet.
    pub fn on(printer: &'a Printer) -> Self {
        Self { printer, said: String::new(), thinks: false, cut: false, waiting: None }
    }

    /// What has been said, without the reasoning.
    pub fn said(&self) -> &str {
        &self.said
    }

    /// Asks, and prints the answer. Dropping the future ends the request and frees its slot; what
    /// came so far stays in [`StreamPrinter::said`].
    ///
    /// # Errors
    /// When the server does not answer, or nobody reads what is printed.
    pub async fn answer(&mut self, client: &Client, request: &ChatRequest) -> anyhow::Result<()> {
        let asking = client.chat(request);
        tokio::pin!(asking);
        let begun = tokio::select! {
            begun = &mut asking => Some(begun),
            () = tokio::time::sleep(AT_ONCE) => None,
        };
        let mut answer = if let Some(begun) = begun {
            begun?
        } else {
            // The server begins to answer when the request has a slot.
            self.wait(&format!("{} is busy: waiting for a free slot", request.model));
            asking.await?
        };
        self.wait(&format!("{} reads", request.model));
        while let Some(event) = answer.next().await {
            match event? {
                ChatEvent::Delta(Event::Reasoning { text }) => self.think(&text),
                ChatEvent::Delta(Event::Text { text, .. }) => self.say(&text)?,
                ChatEvent::Finish { reason } => self.cut = reason == "length",
                // `chat` offers no tools, so nothing is called.
                ChatEvent::Delta(_) | ChatEvent::Usage(_) => {}
            }
        }
        self.rest();
        Ok(())
    }

    /// Ends the line, if one was begun.
    ///
    /// # Errors
    /// When nobody reads what is printed.
    pub fn end(&mut self) -> anyhow::Result<()> {
        self.rest();
        if std::mem::take(&mut self.thinks) {
            self.printer.aside("\n");
        }
        if !self.said.is_empty() && !self.said.ends_with('\n') {
            self.printer.piece("\n")?;
        }
        if std::mem::take(&mut self.cut) {
            self.printer.say("(cut off: the agent's context is full)");
        }
        Ok(())
    }

    fn wait(&mut self, message: &str) {
        self.rest();
        self.waiting = self.printer.is_live().then(|| spinner(message));
    }

    fn rest(&mut self) {
        if let Some(waiting) = self.waiting.take() {
            waiting.finish_and_clear();
        }
    }

    fn think(&mut self, text: &str) {
        self.rest();
        self.thinks = true;
        self.printer.aside(text);
    }

    fn say(&mut self, text: &str) -> anyhow::Result<()> {
        self.rest();
        if std::mem::take(&mut self.thinks) {
            self.printer.aside("\n\n");
        }
        self.said.push_str(text);
        Ok(self.printer.piece(text)?)
    }
}

impl Drop for StreamPrinter<'_> {
    fn drop(&mut self) {
        self.rest();
    }
}
