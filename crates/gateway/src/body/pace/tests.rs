use super::*;

const WINDOW: Duration = Duration::from_secs(5);
const WITHIN: Duration = Duration::from_secs(30);
const LONGEST: usize = 16 << 20;

#[test]
fn a_steady_sender_that_is_just_in_time_is_never_behind() {
    let start = Instant::now();
    let mut pace = Pace::new(start + WITHIN, WINDOW);
    for second in 1..30_u32 {
        let now = start + Duration::from_secs(second.into());
        assert!(now <= pace.deadline(), "second {second}");
        pace.came(LONGEST / 30 * second as usize, LONGEST, now);
    }
    pace.came(LONGEST - 1, LONGEST, start + Duration::from_secs(29));
    assert!(!pace.is_behind());
    assert_eq!(pace.deadline(), start + WITHIN);
}

#[test]
fn who_holds_memory_and_trickles_is_behind_after_one_window() {
    let start = Instant::now();
    let mut pace = Pace::new(start + WITHIN, WINDOW);
    assert_eq!(pace.deadline(), start + WITHIN);
    pace.came(1 << 20, LONGEST, start);
    for second in 1..5_u32 {
        let bytes = (1 << 20) + 1000 * second as usize;
        pace.came(bytes, LONGEST, start + Duration::from_secs(second.into()));
    }
    assert_eq!(pace.deadline(), start + WINDOW);
    assert!(pace.is_behind());
}

#[test]
fn what_the_server_makes_it_wait_is_not_the_senders() {
    let start = Instant::now();
    let mut pace = Pace::new(start + WITHIN, WINDOW);
    pace.came(1 << 20, LONGEST, start);
    pace.pause(Duration::from_secs(7));
    assert_eq!(pace.deadline(), start + WINDOW + Duration::from_secs(7));
}

#[test]
fn the_last_eighth_is_due_no_further_than_the_end() {
    let start = Instant::now();
    let mut pace = Pace::new(start + WITHIN, WINDOW);
    pace.came(LONGEST - 1000, LONGEST, start);
    pace.came(LONGEST, LONGEST, start + Duration::from_secs(4));
    assert_eq!(pace.deadline(), start + WINDOW + Duration::from_secs(4));
}
