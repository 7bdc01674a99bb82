//! Version of llama.cpp.

/// Kind and build of the engine, as recorded with measurements, since kernels differ between
/// builds. The number is that of the crate with llama.cpp's sources, which has no version function.
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
