//! How the engine's threads wait for each other.
//!
//! llama.cpp's threads meet after every operation, some hundreds of times a token. While they wait
//! they spin, by GCC's default for about a millisecond; on a machine that does anything else the
//! thread they wait for cannot run meanwhile. Measured on 2 cores with smollm2:135m in F16: seven
//! agents beside a compiler give 4 tok/s in all with the default (300,000 turns), 8 with 10,000, 32
//! with 1,000 and 33 with none. On the idle machine `bench --quick` gives 82/215/286 tok/s at
//! 1/8/32 streams with the default, 81/214/288 with 1,000 and 65/186/229 with none.
//!
//! libgomp reads its settings when it is loaded, before `main`, so the only way to set them is to
//! start once more: same process, same arguments.

/// Turns of the loop before a thread sleeps: what libgomp itself takes where threads outnumber
/// cores.
#[cfg(target_os = "linux")]
const SPINS: &str = "1000";

/// Starts this program once more with the setting, unless the user has set it or the system cannot.
/// Call it before anything else.
pub fn settle() {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::process::CommandExt;

        const COUNT: &str = "GOMP_SPINCOUNT";
        let is_set = |name: &str| std::env::var_os(name).is_some();
        if is_set(COUNT) || is_set("OMP_WAIT_POLICY") {
            return;
        }
        let mut arguments = std::env::args_os();
        let name = arguments.next().unwrap_or_default();
        if let Ok(program) = std::env::current_exe() {
            // Returns only where it failed; then the default has to do.
            let _ = std::process::Command::new(program)
                .arg0(name)
                .args(arguments)
                .env(COUNT, SPINS)
                .exec();
        }
    }
}
