//! Exit codes, which scripts rely on.

use std::io;
use std::process::ExitCode;

use harmonic_render::ReaderGone;

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
    /// What an error is worth. Whoever reads our output may stop reading: that is no failure. A
    /// connection that breaks is one, though the system gives both the same name.
    pub fn of(error: &anyhow::Error) -> Self {
        let mut exit = Self::Failure;
        for cause in error.chain() {
            if let Some(error) = cause.downcast_ref::<io::Error>()
                && error.get_ref().is_some_and(
                    <dyn std::error::Error + std::marker::Send + std::marker::Sync + 'static>::is::<
                        ReaderGone,
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
        let closed = broken(Box::<dyn std::error::Error + Send + Sync>::from(ReaderGone));
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
