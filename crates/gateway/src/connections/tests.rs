use std::net::Ipv4Addr;

use proptest::prelude::*;
use tokio::task::JoinSet;

use super::*;

fn address(last: u8) -> IpAddr {
    Ipv4Addr::new(10, 0, 0, last).into()
}

/// Connections with tasks that never end by themselves.
struct Tasks {
    connections: Connections,
    tasks: JoinSet<()>,
}

impl Tasks {
    fn new(limit: usize, share: usize) -> Self {
        Self { connections: Connections::new(limit, share), tasks: JoinSet::new() }
    }

    fn come(&mut self, from: IpAddr) -> Result<(Served, AbortHandle), NoPlace> {
        self.connections.make_place(from)?;
        let close = self.tasks.spawn(std::future::pending());
        let served = Served::default();
        self.connections.add(from, served.clone(), close.clone());
        Ok((served, close))
    }
}

/// Whether it was told to end; the task ends when the runtime gets to it.
async fn is_closed(close: &AbortHandle) -> bool {
    tokio::task::yield_now().await;
    close.is_finished()
}

#[tokio::test]
async fn who_holds_idle_connections_gives_the_oldest() {
    let mut tasks = Tasks::new(8, 3);
    let (served, first) = tasks.come(address(1)).unwrap();
    let (_, second) = tasks.come(address(1)).unwrap();
    let (_, third) = tasks.come(address(1)).unwrap();
    served.begin();
    tasks.come(address(1)).unwrap();
    assert!(!is_closed(&first).await, "it is served");
    assert!(is_closed(&second).await);
    assert!(!is_closed(&third).await);
    served.end();
    tasks.come(address(1)).unwrap();
    assert!(is_closed(&first).await, "it waits for its next request");
    assert_eq!(tasks.connections.len(), 3);
}

#[tokio::test]
async fn one_peer_cannot_hold_all() {
    let mut tasks = Tasks::new(4, 3);
    let mut kept = Vec::new();
    for _ in 0..3 {
        let (served, close) = tasks.come(address(1)).unwrap();
        served.begin();
        kept.push(close);
    }
    assert_eq!(tasks.come(address(1)).err(), Some(NoPlace));
    let (served, other) = tasks.come(address(2)).expect("another has a place");
    // All places are taken, and who has most gives none: they are served.
    assert!(tasks.come(address(3)).is_ok());
    assert!(is_closed(&other).await, "it was idle");
    served.begin();
    let (served, _) = tasks.come(address(3)).expect("in the place of the idle one");
    served.begin();
    assert_eq!(tasks.come(address(2)).err(), Some(NoPlace));
    for close in &kept {
        assert!(!is_closed(close).await);
    }
}

#[test]
fn a_peer_is_who_could_change_its_address() {
    let peer = |text: &str| super::peer(text.parse().unwrap());
    assert_eq!(peer("::ffff:10.0.0.1"), peer("10.0.0.1"));
    assert_eq!(peer("2001:db8::1"), peer("2001:db8::ffff:1"));
    assert_ne!(peer("2001:db8::1"), peer("2001:db8:0:1::1"));
    assert_ne!(peer("127.0.0.1"), peer("127.0.0.2"));
    assert_ne!(peer("::1"), peer("::2"));
}

proptest! {
    /// Whoever comes and goes: the limits hold, and the counts are those of what is open.
    #[test]
    fn the_limits_hold(steps in proptest::collection::vec((0..4u8, any::<bool>(), any::<u8>()), 0..200)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut tasks = Tasks::new(12, 5);
            let mut seen: Vec<(Id, Served)> = Vec::new();
            for (from, comes, which) in steps {
                let known = seen.get(usize::from(which) % seen.len().max(1)).cloned();
                match known {
                    Some((task, served)) if !comes => {
                        if which % 2 == 0 { served.begin() } else { tasks.connections.remove(task) }
                    }
                    _ => {
                        if let Ok((served, close)) = tasks.come(address(from)) {
                            seen.push((close.id(), served));
                        }
                    }
                }
                let connections = &tasks.connections;
                prop_assert!(connections.len() <= 12);
                prop_assert!(connections.of_peer.values().all(|count| (1..=5).contains(count)));
                prop_assert_eq!(connections.of_peer.values().sum::<usize>(), connections.len());
            }
            Ok(())
        })?;
    }
}
