//! Environment variables that tune glibc's allocator.
//!
//! Model weights and caches are allocated by the C library, by default in pages of 4 KiB. Huge
//! pages of 2 MiB make address translation faster. Decode speed of one request at a time of the
//! starter team, tok/s, measured in alternation with the same build without the setting, on two
//! virtual processors of an Intel Xeon with AVX-512, medians of 12, each order of starts twice:
//! 56.5 against 48.4, 62.7 against 51.9, 61.5 against 52.2, 60.3 against 52.3. Resident memory was
//! 1 % more. The setting also makes a server's speed independent of which free pages it is given:
//! without it, the process started first on that machine was slower by up to a quarter than the
//! same program started after it. Where the system always or never gives huge pages, the setting
//! changes nothing.
//!
//! By default glibc retains the memory of large request bodies: after the first buffer of 16 MiB is
//! freed, such buffers come from heaps that shrink only at their ends, and each thread has its own
//! heap. Resident memory of a starter team, in MB, before and after each of two rounds of eight
//! bodies of 16 MiB (one-letter messages), unoptimised, on two busy cores, once each:
//!
//! | settings | before | first | second |
//! |---|---|---|---|
//! | glibc's | 1,878 | 1,916 | 2,064 |
//! | these | 1,875 | 1,910 | 1,921 |
//!
//! With these settings the largest buffers are mapped and unmapped, and there are few heaps. The
//! threshold is above a few megabytes so that a buffer the size of the vocabulary is not mapped
//! again for each token; the effect of the settings on decode speed has not been measured.

/// Variables read by glibc; other C libraries ignore them.
pub const SETTINGS: [(&str, &str); 4] = [
    // Huge pages where the system gives them on request; from glibc 2.35 on.
    ("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1"),
    // Maximum number of heaps, the main one included.
    ("MALLOC_ARENA_MAX", "2"),
    // Size in bytes from which a block is mapped separately: 8 MiB.
    ("MALLOC_MMAP_THRESHOLD_", "8388608"),
    // Free bytes retained at the end of a heap: 16 MiB.
    ("MALLOC_TRIM_THRESHOLD_", "16777216"),
];
