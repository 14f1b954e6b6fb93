//! Standardisers and the replay memory of a network.

use super::Net;
use nanocurv::Real;
use nanocurv::fixed::stream::*;
use nanocurv::network::Network;
use nanocurv::stream::standardizer_len;

const INPUTS: usize = standardizer_len(Net::INPUTS);
const OUTPUTS: usize = standardizer_len(Net::OUTPUTS);

pub fn functions<T: Real>() {
    keep!(
        input_standardizer::<Net, T, INPUTS>,
        output_standardizer::<Net, T, OUTPUTS>,
        Replay::<Net, T, 7>::new,
        Replay::<Net, T, 7>::resume,
        Replay::<Net, T, 7>::erased,
        Replay::<Net, T, 7>::keep_last,
        Replay::<Net, T, 7>::keep_uniform,
        Replay::<Net, T, 7>::draw::<5>,
    );
}
