//! The server over real sockets, in front of an engine that follows a script.

mod anthropic;
mod described;
mod disconnect;
mod golden;
mod hostile;
mod ollama;
mod openai;
mod port;
mod refusals;
mod scripted;
mod served;
mod shutdown;
