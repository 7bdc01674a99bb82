use std::net::Ipv4Addr;

use proptest::prelude::*;
use tokio::task::JoinSet;

use super::*;

fn address(last: u8) -> IpAddr {
    Ipv4Addr::new(10, 0, 0, last).into()
}

/// Connections whose tasks never end by themselves.
struct Tasks {
    connections: Connections,
    tasks: JoinSet<()>,
}

impl Tasks {
    fn new(limit: usize, peer_limit: usize) -> Self {
        Self { connections: Connections::new(limit, peer_limit), tasks: JoinSet::new() }
    }

    fn connect(
        &mut self,
        from: IpAddr,
    ) -> Result<(RequestActivity, AbortHandle), TooManyConnections> {
        self.connections.make_room(from)?;
        let close = self.tasks.spawn(std::future::pending());
        let activity = RequestActivity::default();
        self.connections.add(from, activity.clone(), close.clone());
        Ok((activity, close))
    }
}

/// Whether the task was aborted; yields, so that the runtime can end it.
async fn is_closed(close: &AbortHandle) -> bool {
    tokio::task::yield_now().await;
    close.is_finished()
}

#[tokio::test]
async fn at_its_limit_a_peer_loses_its_oldest_idle_connection() {
    let mut tasks = Tasks::new(8, 3);
    let (activity, first) = tasks.connect(address(1)).unwrap();
    let (_, second) = tasks.connect(address(1)).unwrap();
    let (_, third) = tasks.connect(address(1)).unwrap();
    activity.begin();
    tasks.connect(address(1)).unwrap();
    assert!(!is_closed(&first).await, "its request is being served");
    assert!(is_closed(&second).await);
    assert!(!is_closed(&third).await);
    activity.end();
    tasks.connect(address(1)).unwrap();
    assert!(is_closed(&first).await, "it waits for its next request");
    assert_eq!(tasks.connections.len(), 3);
}

#[tokio::test]
async fn one_peer_cannot_use_all_connections() {
    let mut tasks = Tasks::new(4, 3);
    let mut kept = Vec::new();
    for _ in 0..3 {
        let (activity, close) = tasks.connect(address(1)).unwrap();
        activity.begin();
        kept.push(close);
    }
    assert_eq!(tasks.connect(address(1)).err(), Some(TooManyConnections));
    let (activity, other) = tasks.connect(address(2)).expect("there is room for another peer");
    // All are in use, and those of the peer with the most connections are active.
    assert!(tasks.connect(address(3)).is_ok());
    assert!(is_closed(&other).await, "it was idle");
    activity.begin();
    let (activity, _) = tasks.connect(address(3)).expect("it replaces the idle one");
    activity.begin();
    assert_eq!(tasks.connect(address(2)).err(), Some(TooManyConnections));
    for close in &kept {
        assert!(!is_closed(close).await);
    }
}

#[test]
fn a_peer_is_an_ipv4_address_or_a_64_bit_network() {
    let peer = |text: &str| super::peer_of(text.parse().unwrap());
    assert_eq!(peer("::ffff:10.0.0.1"), peer("10.0.0.1"));
    assert_eq!(peer("2001:db8::1"), peer("2001:db8::ffff:1"));
    assert_ne!(peer("2001:db8::1"), peer("2001:db8:0:1::1"));
    assert_ne!(peer("127.0.0.1"), peer("127.0.0.2"));
    assert_ne!(peer("::1"), peer("::2"));
}

proptest! {
    /// In any order of connects, requests and ends the limits hold and the counts are right.
    #[test]
    fn the_limits_hold(steps in proptest::collection::vec((0..4u8, any::<bool>(), any::<u8>()), 0..200)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut tasks = Tasks::new(12, 5);
            let mut seen: Vec<(Id, RequestActivity)> = Vec::new();
            for (from, connects, which) in steps {
                let known = seen.get(usize::from(which) % seen.len().max(1)).cloned();
                match known {
                    Some((task, activity)) if !connects => {
                        if which % 2 == 0 { activity.begin() } else { tasks.connections.remove(task) }
                    }
                    _ => {
                        if let Ok((activity, close)) = tasks.connect(address(from)) {
                            seen.push((close.id(), activity));
                        }
                    }
                }
                let connections = &tasks.connections;
                prop_assert!(connections.len() <= 12);
                prop_assert!(connections.count_of_peer.values().all(|count| (1..=5).contains(count)));
                prop_assert_eq!(connections.count_of_peer.values().sum::<usize>(), connections.len());
            }
            Ok(())
        })?;
    }
}
