//! Printer of a streamed answer: text on stdout, reasoning and status on stderr.

use std::io;
use std::time::{Duration, Instant};

use futures::StreamExt;
use harmonic_api::openai::ChatRequest;
use harmonic_api::{ChatEvent, Client, ClientError};
use harmonic_app::answer_timing::AnswerTiming;
use harmonic_render::{Bar, Flow, Printer, Width, answer_timing, spinner};
use harmonic_types::Event;

/// Delay before a spinner is shown.
const NO_SPINNER_WITHIN: Duration = Duration::from_millis(300);

/// Time between two questions to the server whether a request is queued.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// Why an answer was not printed to its end.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// The request failed.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The answer cannot be written.
    #[error(transparent)]
    Output(#[from] io::Error),
}

/// State of one answer.
#[derive(Debug)]
pub struct StreamPrinter<'a> {
    printer: &'a Printer,
    text: String,
    flow: Flow,
    in_reasoning: bool,
    truncated: bool,
    /// Limit of the answer, in tokens.
    max_tokens: Option<u32>,
    /// Timing of the answer, once its request is sent.
    timing: Option<AnswerTiming>,
    /// Whether the timing is printed at the end.
    shows_timing: bool,
    spinner: Option<Bar>,
}

impl<'a> StreamPrinter<'a> {
    /// Printer without text yet. The timing is printed on a terminal, or if `asked`.
    pub fn on(printer: &'a Printer, asked: bool) -> Self {
        // What is not shown to a person stays as it came.
        let width = if printer.data_is_live() { printer.width() } else { Width::UNLIMITED };
        Self {
            printer,
            text: String::new(),
            flow: Flow::new(width),
            in_reasoning: false,
            truncated: false,
            max_tokens: None,
            timing: None,
            shows_timing: asked || (printer.is_live() && printer.data_is_live()),
            spinner: None,
        }
    }

    /// Text so far, without the reasoning.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Sends the request and prints the answer. Dropping the future cancels the request and frees
    /// its slot; the text so far stays in [`StreamPrinter::text`].
    ///
    /// # Errors
    /// When the request fails, or stdout is closed.
    pub async fn answer(
        &mut self,
        client: &Client,
        request: &ChatRequest,
    ) -> Result<(), AnswerError> {
        self.max_tokens = request.max_tokens;
        let mut timing = AnswerTiming::new(Instant::now());
        let request_sent = client.chat(request);
        tokio::pin!(request_sent);
        let stream = tokio::select! {
            stream = &mut request_sent => Some(stream),
            () = tokio::time::sleep(NO_SPINNER_WITHIN) => None,
        };
        let mut answer = if let Some(stream) = stream {
            stream?
        } else {
            // The server sends headers once the request has a slot, which may take it a while for
            // other reasons, too.
            self.show_spinner("waiting for the server");
            tokio::select! {
                stream = &mut request_sent => stream?,
                () = queueing(client, &request.model) => {
                    let model = &request.model;
                    self.show_spinner(&format!("{model} is busy: waiting for a free slot"));
                    request_sent.await?
                }
            }
        };
        timing.admitted(answer.queued());
        self.show_spinner(&format!("{} is reading", request.model));
        while let Some(event) = answer.next().await {
            let event = event?;
            timing.event(&event, Instant::now());
            self.timing = Some(timing);
            match event {
                ChatEvent::Delta(Event::Reasoning { text }) => self.write_reasoning(&text),
                ChatEvent::Delta(Event::Text { text, .. }) => self.write_text(&text)?,
                ChatEvent::Finish { reason } => self.truncated = reason == "length",
                // `chat` offers no tools, so there are no tool calls.
                ChatEvent::Delta(_) | ChatEvent::Usage(_) => {}
            }
        }
        self.clear_spinner();
        Ok(())
    }

    /// Ends the line, if one was begun.
    ///
    /// # Errors
    /// When stdout is closed.
    pub fn end(&mut self) -> io::Result<()> {
        self.clear_spinner();
        if std::mem::take(&mut self.in_reasoning) {
            self.printer.aside("\n");
        }
        self.printer.chunk(&self.flow.end())?;
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.printer.chunk("\n")?;
        }
        let timing = self.timing.take();
        if std::mem::take(&mut self.truncated) {
            let tokens = timing.and_then(|timing| Some(timing.usage()?.completion_tokens));
            match self.max_tokens.filter(|limit| tokens.is_none_or(|tokens| tokens >= *limit)) {
                Some(limit) => self.printer.message(&format!("(cut off at --max-tokens {limit})")),
                None => self.printer.message("(cut off: the agent's context is full)"),
            }
        }
        if self.shows_timing
            && let Some(line) = timing.as_ref().and_then(answer_timing::line)
        {
            self.printer.aside(&format!("{line}\n"));
        }
        Ok(())
    }

    fn show_spinner(&mut self, message: &str) {
        self.clear_spinner();
        self.spinner = self.printer.is_live().then(|| spinner(self.printer, message));
    }

    fn clear_spinner(&mut self) {
        if let Some(spinner) = self.spinner.take() {
            spinner.finish_and_clear();
        }
    }

    fn write_reasoning(&mut self, text: &str) {
        self.clear_spinner();
        self.in_reasoning = true;
        self.printer.aside(text);
    }

    fn write_text(&mut self, text: &str) -> io::Result<()> {
        self.clear_spinner();
        if std::mem::take(&mut self.in_reasoning) {
            self.printer.aside("\n\n");
        }
        self.text.push_str(text);
        self.printer.chunk(&self.flow.push(text))
    }
}

/// Returns when the server says that requests to `agent` wait for a slot; never, where it does not.
async fn queueing(client: &Client, agent: &str) {
    loop {
        // Only a server of this program says so, and the request itself reports its errors.
        let Ok(Some(engines)) = client.slots().await else { std::future::pending().await };
        let mut agents = engines.iter().flat_map(|engine| &engine.agents);
        if agents.any(|one| one.agent == agent && one.queued.is_some_and(|queued| queued > 0)) {
            return;
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

impl Drop for StreamPrinter<'_> {
    fn drop(&mut self) {
        self.clear_spinner();
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Slots of a server whose agents have so many queued requests.
    fn slots(coder: u32, analyst: u32) -> String {
        let body = format!(
            r#"{{"schema": "harmonic.slots/1", "engines": [{{"id": "e", "model": "m", "agents": [
                {{"agent": "coder", "slots": 2, "queued": {coder}}},
                {{"agent": "analyst", "slots": 2, "queued": {analyst}}}]}}]}}"#
        );
        format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    #[tokio::test]
    async fn an_agent_is_busy_once_the_server_says_that_its_requests_are_queued() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = Client::new(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let answered = async {
            let mut asked = 0;
            for response in [slots(0, 3), slots(1, 0)] {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _read = stream.read(&mut [0; 4096]).await.unwrap();
                stream.write_all(response.as_bytes()).await.unwrap();
                asked += 1;
            }
            asked
        };
        let ((), asked) = tokio::join!(queueing(&client, "coder"), answered);
        assert_eq!(asked, 2, "the queue of another agent is none of it");
    }
}
