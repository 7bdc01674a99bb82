//! How memory goes back to the system.
//!
//! By default glibc keeps what large bodies took: after the first buffer of 16 MiB is freed, such
//! buffers come from heaps that shrink only at their ends, and each thread has a heap of its own.
//! Resident memory of a starter team, in MB, before and after each of two rounds of eight bodies of
//! 16 MiB (one-letter messages), unoptimised, on two busy cores, once each:
//!
//! | settings | before | first | second |
//! |---|---|---|---|
//! | glibc's | 1,878 | 1,916 | 2,064 |
//! | these | 1,875 | 1,910 | 1,921 |
//!
//! With these settings the largest buffers are mapped and unmapped, and there are few heaps. The bound
//! is above a few megabytes so that a buffer of a whole vocabulary is not mapped anew for each token;
//! what the settings do to the speed of decoding has not been measured.

/// glibc's settings. Other C libraries do not read them.
pub const SETTINGS: [(&str, &str); 3] = [
    // Heaps, the first included.
    ("MALLOC_ARENA_MAX", "2"),
    // Bytes from which a block is mapped by itself: 8 MiB.
    ("MALLOC_MMAP_THRESHOLD_", "8388608"),
    // Free bytes at the end of a heap that are kept: 16 MiB.
    ("MALLOC_TRIM_THRESHOLD_", "16777216"),
];
