//! What the processes of a group use, from `/proc`.

use std::fs;

use rustix::param::page_size;
use rustix::process::Pid;

/// Use of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct GroupUse {
    pub(super) processes: u32,
    /// Resident memory; pages that processes share count for each.
    pub(super) resident_bytes: u64,
}

/// Fields of `/proc/PID/stat` after the name: the group, and the resident pages.
const GROUP: usize = 2;
const RESIDENT: usize = 21;

/// Processes of the group that `leader` leads.
fn members(leader: Pid) -> impl Iterator<Item = (u32, u64)> {
    let leader = leader.as_raw_pid();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(move |entry| {
        let id: u32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The name is in parentheses and may contain any character.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let group: i32 = fields.get(GROUP)?.parse().ok()?;
        let pages: u64 = fields.get(RESIDENT)?.parse().ok()?;
        (group == leader).then_some((id, pages))
    })
}

/// What the group of `leader` uses now.
pub(super) fn group_use(leader: Pid) -> GroupUse {
    let page = page_size() as u64;
    members(leader).fold(GroupUse::default(), |sum, (_, pages)| GroupUse {
        processes: sum.processes + 1,
        resident_bytes: sum.resident_bytes + pages * page,
    })
}

/// Memory of the group with shared pages divided among those who share them: exact, and slow to
/// find.
pub(super) fn proportional_bytes(leader: Pid) -> u64 {
    let page = page_size() as u64;
    let of_each = members(leader).map(|(id, pages)| {
        let kilobytes =
            fs::read_to_string(format!("/proc/{id}/smaps_rollup")).ok().and_then(|text| {
                let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
                line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
            });
        kilobytes.map_or(pages * page, |kilobytes| kilobytes << 10)
    });
    of_each.sum()
}
