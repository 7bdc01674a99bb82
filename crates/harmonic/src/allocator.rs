//! How memory goes back to the system.
//!
//! By default glibc keeps what large bodies took: after the first buffer of 16 MiB is freed, such
//! buffers come from heaps that shrink only at their ends, and each thread has a heap of its own.
//! Eight bodies of 16 MiB at once, of one-letter messages, left a starter team of 1,878 MB with 1,916,
//! and a second round with 2,064 MB.
//!
//! With these settings whole bodies are mapped and unmapped, and there are few heaps. Buffers of the
//! decode loop stay below the bound: to map them anew for each token would cost more than the token.

/// glibc's settings. Other C libraries do not read them.
pub const SETTINGS: [(&str, &str); 3] = [
    // Heaps, the first included.
    ("MALLOC_ARENA_MAX", "2"),
    // Bytes from which a block is mapped by itself: 8 MiB.
    ("MALLOC_MMAP_THRESHOLD_", "8388608"),
    // Free bytes at the end of a heap that are kept: 16 MiB.
    ("MALLOC_TRIM_THRESHOLD_", "16777216"),
];
