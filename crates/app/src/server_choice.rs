//! Which server a command means: the one place where a port, an address, or neither becomes a
//! running team or a client of it, and where the option that names it again is written.

use harmonic_api::Client;
use harmonic_launcher::Instance;

use crate::error::{AppError, Result};
use crate::event::Observer;
use crate::instances::running;
use crate::settings::Settings;

/// The server that a command means, as given by the user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ServerChoice {
    /// The team of this machine on the configured port, else the only one.
    #[default]
    Configured,
    /// The team of this machine on this port.
    Port(u16),
    /// The server at this address.
    Address(String),
}

/// A server, and how further commands name it.
#[derive(Clone, Debug)]
pub struct ChosenServer {
    /// Its client, with our API key.
    pub client: Client,
    /// Option with a leading space, such as ` --port 5000`; empty where none is needed.
    pub option: String,
}

impl ServerChoice {
    /// Choice from the values of two options that exclude each other.
    pub fn new(port: Option<u16>, url: Option<&str>) -> Self {
        match (port, url) {
            (_, Some(url)) => Self::Address(url.to_owned()),
            (Some(port), None) => Self::Port(port),
            (None, None) => Self::Configured,
        }
    }

    /// Client of the server.
    ///
    /// # Errors
    /// When no such team runs here, several do and none is named, or the address is invalid.
    pub fn client(&self, settings: &Settings, observer: &dyn Observer) -> Result<ChosenServer> {
        if let Self::Address(url) = self {
            let client = settings.client(url)?;
            let option = format!(" --url {}", client.base_url());
            return Ok(ChosenServer { client, option });
        }
        let instance = select(running(settings, observer)?, self, settings.port, true)?;
        let option = port_option(instance.port, settings);
        Ok(ChosenServer { client: settings.client(&instance.url)?, option })
    }

    /// Name of the stack that the server's team serves; `None` for a server at an address.
    ///
    /// # Errors
    /// As [`ServerChoice::client`].
    pub fn stack(&self, settings: &Settings, observer: &dyn Observer) -> Result<Option<String>> {
        match self {
            Self::Address(_) => Ok(None),
            _ => Ok(Some(select(running(settings, observer)?, self, settings.port, true)?.stack)),
        }
    }

    /// The team of this machine, for commands that take no address.
    ///
    /// # Errors
    /// When it does not run, several do and none is named, or the server is elsewhere.
    pub fn instance(&self, settings: &Settings, observer: &dyn Observer) -> Result<Instance> {
        select(running(settings, observer)?, self, settings.port, false)
    }
}

/// The team of this machine that serves `stack`, a name or a file; `None` where none does.
///
/// # Errors
/// When the stack is unknown, or the record of the teams cannot be read.
pub fn serving(
    stack: &str,
    settings: &Settings,
    observer: &dyn Observer,
) -> Result<Option<ChosenServer>> {
    let wanted = harmonic_stack::resolve(stack)?.name;
    let found = running(settings, observer)?.into_iter().find(|team| team.stack == wanted);
    found
        .map(|team| {
            let option = port_option(team.port, settings);
            Ok(ChosenServer { client: settings.client(&team.url)?, option })
        })
        .transpose()
}

/// Option that names the team on `port` in the next command, with a leading space; empty where a
/// command without it means that team, whatever else runs.
pub fn port_option(port: u16, settings: &Settings) -> String {
    if port == settings.port && port == Settings::DEFAULT_PORT {
        return String::new();
    }
    format!(" --port {port}")
}

/// The teams with their ports, for a message.
pub(crate) fn ports(instances: &[Instance]) -> String {
    let shown = instances.iter().map(|instance| format!("{} ({})", instance.port, instance.stack));
    shown.collect::<Vec<_>>().join(", ")
}

