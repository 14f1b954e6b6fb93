//! Posteriors with sizes that the compiler checks.

use nanocurv::fixed::Problem;
use nanocurv::fixed::laplace::*;
use nanocurv::laplace::{posterior_len, spectrum_len, sums_len};
use nanocurv::network::Network;
use nanocurv::{Real, mlp};

mlp! { Net: 3 => 5 tanh => 4 relu => 2 }
const STREAM: usize = stream_len(Net::LAYERS);
/// More than any of the functions takes.
const LONG: usize = 16384;

/// Everything of one form.
macro_rules! form {
    ($t:ty, $form:ident) => {{
        const SUMS: usize = sums_len(Net::LAYERS, $form::STRUCTURE);
        const SPECTRUM: usize = spectrum_len(Net::LAYERS, $form::STRUCTURE);
        const ALL: usize = posterior_len(Net::LAYERS, $form::STRUCTURE);
        const LAST: usize = posterior_len(last_layer(Net::LAYERS), $form::STRUCTURE);
        keep!(
            Problem::<Net, $t, 7>::posterior_sums::<$form, SUMS, LONG>,
            Spectrum::<Net, $form, $t>::decompose::<SUMS, SPECTRUM, LONG>,
            Spectrum::<Net, $form, $t>::new::<SPECTRUM>,
            Spectrum::<Net, $form, $t>::erased,
            Spectrum::<Net, $form, $t>::evidence,
            Spectrum::<Net, $form, $t>::maximize::<3>,
            Spectrum::<Net, $form, $t>::posterior::<ALL>,
            Posterior::<Net, $form, $t>::from_exported::<ALL>,
            Posterior::<Net, $form, $t>::new::<ALL>,
            Posterior::<Net, $form, $t>::erased,
            Posterior::<Net, $form, $t>::predict_one::<4, LONG>,
            Posterior::<Net, $form, $t>::predict::<7, 28, LONG>,
            Posterior::<Net, $form, $t>::sample::<LONG>,
            LastLayer::<Net, $form, $t>::from_exported::<LAST>,
            LastLayer::<Net, $form, $t>::new::<LAST>,
            LastLayer::<Net, $form, $t>::erased,
            LastLayer::<Net, $form, $t>::predict_one::<4, LONG>,
            LastLayer::<Net, $form, $t>::predict::<7, 28, LONG>,
        );
    }};
}
pub fn functions<T: Real>() {
    form!(T, Full);
    form!(T, Kronecker);
    form!(T, Ekfac);
    form!(T, Diagonal);
    const STATE: usize = spectrum_len(Net::LAYERS, Ekfac::STRUCTURE);
    keep!(
        Problem::<Net, T, 7>::posterior_moments::<Ekfac, STATE, LONG>,
        last_layer,
        last_layer_scratch,
        last_layer_one_scratch,
        stream_len,
        stream_scratch,
        Stream::<Net, T>::start::<STREAM>,
        Stream::<Net, T>::resume::<STREAM>,
        Stream::<Net, T>::with_forgetting,
        Stream::<Net, T>::erased,
        Stream::<Net, T>::predict::<LONG>,
        Stream::<Net, T>::update::<LONG>,
    );
}
