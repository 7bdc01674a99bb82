//! Prefix cache: snapshots of system prompts and conversations that are restored instead of
//! computed.
//!
//! llama.cpp saves whole sequences only (`docs/sources.md#whole-sequences`), so a snapshot is the
//! state after exactly its tokens. With partial removal, a snapshot also serves every prompt that
//! shares a shorter prefix with it; otherwise only prompts that start with all of it. The snapshot
//! that saves most time is chosen, by the cost of copying its bytes against computing its tokens,
//! so a longer prefix does not justify any size.
//!
//! Invariant: the total size of the snapshots stays within the limit; the size of a snapshot is an
//! estimate until the machine has saved it.

use harmonic_types::Bytes;

use crate::copy_costs::{CopyVolume, CostRates};
use crate::ids::{SeqId, SnapshotId, Token};
use crate::sequence::token_count;
use crate::step::CacheOp;

/// Content of a snapshot. The order is that of eviction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A conversation, or a prefix of one.
    Conversation,
    /// An agent's system prompt, the prefix of all its requests.
    System,
}

#[derive(Debug)]
struct Snapshot {
    id: SnapshotId,
    kind: Kind,
    tokens: Vec<Token>,
    bytes: Bytes,
    /// Counter value of the last use; higher is more recent.
    used: u64,
}

/// A cached prefix of a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PrefixHit {
    pub(crate) id: SnapshotId,
    /// Number of prompt tokens that it provides.
    pub(crate) tokens: u32,
    /// Whether the snapshot is longer and has to be trimmed after restoring.
    pub(crate) longer: bool,
    /// Size of the whole snapshot.
    pub(crate) bytes: Bytes,
}

/// Criteria for the choice of a snapshot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReuseCriteria {
    /// Costs of copying and computing.
    pub(crate) rates: CostRates,
    /// Free KV cells: the whole snapshot is restored before it is trimmed.
    pub(crate) room: u64,
}

/// Prefix cache of one engine.
#[derive(Debug)]
pub(crate) struct PrefixCache {
    snapshots: Vec<Snapshot>,
    limit: Bytes,
    partial_removal: bool,
    uses: u64,
}

impl PrefixCache {
    pub(crate) fn new(limit: Bytes, partial_removal: bool) -> Self {
        Self { snapshots: Vec::new(), limit, partial_removal, uses: 0 }
    }

    /// Whether the cache has any capacity.
    pub(crate) fn enabled(&self) -> bool {
        self.limit > Bytes::ZERO
    }

    /// Whether a snapshot of about `bytes` fits the capacity.
    pub(crate) fn fits(&self, bytes: Bytes) -> bool {
        bytes <= self.limit
    }

    /// Whether a snapshot of exactly `tokens` exists.
    pub(crate) fn holds(&self, tokens: &[Token]) -> bool {
        self.snapshots.iter().any(|snapshot| snapshot.tokens == tokens)
    }

    /// Number of leading `tokens` that would be restored.
    pub(crate) fn covers(&self, tokens: &[Token], criteria: ReuseCriteria) -> u32 {
        self.best(tokens, token_count(tokens), criteria).map_or(0, |(_, hit)| hit.tokens)
    }

    /// Snapshot that saves most of the prefill time of `prompt`; marks it used. The last token of
    /// the prompt has to be computed for its logits, so it is never included.
    pub(crate) fn find(&mut self, prompt: &[Token], criteria: ReuseCriteria) -> Option<PrefixHit> {
        let (at, hit) = self.best(prompt, token_count(prompt).saturating_sub(1), criteria)?;
        self.uses += 1;
        self.snapshots[at].used = self.uses;
        Some(hit)
    }

    fn best(
        &self,
        tokens: &[Token],
        most: u32,
        criteria: ReuseCriteria,
    ) -> Option<(usize, PrefixHit)> {
        let usable = |(at, snapshot): (usize, &Snapshot)| {
            let held = token_count(&snapshot.tokens);
            let common = common_prefix_len(&snapshot.tokens, tokens).min(most);
            let longer = common < held;
            let fits = u64::from(held) <= criteria.room;
            let saved_s = criteria.rates.saved_s(common, CopyVolume::restoring(snapshot.bytes));
            let usable = common > 0 && fits && saved_s > 0.0 && (!longer || self.partial_removal);
            let (id, bytes) = (snapshot.id, snapshot.bytes);
            usable.then_some((saved_s, at, PrefixHit { id, tokens: common, longer, bytes }))
        };
        let hit = self.snapshots.iter().enumerate().filter_map(usable);
        // Among equals, one that needs no trimming.
        let best = hit.max_by(|(one_s, _, one), (other_s, _, other)| {
            one_s.total_cmp(other_s).then((!one.longer).cmp(&!other.longer))
        });
        best.map(|(_, at, hit)| (at, hit))
    }

