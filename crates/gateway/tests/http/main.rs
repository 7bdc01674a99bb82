//! The server over real sockets, in front of a scripted engine.

mod access;
mod agent_info;
mod anthropic;
mod bodies;
mod capabilities;
mod connections;
mod disconnect;
mod embeddings;
mod events;
mod golden;
mod host_names;
mod hostile;
mod metrics;
mod ollama;
mod open_webui;
mod openai;
mod openapi;
mod port;
mod pull;
mod queue;
mod refusals;
mod root;
mod scripted_engine;
mod shutdown;
mod test_server;
