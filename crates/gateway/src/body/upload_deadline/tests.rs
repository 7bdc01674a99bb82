use super::*;

const WINDOW: Duration = Duration::from_secs(5);
const WITHIN: Duration = Duration::from_secs(30);
const LONGEST: usize = 16 << 20;

#[test]
fn a_steady_client_that_is_just_in_time_never_stalls() {
    let start = Instant::now();
    let mut deadline = UploadDeadline::new(start + WITHIN, WINDOW);
    for second in 1..30_u32 {
        let now = start + Duration::from_secs(second.into());
        assert!(now <= deadline.next(), "second {second}");
        deadline.received(LONGEST / 30 * second as usize, LONGEST, now);
    }
    deadline.received(LONGEST - 1, LONGEST, start + Duration::from_secs(29));
    assert!(!deadline.is_stall());
    assert_eq!(deadline.next(), start + WITHIN);
}

#[test]
fn a_client_that_trickles_stalls_after_one_window() {
    let start = Instant::now();
    let mut deadline = UploadDeadline::new(start + WITHIN, WINDOW);
    assert_eq!(deadline.next(), start + WITHIN);
    deadline.received(1 << 20, LONGEST, start);
    for second in 1..5_u32 {
        let bytes = (1 << 20) + 1000 * second as usize;
        deadline.received(bytes, LONGEST, start + Duration::from_secs(second.into()));
    }
    assert_eq!(deadline.next(), start + WINDOW);
    assert!(deadline.is_stall());
}

#[test]
fn time_that_the_server_makes_a_client_wait_extends_the_deadlines() {
    let start = Instant::now();
    let mut deadline = UploadDeadline::new(start + WITHIN, WINDOW);
    deadline.received(1 << 20, LONGEST, start);
    deadline.extend(Duration::from_secs(7));
    assert_eq!(deadline.next(), start + WINDOW + Duration::from_secs(7));
}

#[test]
fn the_last_part_ends_with_the_body() {
    let start = Instant::now();
    let mut deadline = UploadDeadline::new(start + WITHIN, WINDOW);
    deadline.received(LONGEST - 1000, LONGEST, start);
    deadline.received(LONGEST, LONGEST, start + Duration::from_secs(4));
    assert_eq!(deadline.next(), start + WINDOW + Duration::from_secs(4));
}
