# What llama.cpp's build does beyond what the build script of llama-cpp-sys-2 has switches for. CMake
# includes this file after every `project()` (CMAKE_PROJECT_INCLUDE in .cargo/config.toml). A build
# without it works too: it takes longer, and on processors with AMX it needs GCC 12.4, 13.3 or newer.

if(NOT PROJECT_NAME STREQUAL "llama.cpp")
    return()
endif()

# --- not compiled --------------------------------------------------------------------------------

# `common` serves llama.cpp's own programs and takes as long to compile as all the rest. llama-cpp-2 leaves
# llama-cpp-sys-2's default features on, which ask for it, but calls it only under its own feature
# `common`, which is off (Cargo.toml).
set(LLAMA_BUILD_COMMON OFF CACHE BOOL "" FORCE)

# --- optimised less ------------------------------------------------------------------------------

# What multiplies is ggml, at -O3. What reads files, splits text and fills masks compiles a fifth faster
# at -O2. `models/` builds the graph of each architecture out of calls to the rest: it is most of what
# is compiled here, and -O1 halves that.
function(optimise_llama_less)
    get_target_property(sources llama SOURCES)
    list(FILTER sources EXCLUDE REGEX "(^|/)models/")
    # After the target's options, so that it is the one in force.
    set_property(SOURCE ${sources} TARGET_DIRECTORY llama APPEND PROPERTY COMPILE_OPTIONS -O2)
    target_compile_options(llama PRIVATE -O1)
endfunction()
if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang" AND CMAKE_VERSION VERSION_GREATER_EQUAL 3.19)
    cmake_language(DEFER CALL optimise_llama_less)
endif()

# --- the header that stands before the compiler's ------------------------------------------------

# A copy in the build folder: its path is then the same, relative to that folder, in every clone.
configure_file(${CMAKE_CURRENT_LIST_DIR}/../include/amxtileintrin.h
    ${CMAKE_BINARY_DIR}/before-compiler/amxtileintrin.h COPYONLY)
include_directories(SYSTEM "$<$<COMPILE_LANGUAGE:CXX>:${CMAKE_BINARY_DIR}/before-compiler>")

# --- compiled once for all profiles --------------------------------------------------------------

# Cargo gives each profile a build folder of its own, where the same commands would compile the same
# files. ccache, where it is installed, answers the second time, in the user's own cache and within its
# limit. It is told:
# - to hash what `native` stands for here, because it hashes only the word, and a home directory can be
#   shared by machines with other processors;
# - to take paths relative to the build folder, which differs by profile;
# - to trust the dependencies that the compiler writes (CMake asks for them): otherwise it runs the
#   preprocessor apart, which makes the first compilation slower.
find_program(CCACHE ccache)
set(native "")
foreach(option -march=native -mcpu=native)
    # In a folder that is the same everywhere: clang names the one it runs in.
    execute_process(COMMAND ${CMAKE_C_COMPILER} ${option} -E -v -x c /dev/null
        WORKING_DIRECTORY / OUTPUT_QUIET ERROR_VARIABLE meaning RESULT_VARIABLE failed)
    if(NOT failed)
        string(APPEND native "${meaning}")
    endif()
endforeach()
if(CCACHE AND native AND NOT CMAKE_C_COMPILER_LAUNCHER AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    file(WRITE ${CMAKE_BINARY_DIR}/native.txt "${native}")
    set(CMAKE_C_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_DEPEND=1
        CCACHE_BASEDIR=${CMAKE_BINARY_DIR} CCACHE_EXTRAFILES=${CMAKE_BINARY_DIR}/native.txt ${CCACHE})
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_C_COMPILER_LAUNCHER})
    message(STATUS "compiled files are kept by ${CCACHE}")
endif()
