use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;

use super::*;

const MIB: usize = 1 << 20;

fn rooms(wait: Duration) -> Rooms {
    let config =
        Config { body_limit: 4 * MIB, body_memory: 16 * MIB, body_wait: wait, ..Config::default() };
    Rooms::new(&config)
}

#[test]
fn all_rooms_together_are_the_memory_for_bodies() {
    let config = Config::default();
    assert_eq!(Rooms::new(&config).bytes(), config.body_memory);
    assert_eq!(rooms(Duration::ZERO).bytes(), 16 * MIB);
}

#[tokio::test]
async fn bodies_that_all_hold_some_and_wait_for_more_come_to_their_end_one_after_the_other() {
    let rooms = rooms(Duration::from_mins(1));
    let begun = join_all((0..8).map(|_| async {
        let mut room = rooms.empty();
        rooms.fit(&mut room, Kind::Large, MIB / 2).await.expect("room");
        room
    }));
    // All that is common.
    let begun = begun.await;
    let (held, most) = (AtomicUsize::new(4 * MIB), AtomicUsize::new(0));
    let ended = join_all(begun.into_iter().map(|mut room| async {
        let mut has = MIB / 2;
        for bytes in [MIB, 2 * MIB, 4 * MIB] {
            rooms.fit(&mut room, Kind::Large, bytes).await?;
            most.fetch_max(held.fetch_add(bytes - has, Ordering::Relaxed), Ordering::Relaxed);
            has = bytes;
            tokio::task::yield_now().await;
        }
        // And what it becomes.
        rooms.add(&mut room, 4 * MIB).await?;
        tokio::task::yield_now().await;
        held.fetch_sub(has, Ordering::Relaxed);
        drop(room);
        Ok::<(), ApiError>(())
    }));
    for ended in ended.await {
        ended.expect("each comes to its end");
    }
    assert!(most.into_inner() <= 12 * MIB);
    assert_eq!(rooms.large.common.available_permits(), 4 * MIB);
    assert_eq!(rooms.large.reserve.available_permits(), 1);
}

#[tokio::test]
async fn who_holds_nothing_leaves_the_reserve_to_those_who_do() {
    let rooms = rooms(Duration::from_millis(20));
    let mut first = rooms.empty();
    rooms.fit(&mut first, Kind::Large, 4 * MIB).await.expect("room");
    let mut second = rooms.empty();
    let refused = rooms.fit(&mut second, Kind::Large, MIB).await;
    assert!(matches!(refused, Err(ApiError::BodiesFull)), "{refused:?}");
    assert!(rooms.add(&mut first, 4 * MIB).await.is_ok());
    // Medium bodies have memory of their own.
    assert!(rooms.fit(&mut rooms.empty(), Kind::Medium, MIB).await.is_ok());
}

#[tokio::test]
async fn a_body_that_becomes_large_gives_its_medium_room_back() {
    let rooms = rooms(Duration::from_millis(20));
    let all = rooms.medium.common.available_permits();
    let mut room = rooms.empty();
    rooms.fit(&mut room, Kind::Medium, MIB).await.expect("room");
    assert_eq!(rooms.medium.common.available_permits(), all - MIB);
    rooms.fit(&mut room, Kind::Large, 2 * MIB).await.expect("room");
    assert_eq!(rooms.medium.common.available_permits(), all);
    assert_eq!(rooms.large.common.available_permits(), 2 * MIB);
}
