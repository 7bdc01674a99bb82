//! Lending slots and taking them back: a sequence on a borrowed slot gives way to a request by
//! right, its state is saved, and it goes on later where it stopped.

use harmonic_types::Bytes;

use super::Scheduler;
use crate::copies::Copied;
use crate::ids::SeqId;
use crate::queue::Parked;
use crate::sequence::Sequence;
use crate::step::CacheOp;

impl Scheduler {
    /// Whether the next request of agent `index`, which may come to hold `reserved` tokens, may run
    /// on a borrowed slot: only while all borrowers could be parked.
    pub(super) fn can_lend(&self, index: usize, reserved: u64) -> bool {
        let parked = self.agents.iter().flat_map(|agent| &agent.parked);
        let parked: u64 = parked.map(|parked| parked.sequence.reserved).sum();
        let lent: u64 = self.lent().into_iter().map(|seq| self.live[&seq].reserved).sum();
        // One that is parked already is among them.
        let more = if self.agents[index].parked.is_empty() { reserved } else { 0 };
        self.bytes_for(parked + lent + more) <= self.config.park_bytes
    }

    /// Parks borrowers until a request by right that may come to hold `reserved` tokens has room.
    /// Parks nobody if that is not enough.
    pub(super) fn take_back(&mut self, reserved: u64) -> bool {
        let mut victims = self.lent();
        victims.sort_by(|one, other| self.live[one].first_to_yield(&self.live[other]));
        let mut parked = self.parked_tokens();
        let (mut in_flight, mut kv_reserved) = (self.live.len(), self.kv_reserved);
        let mut chosen = Vec::new();
        while in_flight >= self.allowed as usize || kv_reserved + reserved > self.config.kv_tokens {
            let Some(seq) = victims.pop() else { return false };
            let victim = &self.live[&seq];
            parked += u64::from(victim.computed);
            if self.bytes_for(parked) > self.config.park_bytes {
                return false;
            }
            in_flight -= 1;
            kv_reserved -= victim.reserved;
            chosen.push(seq);
        }
        for seq in chosen {
            self.park(seq);
        }
        true
    }

    /// Parks borrowers until no more are in flight than allowed.
    pub(super) fn give_way(&mut self) {
        let mut victims = self.beyond_rights();
        victims.sort_by(|one, other| self.live[one].first_to_yield(&self.live[other]));
        while self.live.len() > self.allowed as usize {
            let Some(seq) = victims.pop() else { return };
            if self.bytes_for(self.parked_tokens() + u64::from(self.live[&seq].computed))
                > self.config.park_bytes
            {
                return;
            }
            self.park(seq);
        }
    }

    /// Tokens of all parked sequences.
    pub(super) fn parked_tokens(&self) -> u64 {
        let parked = self.agents.iter().flat_map(|agent| &agent.parked);
        parked.map(|parked| u64::from(parked.sequence.computed)).sum()
    }

    /// Lets a parked request go on in the lowest free sequence.
    pub(super) fn resume(&mut self, Parked { sequence, snapshot }: Parked) {
        let seq = self.lowest_free();
        self.vacate(seq);
        if !sequence.untouched() {
            self.copied += Copied::restoring(self.bytes_of(sequence.held()));
            self.cache.push(CacheOp::Restore { snapshot, seq });
        }
        self.cache.push(CacheOp::Discard { snapshot });
        self.run(seq, sequence);
    }

    fn park(&mut self, seq: SeqId) {
        let Some(sequence) = self.live.remove(&seq) else { return };
        let snapshot = self.new_snapshot();
        self.copied += Copied::saving(self.bytes_of(sequence.held()));
        self.cache.extend([CacheOp::Save { seq, snapshot }, CacheOp::Drop { seq }]);
        self.kv_reserved -= sequence.reserved;
        let agent = &mut self.agents[sequence.agent];
        agent.in_flight -= 1;
        // In the order in which they were offered.
        let at = agent.parked.partition_point(|other| other.sequence.order < sequence.order);
        agent.parked.insert(at, Parked { sequence, snapshot });
    }

    /// Sequences on borrowed slots, all but the floor: of those that run without any right of their
    /// agent's, the one admitted first goes on to its end. Otherwise an agent without rights would
    /// start a request again and again, and lose its place each time before a token is computed.
    fn lent(&self) -> Vec<SeqId> {
        let without = |sequence: &&Sequence| self.agents[sequence.agent].rights == 0;
        let floor = self.live.values().filter(without).map(|sequence| sequence.order).min();
        let mut lent = self.beyond_rights();
        lent.retain(|seq| Some(self.live[seq].order) != floor);
        lent
    }

    /// Of each agent, the sequences beyond its rights that were admitted last.
    fn beyond_rights(&self) -> Vec<SeqId> {
        let mut lent = Vec::new();
        for (index, agent) in self.agents.iter().enumerate() {
            let borrowed = agent.borrowed() as usize;
            if borrowed == 0 {
                continue;
            }
            let of_agent = |(_, sequence): &(&SeqId, &Sequence)| sequence.agent == index;
            let mut own: Vec<_> = self.live.iter().filter(of_agent).collect();
            own.sort_by_key(|(_, sequence)| std::cmp::Reverse(sequence.order));
            lent.extend(own.into_iter().take(borrowed).map(|(seq, _)| *seq));
        }
        lent
    }

    /// Bytes of snapshots of `tokens` tokens.
    pub(super) fn bytes_for(&self, tokens: u64) -> Bytes {
        Bytes(self.token_bytes.0.saturating_mul(tokens))
    }
}