    /// Saves the state of `seq`, which holds `tokens` in about `bytes`, as snapshot `id`, evicting
    /// others first if needed. No operations if it exceeds the capacity.
    pub(crate) fn save(
        &mut self,
        id: SnapshotId,
        kind: Kind,
        seq: SeqId,
        tokens: &[Token],
        bytes: Bytes,
    ) -> Vec<CacheOp> {
        if !self.fits(bytes) {
            return Vec::new();
        }
        // With trimming, the new snapshot also serves the prefixes of the same conversation.
        let partial_removal = self.partial_removal;
        let mut ops = self.discard(|old| {
            partial_removal && old.kind == Kind::Conversation && tokens.starts_with(&old.tokens)
        });
        ops.extend(self.make_room(bytes));
        self.uses += 1;
        let (tokens, used) = (tokens.to_vec(), self.uses);
        self.snapshots.push(Snapshot { id, kind, tokens, bytes, used });
        ops.push(CacheOp::Save { seq, snapshot: id });
        ops
    }

    /// Records the actual size of a snapshot and evicts what no longer fits.
    pub(crate) fn record_size(&mut self, id: SnapshotId, bytes: Bytes) -> Vec<CacheOp> {
        if let Some(snapshot) = self.snapshots.iter_mut().find(|snapshot| snapshot.id == id) {
            snapshot.bytes = bytes;
        }
        self.make_room(Bytes::ZERO)
    }

    /// Number of tokens of the snapshot `id`.
    pub(crate) fn tokens_of(&self, id: SnapshotId) -> Option<u32> {
        let snapshot = self.snapshots.iter().find(|snapshot| snapshot.id == id)?;
        Some(token_count(&snapshot.tokens))
    }

    /// Whether `bytes` could be freed without evicting system prompts.
    pub(crate) fn could_free(&self, bytes: Bytes) -> bool {
        let system = self.snapshots.iter().filter(|snapshot| snapshot.kind == Kind::System);
        system.map(|snapshot| snapshot.bytes).sum::<Bytes>() + bytes <= self.limit
    }

    /// Total size of the snapshots.
    pub(crate) fn held(&self) -> Bytes {
        self.snapshots.iter().map(|snapshot| snapshot.bytes).sum()
    }

    /// Evicts conversations, then system prompts, each least recently used first, until `bytes`
    /// more fit.
    pub(crate) fn make_room(&mut self, bytes: Bytes) -> Vec<CacheOp> {
        let mut ops = Vec::new();
        while self.held() + bytes > self.limit {
            let next = self.snapshots.iter().min_by_key(|snapshot| (snapshot.kind, snapshot.used));
            let Some(id) = next.map(|snapshot| snapshot.id) else { break };
            ops.extend(self.discard(|snapshot| snapshot.id == id));
        }
        ops
    }

    fn discard(&mut self, goes: impl Fn(&Snapshot) -> bool) -> Vec<CacheOp> {
        self.snapshots
            .extract_if(.., |snapshot| goes(snapshot))
            .map(|snapshot| CacheOp::Discard { snapshot: snapshot.id })
            .collect()
    }
}

