//! Records, and what arrives sample by sample.

use crate::Ledger;
use nanocurv::store::{Part, encode, record_len};
use nanocurv::stream::{Standardizer, standardizer_len};

pub fn records(ledger: &Ledger) {
    for count in [0, 1, 8, 9] {
        let values = vec![1.5; count];
        ledger.hold("store::record::record_len", record_len(4 * count), 0xa5_u8, |bytes| {
            encode(1, 2, &[Part::F32(&values)], bytes).map(|_| ())
        });
    }
}

pub fn streams(ledger: &Ledger) {
    for features in [1, 4] {
        let needed = standardizer_len(features);
        ledger.scratch("stream::standardizer::standardizer_len", needed, |state| {
            Standardizer::start(features, state)?.update(&vec![1.0; features])
        });
    }
}
