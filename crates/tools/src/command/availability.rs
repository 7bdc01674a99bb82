//! Whether this system can confine commands.

/// What a system lacks to confine commands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Lacking(String);

/// Checks that the kernel has what the confinement needs.
///
/// # Errors
/// [`Lacking`] names the first thing that is missing, and the remedy.
pub fn confinement() -> Result<(), Lacking> {
    #[cfg(target_os = "linux")]
    {
        super::confinement::require_landlock().map_err(Lacking)?;
        let actions = std::fs::read_to_string("/proc/sys/kernel/seccomp/actions_avail");
        let has_filters =
            actions.is_ok_and(|actions| actions.split_whitespace().any(|action| action == "errno"));
        if !has_filters {
            return Err(Lacking(
                "the kernel has no seccomp filters: use one with CONFIG_SECCOMP_FILTER".to_owned(),
            ));
        }
        if super::system_calls::Filters::new(false).is_err() {
            return Err(Lacking(
                "seccomp filters are not known for this processor: run commands elsewhere"
                    .to_owned(),
            ));
        }
        Ok(())
    }
    #[cfg(not(target_os = "linux"))]
    Err(Lacking("confinement needs Linux: offer no commands on this system".to_owned()))
}
