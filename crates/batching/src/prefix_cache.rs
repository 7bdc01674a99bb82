//! Beginnings of prompts that are snapshots to be restored instead of computed: system prompts and
//! conversations.
//!
//! llama.cpp saves whole sequences only (`docs/sources.md#whole-sequences`), so a snapshot is the
//! state after exactly its tokens. Where the machine can trim, a snapshot also serves every prompt
//! that shares a shorter beginning with it; elsewhere only prompts that begin with all of it. Of
//! several, the one that spares most time is taken, copying its bytes against computing its tokens: a
//! longer beginning is not worth any size.
//!
//! Invariant: the bytes of all snapshots stay within the bound, as far as their sizes are known;
//! the size of one is an estimate until the machine has saved it.

use harmonic_types::Bytes;

use crate::copy_costs::{CopyVolume, CostRates};
use crate::ids::{SeqId, SnapshotId, Token};
use crate::sequence::token_count;
use crate::step::CacheOp;

/// What a snapshot holds. The order is that of eviction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A conversation, or the beginning of one.
    Conversation,
    /// An agent's system prompt: every request of the agent begins with it.
    System,
}

#[derive(Debug)]
struct Snapshot {
    id: SnapshotId,
    kind: Kind,
    tokens: Vec<Token>,
    bytes: Bytes,
    /// Counts uses of all snapshots: the larger, the more recent.
    used: u64,
}

/// A beginning of a prompt that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PrefixHit {
    pub(crate) id: SnapshotId,
    /// Tokens of the prompt that it gives.
    pub(crate) tokens: u32,
    /// Whether it holds more than those, and is to be trimmed.
    pub(crate) longer: bool,
    /// What all of it takes.
    pub(crate) bytes: Bytes,
}

/// What a choice among snapshots goes by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReuseCriteria {
    /// What copying and computing take.
    pub(crate) rates: CostRates,
    /// Most tokens of a snapshot that there are cells for: all of it is restored before it is
    /// trimmed.
    pub(crate) room: u64,
}

