//! Networks and losses.

use nanocurv::network::{
    Activation, Architecture, Back, Dense, DenseLayer, Jet, Layer, Loss, Mlp, Network, Scale, Tape,
    Targets, chain, evaluate, features, formula, forward, forward_scratch, is_back, layer,
    soft_label, tape_len,
};
use nanocurv::{Real, mlp};

mlp! { Net: 3 => 5 tanh => 4 relu => 2 }
mlp! { End: 4 => 2, back of Net }

pub fn functions<T: Real>() {
    keep!(
        Activation::name,
        Activation::from_name,
        evaluate::<T>,
        Jet::<T>::fill::<formula::gelu>,
        Net::evaluate::<T>,
        Net::at::<T>,
        chain::<3>,
        Layer::new,
        Layer::with_bias,
        Layer::params,
        Layer::homogeneous_inputs,
        layer::params,
        layer::hidden_units,
        layer::max_outputs,
        layer::max_homogeneous_inputs,
        layer::inputs,
        layer::outputs,
        layer::check,
    );
    keep!(
        Scale::<T>::ntk,
        Scale::<T>::after_activation,
        Architecture::<T>::new,
        Architecture::<T>::with_evaluate,
        Architecture::<T>::with_scales,
        Architecture::<T>::layers,
        Architecture::<T>::back,
        Architecture::<T>::at,
        End::part::<T>,
        End::part_mut::<T>,
        is_back,
        Net::architecture::<T>,
        Mlp::<T>::new,
        Mlp::<T>::with_evaluate,
        Mlp::<T>::with_scales,
        Mlp::<T>::layers,
        Mlp::<T>::theta,
        Mlp::<T>::inputs,
        Mlp::<T>::outputs,
        Mlp::<T>::params,
        Mlp::<T>::depth,
        Mlp::<T>::at,
        Mlp::<T>::back,
        Mlp::<T>::check_batch,
        Mlp::<T>::dense,
        <Dense<T> as Iterator>::next,
        <Dense<T> as DoubleEndedIterator>::next_back,
        DenseLayer::<T>::bias_input,
        DenseLayer::<T>::forward,
        DenseLayer::<T>::activate,
        DenseLayer::<T>::transpose,
        DenseLayer::<T>::pull_back,
    );
    keep!(
        Tape::<T>::record,
        Tape::<T>::record_outputs,
        Tape::<T>::batch,
        Tape::<T>::input,
        Tape::<T>::slope,
        Tape::<T>::bend,
        Tape::<T>::outputs,
        tape_len,
        forward::<T>,
        features::<T>,
        forward_scratch,
    );
    keep!(
        Targets::<T>::range,
        Loss::scale::<T>,
        Loss::terms,
        Loss::check::<T>,
        Loss::value::<T>,
        Loss::gradient::<T>,
        Loss::hessian_product::<T>,
        Loss::hessian_root::<T>,
        Loss::draw::<T>,
        soft_label::<T>,
    );
}
