//! Records.

use crate::Ledger;
use nanocurv::store::{Part, encode, record_len};

pub fn records(ledger: &Ledger) {
    for count in [0, 1, 8, 9] {
        let values = vec![1.5; count];
        ledger.hold("store::record::record_len", record_len(4 * count), 0xa5_u8, |bytes| {
            encode(1, 2, &[Part::F32(&values)], bytes).map(|_| ())
        });
    }
}
