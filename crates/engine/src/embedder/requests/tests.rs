use harmonic_events::EventStream;
use proptest::prelude::*;

use super::*;

const LIMITS: BatchLimits = BatchLimits { tokens: 16, inputs: 4 };

fn requests() -> EmbeddingRequests {
    let publisher = Publisher::new(EventStream::default(), "e".to_owned(), vec!["a".into()]);
    EmbeddingRequests::new(SharedStatus::new(vec![AgentLoad::default()]), publisher)
}

/// Opens and admits a request with inputs of these lengths; returns the receiver of its vectors.
fn open(
    requests: &mut EmbeddingRequests,
    id: u64,
    lengths: &[usize],
) -> oneshot::Receiver<Result<Vectors, String>> {
    let (result, vectors) = oneshot::channel();
    let token = i32::try_from(id).expect("few");
    let inputs = lengths.iter().map(|length| vec![Token(token); *length]).collect();
    let request = OpenRequest {
        request: RequestId(id),
        agent: "a".into(),
        index: 0,
        inputs: Inputs::new(inputs),
        admission: None,
        result,
    };
    requests.open(RequestId(id), request);
    requests.admit(RequestId(id), Duration::ZERO, false);
    vectors
}

/// The inputs of a batch: request, and position in it.
fn inputs(batch: &[BatchInput]) -> Vec<(u64, usize)> {
    batch.iter().map(|input| (input.id.0, input.at)).collect()
}

/// One vector per input, which states its token and its length.
fn computed(batch: &[BatchInput]) -> Vectors {
    batch.iter().map(|input| vec![input.tokens[0].0 as f32, input.tokens.len() as f32]).collect()
}

#[test]
fn requests_of_one_rank_share_a_batch_in_turns() {
    let mut requests = requests();
    let _many = open(&mut requests, 1, &[4; 9]);
    let _one = open(&mut requests, 2, &[4]);
    assert_eq!(inputs(&requests.fill(LIMITS, |_| 0)), [(1, 0), (2, 0), (1, 1), (1, 2)]);
}

#[test]
fn a_request_of_large_inputs_does_not_keep_others_out() {
    let mut requests = requests();
    let _many = open(&mut requests, 1, &[16; 9]);
    let _one = open(&mut requests, 2, &[16]);
    assert_eq!(inputs(&requests.fill(LIMITS, |_| 0)), [(1, 0)]);
    assert_eq!(inputs(&requests.fill(LIMITS, |_| 0)), [(2, 0)]);
    assert_eq!(inputs(&requests.fill(LIMITS, |_| 0)), [(1, 1)]);
}

#[test]
fn the_more_urgent_come_first() {
    let mut requests = requests();
    let _low = open(&mut requests, 1, &[16]);
    let _high = open(&mut requests, 2, &[16]);
    let rank = |RequestId(id)| -i128::from(id);
    assert_eq!(inputs(&requests.fill(LIMITS, rank)), [(2, 0)]);
}

#[test]
fn a_cancelled_request_is_forgotten_while_its_batch_runs() {
    let mut requests = requests();
    let mut gone = open(&mut requests, 1, &[4, 4]);
    let batch = requests.fill(LIMITS, |_| 0);
    assert!(requests.cancel(RequestId(1)));
    assert!(requests.complete(&batch, computed(&batch)).is_empty());
    assert!(gone.try_recv().is_err() && requests.is_empty());
}

#[test]
fn a_vector_that_is_no_number_fails_its_request_alone() {
    let mut requests = requests();
    let mut broken = open(&mut requests, 1, &[4]);
    let mut whole = open(&mut requests, 2, &[4]);
    let batch = requests.fill(LIMITS, |_| 0);
    let complete = requests.complete(&batch, vec![vec![f32::NAN], vec![1.0]]);
    assert_eq!(complete.iter().map(|reply| reply.id.0).collect::<Vec<_>>(), [1, 2]);
    complete.into_iter().for_each(Reply::send);
    let error = broken.try_recv().expect("an answer").expect_err("an error");
    assert!(error.contains("no usable vector"), "{error}");
    assert_eq!(whole.try_recv().expect("an answer"), Ok(vec![vec![1.0]]));
}

proptest! {
    #[test]
    fn every_input_is_computed_once_and_answered_in_order(
        lengths in prop::collection::vec(prop::collection::vec(1..=16usize, 1..8), 1..6),
    ) {
        let mut requests = requests();
        let mut receivers: Vec<_> = (0..).zip(&lengths)
            .map(|(id, lengths)| open(&mut requests, id, lengths))
            .collect();
        let total: usize = lengths.iter().map(Vec::len).sum();
        for _ in 0..total {
            let batch = requests.fill(LIMITS, |RequestId(id)| i128::from(id % 2));
            let tokens: usize = batch.iter().map(|input| input.tokens.len()).sum();
            prop_assert!(tokens <= LIMITS.tokens && batch.len() <= LIMITS.inputs);
            prop_assert!(!batch.is_empty() || requests.is_empty());
            requests.complete(&batch, computed(&batch)).into_iter().for_each(Reply::send);
        }
        prop_assert!(requests.is_empty());
        for ((id, lengths), receiver) in (0u8..).zip(&lengths).zip(&mut receivers) {
            let expected: Vectors =
                lengths.iter().map(|length| vec![f32::from(id), *length as f32]).collect();
            prop_assert_eq!(receiver.try_recv().expect("an answer"), Ok(expected));
        }
    }
}
