//! The token of the run, as its tools are told it.
//!
//! It opens nothing: whoever has it may start less with it than without, since what is started then
//! counts as part of the run.

use harmonic_types::RunToken;

use crate::command::CommandPolicy;
use crate::config::{Endpoint, McpConfig};

/// Tells `servers` and `commands` the token, whatever their configuration says in its place. Servers
/// elsewhere learn it only where they are to: it is a secret of this machine.
pub(crate) fn tell(
    token: &RunToken,
    servers: &mut McpConfig,
    commands: Option<&mut CommandPolicy>,
) {
    let variable = || (RunToken::VARIABLE.to_owned(), token.as_str().to_owned());
    for server in &mut servers.servers {
        match &mut server.endpoint {
            Endpoint::Stdio { env, .. } => env.extend([variable()]),
            Endpoint::Http { headers, is_told_run, .. } => {
                headers.retain(|name, _| !name.eq_ignore_ascii_case(RunToken::HEADER));
                if *is_told_run {
                    headers.insert(RunToken::HEADER.to_owned(), token.as_str().to_owned());
                }
            }
        }
    }
    if let Some(policy) = commands {
        policy.environment.extend([variable()]);
    }
}
