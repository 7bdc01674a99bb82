use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;

use super::*;

const MIB: usize = 1 << 20;

fn memory(wait: Duration) -> BodyMemory {
    let config = Config {
        body_limit: 4 * MIB,
        body_memory: 16 * MIB,
        body_memory_timeout: wait,
        ..Config::default()
    };
    BodyMemory::new(&config)
}

#[test]
fn the_pools_together_are_the_memory_for_bodies() {
    let config = Config::default();
    assert_eq!(BodyMemory::new(&config).bytes(), config.body_memory);
    assert_eq!(memory(Duration::ZERO).bytes(), 16 * MIB);
}

#[tokio::test]
async fn bodies_that_hold_memory_and_wait_for_more_finish_one_after_the_other() {
    let memory = memory(Duration::from_mins(1));
    let begun = join_all((0..8).map(|_| async {
        let mut reserved = memory.empty_reservation();
        memory.reserve(&mut reserved, SizeClass::Large, MIB / 2).await.expect("memory");
        reserved
    }));
    // All common bytes are held.
    let begun = begun.await;
    let (held, most) = (AtomicUsize::new(4 * MIB), AtomicUsize::new(0));
    let ended = join_all(begun.into_iter().map(|mut reserved| async {
        let mut has = MIB / 2;
        for bytes in [MIB, 2 * MIB, 4 * MIB] {
            memory.reserve(&mut reserved, SizeClass::Large, bytes).await?;
            most.fetch_max(held.fetch_add(bytes - has, Ordering::Relaxed), Ordering::Relaxed);
            has = bytes;
            tokio::task::yield_now().await;
        }
        // For the decompressed body.
        memory.reserve_decoded(&mut reserved, 4 * MIB).await?;
        tokio::task::yield_now().await;
        held.fetch_sub(has, Ordering::Relaxed);
        drop(reserved);
        Ok::<(), ApiError>(())
    }));
    for ended in ended.await {
        ended.expect("each body finishes");
    }
    assert!(most.into_inner() <= 12 * MIB);
    assert_eq!(memory.large.common.available_permits(), 4 * MIB);
    assert_eq!(memory.large.reserve.available_permits(), 1);
}

#[tokio::test]
async fn the_reserve_is_only_for_bodies_that_hold_memory() {
    let memory = memory(Duration::from_millis(20));
    let mut first = memory.empty_reservation();
    memory.reserve(&mut first, SizeClass::Large, 4 * MIB).await.expect("memory");
    let mut second = memory.empty_reservation();
    let refused = memory.reserve(&mut second, SizeClass::Large, MIB).await;
    assert!(matches!(refused, Err(ApiError::BodiesFull)), "{refused:?}");
    assert!(memory.reserve_decoded(&mut first, 4 * MIB).await.is_ok());
    // Medium bodies have a pool of their own.
    assert!(memory.reserve(&mut memory.empty_reservation(), SizeClass::Medium, MIB).await.is_ok());
}

#[tokio::test]
async fn a_body_that_becomes_large_releases_its_medium_memory() {
    let memory = memory(Duration::from_millis(20));
    let all = memory.medium.common.available_permits();
    let mut reserved = memory.empty_reservation();
    memory.reserve(&mut reserved, SizeClass::Medium, MIB).await.expect("memory");
    assert_eq!(memory.medium.common.available_permits(), all - MIB);
    memory.reserve(&mut reserved, SizeClass::Large, 2 * MIB).await.expect("memory");
    assert_eq!(memory.medium.common.available_permits(), all);
    assert_eq!(memory.large.common.available_permits(), 2 * MIB);
}
