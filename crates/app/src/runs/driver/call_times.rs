//! Times of one call of an agent, as the spans of its task have them.
//!
//! Invariant: the spans lie one after the other without a gap, from the offer to the end.

use harmonic_types::{SpanKind, TaskSpan};

use crate::runs::slot_watch::SlotChange;

/// Times of a call so far.
#[derive(Debug)]
pub(super) struct CallTimes {
    spans: Vec<TaskSpan>,
    /// What it spends its time on now.
    kind: SpanKind,
    slot: Option<u32>,
    from_ms: u64,
    /// What it goes on with once it has a slot again.
    computes: SpanKind,
}

impl CallTimes {
    /// Those of a call that was offered at `at_ms`.
    pub(super) fn offered(at_ms: u64) -> Self {
        Self {
            spans: Vec::new(),
            kind: SpanKind::Queued,
            slot: None,
            from_ms: at_ms,
            computes: SpanKind::Prefill,
        }
    }

    /// It has its slot.
    pub(super) fn granted(&mut self, slot: u32, at_ms: u64) {
        self.enter(SpanKind::Prefill, Some(slot), at_ms);
    }

    /// A token has come. That of a call that was preempted meanwhile was sampled before.
    pub(super) fn token(&mut self, at_ms: u64) {
        self.computes = SpanKind::Decode;
        if self.kind == SpanKind::Prefill {
            self.enter(SpanKind::Decode, self.slot, at_ms);
        }
    }

    /// Its slot was taken back, given anew, or is another one.
    pub(super) fn changed(&mut self, change: SlotChange, at_ms: u64) {
        match change {
            SlotChange::Preempted => self.enter(SpanKind::Preempted, None, at_ms),
            SlotChange::Resumed(slot) => self.enter(self.computes, Some(slot), at_ms),
            SlotChange::Moved(slot) => self.enter(self.kind, Some(slot), at_ms),
        }
    }

    /// The spans of a call that has ended. One that took no time is left out, unless it is the last
    /// one in a slot.
    pub(super) fn ended(mut self, at_ms: u64) -> Vec<TaskSpan> {
        let is_in_slot = self.slot.is_some();
        self.enter(self.kind, None, at_ms);
        let last = self.spans.len().saturating_sub(1);
        let spans = self.spans.into_iter().enumerate();
        let kept = spans.filter(|(at, span)| span.ms() > 0 || (is_in_slot && *at == last));
        kept.map(|(_, span)| span).collect()
    }

    fn enter(&mut self, kind: SpanKind, slot: Option<u32>, at_ms: u64) {
        let at_ms = at_ms.max(self.from_ms);
        let span =
            TaskSpan { kind: self.kind, from_ms: self.from_ms, to_ms: at_ms, slot: self.slot };
        self.spans.push(span);
        (self.kind, self.slot, self.from_ms) = (kind, slot, at_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(kind: SpanKind, from_ms: u64, to_ms: u64, slot: Option<u32>) -> TaskSpan {
        TaskSpan { kind, from_ms, to_ms, slot }
    }

    #[test]
    fn a_preempted_call_goes_on_with_what_it_did() {
        let mut times = CallTimes::offered(10);
        times.granted(3, 20);
        times.changed(SlotChange::Preempted, 30);
        times.changed(SlotChange::Resumed(1), 40);
        times.token(50);
        times.token(55);
        times.changed(SlotChange::Preempted, 60);
        times.changed(SlotChange::Resumed(2), 70);
        times.changed(SlotChange::Moved(0), 75);
        assert_eq!(
            times.ended(80),
            [
                span(SpanKind::Queued, 10, 20, None),
                span(SpanKind::Prefill, 20, 30, Some(3)),
                span(SpanKind::Preempted, 30, 40, None),
                span(SpanKind::Prefill, 40, 50, Some(1)),
                span(SpanKind::Decode, 50, 60, Some(1)),
                span(SpanKind::Preempted, 60, 70, None),
                span(SpanKind::Decode, 70, 75, Some(2)),
                span(SpanKind::Decode, 75, 80, Some(0)),
            ]
        );
    }

    #[test]
    fn a_token_that_was_on_its_way_does_not_end_a_preemption() {
        let mut times = CallTimes::offered(0);
        times.granted(0, 0);
        times.changed(SlotChange::Preempted, 5);
        times.token(6);
        times.changed(SlotChange::Resumed(0), 9);
        let kinds = times.ended(12).into_iter().map(|span| span.kind);
        let expected = [SpanKind::Prefill, SpanKind::Preempted, SpanKind::Decode];
        assert_eq!(kinds.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn times_that_took_none_are_left_out() {
        assert_eq!(CallTimes::offered(4).ended(4), []);
        assert_eq!(CallTimes::offered(4).ended(6), [span(SpanKind::Queued, 4, 6, None)]);
        let mut times = CallTimes::offered(4);
        times.granted(1, 4);
        times.token(4);
        assert_eq!(times.ended(4), [span(SpanKind::Decode, 4, 4, Some(1))]);
    }
}
