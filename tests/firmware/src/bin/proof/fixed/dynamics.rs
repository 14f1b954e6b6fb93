//! Two-layer linear networks with every size in the type.

use nanocurv::fixed::dynamics::*;
use nanocurv::{Real, mlp};

mlp! { TwoLayers: 3 => 5 => 1, no bias }

pub fn functions<T: Real>() {
    keep!(
        sample::<T, 3, 7>,
        sample_test::<T, 3, 7>,
        train_two_layer::<T, 3, 7, 5>,
        train_network::<T, TwoLayers, 7>,
        least_squares::<T, 3, 7>,
        least_norm::<T, 5, 3>,
        moments::<T, 3, 7>,
        reduce::<T, 3>,
        reduce_network::<T, TwoLayers, 7>,
        integrate::<T, 3>,
        field::<T, 5>,
        excess_risk::<T, 3, 5>,
        ensemble_risk::<T, 5>,
        jacobian_spectrum::<T, 2, 5>,
        network_spectrum::<T, TwoLayers, 5>,
        network_gradients::<T, TwoLayers, 7>,
        weight_rank::<T, 5, 3>,
        alignment::<T, 3, 7, 5>,
        descend::<T, 3>,
        standardize::<T, 3, 7>,
        standardize_as::<T, 3, 7>,
        motion::<T, 3>,
    );
}