/// Length of the common prefix of two sequences.
pub(crate) fn common_prefix_len(one: &[Token], other: &[Token]) -> u32 {
    let equal = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    u32::try_from(equal).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(of: impl IntoIterator<Item = i32>) -> Vec<Token> {
        of.into_iter().map(Token).collect()
    }

    /// Nearly free copies and unlimited cells.
    const FREE: ReuseCriteria = ReuseCriteria {
        rates: CostRates { token_s: 1.0, save_s: 0.0, restore_s: 1e-9 },
        room: u64::MAX,
    };

    fn with(partial_removal: bool, entries: &[(u64, Kind, Vec<Token>)]) -> PrefixCache {
        let mut cache = PrefixCache::new(Bytes(300), partial_removal);
        for (id, kind, tokens) in entries {
            cache.save(SnapshotId(*id), *kind, SeqId(0), tokens, Bytes(100));
        }
        cache
    }

    #[test]
    fn a_longer_snapshot_is_trimmed_where_that_is_possible() {
        let snapshots = [(1, Kind::System, tokens(0..4)), (2, Kind::Conversation, tokens(0..9))];
        let prompt = tokens([0, 1, 2, 3, 4, 5, 77, 78]);
        let bytes = Bytes(100);
        let hit = with(true, &snapshots).find(&prompt, FREE);
        assert_eq!(hit, Some(PrefixHit { id: SnapshotId(2), tokens: 6, longer: true, bytes }));
        let hit = with(false, &snapshots).find(&prompt, FREE);
        assert_eq!(hit, Some(PrefixHit { id: SnapshotId(1), tokens: 4, longer: false, bytes }));
    }

    #[test]
    fn one_more_token_does_not_justify_any_size() {
        let mut cache = PrefixCache::new(Bytes::from_gb(1.0), true);
        let long: Vec<Token> = tokens(0..40_000);
        let (system, conversation) = (SnapshotId(1), SnapshotId(2));
        let [small, large] = [2_250_000, 900_000_000].map(Bytes);
        cache.save(system, Kind::System, SeqId(0), &long[..100], small);
        cache.save(conversation, Kind::Conversation, SeqId(0), &long, large);
        // A millisecond a token, 10 GB a second.
        let rates = CostRates { token_s: 1e-3, save_s: 1.0 / 2e9, restore_s: 1e-10 };
        let mut hit = |shared: usize| {
            let prompt: Vec<Token> = long[..shared].iter().copied().chain(tokens(-9..0)).collect();
            cache.find(&prompt, ReuseCriteria { rates, room: u64::MAX }).map(|hit| hit.id)
        };
        assert_eq!(hit(101), Some(system));
        assert_eq!(hit(189), Some(system), "89 ms more against 90");
        assert_eq!(hit(200), Some(conversation));
        let dear = CostRates { restore_s: 1e-6, ..rates };
        let hit = cache.find(&long[..200], ReuseCriteria { rates: dear, room: u64::MAX });
        assert_eq!(hit, None, "computing is faster");
    }

    #[test]
    fn a_snapshot_beyond_the_free_cells_is_not_chosen() {
        let snapshots = [(1, Kind::System, tokens(0..4)), (2, Kind::Conversation, tokens(0..9))];
        let hit = with(true, &snapshots).find(&tokens(0..9), ReuseCriteria { room: 8, ..FREE });
        assert_eq!(hit.map(|hit| hit.id), Some(SnapshotId(1)));
        assert_eq!(
            with(true, &snapshots).find(&tokens(0..9), ReuseCriteria { room: 3, ..FREE }),
            None
        );
    }

    #[test]
    fn the_last_token_of_a_prompt_is_always_computed() {
        let snapshots = [(1, Kind::System, tokens(0..4))];
        assert_eq!(with(false, &snapshots).find(&tokens(0..4), FREE), None);
        let hit = with(true, &snapshots).find(&tokens(0..4), FREE).map(|hit| hit.tokens);
        assert_eq!(hit, Some(3));
    }

    #[test]
    fn conversations_are_evicted_before_system_prompts_and_the_oldest_first() {
        let mut cache = with(
            true,
            &[
                (1, Kind::System, tokens(0..4)),
                (2, Kind::Conversation, tokens(10..14)),
                (3, Kind::Conversation, tokens(20..24)),
            ],
        );
        cache.find(&tokens(10..20), FREE);
        let ops =
            cache.save(SnapshotId(4), Kind::Conversation, SeqId(7), &tokens(30..34), Bytes(100));
        let (three, four) = (SnapshotId(3), SnapshotId(4));
        let save = CacheOp::Save { seq: SeqId(7), snapshot: four };
        assert_eq!(ops, [CacheOp::Discard { snapshot: three }, save]);
    }

    #[test]
    fn a_conversation_that_grew_replaces_its_beginning() {
        let mut cache = with(true, &[(1, Kind::Conversation, tokens(0..4))]);
        let ops = cache.save(SnapshotId(2), Kind::Conversation, SeqId(0), &tokens(0..9), Bytes(1));
        assert_eq!(ops[0], CacheOp::Discard { snapshot: SnapshotId(1) });
        assert_eq!(cache.held(), Bytes(1));
    }

    #[test]
    fn a_snapshot_beyond_the_capacity_is_not_saved() {
        let mut cache = with(true, &[(1, Kind::System, tokens(0..4))]);
        let ops = cache.save(SnapshotId(2), Kind::System, SeqId(0), &tokens(0..9), Bytes(301));
        assert!(ops.is_empty());
        assert!(cache.holds(&tokens(0..4)));
    }
}
