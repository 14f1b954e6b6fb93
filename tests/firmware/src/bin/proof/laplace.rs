//! The Laplace posterior.

use nanocurv::Real;
use nanocurv::laplace::*;

pub fn functions<T: Real>() {
    keep!(
        Per::count,
        Prior::<T>::of,
        Prior::<T>::check,
        inverse_noise::<T>,
        sums_len,
        accumulate_scratch,
        accumulate::<T>,
        spectrum_len,
        decompose_scratch,
        decompose::<T>,
        correct_scratch,
        correct::<T>,
        Spectrum::<T>::new,
        Spectrum::<T>::layers,
        Spectrum::<T>::structure,
    );
    keep!(
        Fit::<T>::log_likelihood,
        evidence::<T>,
        <Tuning<T> as Default>::default,
        maximize_scratch,
        maximize::<T>,
        posterior_len,
        Posterior::<T>::write,
        Posterior::<T>::new,
        Posterior::<T>::from_exported,
        Posterior::<T>::layers,
        Posterior::<T>::structure,
        Posterior::<T>::noise_variance,
        Posterior::<T>::data,
        sample_scratch,
        Posterior::<T>::sample,
        predict_scratch,
        Posterior::<T>::predict,
        predict_one_scratch,
        Posterior::<T>::predict_one,
    );
    keep!(
        probit::<T>,
        covariance_root::<T>,
        sample_outputs::<T>,
        probabilities_by_draws_scratch,
        probabilities_by_draws::<T>,
        stream_len,
        stream_scratch,
        Stream::<T>::start,
        Stream::<T>::resume,
        Stream::<T>::with_scale,
        Stream::<T>::with_forgetting,
        Stream::<T>::state,
        Stream::<T>::predict,
        Stream::<T>::update,
        novelty::<T>,
        Novelty::<T>::new,
        Novelty::<T>::mean,
        Novelty::<T>::alarm_level,
        Novelty::<T>::update,
    );
}
