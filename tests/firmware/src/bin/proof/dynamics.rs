//! Learning dynamics.

use nanocurv::dynamics::{
    Rates, ensemble::*, field::*, flow::*, modes::*, optimum::*, reduction::*, risk::*,
    spectrum::*, teacher::*, train::*,
};
use nanocurv::{Real, mlp};

mlp! { TwoLayers: 3 => 5 => 1, no bias }

pub fn functions<T: Real>() {
    keep!(
        Rates::<T>::same,
        Ensemble::<T>::new,
        Ensemble::<T>::start,
        Ensemble::<T>::risk,
        Ensemble::<T>::frozen,
        Ensemble::<T>::limit,
        risk_typed::<T, 5>,
        Ensemble::<T>::best_stop,
        Plane::fixed,
        Plane::arrow::<T>,
        field_typed::<T, 5>,
        grid_point::<T>,
        regression_velocity::<T>,
    );
    keep!(
        Modes::<T>::new,
        Modes::<T>::correlation,
        Modes::<T>::pull,
        Modes::<T>::optimum,
        Modes::<T>::escape_rate,
        Modes::<T>::loss,
        Modes::<T>::generalisation,
        Modes::<T>::regression_error,
        velocity::<T>,
        conserved::<T>,
        integrate_scratch,
        integrate::<T>,
        integrate_typed::<T, 3>,
    );
    keep!(
        Mode::<T>::of_layers,
        Mode::<T>::rate,
        Mode::<T>::velocity,
        Mode::<T>::weight,
        Mode::<T>::remaining,
        Mode::<T>::approximation,
        w_min_scratch,
        w_min::<T>,
        least_squares::<T, 3, 7>,
        least_norm::<T, 5, 3>,
        weight_error::<T>,
        weight_distance::<T>,
    );
    keep!(
        moments::<T>,
        moments_typed::<T, 3, 7>,
        reduce_network_scratch,
        reduce_network::<T, TwoLayers, 7>,
        reduce::<T>,
        reduce_scratch,
        reduce_typed::<T, 3>,
        rank_one::<T>,
        layer_norms::<T>,
        Feature::<T>::signal,
        Feature::<T>::contraction,
        Feature::<T>::best,
        excess_risk::<T>,
        excess_risk_typed::<T, 3, 5>,
        equal_clocks::<T>,
        TurnDetector::<T>::new,
        TurnDetector::<T>::push,
        curve::<T>,
    );
    keep!(
        jacobian_spectrum_scratch,
        jacobian_spectrum::<T>,
        jacobian_spectrum_typed::<T, 2, 5>,
        two_layer_grams_scratch,
        two_layer_grams::<T>,
        two_layer_spectrum_scratch,
        two_layer_spectrum::<T>,
        network_spectrum::<T, TwoLayers, 5>,
    );
    keep!(
        teacher_scratch,
        Modulation::<T>::singular_values,
        Teacher::<T>::scale,
        Teacher::<T>::draw_inputs,
        Teacher::<T>::fit,
        Teacher::<T>::sample,
        Teacher::<T>::sample_test,
        apply_map::<T>,
        sample_typed::<T, 3, 7>,
        sample_test_typed::<T, 3, 7>,
        <Teacher<T> as Default>::default,
    );
    keep!(
        two_layer_scratch,
        two_layer_params,
        TwoLayer::<T>::new,
        TwoLayer::<T>::train,
        TwoLayer::<T>::train_on_moments,
        TwoLayer::<T>::unit,
        TwoLayer::<T>::hidden,
        TwoLayer::<T>::total,
        TwoLayer::<T>::iteration,
        TwoLayer::<T>::train_on_moments,
        TwoLayer::<T>::unit,
        TwoLayer::<T>::hidden,
        TwoLayer::<T>::first_norm,
        TwoLayer::<T>::second_norm,
        TwoLayer::<T>::write_to,
        squared_error::<T>,
        absolute_error::<T>,
        constant_start::<T>,
        normal_start::<T>,
        rank_one_start::<T>,
        train_two_layer::<T, 3, 7, 5>,
        is_two_layer_linear,
        train_network::<T, TwoLayers, 7>,
    );
}

/// A function that takes any iterator has no address of its own.
fn curve<T: Real>(curve: &[T], tolerance: T, found: &mut [TurningPoint<T>]) -> usize {
    turning_points(curve.iter().copied(), tolerance, found)
}
