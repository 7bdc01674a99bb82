//! Running teams as text.

use harmonic_app::instances::TeamStatus;
use harmonic_layout::{Column, Table, Width};

/// Table with a row per team.
pub fn text(teams: &[TeamStatus], width: Width) -> String {
    let figure = |figure: Option<u32>| figure.map_or_else(|| "–".to_owned(), |n| n.to_string());
    let row = |team: &TeamStatus| {
        [
            team.pid.to_string(),
            team.stack.clone(),
            team.url.clone(),
            time(team.uptime_s),
            team.agents.len().to_string(),
            team.agents.iter().map(|agent| agent.slots).sum::<u32>().to_string(),
            figure(team.in_flight),
            figure(team.queued),
            team.state.clone(),
        ]
    };
    let columns = [
        Column::figure("pid").leaves(3),
        Column::text("stack"),
        Column::text("url"),
        Column::figure("up").leaves(2),
        Column::figure("agents").leaves(1),
        Column::figure("slots"),
        Column::figure("in flight"),
        Column::figure("queued"),
        Column::text("state"),
    ];
    Table::new(columns, teams.iter().map(row)).text(width)
}

/// Duration in its two largest units.
fn time(seconds: u64) -> String {
    match (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0, seconds) => format!("{seconds} s"),
        (0, 0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (0, hours, minutes, _) => format!("{hours} h {minutes} min"),
        (days, hours, ..) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::time;

    #[test]
    fn a_time_has_the_two_largest_units() {
        let times = [7, 60, 3600 * 23 + 61, 86_400 * 3 + 7200].map(time);
        assert_eq!(times, ["7 s", "1 min 0 s", "23 h 1 min", "3 d 2 h"]);
    }
}
