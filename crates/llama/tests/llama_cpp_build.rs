//! `cmake/llama-cpp.cmake` on a small project of llama.cpp's name: what is not compiled, the header
//! that stands before the compiler's, and ccache, which a script of this test stands in for.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

const PROJECT: &str = r##"
cmake_minimum_required(VERSION 3.15)
project(llama.cpp C CXX)
option(LLAMA_BUILD_COMMON "" ON)
add_library(llama STATIC code.c ${CMAKE_BINARY_DIR}/generated.cpp)
target_include_directories(llama PRIVATE ${CMAKE_BINARY_DIR})
file(WRITE ${CMAKE_BINARY_DIR}/generated.cpp "#if defined(__x86_64__) && __GNUC__ >= 11
#include <immintrin.h>
#if !defined(__clang__) && !defined(HARMONIC_TILE_CONFIG)
#error the compiler's header is taken
#endif
#endif
")
if(LLAMA_BUILD_COMMON)
    message(FATAL_ERROR "common is compiled")
endif()
"##;

/// Notes what it is asked for, with the build folder as `@`, and compiles.
const CCACHE: &str = r#"#!/bin/sh
echo "$CCACHE_DEPEND $(cksum <"$CCACHE_EXTRAFILES") $*" | sed "s#$CCACHE_BASEDIR#@#g" >>"$0.log"
exec "$@"
"#;

/// A project, and folders to build it in.
struct Project {
    folder: TempDir,
}

impl Project {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let project = Self { folder };
        fs::create_dir_all(project.path("bin")).unwrap();
        fs::write(project.path("CMakeLists.txt"), PROJECT).unwrap();
        fs::write(project.path("code.c"), "int one(void) { return 1; }\n").unwrap();
        project
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Configures and compiles in `folder`, as `llama-cpp-sys-2` asks for it.
    fn build(&self, folder: &str, definitions: &[&str]) {
        let hook = Path::new(env!("CARGO_MANIFEST_DIR")).join("cmake/llama-cpp.cmake");
        let mut configure = Command::new("cmake");
        configure.arg("-S").arg(self.folder.path()).arg("-B").arg(self.path(folder));
        configure.arg(format!("-DCMAKE_PROJECT_INCLUDE={}", hook.display()));
        configure.args(["-DLLAMA_BUILD_COMMON=ON", "-DCMAKE_BUILD_TYPE=Release"]);
        let mut compile = Command::new("cmake");
        compile.arg("--build").arg(self.path(folder));
        for command in [configure.args(definitions), &mut compile] {
            // A launcher in the environment would be taken instead.
            command.env_remove("CMAKE_C_COMPILER_LAUNCHER");
            command.env_remove("CMAKE_CXX_COMPILER_LAUNCHER");
            let output = command.output().unwrap();
            assert!(output.status.success(), "{command:?}: {output:#?}");
        }
    }
}

#[test]
fn without_ccache_the_compiler_is_called_and_common_is_left_out() {
    Project::new().build("plain", &["-DCCACHE=OFF"]);
}

#[cfg(unix)]
#[test]
fn ccache_sees_the_same_commands_in_every_build_folder() {
    use std::os::unix::fs::PermissionsExt as _;

    let project = Project::new();
    let ccache = project.path("bin/ccache");
    fs::write(&ccache, CCACHE).unwrap();
    fs::set_permissions(&ccache, fs::Permissions::from_mode(0o755)).unwrap();
    let program = format!("-DCCACHE={}", ccache.display());
    let log = project.path("bin/ccache.log");
    let seen = ["release/build", "debug/build"].map(|folder| {
        project.build(folder, &[&program]);
        let mut lines: Vec<String> =
            fs::read_to_string(&log).unwrap().lines().map(str::to_owned).collect();
        fs::remove_file(&log).unwrap();
        lines.sort();
        lines
    });
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0].len(), 2, "C and C++: {seen:?}");
    assert!(seen[0].iter().all(|line| line.starts_with("1 ")), "by dependencies: {seen:?}");
}
