use std::sync::mpsc;

use futures::executor::block_on;

use super::*;

const SMALL_BYTES: usize = 256 * 1024;
const WAITING_BYTES: usize = 64 * 1024 * 1024;
const HUGE: usize = SMALL_BYTES + 1;

/// Occupies the thread for large jobs until the sender is dropped.
fn occupied(pool: &Workers) -> (mpsc::Sender<()>, Running<()>) {
    let (release, held) = mpsc::channel::<()>();
    let (began, start) = mpsc::channel();
    let job = move |_: &CancelFlag| {
        began.send(()).expect("the test waits");
        let _released = held.recv();
    };
    let running = pool.run(HUGE, job).expect("nothing waits");
    start.recv().expect("it runs");
    (release, running)
}

#[test]
fn a_small_job_does_not_wait_for_a_large_one() {
    let pool = Workers::start("test", SMALL_BYTES, WAITING_BYTES).expect("threads");
    let (release, large) = occupied(&pool);
    assert_eq!(block_on(pool.run(SMALL_BYTES, |_| 7).expect("room")), Ok(7));
    drop(release);
    assert_eq!(block_on(large), Ok(()));
}

#[test]
fn short_jobs_pass_long_ones() {
    let pool = Workers::start("test", SMALL_BYTES, WAITING_BYTES).expect("threads");
    let (release, _large) = occupied(&pool);
    let (told, order) = mpsc::channel();
    let job = |bytes: usize| {
        let told = told.clone();
        pool.run(bytes, move |_| told.send(bytes).expect("the test waits")).expect("room")
    };
    let waiting = [job(HUGE + 30_000_000), job(HUGE + 20_000_000), job(HUGE)];
    drop(release);
    for running in waiting {
        assert_eq!(block_on(running), Ok(()));
    }
    let order: Vec<usize> = order.try_iter().collect();
    assert_eq!(order, [HUGE, HUGE + 20_000_000, HUGE + 30_000_000]);
}

#[test]
fn a_cancelled_job_leaves_the_queue_and_is_dropped() {
    let pool = Workers::start("test", SMALL_BYTES, WAITING_BYTES).expect("threads");
    let (release, _large) = occupied(&pool);
    let holds = Arc::new(());
    let held = Arc::clone(&holds);
    let waiting = pool.run(HUGE, move |_| drop(held)).expect("room");
    assert_eq!(pool.0.lock().by_kind[LARGE].bytes, HUGE);
    drop(waiting);
    assert_eq!(Arc::strong_count(&holds), 1);
    assert_eq!(pool.0.lock().by_kind[LARGE].bytes, 0);
    drop(release);
}

#[test]
fn a_running_job_sees_its_cancellation() {
    let pool = Workers::start("test", SMALL_BYTES, WAITING_BYTES).expect("threads");
    let (began, start) = mpsc::channel();
    let (told, ended) = mpsc::channel();
    let running = pool.run(1, move |cancelled| {
        began.send(()).expect("the test waits");
        while !cancelled.is_set() {
            thread::yield_now();
        }
        told.send(()).expect("the test waits");
    });
    start.recv().expect("it runs");
    drop(running);
    ended.recv().expect("it ended");
}

#[test]
fn queued_bytes_are_bounded_and_an_empty_queue_accepts_any_job() {
    let pool = Workers::start("test", SMALL_BYTES, WAITING_BYTES).expect("threads");
    let (release, _large) = occupied(&pool);
    let first = pool.run(2 * WAITING_BYTES, |_| ()).expect("nothing waits");
    let full = pool.run(HUGE, |_| ()).map(drop);
    assert_eq!(full, Err(Full { jobs: 1, bytes: 2 * WAITING_BYTES }));
    drop(first);
    assert!(pool.run(HUGE, |_| ()).is_ok());
    drop(release);
}

#[test]
fn a_panic_ends_only_its_own_job() {
    let pool = Workers::start("test", SMALL_BYTES, WAITING_BYTES).expect("threads");
    let panicked = pool.run(1, |_| std::panic::panic_any("an expected panic")).expect("room");
    assert_eq!(block_on(panicked), Err(Panicked));
    assert_eq!(block_on(pool.run(1, |_| 7).expect("room")), Ok(7));
}

#[test]
fn queued_jobs_run_after_the_pool_is_dropped() {
    let pool = Workers::start("test", SMALL_BYTES, WAITING_BYTES).expect("threads");
    let (release, _large) = occupied(&pool);
    let waiting = pool.run(HUGE, |_| 7).expect("room");
    drop((pool, release));
    assert_eq!(block_on(waiting), Ok(7));
}
