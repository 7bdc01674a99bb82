//! The server over real sockets, in front of an engine that follows a script.

mod access;
mod anthropic;
mod bodies;
mod capabilities;
mod connections;
mod described;
mod described_agents;
mod disconnect;
mod events;
mod golden;
mod hostile;
mod metrics;
mod names;
mod ollama;
mod open_webui;
mod openai;
mod port;
mod pulling;
mod queue;
mod refusals;
mod scripted;
mod served;
mod shutdown;
