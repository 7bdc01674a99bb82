//! Who gets a place, and in which order.

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

fn waits<'a>(lane: &'a FairSemaphore, client: &'a ClientName) -> Entering<'a> {
    let mut entering: Entering<'a> = Box::pin(lane.acquire(client));
    assert!(poll(&mut entering).is_pending(), "it waits");
    entering
}

#[test]
fn clients_take_turns() {
    let lane = FairSemaphore::new(1);
    let (greedy, other) = (ClientName::from("greedy"), ClientName::from("other"));
    let place = now(lane.acquire(&greedy)).expect("a place");
    let mut many: Vec<Entering<'_>> = (0..5).map(|_| waits(&lane, &greedy)).collect();
    let mut other_turn = waits(&lane, &other);
    drop(place);
    let Poll::Ready(Ok(place)) = poll(&mut many[0]) else { panic!("the first is next") };
    drop(place);
    let Poll::Ready(Ok(place)) = poll(&mut other_turn) else { panic!("the other client is next") };
    assert!(poll(&mut many[1]).is_pending());
    drop(place);
    assert!(poll(&mut many[1]).is_ready());
}

#[test]
fn who_is_gone_takes_no_place() {
    let lane = FairSemaphore::new(1);
    let client = ClientName::from("one");
    let place = now(lane.acquire(&client)).expect("a place");
    let gone = waits(&lane, &client);
    let mut here = waits(&lane, &client);
    drop(gone);
    drop(place);
    let Poll::Ready(Ok(place)) = poll(&mut here) else { panic!("the one that is there") };
    // Gone between being given the place and taking it.
    let given = waits(&lane, &client);
    drop(place);
    drop(given);
    now(lane.acquire(&client)).expect("the place is free");
}

#[test]
fn a_client_waits_for_its_share_and_all_for_theirs() {
    let lane = FairSemaphore::new(1);
    let names: Vec<ClientName> =
        (0..100).map(|at| ClientName::from(format!("client {at}").as_str())).collect();
    let _place = now(lane.acquire(&names[0])).expect("a place");
    let mut waiting: Vec<Entering<'_>> = Vec::new();
    for _ in 0..limits::WAITING_OF_CLIENT {
        waiting.push(waits(&lane, &names[0]));
    }
    let full = now(lane.acquire(&names[0])).expect_err("its share is used up");
    assert_eq!(full, Full { waiting: limits::WAITING_OF_CLIENT, own: true });
    for name in &names[1..=limits::WAITING - limits::WAITING_OF_CLIENT] {
        waiting.push(waits(&lane, name));
    }
    let full = now(lane.acquire(&names[99])).expect_err("all wait");
    assert_eq!(full, Full { waiting: limits::WAITING, own: false });
}
