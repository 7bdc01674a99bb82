//! How memory comes from the system, and goes back.
//!
//! Model weights and caches lie in blocks of the C library, in pages of 4 KiB where nobody asks for
//! others. With huge pages of 2 MiB the processor finds its way to them faster: decode speed of one
//! request at once of the starter team, tok/s, in turns with the same build without, on two virtual
//! processors of an Intel Xeon with AVX-512, medians of 12, each order of starts twice: 56.5 against
//! 48.4, 62.7 against 51.9, 61.5 against 52.2, 60.3 against 52.3. Resident memory was 1 % more. It also
//! makes a server's speed independent of which free pages it came upon: without, what was started
//! first on that machine was slower by up to a quarter than the same program started after it.
//! Where the system gives huge pages always or never, the setting changes nothing.
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
pub const SETTINGS: [(&str, &str); 4] = [
    // Huge pages where the system gives them to those who ask; from glibc 2.35 on.
    ("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1"),
    // Heaps, the first included.
    ("MALLOC_ARENA_MAX", "2"),
    // Bytes from which a block is mapped by itself: 8 MiB.
    ("MALLOC_MMAP_THRESHOLD_", "8388608"),
    // Free bytes at the end of a heap that are kept: 16 MiB.
    ("MALLOC_TRIM_THRESHOLD_", "16777216"),
];
