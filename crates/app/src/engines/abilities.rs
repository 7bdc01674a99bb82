//! Capabilities of engines outside of this process.
//!
//! Of a program of others they are what was tested of it. Of a server elsewhere they are what its API
//! defines; what nothing but the server's build decides is left out.

use harmonic_engine::{Capabilities, Forms};
use harmonic_programs::ProgramAbilities;
use harmonic_types::RemoteDialect;

/// Capabilities of an engine with these abilities.
pub(super) fn of_program(abilities: ProgramAbilities) -> Capabilities {
    Capabilities {
        logprobs: abilities.logprobs,
        forms: Forms {
            json_object: abilities.json_object,
            json_schema: abilities.json_schema,
            grammar: false,
            regex: abilities.regex,
        },
        tools: abilities.tools,
        exact_counts: abilities.exact_counts,
        prefix_cache: abilities.prefix_cache,
        ignore_eos: abilities.ignore_eos,
        own_system_turn: !abilities.holds_system_prompt,
        ..Capabilities::TEXT
    }
}

/// Capabilities of a server that speaks `dialect`.
pub(super) fn of_server(dialect: RemoteDialect) -> Capabilities {
    Capabilities {
        logprobs: dialect == RemoteDialect::OpenAi,
        forms: Forms { json_object: true, json_schema: true, grammar: false, regex: false },
        tools: true,
        own_system_turn: true,
        ..Capabilities::TEXT
    }
}