/// The instance that `choice` means; of several, without a choice, that on the port `configured`. The
/// hint names `--url` only where the command `takes_url`.
fn select(
    mut instances: Vec<Instance>,
    choice: &ServerChoice,
    configured: u16,
    takes_url: bool,
) -> Result<Instance> {
    let position = |port| instances.iter().position(|instance| instance.port == port);
    let found = match choice {
        ServerChoice::Port(port) => position(*port),
        ServerChoice::Configured => position(configured).or((instances.len() == 1).then_some(0)),
        ServerChoice::Address(_) => None,
    };
    if let Some(found) = found {
        return Ok(instances.swap_remove(found));
    }
    let running = match instances.as_slice() {
        [] => "`harmonic up --detach` starts one (--stack starter is the smallest)".to_owned(),
        some => format!("teams run on the ports {}", ports(some)),
    };
    let elsewhere = |text: &str| if takes_url { format!("; {text}") } else { String::new() };
    Err(match choice {
        ServerChoice::Port(port) => AppError::refused(
            format!("no team runs on port {port}"),
            format!("{running}{}", elsewhere("--url names any other server")),
        ),
        ServerChoice::Address(url) => {
            AppError::refused(format!("{url} is not a team of this machine"), running)
        }
        ServerChoice::Configured if instances.is_empty() => AppError::refused(
            "no team runs here",
            format!("{running}{}", elsewhere("--url names a server elsewhere")),
        ),
        ServerChoice::Configured => {
            let count = instances.len();
            let hint = format!("name one with --port: {}", ports(&instances));
            AppError::refused(format!("{count} teams run here"), hint)
        }
    })
}

#[cfg(test)]
mod tests {
    use harmonic_launcher::ProcessId;

    use super::*;
    use crate::error::hint;

    fn instances(ports: &[u16]) -> Vec<Instance> {
        let instance = |port: &u16| Instance {
            schema: Instance::SCHEMA.to_owned(),
            process: ProcessId::own(),
            stack: "starter".to_owned(),
            url: format!("http://127.0.0.1:{port}"),
            port: *port,
            since: 0,
            grace: 30,
            log: None,
            agents: Vec::new(),
        };
        ports.iter().map(instance).collect()
    }

    fn chosen(ports: &[u16], choice: &ServerChoice, configured: u16) -> Result<u16, String> {
        match select(instances(ports), choice, configured, true) {
            Ok(instance) => Ok(instance.port),
            Err(error) => Err(format!("{error}: {}", hint(&error).unwrap())),
        }
    }

    #[test]
    fn a_port_wins_over_the_configured_one_which_wins_over_the_only_one() {
        let configured = ServerChoice::new(None, None);
        for (running, choice, port, expected) in [
            (&[5000][..], &configured, 4276, Ok(5000)),
            (&[4276, 5000], &configured, 4276, Ok(4276)),
            (&[4276, 5000], &ServerChoice::new(Some(5000), None), 4276, Ok(5000)),
        ] {
            assert_eq!(chosen(running, choice, port), expected);
        }
        let error = chosen(&[5000, 5001], &configured, 4276).unwrap_err();
        assert_eq!(error, "2 teams run here: name one with --port: 5000 (starter), 5001 (starter)");
        let error = chosen(&[5000], &ServerChoice::Port(9), 4276).unwrap_err();
        assert!(error.starts_with("no team runs on port 9: "), "{error}");
        assert!(error.contains("5000 (starter)"), "{error}");
        let error = chosen(&[], &configured, 4276).unwrap_err();
        assert!(error.contains("harmonic up --detach"), "{error}");
    }

    #[test]
    fn an_address_is_offered_only_by_commands_that_take_one() {
        for choice in [ServerChoice::Configured, ServerChoice::Port(9)] {
            for takes_url in [false, true] {
                let refused = select(Vec::new(), &choice, 4276, takes_url).unwrap_err();
                let hint = hint(&refused).unwrap();
                assert!(hint.starts_with("`harmonic up --detach` starts one"), "{hint}");
                assert_eq!(hint.contains("--url"), takes_url, "{hint}");
            }
        }
    }
}
