//! Which llama.cpp this is.

/// Kind and build of the engine, as measurements name it: kernels differ between builds. The
/// number is that of the crate that carries llama.cpp's sources, which has no call that tells its
/// own.
pub const BUILD: &str = "llama.cpp/sys-0.1.161";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_is_the_one_that_is_compiled_in() {
        let lock = include_str!("../../../Cargo.lock");
        let package =
            lock.split("[[package]]").find(|p| p.contains("name = \"llama-cpp-sys-2\"\n"));
        let version = package.and_then(|package| package.split("version = \"").nth(1));
        let version = version.and_then(|rest| rest.split('"').next()).unwrap();
        assert_eq!(BUILD, format!("llama.cpp/sys-{version}"));
    }
}
