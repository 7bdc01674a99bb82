//! Child processes that cannot outlive the program that started them.
//!
//! Owns: the processes between this program and a server program of others, the end of all processes
//! that such a program starts, its output line by line, and its memory.
//!
//! A program runs below two processes, both of them this executable again:
//!
//! ```text
//! owner ── outer guard ── inner guard ── program ── its own children
//! ```
//!
//! The inner guard starts the program in a process group of its own, reads its output, and ends all
//! of its processes when the program ends, when the owner asks for it, and when the pipe from the
//! outer guard closes. The outer guard passes requests on; when the inner guard is killed, it ends
//! what that leaves behind. On Linux both are child subreapers: processes that lose their parent
//! become their children, whatever group or session they have moved to. The owner is no subreaper,
//! so that it is not given orphans that nobody waits for.
//!
//! Invariants: whatever is killed among the owner, the two guards, the program and its children,
//! the others end, SIGTERM first and SIGKILL after a grace, and are waited for; if both guards are
//! killed at once, the owner ends the processes that carry the child's marker in their environment.
//! What a program writes is bounded in memory and never waits for the owner. Elsewhere than on Linux
//! a process that leaves its group is not found.
//!
//! Does not do: choose what to start, restart it, or judge whether it is ready.
#![forbid(unsafe_code)]

mod become_program;
mod child;
mod child_end;
mod child_spec;
mod ending;
mod error;
mod events;
mod follow;
mod forward;
mod inner;
mod line_splitter;
mod marked;
mod outer;
mod port;
mod process_list;
mod recent_lines;
mod report;
mod report_queue;
mod run;
mod task;
mod tree;

pub use child::GuardedChild;
pub use child_end::{ChildEnd, HowEnded};
pub use child_spec::{ChildSpec, GuardCommand};
pub use error::GuardError;
pub use port::free_port;
pub use run::run;