/// The snapshots of one engine.
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

    /// Whether anything may be snapshots at all.
    pub(crate) fn enabled(&self) -> bool {
        self.limit > Bytes::ZERO
    }

    /// Whether a snapshot of about `bytes` may be snapshots at all.
    pub(crate) fn fits(&self, bytes: Bytes) -> bool {
        bytes <= self.limit
    }

    /// Whether there is a snapshot of exactly `tokens`.
    pub(crate) fn holds(&self, tokens: &[Token]) -> bool {
        self.snapshots.iter().any(|snapshot| snapshot.tokens == tokens)
    }

    /// How many tokens of `tokens` would be restored.
    pub(crate) fn covers(&self, tokens: &[Token], criteria: ReuseCriteria) -> u32 {
        self.best(tokens, token_count(tokens), criteria).map_or(0, |(_, hit)| hit.tokens)
    }

    /// The snapshot that spares most of the time that `prompt` takes, and marks it used. The last
    /// token of a prompt has to be computed for its logits, so it is never among those hit.
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
            let spared = criteria.rates.saved_s(common, CopyVolume::restoring(snapshot.bytes));
            let usable = common > 0 && fits && spared > 0.0 && (!longer || self.partial_removal);
            let (id, bytes) = (snapshot.id, snapshot.bytes);
            usable.then_some((spared, at, PrefixHit { id, tokens: common, longer, bytes }))
        };
        let hit = self.snapshots.iter().enumerate().filter_map(usable);
        // Of equals, the one that needs no trimming.
        let best = hit.max_by(|(one_s, _, one), (other_s, _, other)| {
            one_s.total_cmp(other_s).then((!one.longer).cmp(&!other.longer))
        });
        best.map(|(_, at, hit)| (at, hit))
    }

    /// Keeps the state of `seq`, which holds `tokens` in about `bytes`, as `id`; what has to go for
    /// it goes first. Nothing when it is larger than the bound.
    pub(crate) fn keep(
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
        // Trimmed, the new one serves all that a shorter beginning of the same conversation did.
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

    /// Books what a snapshot turned out to take; what no longer fits goes.
    pub(crate) fn book(&mut self, id: SnapshotId, bytes: Bytes) -> Vec<CacheOp> {
        if let Some(snapshot) = self.snapshots.iter_mut().find(|snapshot| snapshot.id == id) {
            snapshot.bytes = bytes;
        }
        self.make_room(Bytes::ZERO)
    }

    /// Tokens of the snapshot `id`.
    pub(crate) fn tokens_of(&self, id: SnapshotId) -> Option<u32> {
        let snapshot = self.snapshots.iter().find(|snapshot| snapshot.id == id)?;
        Some(token_count(&snapshot.tokens))
    }

    /// Whether, beside system prompts, `bytes` could be had of the bound.
    pub(crate) fn could_free(&self, bytes: Bytes) -> bool {
        let system = self.snapshots.iter().filter(|snapshot| snapshot.kind == Kind::System);
        system.map(|snapshot| snapshot.bytes).sum::<Bytes>() + bytes <= self.limit
    }

    /// Bytes of all snapshots.
    pub(crate) fn held(&self) -> Bytes {
        self.snapshots.iter().map(|snapshot| snapshot.bytes).sum()
    }

    /// Evicts conversations, then system prompts, each the least recently used first, until there
    /// is room for `bytes` more.
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

/// How many tokens two sequences begin with in common.
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

    /// Copies that cost next to nothing, and cells for all.
    const FREE: ReuseCriteria = ReuseCriteria {
        rates: CostRates { token_s: 1.0, save_s: 0.0, restore_s: 1e-9 },
        room: u64::MAX,
    };

    fn with(partial_removal: bool, entries: &[(u64, Kind, Vec<Token>)]) -> PrefixCache {
        let mut cache = PrefixCache::new(Bytes(300), partial_removal);
        for (id, kind, tokens) in entries {
            cache.keep(SnapshotId(*id), *kind, SeqId(0), tokens, Bytes(100));
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
    fn a_token_more_is_not_worth_any_size() {
        let mut cache = PrefixCache::new(Bytes::from_gb(1.0), true);
        let long: Vec<Token> = tokens(0..40_000);
        let (system, conversation) = (SnapshotId(1), SnapshotId(2));
        let [small, large] = [2_250_000, 900_000_000].map(Bytes);
        cache.keep(system, Kind::System, SeqId(0), &long[..100], small);
        cache.keep(conversation, Kind::Conversation, SeqId(0), &long, large);
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
        assert_eq!(hit, None, "computing is the quicker");
    }

    #[test]
    fn what_there_are_no_cells_for_is_not_chosen() {
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
    fn conversations_go_before_system_prompts_and_the_oldest_first() {
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
            cache.keep(SnapshotId(4), Kind::Conversation, SeqId(7), &tokens(30..34), Bytes(100));
        let (three, four) = (SnapshotId(3), SnapshotId(4));
        let save = CacheOp::Save { seq: SeqId(7), snapshot: four };
        assert_eq!(ops, [CacheOp::Discard { snapshot: three }, save]);
    }

    #[test]
    fn a_conversation_that_grew_replaces_its_beginning() {
        let mut cache = with(true, &[(1, Kind::Conversation, tokens(0..4))]);
        let ops = cache.keep(SnapshotId(2), Kind::Conversation, SeqId(0), &tokens(0..9), Bytes(1));
        assert_eq!(ops[0], CacheOp::Discard { snapshot: SnapshotId(1) });
        assert_eq!(cache.held(), Bytes(1));
    }

    #[test]
    fn what_is_larger_than_the_bound_is_not_kept() {
        let mut cache = with(true, &[(1, Kind::System, tokens(0..4))]);
        let ops = cache.keep(SnapshotId(2), Kind::System, SeqId(0), &tokens(0..9), Bytes(301));
        assert!(ops.is_empty());
        assert!(cache.holds(&tokens(0..4)));
    }
}
