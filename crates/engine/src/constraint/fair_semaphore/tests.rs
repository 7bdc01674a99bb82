//! Order of permits.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use harmonic_types::ClientName;

use super::{FairSemaphore, Full, Permit};
use crate::constraint::limits;

type Entering<'a> = Pin<Box<dyn Future<Output = Result<Permit, Full>> + 'a>>;

fn poll<T>(future: &mut Pin<Box<dyn Future<Output = T> + '_>>) -> Poll<T> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

fn queued<'a>(semaphore: &'a FairSemaphore, client: &'a ClientName) -> Entering<'a> {
    let mut entering: Entering<'a> = Box::pin(semaphore.acquire(client));
    assert!(poll(&mut entering).is_pending(), "it waits");
    entering
}

#[test]
fn clients_take_turns() {
    let semaphore = FairSemaphore::new(1);
    let (greedy, other) = (ClientName::from("greedy"), ClientName::from("other"));
    let permit = now(semaphore.acquire(&greedy)).expect("a permit");
    let mut many: Vec<Entering<'_>> = (0..5).map(|_| queued(&semaphore, &greedy)).collect();
    let mut other_turn = queued(&semaphore, &other);
    drop(permit);
    let Poll::Ready(Ok(permit)) = poll(&mut many[0]) else { panic!("the first is next") };
    drop(permit);
    let Poll::Ready(Ok(permit)) = poll(&mut other_turn) else { panic!("the other client is next") };
    assert!(poll(&mut many[1]).is_pending());
    drop(permit);
    assert!(poll(&mut many[1]).is_ready());
}

#[test]
fn a_cancelled_waiter_takes_no_permit() {
    let semaphore = FairSemaphore::new(1);
    let client = ClientName::from("one");
    let permit = now(semaphore.acquire(&client)).expect("a permit");
    let gone = queued(&semaphore, &client);
    let mut here = queued(&semaphore, &client);
    drop(gone);
    drop(permit);
    let Poll::Ready(Ok(permit)) = poll(&mut here) else { panic!("the one that is there") };
    // Cancelled between being sent the permit and receiving it.
    let given = queued(&semaphore, &client);
    drop(permit);
    drop(given);
    now(semaphore.acquire(&client)).expect("the permit is free");
}

#[test]
fn a_client_waits_for_its_share_and_all_for_theirs() {
    let semaphore = FairSemaphore::new(1);
    let names: Vec<ClientName> =
        (0..100).map(|at| ClientName::from(format!("client {at}").as_str())).collect();
    let _permit = now(semaphore.acquire(&names[0])).expect("a permit");
    let mut waiting: Vec<Entering<'_>> = Vec::new();
    for _ in 0..limits::WAITING_OF_CLIENT {
        waiting.push(queued(&semaphore, &names[0]));
    }
    let full = now(semaphore.acquire(&names[0])).expect_err("its share is used up");
    assert_eq!(full, Full { waiting: limits::WAITING_OF_CLIENT, own: true });
    for name in &names[1..=limits::WAITING - limits::WAITING_OF_CLIENT] {
        waiting.push(queued(&semaphore, name));
    }
    let full = now(semaphore.acquire(&names[99])).expect_err("all wait");
    assert_eq!(full, Full { waiting: limits::WAITING, own: false });
}
