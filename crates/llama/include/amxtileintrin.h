/*
 * Overrides the compiler's header of the same name while llama.cpp is built (.cargo/config.toml).
 *
 * GCC before 12.4 and 13.3 declares that `_tile_loadconfig` reads 8 bytes, but the processor reads
 * 64 (GCC bug 114098). llama.cpp fills those 64 bytes just before, the optimiser removes most of
 * the stores, and the first matrix product crashes with "general protection fault" or "invalid
 * opcode" on every processor with AMX. Debian 12 has such a GCC.
 */
#include_next <amxtileintrin.h>

#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__)
#undef _tile_loadconfig
#define _tile_loadconfig(config)                                                                   \
    __asm__ volatile("ldtilecfg\t%X0" ::"m"(*(const struct harmonic_tile_config *)(config)))
#ifndef HARMONIC_TILE_CONFIG
#define HARMONIC_TILE_CONFIG
struct harmonic_tile_config {
    char bytes[64];
};
#endif
#endif
