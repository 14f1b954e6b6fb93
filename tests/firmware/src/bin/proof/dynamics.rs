//! Learning dynamics.

use nanocurv::Real;
use nanocurv::dynamics::{
    Rates, ensemble::*, field::*, flow::*, measures::*, modes::*, one_layer::*, optimum::*,
    reduction::*, risk::*, section::*, spectrum::*, standard::*, teacher::*, train::*,
};

pub fn functions<T: Real>() {
    keep!(
        Rates::<T>::same,
        Ensemble::<T>::new,
        Ensemble::<T>::start,
        Ensemble::<T>::risk,
        Ensemble::<T>::frozen,
        Ensemble::<T>::limit,
        Ensemble::<T>::best_stop,
        Plane::fixed,
        Plane::arrow::<T>,
        grid_point::<T>,
        regression_velocity::<T>,
        motion::<T>,
        Section::fixed,
        Section::arrow::<T>,
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
        weight_error::<T>,
        weight_distance::<T>,
    );
    keep!(
        moments::<T>,
        reduce_network_scratch,
        reduce::<T>,
        reduce_scratch,
        rank_one::<T>,
        layer_norms::<T>,
        Feature::<T>::signal,
        Feature::<T>::contraction,
        Feature::<T>::best,
        excess_risk::<T>,
        equal_clocks::<T>,
        TurnDetector::<T>::new,
        TurnDetector::<T>::push,
        curve::<T>,
    );
    keep!(
        loss_gradient::<T>,
        reduced_gradient_norms::<T>,
        TwoLayer::<T>::gradient_norms,
        gradients_scratch,
        hidden_features::<T>,
        alignment::<T>,
        weight_rank_scratch,
        weight_rank::<T>,
        ranks_scratch,
        Ranks::<T>::new,
        Ranks::<T>::first,
        descend_scratch,
        descend::<T>,
        feature_scales::<T>,
        standardize::<T>,
    );
    keep!(
        jacobian_spectrum_scratch,
        jacobian_spectrum::<T>,
        two_layer_grams_scratch,
        two_layer_grams::<T>,
        two_layer_spectrum_scratch,
        two_layer_spectrum::<T>,
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
        kaiming_normal_start::<T>,
        kaiming_uniform_start::<T>,
        is_two_layer_linear,
    );
}

/// A function that takes any iterator has no address of its own.
fn curve<T: Real>(curve: &[T], tolerance: T, found: &mut [TurningPoint<T>]) -> usize {
    turning_points(curve.iter().copied(), tolerance, found)
}
