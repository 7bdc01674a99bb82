//! Exit codes, which scripts rely on.

use std::io;
use std::process::ExitCode;

use harmonic_engine::EngineError;
use harmonic_gateway::GatewayError;
use harmonic_launcher::LaunchError;

/// How the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It worked.
    Ok,
    /// It did not, and the user can fix it; also when the user stopped it before it was done.
    Failure,
    /// Wrong usage.
    Usage,
    /// It did not, and that was not foreseen.
    Unexpected,
}

impl Exit {
    /// What an error is worth. Whoever reads our output may stop reading: that is no failure.
    pub fn of(error: &anyhow::Error) -> Self {
        let mut exit = Self::Failure;
        for cause in error.chain() {
            if let Some(error) = cause.downcast_ref::<io::Error>()
                && error.kind() == io::ErrorKind::BrokenPipe
            {
                return Self::Ok;
            }
            let died = matches!(cause.downcast_ref(), Some(EngineError::Died { .. }))
                || matches!(cause.downcast_ref(), Some(LaunchError::Panicked { .. }))
                || matches!(cause.downcast_ref(), Some(GatewayError::Accept(_)))
                || cause.is::<tokio::task::JoinError>();
            if died {
                exit = Self::Unexpected;
            }
        }
        exit
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Ok => 0,
            Exit::Failure => 1,
            Exit::Usage => 2,
            Exit::Unexpected => 3,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_decides() {
        let closed = anyhow::Error::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(Exit::of(&closed.context("cannot print")), Exit::Ok);
        let died = EngineError::Died { id: "one".to_owned(), message: "bug".to_owned() };
        assert_eq!(Exit::of(&anyhow::Error::from(died).context("up")), Exit::Unexpected);
        assert_eq!(Exit::of(&anyhow::anyhow!("no such file")), Exit::Failure);
    }
}
