//! Exit codes of the program.

use std::io;
use std::process::ExitCode;

use harmonic_render::StdoutClosed;

/// Exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Success.
    Ok,
    /// Error that the user can fix; also an interruption by the user.
    Failure,
    /// Wrong usage.
    Usage,
    /// Unexpected error.
    Unexpected,
}

impl Exit {
    /// Exit status of an error. A closed stdout is a success, because its reader may stop reading;
    /// other broken connections are failures, although the system reports both as broken pipes.
    pub fn of(error: &anyhow::Error) -> Self {
        let mut exit = Self::Failure;
        for cause in error.chain() {
            if let Some(error) = cause.downcast_ref::<io::Error>()
                && error.get_ref().is_some_and(
                    <dyn std::error::Error + std::marker::Send + std::marker::Sync + 'static>::is::<
                        StdoutClosed,
                    >,
                )
            {
                return Self::Ok;
            }
            if harmonic_app::is_unexpected(cause) {
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
    use harmonic_engine::EngineError;

    use super::*;

    #[test]
    fn the_cause_decides() {
        let broken = |inner| anyhow::Error::from(io::Error::new(io::ErrorKind::BrokenPipe, inner));
        let closed = broken(Box::<dyn std::error::Error + Send + Sync>::from(StdoutClosed));
        assert_eq!(Exit::of(&closed.context("cannot print")), Exit::Ok);
        let of_network = broken("the peer closed the connection".into());
        assert_eq!(Exit::of(&of_network.context("cannot reach the server")), Exit::Failure);
        let bare = anyhow::Error::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(Exit::of(&bare), Exit::Failure);
        let died = EngineError::Died { id: "one".to_owned(), message: "bug".to_owned() };
        assert_eq!(Exit::of(&anyhow::Error::from(died).context("up")), Exit::Unexpected);
        assert_eq!(Exit::of(&anyhow::anyhow!("no such file")), Exit::Failure);
    }
}
