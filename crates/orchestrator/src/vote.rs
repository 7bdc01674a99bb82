//! Counting the answers of a vote.
